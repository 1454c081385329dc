//! Memory errors that a tool found: KASAN, KFENCE, KMSAN, KCSAN, kmemleak, the slab and page debugging code.

use crate::body::Body;
use crate::frame;
use crate::guilty::{canonical, is_skipped, pick};
use crate::segment::Segment;
use crate::types::{Access, Frame, Kind, StackKind};
use crate::verdict::Verdict;
use regex::Regex;
use std::sync::LazyLock;

static ACCESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(Read|Write) (?:of size (\d+)(?: at addr ([0-9a-fA-F]+))?|at addr ([0-9a-fA-F]+))").ok());
static CLASS_IN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"BUG: K(?:[A-Z]+|ASan): ([a-z -]+?)(?: (read|write))? in ([A-Za-z_<][^ +]*)").ok());

/// The function in the opening line, unless it is a helper, then the first of the stack that is none.
fn named_or(segment: &Segment<'_>, body: &Body, groups: &[&str]) -> Option<String> {
    let mut openings = segment.lines.iter().skip(segment.header).take(8).filter(|(_, t)| t.contains("BUG: K") && !t.contains("[inline]"));
    let named = openings.next_back().and_then(|(_, t)| CLASS_IN.as_ref()?.captures(t)).map(|c| c[3].to_owned());
    named.map(|n| frame::new(&n).function).filter(|n| !is_skipped(n, groups)).map(|n| canonical(&n)).or_else(|| pick(body.main(), groups))
}

/// The function in the opening line, helper or not, of a report that has nothing else.
fn cut_off(segment: &Segment<'_>) -> Option<String> {
    let opening = segment.opening();
    let c = CLASS_IN.as_ref()?.captures(opening)?;
    opening.contains(" at addr ").then(|| canonical(&c[3]))
}

fn access(segment: &Segment<'_>) -> Option<Access> {
    let re = ACCESS.as_ref()?;
    segment.lines.iter().skip(segment.header).take(40).find_map(|(_, text)| {
        let c = re.captures(text)?;
        Some(Access {
            write: Some(&c[1] == "Write"),
            size: c.get(2).and_then(|m| m.as_str().parse().ok()),
            address: c.get(3).or(c.get(4)).map(|m| m.as_str().to_owned()),
            ..Access::default()
        })
    })
}

/// `BUG: KASAN: class in function`.
pub fn kasan(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    let mut access = access(segment);
    let word = access.as_ref().and_then(|a| a.write).map(|w| if w { " Write" } else { " Read" });
    let rest = opening.split_once("BUG: KASAN:").or_else(|| opening.split_once("BUG: KASan:")).map_or("", |(_, r)| r).trim();
    let mut verdict = if rest.starts_with("double-free") || rest.starts_with("invalid-free") {
        Verdict::new(Kind::Kasan, "KASAN: invalid-free in %", named_or(segment, body, &["free"]))
    } else if let Some((class, place)) =
        rest.split_once(" in ").filter(|(c, _)| c.bytes().all(|b| b.is_ascii_lowercase() || b"- ".contains(&b)))
    {
        let form = match place.split_once(" at addr ") {
            // The form of 2016, cut off before it says what the access was.
            Some(_) if word.is_none() => format!("KASAN: {class} in % at addr ADDR"),
            _ => format!("KASAN: {}{} in %", class.replace(' ', "-"), word.unwrap_or("")),
        };
        let function = cut_off(segment).filter(|_| word.is_none()).or_else(|| named_or(segment, body, &["fault"]));
        Verdict::new(Kind::Kasan, form, function)
    } else if let Some((class, address)) = rest.split_once(" on address") {
        let address = address.split_whitespace().next().filter(|a| frame::hex(a).is_some());
        if let (Some(address), Some(access)) = (address, access.as_mut()) {
            access.address.get_or_insert_with(|| address.to_owned());
        }
        // Early KASAN named no function.
        Verdict::new(Kind::Kasan, format!("KASAN: {class}{}", word.unwrap_or("")), pick(body.main(), &["fault"]))
    } else {
        Verdict::new(Kind::Kasan, format!("KASAN: {rest}"), pick(body.main(), &["fault"]))
    };
    verdict.access = access;
    verdict
}

/// `BUG: KFENCE: class read in function`.
pub fn kfence(segment: &Segment<'_>, body: &Body) -> Verdict {
    let class = CLASS_IN.as_ref().and_then(|re| re.captures(segment.opening()));
    let (what, write) = match &class {
        Some(c) => (c[1].to_owned(), c.get(2).map(|m| m.as_str() == "write")),
        None => ("invalid access".to_owned(), None),
    };
    let word = write.map_or("", |w| if w { " write" } else { " read" });
    let mut verdict = Verdict::new(Kind::Kfence, format!("KFENCE: {what}{word} in %"), named_or(segment, body, &["free", "fault"]));
    verdict.access = Some(Access { write, ..Access::default() });
    verdict
}

