//! `WARN()`, `BUG:` lines of no other family, UBSAN, panics with no report before them, Rust panics.

use crate::body::Body;
use crate::frame;
use crate::guilty::{canonical, in_group, is_skipped, pick, pick_hung};
use crate::segment::Segment;
use crate::types::{Frame, Kind};
use crate::verdict::Verdict;
use regex::Regex;
use std::sync::LazyLock;

static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,16}\b|\d+").ok());

/// Reads a report of this family.
pub fn read(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening().trim();
    match segment.kind {
        Kind::Ubsan => ubsan(segment, body),
        Kind::Panic => panic(segment, body),
        Kind::RustPanic => {
            let mut after = segment.lines.iter().skip(segment.header + 1).map(|l| l.1.trim());
            let next = after.find(|t| !t.is_empty() && !t.contains("[ cut here ]")).unwrap_or("panic");
            Verdict::new(Kind::RustPanic, format!("{next} in %"), pick(body.faulting(), &["rust"]))
        }
        Kind::Other => other(segment, body),
        _ => warning(segment, body, opening),
    }
}

/// The function in the opening line, then the stack.
fn warned(segment: &Segment<'_>, body: &Body) -> Vec<Frame> {
    let mut frames: Vec<Frame> = frame::symbol_in(segment.opening()).into_iter().collect();
    if frames.is_empty()
        && let Some((_, rest)) = segment.opening().split_once(" at ")
    {
        // `WARNING: file.c:12 at function+0x1/0x2, CPU#0: ...` has offsets; symbolised forms may not.
        let word = rest
            .split_ascii_whitespace()
            .find(|w| w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !w.starts_with(|c: char| c.is_ascii_digit()));
        frames.extend(word.map(frame::new));
    }
    frames.extend(body.faulting().into_iter().cloned());
    frames
}

fn warning(segment: &Segment<'_>, body: &Body, opening: &str) -> Verdict {
    let frames = warned(segment, body);
    let groups: &[&str] = match segment.kind {
        Kind::DebugObjects => &["debug-objects"],
        Kind::Usercopy => &["usercopy"],
        Kind::Refcount => &["refcount"],
        _ if opening.contains("fs/proc/generic.c") => &["proc"],
        _ if opening.contains("usb_submit_urb") => &["usb"],
        _ => &[],
    };
    // Where all is generic, the place that warned says more than nothing.
    let named =
        frames.first().filter(|f| groups.is_empty() && frames.len() > body.main().len() && !f.unreliable && !is_reporter(&f.function));
    let function = pick(&frames, groups).or_else(|| named.map(|f| canonical(&f.function)));
    let form = |kind, form: &str| Verdict::new(kind, form, function.clone());
    if opening.contains("kernel stack") {
        if let Some((_, rest)) = opening.split_once("has bad '") {
            let register = rest.split('\'').next().unwrap_or("");
            return Verdict::bare(Kind::Warning, format!("WARNING: kernel stack regs has bad '{register}' value"), None);
        }
        if opening.contains("frame pointer") {
            return Verdict::bare(Kind::Warning, "WARNING: kernel stack frame pointer has bad value", None);
        }
    }
    match segment.kind {
        Kind::Refcount => return form(Kind::Refcount, "WARNING: refcount bug in %"),
        Kind::DebugObjects => return form(Kind::DebugObjects, "WARNING: ODEBUG bug in %"),
        Kind::Usercopy => return form(Kind::Usercopy, "WARNING: bad usercopy in %"),
        Kind::ListCorruption => return form(Kind::ListCorruption, "WARNING: corrupted list in %"),
        _ => {}
    }
    if opening == "WARNING:" {
        return Verdict::new(Kind::Warning, "WARNING: corrupted", None);
    }
    let named = frames.first().map_or("", |f| f.function.as_str());
    if opening.contains("lib/kobject.c") {
        return form(Kind::Warning, "WARNING: kobject bug in %");
    }
    if opening.contains("fs/proc/generic.c") && named.starts_with("proc_register") {
        return form(Kind::Warning, "WARNING: proc registration bug in %");
    }
    if named.contains("usb_submit_urb") {
        return form(Kind::Warning, "WARNING in %/usb_submit_urb");
    }
    if opening.contains("mm/vmalloc.c") && named.starts_with("__vmalloc_node") {
        return form(Kind::Warning, "WARNING: zero-size vmalloc in %");
    }
    if opening.contains(" mm/") && named.contains("malloc") && !named.contains("free") {
        return form(Kind::Warning, "WARNING: kmalloc bug in %");
    }
    form(Kind::Warning, "WARNING in %")
}

/// Functions that print warnings, which are where none is.
fn is_reporter(function: &str) -> bool {
    in_group("reporting", function)
}

