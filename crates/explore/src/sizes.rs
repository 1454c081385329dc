//! Sizes and offsets, also where a type is known only in part: a member of unknown size counts as one pointer. All code of one run sees the
//! same layout, so that what is stored is found again; only `sizeof` differs from the machine's.

use cuthere_base::Symbol;
use cuthere_cfront::ast::TagKind;
use cuthere_cfront::layout;
use cuthere_cfront::program::Program;
use cuthere_cfront::resolve;
use cuthere_cfront::types::{RecordId, Ty, TyKind};

const DEPTH_MAX: u32 = 24;
const SIZE_MAX: u64 = 1 << 28;

/// The size of a type in bytes; 0 for what has none.
pub fn size_of(program: &Program<'_>, ty: Ty) -> u64 {
    rough_size(program, ty, 0).0.min(SIZE_MAX)
}

fn rough_size(program: &Program<'_>, ty: Ty, depth: u32) -> (u64, u64) {
    if let (Some(size), Some(align)) = (layout::size_of(program, ty), layout::align_of(program, ty)) {
        return (size, align.max(1));
    }
    if depth > DEPTH_MAX {
        return (8, 8);
    }
    match *program.types.kind(ty) {
        TyKind::Array { of, len } => {
            let (size, align) = rough_size(program, of, depth + 1);
            (size.saturating_mul(len.unwrap_or(0)).min(SIZE_MAX), align)
        }
        TyKind::Record(record) => {
            let found = resolve::record(program, record);
            if found.fields.is_empty() {
                return if found.complete { (0, 1) } else { (8, 8) };
            }
            rough_layout(program, record, None, depth).1
        }
        TyKind::Unknown => (8, 8),
        _ => (0, 1),
    }
}

/// The offset of the field at a position in bits, and size and alignment of the whole.
fn rough_layout(program: &Program<'_>, record: RecordId, wanted: Option<u32>, depth: u32) -> (u64, (u64, u64)) {
    let found = resolve::record(program, record);
    let (mut at, mut align, mut bits, mut offset) = (0u64, 1u64, 0u64, 0);
    for (n, field) in found.fields.iter().enumerate() {
        let (size, own) = rough_size(program, field.ty, depth + 1);
        let own = if field.packed || found.packed { 1 } else { own }.max(u64::from(field.align.unwrap_or(1)));
        align = align.max(own);
        let mut place = 0;
        if found.kind != TagKind::Union {
            if let Some(width) = field.bits {
                let unit = size.max(1) * 8;
                let start = at * 8 + bits;
                let start =
                    if width == 0 || start / unit != (start + u64::from(width) - 1) / unit { start.next_multiple_of(unit) } else { start };
                place = start;
                (at, bits) = ((start + u64::from(width)) / 8, (start + u64::from(width)) % 8);
            } else {
                if bits > 0 {
                    (at, bits) = (at + 1, 0);
                }
                at = at.next_multiple_of(own);
                place = at * 8;
                at = (at + size).min(SIZE_MAX);
            }
        } else {
            at = at.max(size);
        }
        if wanted == Some(n as u32) {
            offset = place;
        }
    }
    if bits > 0 {
        at += 1;
    }
    let align = align.max(u64::from(found.align.unwrap_or(1)));
    (offset, (at.next_multiple_of(align), align))
}

/// Offset in bits and bit-field width of a member, those of anonymous members included.
pub fn field(program: &Program<'_>, record: RecordId, name: Symbol) -> Option<(u64, Option<u32>)> {
    let found = resolve::find_field(program, record, name)?;
    if let Some(bits) = layout::field_bit_offset(program, record, name) {
        return Some((bits, found.bits));
    }
    let mut inside = record;
    let mut bits = 0u64;
    for &index in &found.path {
        bits += match layout::layout(program, inside).and_then(|l| l.bits.get(index as usize).copied()) {
            Some(known) => known,
            None => rough_layout(program, inside, Some(index), 0).0,
        };
        let field = resolve::record(program, inside).fields.get(index as usize)?;
        if let TyKind::Record(next) = *program.types.kind(field.ty) {
            inside = next;
        }
    }
    Some((bits, found.bits))
}

/// Whether a type is a union or has one member alone: what is read there is the member.
fn wraps(program: &Program<'_>, ty: Ty) -> bool {
    let TyKind::Record(record) = *program.types.kind(ty) else { return false };
    let first = resolve::record(program, record).fields.first().map(|f| size_of(program, f.ty));
    first.is_some_and(|size| size > 0 && size == size_of(program, ty))
}

/// The member at a distance from the beginning of a type, as it is written behind an expression: `.list.next`, `[3].name`. Without a size, the outermost
/// member that begins there; with one, the innermost that is no larger.
pub fn member_at(program: &Program<'_>, ty: Ty, off: u64, size: Option<u64>) -> (String, Ty) {
    member_with_bit(program, ty, (off, 0), size)
}

/// The same of the bit-field that has this bit behind the beginning of the byte.
pub fn member_with_bit(program: &Program<'_>, ty: Ty, (off, bit): (u64, u64), size: Option<u64>) -> (String, Ty) {
    let mut out = String::new();
    let (mut ty, mut off) = (ty, off);
    for _ in 0..DEPTH_MAX {
        if off == 0 && (size.is_none() && !out.is_empty() || size.is_some_and(|size| size_of(program, ty) <= size && !wraps(program, ty))) {
            break;
        }
        match *program.types.kind(ty) {
            TyKind::Array { of, .. } => {
                let each = size_of(program, of).max(1);
                out += &format!("[{}]", off / each);
                (ty, off) = (of, off % each);
            }
            TyKind::Record(record) => {
                let fields = &resolve::record(program, record).fields;
                let start = |n: usize| match layout::layout(program, record).and_then(|l| l.bits.get(n).copied()) {
                    Some(bits) => bits,
                    None => rough_layout(program, record, Some(n as u32), 0).0,
                };
                let inside = |n: &usize| match fields[*n].bits {
                    Some(width) => (start(*n)..start(*n) + u64::from(width)).contains(&(off * 8 + bit)),
                    None => (start(*n) / 8..start(*n) / 8 + size_of(program, fields[*n].ty).max(1)).contains(&off),
                };
                let Some(n) = (0..fields.len()).find(inside) else { break };
                if !fields[n].name.is_empty() {
                    out.push('.');
                    out += fields[n].name.as_str();
                }
                if fields[n].bits.is_some() {
                    return (out, fields[n].ty);
                }
                (ty, off) = (fields[n].ty, off - start(n) / 8);
            }
            _ => break,
        }
    }
    if off > 0 && !out.is_empty() {
        out += &format!(" + {off}");
    }
    (out, ty)
}
