//! Sizes, alignments and offsets, as GCC lays records out for LP64 (System V x86-64 and arm64 agree on all of it).
//!
//! Refuses to guess: anything incomplete has no size.

use crate::ast::TagKind;
use crate::program::Program;
use crate::resolve;
use crate::types::{RecordId, Ty, TyKind};
use cuthere_base::Symbol;

/// Where a record's members are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    pub size: u64,
    pub align: u64,
    /// Per field the offset in bits.
    pub bits: Vec<u64>,
}

fn up(value: u64, to: u64) -> Option<u64> {
    value.checked_next_multiple_of(to.max(1))
}

/// `sizeof`; `None`: incomplete or unknown. `void` and functions have size 1, as in GNU C.
pub fn size_of(program: &Program<'_>, ty: Ty) -> Option<u64> {
    match *program.types.kind(ty) {
        TyKind::Void | TyKind::Bool | TyKind::Function { .. } => Some(1),
        TyKind::Int { size, .. } | TyKind::Float { size } => Some(u64::from(size)),
        TyKind::Pointer { .. } => Some(8),
        TyKind::Enum(_) => Some(4),
        TyKind::Array { of, len } => size_of(program, of)?.checked_mul(len?),
        TyKind::Record(record) => layout(program, record).map(|l| l.size),
        TyKind::Builtin(name) if name.as_str() == "__builtin_va_list" => Some(24),
        TyKind::Builtin(_) | TyKind::Unknown => None,
    }
}

/// `_Alignof`.
pub fn align_of(program: &Program<'_>, ty: Ty) -> Option<u64> {
    match *program.types.kind(ty) {
        TyKind::Array { of, .. } => align_of(program, of),
        TyKind::Record(record) => layout(program, record).map(|l| l.align),
        TyKind::Builtin(_) => Some(8),
        _ => size_of(program, ty),
    }
}

/// The layout of a record; `None` if incomplete. Computed once.
pub fn layout<'p>(program: &'p Program<'_>, record: RecordId) -> Option<&'p Layout> {
    let slot = program.types.slot(record)?;
    if let Some(done) = slot.layout.get() {
        return done.as_ref();
    }
    // A record that contains itself has no size.
    let layout = resolve::nested(resolve::Work::Layout(record), || compute(program, record))?;
    slot.layout.get_or_init(|| layout).as_ref()
}

fn compute(program: &Program<'_>, record: RecordId) -> Option<Layout> {
    let record = resolve::record(program, record);
    if !record.complete {
        return None;
    }
    let is_union = record.kind == TagKind::Union;
    let mut align = 1u64;
    let mut end = 0u64;
    let mut largest = 0u64;
    let mut offsets = Vec::with_capacity(record.fields.len());
    for (at, field) in record.fields.iter().enumerate() {
        let start = if is_union { 0 } else { end };
        let size = match (program.types.kind(field.ty), size_of(program, field.ty)) {
            (_, Some(size)) => size,
            // A flexible array.
            (TyKind::Array { len: None, .. }, None) if at + 1 == record.fields.len() || is_union => 0,
            _ => return None,
        };
        let natural = align_of(program, field.ty)?;
        let packed = record.packed || field.packed;
        let mut wanted = if packed { 1 } else { natural };
        if let Some(explicit) = field.align {
            wanted = wanted.max(u64::from(explicit));
        }
        let (offset, next) = match field.bits {
            None => {
                let offset = up(start, wanted.checked_mul(8)?)?;
                (offset, offset.checked_add(size.checked_mul(8)?)?)
            }
            Some(0) => {
                let offset = up(start, natural.checked_mul(8)?)?;
                (offset, offset)
            }
            Some(width) => {
                let width = u64::from(width);
                let unit = size.checked_mul(8)?.max(1);
                let mut offset = if field.align.is_some() { up(start, wanted.checked_mul(8)?)? } else { start };
                // A bit-field does not straddle a unit of its type.
                if !packed && offset / unit != (offset + width.saturating_sub(1)) / unit {
                    offset = up(offset, natural.checked_mul(8)?)?;
                }
                (offset, offset.checked_add(width)?)
            }
        };
        // Unnamed bit-fields do not align the record.
        if field.bits.is_none() || !field.name.is_empty() {
            align = align.max(wanted);
        }
        offsets.push(offset);
        end = next;
        largest = largest.max(next);
    }
    if let Some(explicit) = record.align {
        align = align.max(u64::from(explicit));
    }
    let bits = if is_union { largest } else { end.max(largest) };
    let size = up(bits.div_ceil(8), align)?;
    Some(Layout { size, align, bits: offsets })
}

/// The offset in bytes of a member, through anonymous members too.
pub fn field_offset(program: &Program<'_>, record: RecordId, name: Symbol) -> Option<u64> {
    field_bit_offset(program, record, name).map(|bits| bits / 8)
}

/// The offset in bits of a member, through anonymous members too.
pub fn field_bit_offset(program: &Program<'_>, record: RecordId, name: Symbol) -> Option<u64> {
    let found = resolve::find_field(program, record, name)?;
    let mut inside = record;
    let mut bits = 0u64;
    for &index in &found.path {
        bits = bits.checked_add(*layout(program, inside)?.bits.get(index as usize)?)?;
        let field = resolve::record(program, inside).fields.get(index as usize)?;
        if let TyKind::Record(next) = *program.types.kind(field.ty) {
            inside = next;
        }
    }
    Some(bits)
}
