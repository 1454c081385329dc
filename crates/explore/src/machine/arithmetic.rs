//! Integers of C, and small words.

use super::*;

pub(super) fn section_name(part: cuthere_kernel::CtxPart) -> &'static str {
    use cuthere_kernel::CtxPart::*;
    match part {
        Preempt => "preemption disabled",
        Bh => "bottom halves disabled",
        Irq | IrqSave => "interrupts disabled",
        Rcu => "rcu_read_lock",
        RcuBh => "rcu_read_lock_bh",
        RcuSched => "rcu_read_lock_sched",
        PagefaultOff => "page faults disabled",
    }
}

pub(super) fn bits_size(bit: u8, width: u8) -> u8 {
    match u16::from(bit) + u16::from(width) {
        0..=8 => 1,
        9..=16 => 2,
        17..=32 => 4,
        _ => 8,
    }
}

pub(super) fn compare(op: BinOp, a: i64, b: i64, ty: IntTy) -> i64 {
    let (x, y) = (a as u64, b as u64);
    i64::from(match op {
        BinOp::Eq => a == b,
        BinOp::Ne => a != b,
        BinOp::Lt if ty.signed => a < b,
        BinOp::Gt if ty.signed => a > b,
        BinOp::Le if ty.signed => a <= b,
        BinOp::Ge if ty.signed => a >= b,
        BinOp::Lt => x < y,
        BinOp::Gt => x > y,
        BinOp::Le => x <= y,
        _ => x >= y,
    })
}

/// `None`: division by zero.
pub(super) fn arithmetic(op: BinOp, a: i64, b: i64, ty: IntTy) -> Option<i64> {
    let bits = u32::from(ty.size) * 8;
    let v = match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::Div if b == 0 => return None,
        BinOp::Rem if b == 0 => return None,
        BinOp::Div if ty.signed => a.wrapping_div(b),
        BinOp::Div => (a as u64 / b as u64) as i64,
        BinOp::Rem if ty.signed => a.wrapping_rem(b),
        BinOp::Rem => (a as u64 % b as u64) as i64,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl => a.wrapping_shl((b as u32) % bits.max(1)),
        BinOp::Shr if ty.signed => ty.fit(a) >> ((b as u32) % bits.max(1)),
        BinOp::Shr => ((ty.fit(a) as u64) >> ((b as u32) % bits.max(1))) as i64,
        _ => 0,
    };
    Some(ty.fit(v))
}
