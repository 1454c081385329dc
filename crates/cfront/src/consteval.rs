//! Integer constant expressions, with C's widths and conversions.
//!
//! `__builtin_constant_p` is true of literals only: the analyses read the code that runs when values are not known.

use crate::ast::{BinOp, ExprId, ExprKind, UnOp};
use crate::layout;
use crate::resolve::{ExprTyper, Ordinary, ordinary};
use crate::types::{RecordId, Ty, TyKind};
use crate::typing::{Typer, common, promoted};

/// A constant and its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Const {
    /// Sign- or zero-extended from the type's width; 64-bit unsigned values as their bits.
    pub value: i64,
    pub ty: Ty,
}

/// Cuts a value to a width.
fn cut(value: i64, size: u8, signed: bool) -> i64 {
    match (size, signed) {
        (1, true) => i64::from(value as i8),
        (1, false) => i64::from(value as u8),
        (2, true) => i64::from(value as i16),
        (2, false) => i64::from(value as u16),
        (4, true) => i64::from(value as i32),
        (4, false) => i64::from(value as u32),
        _ => value,
    }
}

fn width(typer: &Typer<'_, '_>, ty: Ty) -> Option<(u8, bool)> {
    match *typer.program.types.kind(ty) {
        TyKind::Int { size, signed, .. } => Some((size, signed)),
        TyKind::Enum(_) => Some((4, true)),
        TyKind::Bool => Some((1, false)),
        TyKind::Pointer { .. } => Some((8, false)),
        _ => None,
    }
}

fn typed(typer: &Typer<'_, '_>, value: i64, ty: Ty) -> Option<Const> {
    if *typer.program.types.kind(ty) == TyKind::Bool {
        return Some(Const { value: i64::from(value != 0), ty });
    }
    let (size, signed) = width(typer, ty)?;
    Some(Const { value: cut(value, size, signed), ty })
}

/// The value of an expression; `None` if it is no integer constant, or depends on something unknown.
pub fn eval(typer: &mut Typer<'_, '_>, expr: ExprId) -> Option<Const> {
    if typer.depth >= 1200 {
        return None;
    }
    typer.depth += 1;
    let value = eval_inner(typer, expr);
    typer.depth -= 1;
    value
}

