//! Faults that the processor raised and `BUG()`: oopses of all architectures, general protection faults, list corruption, usercopy.

use crate::body::{Body, MAX_LOW};
use crate::frame;
use crate::guilty::{pick, pick_stalled};
use crate::segment::Segment;
use crate::types::{Access, Kind};
use crate::verdict::Verdict;
use regex::Regex;
use std::sync::LazyLock;

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:address:?|dereference(?: at|, address:)?|dereference on (?:read|write) at|access on (?:read|write) at|request at|non-canonical address|memory at|fault at|fault: .{1,60} at|kernel access at|at addr|\(Addr=|BadVA)[ :]*(?:virtual address )?(0x[0-9a-fA-F]+|[0-9a-fA-F]{8,16})").ok()
});

/// The smallest page.
const PAGE: u64 = 4096;

/// Reads a fault.
pub fn read(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    let plain = || pick(body.faulting(), &["fault"]);
    let mut verdict = match segment.kind {
        Kind::OopsNull => Verdict::new(Kind::OopsNull, "BUG: unable to handle kernel NULL pointer dereference in %", plain()),
        Kind::OopsPaging if opening.contains("paging request") || opening.contains("page fault") || opening.contains("data access") => {
            Verdict::new(Kind::OopsPaging, "BUG: unable to handle kernel paging request in %", plain())
        }
        Kind::OopsPaging if segment.lines.iter().skip(segment.header).take(3).any(|(_, t)| t.contains("NULL pointer dereference")) => {
            Verdict::new(Kind::OopsNull, "BUG: unable to handle kernel NULL pointer dereference in %", plain())
        }
        Kind::OopsPaging if segment.lines.iter().skip(segment.header).take(3).any(|(_, t)| t.contains("paging request")) => {
            Verdict::new(Kind::OopsPaging, "BUG: unable to handle kernel paging request in %", plain())
        }
        Kind::OopsPaging if opening.trim_end().ends_with("kernel") => {
            Verdict { wants_stack: true, ..Verdict::new(Kind::OopsPaging, "BUG: unable to handle kernel", plain()) }
        }
        Kind::OopsPaging => Verdict::new(Kind::OopsPaging, "BUG: unable to handle kernel paging request in %", plain()),
        Kind::OopsUserAccess => Verdict::new(Kind::OopsUserAccess, "BUG: unable to handle kernel access to user memory in %", plain()),
        Kind::GeneralProtectionFault => Verdict::new(Kind::GeneralProtectionFault, "general protection fault in %", plain()),
        Kind::StackSegmentFault => Verdict::new(Kind::StackSegmentFault, "stack segment fault in %", plain()),
        Kind::DoubleFault => Verdict::new(Kind::DoubleFault, "PANIC: double fault in %", plain()),
        Kind::DivideError => Verdict::new(Kind::DivideError, "divide error in %", plain()),
        Kind::InvalidOpcode => Verdict::new(Kind::InvalidOpcode, "invalid opcode in %", plain()),
        Kind::Int3 => Verdict::new(Kind::Int3, "int3 in %", plain()),
        Kind::UnhandledFault => Verdict::new(Kind::UnhandledFault, "Unhandled fault in %", plain()),
        Kind::AlignmentTrap if opening.contains("unaligned access") => {
            // The trap is taken from the code that accesses, also where that is what handles faults.
            Verdict::new(Kind::AlignmentTrap, "unaligned access in %", plain().or_else(|| pick(body.faulting(), &[])))
        }
        Kind::AlignmentTrap => Verdict::new(Kind::AlignmentTrap, "Alignment trap in %", plain()),
        Kind::Usercopy => Verdict::new(Kind::Usercopy, "BUG: bad usercopy in %", pick(body.faulting(), &["usercopy"])),
        Kind::ListCorruption => Verdict::new(Kind::ListCorruption, "BUG: corrupted list in %", plain()),
        Kind::StackOverflow => overflow(opening, body),
        Kind::InternalError if opening.contains("Oops: ") && !opening.contains("Internal error") => {
            Verdict::new(Kind::InternalError, "Oops in %", plain())
        }
        Kind::InternalError => Verdict::new(Kind::InternalError, "Internal error in %", plain()),
        _ if opening.contains("Kernel BUG ") => Verdict::new(Kind::KernelBug, "kernel BUG in %", pick(body.faulting(), &["skb", "fault"])),
        _ => Verdict::new(Kind::KernelBug, "kernel BUG in %", pick(body.faulting(), &["skb", "fault"])),
    };
    verdict.access = fault_access(segment, verdict.kind);
    // Where the kernel tests for NULL it tests for the first page; some architectures make no test.
    if verdict.kind == Kind::OopsPaging && verdict.access.as_ref().and_then(|a| a.null_offset).is_some_and(|o| o < PAGE) {
        verdict.kind = Kind::OopsNull;
        verdict.form = "BUG: unable to handle kernel NULL pointer dereference in %".to_owned();
    }
    verdict
}