fn ubsan(segment: &Segment<'_>, body: &Body) -> Verdict {
    let rest = segment.opening().split_once("UBSAN:").map_or("", |(_, r)| r).trim();
    let class = rest.split_once(" in").map_or(rest, |(c, _)| c);
    let class = if class == "Undefined behaviour" { "undefined-behaviour" } else { class };
    Verdict::new(Kind::Ubsan, format!("UBSAN: {class} in %"), pick(body.main(), &["ubsan"]))
}

fn panic(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    if opening.contains("trusty: panic") {
        let assertion = segment.lines.iter().skip(segment.header).take(3).find_map(|(_, t)| t.split_once("ASSERT FAILED"));
        return match assertion {
            Some((_, rest)) => {
                let what = rest.split_once("): ").map_or("", |(_, w)| w).trim();
                Verdict::bare(Kind::Panic, format!("trusty: ASSERT FAILED: {what}").trim_end().to_owned(), None)
            }
            None => {
                let what = opening.split_once("): ").map_or("", |(_, w)| w).trim();
                Verdict::bare(Kind::Panic, format!("trusty: panic: {}", numbered(what)), None)
            }
        };
    }
    let what = opening.split_once("not syncing: ").map_or("", |(_, r)| r).trim();
    if what.starts_with("stack-protector") {
        let named = what.split_once("corrupted in: ").map(|(_, r)| r.split(['+', ' ']).next().unwrap_or(r));
        let named = named.filter(|n| n.bytes().any(|b| b == b'_' || b.is_ascii_lowercase() && !b.is_ascii_hexdigit()));
        let function = named.map(canonical).or_else(|| pick(body.main(), &["stack-end"]));
        return Verdict::new(Kind::Panic, "kernel panic: stack is corrupted in %", function);
    }
    let function = pick(body.faulting(), &[]);
    for (start, title) in [
        ("Attempted to kill init!", "kernel panic: Attempted to kill init!"),
        ("Couldn't open N_TTY", "kernel panic: Couldn't open N_TTY ldisc"),
        ("Fatal exception", "kernel panic: Fatal exception"),
        ("panic_on_warn set", "kernel panic: panic_on_warn set"),
        ("hung_task: blocked", "kernel panic: hung_task: blocked tasks"),
    ] {
        if what.starts_with(start) {
            return Verdict::new(Kind::Panic, title, function);
        }
    }
    Verdict::bare(Kind::Panic, format!("kernel panic: {}", numbered(what)), function)
}

/// Lines that begin with `BUG:` and belong to no family, and a few more of which the text is the title.
fn other(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    let function = pick(body.faulting(), &[]);
    // An interrupt that no handler took is about its handlers; what found that out is not.
    let function =
        body.handlers.first().map(|f| canonical(&f.function)).or_else(|| function.filter(|_| !opening.contains(": nobody cared")));
    if segment.guessed {
        if let Some(fault) = crate::fault::by_instruction(segment, body) {
            return fault;
        }
        // Where a task waits, what it waits in says less than who waits.
        let waits = segment.lines.iter().any(|l| crate::dump::is_state(l.1.trim()));
        let function = if waits { pick_hung(body.main()) } else { function };
        let title: String = segment.header_text().chars().take(160).collect();
        let title = if title.is_empty() { "stack dump in %".to_owned() } else { title.replace('%', "") };
        return Verdict::bare(Kind::Other, title, function);
    }
    if opening.contains(" COMMAND: ") {
        return match body.instruction() {
            Some(_) => Verdict::new(Kind::Other, "exception in %", function),
            None => Verdict::new(Kind::Other, "stack dump in %", pick_hung(body.main())),
        };
    }
    if opening.contains("unregister_netdevice: waiting for") {
        return Verdict::bare(Kind::Other, "unregister_netdevice: waiting for DEV to become free", None);
    }
    if opening.contains("VFS: Busy inodes") {
        return Verdict::bare(Kind::Other, "VFS: Busy inodes after unmount (use-after-free)", function);
    }
    if opening.contains("VFS: Close: file count") {
        return Verdict::bare(Kind::Other, "VFS: Close: file count is zero (use-after-free)", function);
    }
    if opening.contains("BUG: Dentry ") {
        let place = opening.contains("[unmount").then(|| "unmount".to_owned());
        return Verdict::new(Kind::Other, "BUG: Dentry still in use in %", place.or(function));
    }
    let rest = opening.split_once("BUG:").map_or("", |(_, r)| r).trim();
    if rest.is_empty() {
        return Verdict::new(Kind::Other, "BUG: corrupted", None);
    }
    Verdict::new(Kind::Other, format!("BUG: {}", numbered(rest)), function.filter(|f| !is_skipped(f, &[])))
}

/// Numbers differ from crash to crash and do not belong in a title.
pub fn numbered(text: &str) -> String {
    let short: String = text.chars().take(120).collect();
    match NUMBERS.as_ref() {
        Some(re) => re.replace_all(&short, "NUM").replace('%', ""),
        None => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        for (i, pattern) in [&*NUMBERS].iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