/// `BUG: KMSAN: class in function`. A leak to a device is about who submits the request; where the stack does not say,
/// the origin stands in for it.
pub fn kmsan(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    let class = opening.split_once("KMSAN:").and_then(|(_, r)| r.trim().split_once(" in ")).map_or("uninit-value", |(c, _)| c).to_owned();
    let origins = || body.stacks.iter().filter(|s| matches!(s.kind, StackKind::Origin)).flat_map(|s| s.frames.iter());
    let function = if class == "kernel-usb-infoleak" {
        pick(body.main(), &["usb"])
    } else {
        // Inlined callers repeat the opening line, each with its own function.
        let named = segment
            .lines
            .iter()
            .skip(segment.header)
            .filter(|(_, t)| t.contains("BUG: KMSAN:"))
            .filter_map(|(_, t)| CLASS_IN.as_ref().and_then(|re| re.captures(t)).map(|c| c[3].to_owned()));
        let named: Vec<Frame> = named.map(|n| frame::new(&n)).collect();
        pick(named.iter().chain(body.main()), &["crypto"])
    };
    Verdict::bare(Kind::Kmsan, format!("KMSAN: {class} in %"), function.or_else(|| pick(origins(), &["origin"])))
}

/// `BUG: KCSAN: data-race in a / b`: the title is the kernel's own.
pub fn kcsan(segment: &Segment<'_>) -> Verdict {
    let rest = segment.opening().split_once("KCSAN:").map_or("", |(_, r)| r).trim();
    let functions = rest.split_once(" in ").map_or("", |(_, f)| f);
    // One side may be inlined and carry its offset.
    let plain: Vec<String> =
        functions.split(" / ").filter_map(|f| f.split(['+', ' ']).next()).filter(|f| !f.is_empty()).map(canonical).collect();
    let class = rest.split_once(" in ").map_or(rest, |(c, _)| c);
    let mut verdict = Verdict::bare(Kind::Kcsan, format!("KCSAN: {class} in %"), plain.first().cloned());
    if let [_, second, ..] = plain.as_slice() {
        verdict.form = format!("KCSAN: {class} in % / {second}");
    }
    // The access of the function that is named first; each heading has its stack below it.
    let lines = || segment.lines.iter().skip(segment.header + 1).map(|(_, t)| t.trim());
    let heads = |t: &str| t.starts_with("write") || t.starts_with("read");
    let own = lines().zip(lines().skip(1)).find(|(head, below)| {
        heads(head) && frame::parse(below).is_some_and(|f| plain.first().is_some_and(|name| canonical(&f.function) == *name))
    });
    let write = own.map(|(head, _)| head).or_else(|| lines().take(6).find(|t| heads(t)));
    let write = write.map(|t| (t.starts_with("write") || t.starts_with("read-write"), size_of(t), address_of(t)));
    if let Some((write, size, address)) = write {
        verdict.access = Some(Access { write: Some(write), size, address, ..Access::default() });
    }
    verdict
}

fn size_of(t: &str) -> Option<u64> {
    crate::body::number_after(t, " of ")
}

fn address_of(t: &str) -> Option<String> {
    let word = t.split_once(" to ").map(|(_, r)| r)?.split(' ').next()?;
    Some(word.to_owned())
}

/// `BUG: memory leak` and the stack of the allocation.
pub fn leak(body: &Body) -> Verdict {
    let frames = body.stack(StackKind::Alloc).or_else(|| body.stack(StackKind::Main)).map_or(&[][..], |s| &s.frames);
    Verdict::new(Kind::MemoryLeak, "memory leak in %", pick(frames, &["leak"]))
}

/// `BUG kmalloc-64 (Not tainted): Object already free`.
pub fn slab(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    if let Some((_, rest)) = opening.split_once("INFO: ") {
        // The object's history without the report it belongs to.
        let words: Vec<&str> = rest.split(' ').collect();
        let function = words.get(2).map(|f| f.split('+').next().unwrap_or(f).to_owned());
        let first = words.first().copied().unwrap_or("Allocated");
        let tail: String = words.get(3..).unwrap_or(&[]).join(" ");
        return Verdict::bare(Kind::SlabCorruption, format!("INFO: {first} in % {}", crate::warning::numbered(&tail)), function);
    }
    let what = opening.rsplit_once("): ").map_or("", |(_, w)| w).trim();
    Verdict { wants_stack: false, ..Verdict::new(Kind::SlabCorruption, format!("BUG: {what}"), pick(body.main(), &["free"])) }
}

/// `BUG: Bad page state in process x pfn:y`. The page's last user says more than the task that stumbled over it.
pub fn page(segment: &Segment<'_>, body: &Body) -> Verdict {
    let opening = segment.opening();
    let frames = |kind| body.stacks.iter().filter(move |s| s.kind == kind).flat_map(|s| s.frames.iter());
    let function = pick(frames(StackKind::Alloc), &["page"]).or_else(|| pick(frames(StackKind::Main), &["page"]));
    for what in ["state", "cache"] {
        if opening.contains(&format!("Bad page {what}")) {
            return Verdict::new(Kind::BadPage, format!("BUG: Bad page {what} in %"), function);
        }
    }
    if opening.contains("Bad page map") {
        return Verdict::new(Kind::BadPage, "BUG: Bad page map", function);
    }
    if opening.contains("rss-counter") {
        return Verdict::bare(Kind::BadPage, "BUG: Bad rss-counter state", None);
    }
    let what = if opening.contains("nr_pmds") { "nr_pmds" } else { "nr_ptes" };
    Verdict::bare(Kind::BadPage, format!("BUG: non-zero {what} on freeing mm"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        for (i, pattern) in [&*ACCESS, &*CLASS_IN].iter().enumerate() {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
