//! Integer constant folding with C's widths: a value is kept sign- or zero-extended to 64 bits as its type says.

use crate::func::BinOp;

/// The width and signedness in which an operation is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IntType {
    pub size: u8,
    pub signed: bool,
}

impl IntType {
    pub const INT: IntType = IntType { size: 4, signed: true };

    /// The value as the type holds it.
    pub fn wrap(self, value: i64) -> i64 {
        match (self.size, self.signed) {
            (1, true) => value as i8 as i64,
            (1, false) => value as u8 as i64,
            (2, true) => value as i16 as i64,
            (2, false) => value as u16 as i64,
            (4, true) => value as i32 as i64,
            (4, false) => value as u32 as i64,
            _ => value,
        }
    }

    /// After integer promotion.
    pub fn promote(self) -> IntType {
        if self.size < 4 { IntType::INT } else { self }
    }

    /// The usual arithmetic conversions.
    pub fn common(self, other: IntType) -> IntType {
        let (a, b) = (self.promote(), other.promote());
        if a.size == b.size {
            IntType { size: a.size, signed: a.signed && b.signed }
        } else if a.size > b.size {
            a
        } else {
            b
        }
    }
}

/// `l op r` in type `ty`, whose result has type `ty` (comparisons: 0 or 1). `None`: undefined in C.
pub(crate) fn fold(op: BinOp, l: i64, r: i64, ty: IntType) -> Option<i64> {
    let (l, r) = if matches!(op, BinOp::Shl | BinOp::Shr) { (ty.wrap(l), r) } else { (ty.wrap(l), ty.wrap(r)) };
    let (ul, ur) = (l as u64, r as u64);
    let truth = |c: bool| Some(i64::from(c));
    let value = match op {
        BinOp::Add => l.wrapping_add(r),
        BinOp::Sub => l.wrapping_sub(r),
        BinOp::Mul => l.wrapping_mul(r),
        BinOp::Div if r == 0 => return None,
        BinOp::Rem if r == 0 => return None,
        BinOp::Div if ty.signed => l.wrapping_div(r),
        BinOp::Rem if ty.signed => l.wrapping_rem(r),
        BinOp::Div => (ul / ur) as i64,
        BinOp::Rem => (ul % ur) as i64,
        BinOp::And => l & r,
        BinOp::Or => l | r,
        BinOp::Xor => l ^ r,
        BinOp::Shl | BinOp::Shr if r < 0 || r >= i64::from(ty.size) * 8 => return None,
        BinOp::Shl => ((l as u64) << r) as i64,
        BinOp::Shr if ty.signed => l >> r,
        BinOp::Shr => (ul >> r) as i64,
        BinOp::Lt => return truth(if ty.signed { l < r } else { ul < ur }),
        BinOp::Gt => return truth(if ty.signed { l > r } else { ul > ur }),
        BinOp::Le => return truth(if ty.signed { l <= r } else { ul <= ur }),
        BinOp::Ge => return truth(if ty.signed { l >= r } else { ul >= ur }),
        BinOp::Eq => return truth(l == r),
        BinOp::Ne => return truth(l != r),
        BinOp::LogAnd => return truth(l != 0 && r != 0),
        BinOp::LogOr => return truth(l != 0 || r != 0),
    };
    Some(ty.wrap(value))
}

#[cfg(test)]
mod tests {
    use super::{IntType, fold};
    use crate::func::BinOp;

    #[test]
    fn widths_are_those_of_c() {
        let unsigned = IntType { size: 4, signed: false };
        assert_eq!(fold(BinOp::Sub, 0, 1, unsigned), Some(0xffff_ffff));
        assert_eq!(fold(BinOp::Lt, -1, 0, unsigned), Some(0));
        assert_eq!(fold(BinOp::Lt, -1, 0, IntType::INT), Some(1));
        assert_eq!(fold(BinOp::Shl, 1, 31, IntType::INT), Some(i64::from(i32::MIN)));
        assert_eq!(fold(BinOp::Shl, 1, 32, IntType::INT), None);
        assert_eq!(fold(BinOp::Div, i64::MIN, -1, IntType { size: 8, signed: true }), Some(i64::MIN));
        assert_eq!(fold(BinOp::Rem, 1, 0, unsigned), None);
        assert_eq!(IntType { size: 2, signed: false }.common(IntType::INT), IntType::INT);
        assert_eq!(IntType::INT.common(unsigned), unsigned);
    }
}
