//! Reads one line of a stack, or the line with the instruction pointer, in the forms of all architectures. It takes a line for a
//! frame only when its form leaves no doubt: a symbol with offset and size, a bracketed address with a symbol, or a symbol with a
//! source position. It does not know which stack the frame is in.

use crate::types::{Frame, StackKind};
use regex::Regex;
use std::sync::LazyLock;

macro_rules! pattern {
    ($name:ident, $re:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($re).ok());
    };
}

// ` [<addr>] ? func+0x1/0x2 [module]`, `[addr] [addr] func+0x..`, ` func+0x1/0x2 file.c:12`, ` ? func.cold+0x1/0x2`.
pattern!(
    FRAME,
    r"^\s*(?:\(?\[<?(?:0x)?[0-9a-fA-F]+>?\]\)? ?){0,3}(?:\[[0-9a-fA-F]{8,16}\] ){0,2}(?:#\d+ )?(?:\(unreliable\) )?(\? )?([A-Za-z_$<][A-Za-z0-9_.$<>:, {}\[\]*&@'#-]*?)\+(0x[0-9a-fA-F]+)/(0x[0-9a-fA-F]+)(.*)$"
);
// ` func file.c:12 [inline]` and ` func file.c:12`, `[inline] func` and `func [inline]`.
pattern!(SYMBOLISED, r"^\s*(\? )?([A-Za-z_]\w*(?:\.\w+)*)\s+(?:at )?([A-Za-z0-9_./<>-]+\.(?:c|h|S|rs|cc)):(\d+)(?:\s+(.*))?$");
pattern!(INLINE_HEAD, r"^\s*(?:\[<[0-9a-fA-F]*>\]\s*)?\[<?\s*inline\s*>?\]\s+([A-Za-z_][\w.]*)(?:\s+([^\s:]+):(\d+))?");
// 32-bit arm: `[<addr>] (func) from [<addr>] (func+0x1/0x2)` and ` func from caller+0x1/0x2`.
pattern!(
    ARM,
    r"^\s*(?:\[<[0-9a-f]+>\] )?\(?([A-Za-z_][\w.]*)(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?\)? from (?:\[<[0-9a-f]+>\] )?\(?([A-Za-z_][\w.]*)\+(0x[0-9a-f]+)/(0x[0-9a-f]+)\)?(.*)$"
);
// powerpc: `[c000] [c000] .func+0x1/0x2 (unreliable)`.
pattern!(POWERPC, r"^\s*\[[0-9a-f]{8,16}\] \[[0-9a-f]{8,16}\] \.?([A-Za-z_][\w.]*)\+(0x[0-9a-f]+)/(0x[0-9a-f]+)(.*)$");
// A bracketed address and a bare symbol: ` [<ffff>] func`.
pattern!(BARE, r"^\s*\[<[0-9a-fA-F]{8,16}>\] (\? )?([A-Za-z_][\w.]*)\s*$");
pattern!(TAIL_SOURCE, r"([A-Za-z0-9_./-]+\.(?:c|h|S|rs|cc)):(\d+)");
pattern!(TAIL_MODULE, r"^\s*\[([A-Za-z0-9_-]+)[^\]]*\]");
// `RIP: 0010:func+0x1/0x2`, `RIP: 0010:[<addr>] [<addr>] func+0x..`, `RIP [<addr>] func+`, `EIP: func+`, `EIP is at func+`, `PC is at func+`,
// `pc : func+`, `NIP [addr] func+`, `epc : func+`, `psw : ... (func+0x1/0x2)`, `RIP: 0010:func file.c:12`.
pattern!(
    POINTER,
    r"^\s*(?:Krnl PSW : [0-9a-f ]+\(|(?:RIP|EIP|NIP|PC|pc|epc|era|IP)(?: is at| at)?\s*:?\s+(?:[0-9a-f]{4}:)?(?:(?:\[<?(?:0x)?[0-9a-fA-F]+>?\]\s*){0,2}))\s*(?:\? )?([A-Za-z_][\w.$]*)(?:\+(0x[0-9a-fA-F]+)/(0x[0-9a-fA-F]+)(.*)|\s+([A-Za-z0-9_./-]+\.[chS]):(\d+).*)$"
);
// An instruction pointer that is no symbol: a wild jump.
pattern!(
    WILD,
    r"^\s*(?:RIP|EIP|NIP|PC|pc|epc|IP)(?: is at|:| :)\s*(?:0010:|0060:)?(?:\[<?\s*(?:0x)?[0-9a-f]*\s*>?\]\s*){0,2}(?:0x[0-9a-f]+|\(null\))(?:\s|$)"
);
// User mode: the code segment says so.
pattern!(USER, r"^\s*(?:RIP|EIP)\s*:?\s*(?:0033|0023|002b|0073):");
pattern!(RUST_SYMBOL, r"_R[A-Za-z0-9_]{6,}|_ZN[A-Za-z0-9_.$]{6,}");

