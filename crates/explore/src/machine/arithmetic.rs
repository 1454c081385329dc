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

/// Floating arithmetic is that of the host, which follows IEEE 754 as the machine does.
pub(super) fn float(op: BinOp, a: i64, b: i64, single: bool) -> i64 {
    if single {
        let (x, y) = (f32::from_bits(a as u32), f32::from_bits(b as u32));
        return match op {
            BinOp::Add => i64::from((x + y).to_bits()),
            BinOp::Sub => i64::from((x - y).to_bits()),
            BinOp::Mul => i64::from((x * y).to_bits()),
            BinOp::Div => i64::from((x / y).to_bits()),
            _ => float_compare(op, f64::from(x), f64::from(y)),
        };
    }
    let (x, y) = (f64::from_bits(a as u64), f64::from_bits(b as u64));
    match op {
        BinOp::Add => (x + y).to_bits() as i64,
        BinOp::Sub => (x - y).to_bits() as i64,
        BinOp::Mul => (x * y).to_bits() as i64,
        BinOp::Div => (x / y).to_bits() as i64,
        _ => float_compare(op, x, y),
    }
}

#[allow(clippy::float_cmp)]
fn float_compare(op: BinOp, x: f64, y: f64) -> i64 {
    i64::from(match op {
        BinOp::Eq => x == y,
        BinOp::Ne => x != y,
        BinOp::Lt => x < y,
        BinOp::Gt => x > y,
        BinOp::Le => x <= y,
        _ => x >= y,
    })
}

/// A number in another form, rounded as C says.
pub(crate) fn converted(v: i64, from: Num, to: Num) -> i64 {
    let value = match from {
        Num::F32 => f64::from(f32::from_bits(v as u32)),
        Num::F64 => f64::from_bits(v as u64),
        Num::Int(ty) => {
            return match (to, ty.signed || v >= 0) {
                (Num::Int(to), _) => to.fit(v),
                (Num::F32, true) => i64::from((v as f32).to_bits()),
                (Num::F32, false) => i64::from((v as u64 as f32).to_bits()),
                (Num::F64, true) => (v as f64).to_bits() as i64,
                (Num::F64, false) => (v as u64 as f64).to_bits() as i64,
            };
        }
    };
    match to {
        Num::F32 => i64::from((value as f32).to_bits()),
        Num::F64 => value.to_bits() as i64,
        Num::Int(ty) if ty.signed || value < 0.0 => ty.fit(value as i64),
        Num::Int(ty) => ty.fit(value as u64 as i64),
    }
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