/// ARC's oops, which says among the facts of its task what it is: `Invalid Read @ 0x00000018 by insn @ f+0x1/0x2`.
pub fn by_instruction(segment: &Segment<'_>, body: &Body) -> Option<Verdict> {
    let said = |t: &str| {
        let rest = t.trim_start().strip_prefix("Invalid ")?;
        let (how, rest) = rest.split_once(" @ ")?;
        let (address, _) = rest.split_once(" by insn @ ")?;
        Some((how == "Write", address.to_owned()))
    };
    let (write, address) = segment.lines.iter().find_map(|(_, t)| said(t))?;
    let null_offset = frame::hex(&address).filter(|address| *address < MAX_LOW);
    let (kind, what) = if null_offset.is_some_and(|o| o < PAGE) {
        (Kind::OopsNull, "NULL pointer dereference")
    } else {
        (Kind::OopsPaging, "paging request")
    };
    let verdict = Verdict::new(kind, format!("BUG: unable to handle kernel {what} in %"), pick(body.faulting(), &["fault"]));
    Some(Verdict { access: Some(Access { write: Some(write), address: Some(address), null_offset, ..Access::default() }), ..verdict })
}

/// A stack that overflowed repeats one cycle of calls; the dispatching end of it is the more telling.
fn overflow(opening: &str, body: &Body) -> Verdict {
    let (form, groups): (&str, &[&str]) = if opening.contains("corrupted stack end") {
        ("kernel panic: corrupted stack end in %", &["stack-end"])
    } else if opening.contains("Kernel panic") {
        ("kernel stack overflow in %", &["stack-end"])
    } else {
        ("BUG: stack guard page was hit in %", &[])
    };
    let frames = body.faulting();
    let function = pick_stalled(frames.iter().copied(), groups);
    Verdict::new(Kind::StackOverflow, form, function)
}

/// The address whose shadow an access of KASAN's was to, on x86-64, where such an access shows as a fault of its own.
fn shadowed(address: u64) -> u64 {
    const SHADOW: u64 = 0xdfff_fc00_0000_0000;
    let offset = address.wrapping_sub(SHADOW);
    if offset < MAX_LOW >> 3 { offset << 3 } else { address }
}

/// What the kernel writes where nothing is to be read any more (include/linux/poison.h): an address made of it says what was read.
fn poison(address: u64) -> Option<&'static str> {
    const LIST: u64 = 0xdead_0000_0000_0000;
    let near = |value: u64| address.wrapping_sub(value) < 0x1000;
    let bytes = |byte: u64| near(byte * 0x0101_0101_0101_0101) || near(byte * 0x0101_0101);
    if near(LIST + 0x100) || near(0x100_100) && address < 0x101_000 {
        return Some("an entry that was deleted from its list");
    }
    [(0x6b, "freed memory"), (0x5a, "memory that was never set"), (0xa5, "memory that was never set")]
        .into_iter()
        .find_map(|(byte, what)| bytes(byte).then_some(what))
}

fn fault_access(segment: &Segment<'_>, kind: Kind) -> Option<Access> {
    if !matches!(
        kind,
        Kind::OopsNull
            | Kind::OopsPaging
            | Kind::OopsUserAccess
            | Kind::GeneralProtectionFault
            | Kind::UnhandledFault
            | Kind::AlignmentTrap
    ) {
        return None;
    }
    let mut found = Access::default();
    // MIPS prints the address of a bad alignment among its registers only.
    let lines = if kind == Kind::AlignmentTrap { 24 } else { 12 };
    for (_, text) in segment.lines.iter().skip(segment.header).take(lines) {
        // KASAN translates the address of its shadow memory back.
        if let Some((_, range)) = text.split_once("KASAN: ").and_then(|(_, r)| r.split_once("in range [")) {
            found.address = range.split(['-', ']']).next().map(str::to_owned);
        }
        if found.address.is_none()
            && let Some(c) = ADDRESS.as_ref()?.captures(text)
        {
            found.address = Some(c[1].to_owned());
        }
        if text.contains("#PF: supervisor write") || text.contains("WnR = 1") || text.contains(" on write at ") {
            found.write = Some(true);
        } else if text.contains("#PF: supervisor read") || text.contains("WnR = 0") || text.contains(" on read at ") {
            found.write = Some(false);
        } else if let Some(error) = text.split_once("Oops: ").and_then(|(_, r)| r.get(..4)).and_then(|d| u64::from_str_radix(d, 16).ok())
            && found.write.is_none()
            && matches!(kind, Kind::OopsNull | Kind::OopsPaging)
            && text.contains("[#")
            && !text.contains("Internal")
            // s390 prints the code of its interruption there.
            && !text.contains(" ilc:")
        {
            // x86's page fault error code: bit 1 is set for a write, bit 4 for an instruction fetch.
            found.write = if error & 16 != 0 { None } else { Some(error & 2 != 0) };
        }
    }
    // An abort that comes later than its access has no address of its own, whatever stands there.
    let late = segment
        .lines
        .iter()
        .skip(segment.header)
        .take(3)
        .any(|(_, t)| t.contains("external abort") && (t.contains("asynchronous") || t.contains("imprecise")));
    if late {
        found.address = None;
    }
    let address = found.address.as_deref().and_then(frame::hex);
    found.null_offset = address.map(shadowed).filter(|address| *address < MAX_LOW);
    found.poison = address.and_then(poison).map(str::to_owned);
    (found.address.is_some() || found.write.is_some()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_tell_what_was_read() {
        assert_eq!(poison(0x6b6b_6b6b_6b6b_6b6b), Some("freed memory"));
        assert_eq!(poison(0x6b6b_6b6b_6b6b_6ba3), Some("freed memory"));
        assert_eq!(poison(0xdead_0000_0000_0122), Some("an entry that was deleted from its list"));
        assert_eq!(poison(0xffff_8880_0123_4567), None);
        assert_eq!((shadowed(0xdfff_fc00_0000_0006), shadowed(0x18)), (0x30, 0x18));
    }

    #[test]
    fn patterns_compile() {
        for (i, pattern) in [&*ADDRESS].iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