fn eval_inner(typer: &mut Typer<'_, '_>, expr: ExprId) -> Option<Const> {
    let ast = typer.ast;
    let types = &typer.program.types;
    let (int, ulong) = (types.int(4, true), types.int(8, false));
    let truth = |value: bool| Some(Const { value: i64::from(value), ty: int });
    match ast.exprs.get(expr.index())?.kind {
        ExprKind::Int { value, unsigned, long } => {
            let ty = types.int(if long > 0 { 8 } else { 4 }, !unsigned);
            typed(typer, value as i64, ty)
        }
        ExprKind::Ident(name) => {
            if let Some(&value) = typer.memo().enumerators.get(&name) {
                return Some(enumerator(typer, value));
            }
            match ordinary(typer.program, typer.file, name)? {
                Ordinary::Enumerator(value) => Some(enumerator(typer, value)),
                _ => None,
            }
        }
        ExprKind::Unary(UnOp::Addr, place) => offset_of_place(typer, place).map(|value| Const { value, ty: ulong }),
        ExprKind::Unary(op, e) => {
            let value = eval(typer, e)?;
            match op {
                UnOp::Not => truth(value.value == 0),
                UnOp::Neg | UnOp::Plus | UnOp::BitNot => {
                    let ty = promoted(typer.program, value.ty);
                    let result = match op {
                        UnOp::Neg => value.value.wrapping_neg(),
                        UnOp::BitNot => !value.value,
                        _ => value.value,
                    };
                    typed(typer, result, ty)
                }
                _ => None,
            }
        }
        ExprKind::Binary(BinOp::LogAnd, a, b) => match eval(typer, a)?.value {
            0 => truth(false),
            _ => truth(eval(typer, b)?.value != 0),
        },
        ExprKind::Binary(BinOp::LogOr, a, b) => match eval(typer, a)?.value {
            0 => truth(eval(typer, b)?.value != 0),
            _ => truth(true),
        },
        ExprKind::Binary(op, a, b) => {
            let a = eval(typer, a)?;
            let b = eval(typer, b)?;
            binary(typer, op, a, b)
        }
        ExprKind::Cond(cond, then, els) => {
            let cond = eval(typer, cond)?;
            let (chosen, other) = match (cond.value != 0, then) {
                (true, None) => return Some(cond),
                (true, Some(then)) => (then, Some(els)),
                (false, then) => (els, then),
            };
            let value = eval(typer, chosen)?;
            let other = other.map(|e| typer.expr_type(e)).filter(|&ty| width(typer, ty).is_some());
            match other {
                Some(other) if matches!(typer.program.types.kind(value.ty), TyKind::Int { .. } | TyKind::Enum(_) | TyKind::Bool) => {
                    let ty = common(typer.program, value.ty, other);
                    typed(typer, value.value, ty).or(Some(value))
                }
                _ => Some(value),
            }
        }
        ExprKind::Comma(_, last) => eval(typer, last),
        ExprKind::Cast(ty, e) => {
            let value = eval(typer, e)?;
            let ty = typer.resolve(ty);
            match typed(typer, value.value, ty) {
                Some(cast) => Some(cast),
                // A cast to an unknown name changes nothing that is known.
                None if ty == Ty::UNKNOWN => Some(value),
                None => None,
            }
        }
        ExprKind::SizeofType(ty) => {
            let ty = typer.resolve(ty);
            size(layout::size_of(typer.program, ty)?, ulong)
        }
        ExprKind::SizeofExpr(e) => {
            let ty = typer.expr_type(e);
            size(layout::size_of(typer.program, ty)?, ulong)
        }
        ExprKind::AlignofType(ty) => {
            let ty = typer.resolve(ty);
            size(layout::align_of(typer.program, ty)?, ulong)
        }
        ExprKind::AlignofExpr(e) => {
            let ty = typer.expr_type(e);
            size(layout::align_of(typer.program, ty)?, ulong)
        }
        ExprKind::Offsetof(ty, member) => match *typer.program.types.kind(typer.resolve(ty)) {
            TyKind::Record(record) => member_offset(typer, record, member).map(|(value, _)| Const { value, ty: ulong }),
            _ => None,
        },
        ExprKind::TypesCompatible(a, b) => {
            let (a, b) = (typer.resolve(a), typer.resolve(b));
            if a == Ty::UNKNOWN || b == Ty::UNKNOWN { None } else { truth(a == b) }
        }
        ExprKind::Generic(value, arms) => {
            let arm = typer.generic_arm(value, arms)?;
            eval(typer, arm)
        }
        ExprKind::Call { callee, args } => {
            let ExprKind::Ident(name) = ast.exprs.get(callee.index())?.kind else { return None };
            let arg = |at: usize| ast.list(args).get(at).copied().map(ExprId);
            match name.as_str() {
                "__builtin_constant_p" => {
                    let literal =
                        matches!(ast.exprs.get(arg(0)?.index())?.kind, ExprKind::Int { .. } | ExprKind::Str(_) | ExprKind::Float { .. });
                    truth(literal)
                }
                "__builtin_expect" => eval(typer, arg(0)?),
                "__builtin_choose_expr" => {
                    let cond = eval(typer, arg(0)?)?;
                    eval(typer, arg(if cond.value != 0 { 1 } else { 2 })?)
                }
                "__builtin_strlen" => match ast.exprs.get(arg(0)?.index())?.kind {
                    ExprKind::Str(text) => size(text.as_str().len() as u64, ulong),
                    _ => None,
                },
                "offsetof" => {
                    let ExprKind::TypeArg(ty) = ast.exprs.get(arg(0)?.index())?.kind else { return None };
                    let ty = typer.resolve(ty);
                    let TyKind::Record(record) = *typer.program.types.kind(ty) else { return None };
                    member_offset(typer, record, arg(1)?).map(|(value, _)| Const { value, ty: ulong })
                }
                "__builtin_bswap16" => {
                    eval(typer, arg(0)?).map(|c| Const { value: i64::from((c.value as u16).swap_bytes()), ty: types.int(2, false) })
                }
                "__builtin_bswap32" => {
                    eval(typer, arg(0)?).map(|c| Const { value: i64::from((c.value as u32).swap_bytes()), ty: types.int(4, false) })
                }
                "__builtin_bswap64" => eval(typer, arg(0)?).map(|c| Const { value: c.value.swap_bytes(), ty: ulong }),
                "__builtin_ffs" => eval(typer, arg(0)?)
                    .map(|c| Const { value: if c.value == 0 { 0 } else { i64::from(c.value.trailing_zeros()) + 1 }, ty: int }),
                "__builtin_clzll" | "__builtin_clzl" => {
                    eval(typer, arg(0)?).map(|c| Const { value: i64::from(c.value.leading_zeros()), ty: int })
                }
                "__builtin_ctzll" | "__builtin_ctzl" => {
                    eval(typer, arg(0)?).map(|c| Const { value: i64::from(c.value.trailing_zeros()), ty: int })
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn size(value: u64, ty: Ty) -> Option<Const> {
    Some(Const { value: i64::try_from(value).ok()?, ty })
}

/// Enumerators are ints if they fit.
fn enumerator(typer: &Typer<'_, '_>, value: i64) -> Const {
    let types = &typer.program.types;
    let ty = match value {
        _ if i32::try_from(value).is_ok() => types.int(4, true),
        _ if u32::try_from(value).is_ok() => types.int(4, false),
        _ => types.int(8, true),
    };
    Const { value, ty }
}

fn binary(typer: &Typer<'_, '_>, op: BinOp, a: Const, b: Const) -> Option<Const> {
    let program = typer.program;
    let is_pointer = |c: Const| matches!(program.types.kind(c.ty), TyKind::Pointer { .. });
    if matches!(op, BinOp::Shl | BinOp::Shr) {
        let ty = promoted(program, a.ty);
        let (size, signed) = width(typer, ty)?;
        if b.value < 0 || b.value >= i64::from(size) * 8 || b.value > 63 {
            return None;
        }
        let count = b.value as u32;
        let value = match (op, signed) {
            (BinOp::Shl, _) => a.value.wrapping_shl(count),
            (_, true) => a.value >> count,
            (_, false) => ((a.value as u64) >> count) as i64,
        };
        return typed(typer, value, ty);
    }
    let ty = match (is_pointer(a), is_pointer(b)) {
        // Scaled by the size of what is pointed to: not an integer constant.
        (true, true) | (true, false) | (false, true) if matches!(op, BinOp::Add | BinOp::Sub) => return None,
        (true, _) => a.ty,
        (_, true) => b.ty,
        _ => common(program, a.ty, b.ty),
    };
    let (size, signed) = width(typer, ty)?;
    let (x, y) = (cut(a.value, size, signed), cut(b.value, size, signed));
    let (ux, uy) = (x as u64, y as u64);
    let int = program.types.int(4, true);
    let compare = |signed_result: bool, unsigned_result: bool| {
        Some(Const { value: i64::from(if signed { signed_result } else { unsigned_result }), ty: int })
    };
    let value = match op {
        BinOp::Add => x.wrapping_add(y),
        BinOp::Sub => x.wrapping_sub(y),
        BinOp::Mul => x.wrapping_mul(y),
        BinOp::Div | BinOp::Rem if y == 0 => return None,
        BinOp::Div => {
            if signed {
                x.wrapping_div(y)
            } else {
                (ux / uy) as i64
            }
        }
        BinOp::Rem => {
            if signed {
                x.wrapping_rem(y)
            } else {
                (ux % uy) as i64
            }
        }
        BinOp::And => x & y,
        BinOp::Or => x | y,
        BinOp::Xor => x ^ y,
        BinOp::Lt => return compare(x < y, ux < uy),
        BinOp::Gt => return compare(x > y, ux > uy),
        BinOp::Le => return compare(x <= y, ux <= uy),
        BinOp::Ge => return compare(x >= y, ux >= uy),
        BinOp::Eq => return compare(x == y, x == y),
        BinOp::Ne => return compare(x != y, x != y),
        BinOp::Shl | BinOp::Shr | BinOp::LogAnd | BinOp::LogOr => return None,
    };
    typed(typer, value, ty)
}

/// The offset and type of `a.b[3].c`, written as an expression over a member's name.
fn member_offset(typer: &mut Typer<'_, '_>, record: RecordId, member: ExprId) -> Option<(i64, Ty)> {
    let ast = typer.ast;
    let mut steps = Vec::new();
    let mut at = member;
    let first = loop {
        match ast.exprs.get(at.index())?.kind {
            ExprKind::Ident(name) => break name,
            ExprKind::TypeArg(ty) => match ast.types.get(ty.index())? {
                crate::ast::TypeNode::Named(name) => break *name,
                _ => return None,
            },
            ExprKind::Member { base, .. } | ExprKind::Index(base, _) => {
                steps.push(at);
                at = base;
            }
            _ => return None,
        }
    };
    let program = typer.program;
    let of = |record: RecordId, name| {
        let found = crate::resolve::find_field(program, record, name)?;
        Some((i64::try_from(layout::field_offset(program, record, name)?).ok()?, found.ty))
    };
    let (mut offset, mut ty) = of(record, first)?;
    for step in steps.into_iter().rev() {
        match ast.exprs.get(step.index())?.kind {
            ExprKind::Member { name, .. } => {
                let TyKind::Record(inner) = *program.types.kind(ty) else { return None };
                let (more, next) = of(inner, name)?;
                offset = offset.checked_add(more)?;
                ty = next;
            }
            ExprKind::Index(_, index) => {
                let index = eval(typer, index)?.value;
                let element = program.types.pointee(ty)?;
                let size = i64::try_from(layout::size_of(program, element)?).ok()?;
                offset = offset.checked_add(index.checked_mul(size)?)?;
                ty = element;
            }
            _ => return None,
        }
    }
    Some((offset, ty))
}

/// `&((type *)0)->member`: the old spelling of `offsetof`.
fn offset_of_place(typer: &mut Typer<'_, '_>, place: ExprId) -> Option<i64> {
    let ast = typer.ast;
    let (base, name, arrow) = match ast.exprs.get(place.index())?.kind {
        ExprKind::Member { base, name, arrow } => (base, name, arrow),
        _ => return None,
    };
    let (start, record) = if arrow {
        let value = eval(typer, base)?;
        (value.value, typer.program.types.pointee(value.ty)?)
    } else {
        (offset_of_place(typer, base)?, typer.expr_type(base))
    };
    let TyKind::Record(record) = *typer.program.types.kind(record) else { return None };
    start.checked_add(i64::try_from(layout::field_offset(typer.program, record, name)?).ok()?)
}