/// Reads a line of a stack; `None` when it is none.
pub fn parse(text: &str) -> Option<Frame> {
    // Every form has one of these.
    if !text.contains("0x") && !text.contains(':') && !text.contains("inline") && !text.contains("[<") {
        return None;
    }
    // Older kernels put the mark of the interrupt stack before its first frame.
    let text = ["<IRQ>", "<EOI>", "<NMI>", "<TASK>", "<SOFTIRQ>", "<EOE>", "<#DF>", "<#DB>", "<UNK>", "<<EOE>>"]
        .iter()
        .find_map(|mark| text.trim_start().strip_prefix(mark))
        .unwrap_or(text);
    if let Some(c) = INLINE_HEAD.as_ref()?.captures(text) {
        let mut frame = new(&c[1]);
        frame.file = c.get(2).map(|m| m.as_str().to_owned());
        frame.line = c.get(3).and_then(|m| m.as_str().parse().ok());
        frame.inlined = true;
        return Some(frame);
    }
    if let Some(c) = ARM.as_ref()?.captures(text) {
        let mut frame = new(&c[2]);
        frame.offset = hex(&c[3]);
        frame.size = hex(&c[4]);
        tail(&mut frame, c.get(5).map_or("", |m| m.as_str()));
        return Some(frame);
    }
    if let Some(c) = POWERPC.as_ref()?.captures(text) {
        let mut frame = new(&c[1]);
        frame.offset = hex(&c[2]);
        frame.size = hex(&c[3]);
        let rest = c.get(4).map_or("", |m| m.as_str());
        frame.unreliable = rest.contains("(unreliable)");
        tail(&mut frame, rest);
        return Some(frame);
    }
    if let Some(c) = FRAME.as_ref()?.captures(text) {
        let name = c.get(2).map_or("", |m| m.as_str());
        // A sentence that happens to end in an address is no frame.
        if name.contains(' ') && !(name.starts_with('<') && name.contains("::")) {
            return None;
        }
        let mut frame = new(name);
        frame.unreliable = c.get(1).is_some();
        frame.offset = hex(&c[3]);
        frame.size = hex(&c[4]);
        tail(&mut frame, c.get(5).map_or("", |m| m.as_str()));
        return Some(frame);
    }
    if let Some(c) = SYMBOLISED.as_ref()?.captures(text) {
        let rest = c.get(5).map_or("", |m| m.as_str());
        if !rest.is_empty() && !rest.starts_with('[') && !rest.starts_with('(') {
            return None;
        }
        let mut frame = new(&c[2]);
        frame.unreliable = c.get(1).is_some();
        frame.file = Some(c[3].to_owned());
        frame.line = c[4].parse().ok();
        frame.inlined = rest.contains("inline");
        return Some(frame);
    }
    if let Some(c) = BARE.as_ref()?.captures(text) {
        let mut frame = new(&c[2]);
        frame.unreliable = c.get(1).is_some();
        return Some(frame);
    }
    None
}

/// The caller that an arm frame line names before `from`: the innermost function of the first such line.
pub fn arm_callee(text: &str) -> Option<Frame> {
    let c = ARM.as_ref()?.captures(text)?;
    Some(new(&c[1]))
}

/// What the instruction pointer's line says.
pub enum Pointer {
    /// In this kernel function.
    At(Frame),
    /// In the kernel, at no symbol.
    Wild,
    /// In user mode.
    User,
}

/// Reads the line of the instruction pointer, of any architecture.
pub fn pointer(text: &str) -> Option<Pointer> {
    let head = text.trim_start();
    if !["RIP", "EIP", "NIP", "PC", "pc", "epc", "era", "IP", "Krnl PSW"].iter().any(|p| head.starts_with(p)) {
        return None;
    }
    if USER.as_ref()?.is_match(text) {
        return Some(Pointer::User);
    }
    if let Some(c) = POINTER.as_ref()?.captures(text) {
        let mut frame = new(&c[1]);
        frame.offset = c.get(2).and_then(|m| hex(m.as_str()));
        frame.size = c.get(3).and_then(|m| hex(m.as_str()));
        tail(&mut frame, c.get(4).map_or("", |m| m.as_str()));
        if let Some(file) = c.get(5) {
            frame.file = Some(file.as_str().to_owned());
            frame.line = c.get(6).and_then(|m| m.as_str().parse().ok());
        }
        return Some(Pointer::At(frame));
    }
    WILD.as_ref()?.is_match(text).then_some(Pointer::Wild)
}

/// The first `symbol+0x1/0x2` anywhere in a text (a header, or what follows `at:`).
pub fn symbol_in(text: &str) -> Option<Frame> {
    pattern!(ANYWHERE, r"([A-Za-z_][\w.$]*)\+(0x[0-9a-fA-F]+)/(0x[0-9a-fA-F]+)(.*)$");
    let c = ANYWHERE.as_ref()?.captures(text)?;
    let mut frame = new(&c[1]);
    frame.offset = hex(&c[2]);
    frame.size = hex(&c[3]);
    tail(&mut frame, c.get(4).map_or("", |m| m.as_str()));
    Some(frame)
}

/// A frame with only its name.
pub fn new(name: &str) -> Frame {
    let function = match RUST_SYMBOL.as_ref() {
        Some(re) if re.is_match(name) => format!("{:#}", rustc_demangle::demangle(name)),
        _ => name.trim_start_matches('.').to_owned(),
    };
    Frame {
        function,
        offset: None,
        size: None,
        module: None,
        file: None,
        line: None,
        inlined: false,
        unreliable: false,
        stack: StackKind::Main,
    }
}

/// Reads a hexadecimal number with or without `0x`.
pub fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

fn tail(frame: &mut Frame, rest: &str) {
    if let Some(c) = TAIL_MODULE.as_ref().and_then(|re| re.captures(rest))
        && &c[1] != "inline"
    {
        frame.module = Some(c[1].to_owned());
    }
    if let Some(c) = TAIL_SOURCE.as_ref().and_then(|re| re.captures(rest)) {
        frame.file = Some(c[1].to_owned());
        frame.line = c[2].parse().ok();
        frame.inlined |= rest.contains("[inline]");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_frames() {
        let cases = [
            (" [<ffffffff810ec8b2>] drop_it+0x162/0x260", "drop_it", Some(0x162), false),
            (" ? take.isra.0+0x6d0/0x6d0 [some_mod]", "take.isra.0", Some(0x6d0), true),
            (" take_it+0x10/0x20 net/core/dev.c:123", "take_it", Some(0x10), false),
            (" [<     inline     >] peek include/linux/foo.h:12", "peek", None, false),
            (" peek include/linux/foo.h:12 [inline]", "peek", None, false),
            ("[<8010f0f0>] (unwind) from [<8010b1b1>] (show+0x10/0x14)", "show", Some(0x10), false),
            ("[c000000001] [c000000002] .do_it+0x8/0x10 (unreliable)", "do_it", Some(8), true),
        ];
        for (text, function, offset, unreliable) in cases {
            let frame = parse(text);
            let got = frame.as_ref().map(|f| (f.function.as_str(), f.offset, f.unreliable));
            assert_eq!(got, Some((function, offset, unreliable)), "{text}");
        }
        assert_eq!(parse("RAX: 0000000000000000 RBX: ffffc900007b37e8"), None);
        assert_eq!(parse("please see foo.c for details"), None);
    }

    #[test]
    fn forms_of_the_instruction_pointer() {
        for text in [
            "RIP: 0010:walk+0x97/0xd0",
            "RIP: 0010:[<ffffffff810d9c93>]  [<ffffffff810d9c93>] walk+0x3b3/0x3d0",
            "RIP  [<ffffffff810d9c93>] walk+0x3b3/0x3d0",
            "EIP: walk+0x1/0x2",
            "PC is at walk+0x1/0x2",
            "pc : walk+0x1/0x2",
            "NIP [c000000000123456] walk+0x1/0x2",
            "NIP: walk+0x1/0x2",
            "epc : walk+0x1/0x2",
        ] {
            assert!(matches!(pointer(text), Some(Pointer::At(f)) if f.function == "walk"), "{text}");
        }
        assert!(matches!(pointer("RIP: 0033:0x7f0bbb83ee5d"), Some(Pointer::User)));
        assert!(matches!(pointer("RIP: 0010:0x0"), Some(Pointer::Wild)));
    }

    #[test]
    fn patterns_compile() {
        for (i, pattern) in [
            &*FRAME,
            &*SYMBOLISED,
            &*INLINE_HEAD,
            &*ARM,
            &*POWERPC,
            &*BARE,
            &*TAIL_SOURCE,
            &*TAIL_MODULE,
            &*POINTER,
            &*WILD,
            &*USER,
            &*RUST_SYMBOL,
        ]
        .iter()
        .enumerate()
        {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
