//! Reads one line of a stack, or the line with the instruction pointer, in the forms of all architectures. It takes a line for a
//! frame only when its form leaves no doubt: a symbol with offset and size, a bracketed address with a symbol, or a symbol with a
//! source position. It does not know which stack the frame is in.

use crate::types::{Frame, Place, StackKind};
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
// What `scripts/decode_stacktrace.sh` prints: ` ? func (file.c:12 (discriminator 2) header.h:34) module (P)`; innermost place first, the
// function's own last.
pattern!(
    DECODED,
    r"^\s*(?:\(?\[<?(?:0x)?[0-9a-fA-F]*>?\]\)? ?){0,2}(\? )?([A-Za-z_][\w.$]*)(?:\+0x[0-9a-fA-F]+(?:/0x[0-9a-fA-F]+)?)?\s+\(([^()\s]+:(?:\d+|\?)(?:\s+\(discriminator \d+\))?(?:\s+[^()\s]+:(?:\d+|\?)(?:\s+\(discriminator \d+\))?)*)\s*\)(.*)$"
);
pattern!(DECODED_PLACE, r"([^()\s]+):(\d+)(?:\s+\(discriminator \d+\))?");
// A module's name behind a decoded place, with or without brackets.
pattern!(DECODED_TAIL, r"^\s*(?:\[?([A-Za-z][\w-]*)(?:\s+[0-9a-f]{8,40})?\]?)?\s*(?:\((?:unreliable|[A-Z]{1,4})\))?\s*$");
pattern!(INLINE_HEAD, r"^\s*(?:\[<[0-9a-fA-F]*>\]\s*)?\[<?\s*inline\s*>?\]\s+([A-Za-z_][\w.]*)(?:\s+([^\s:]+):(\d+))?");
// `[<     inlined    >] outer+0x1/0x2 func file.c:12`: what was inlined into the frame below it.
pattern!(INLINED_INTO, r"^\s*\[<\s*inlined\s*>\]\s+[A-Za-z_][\w.]*\+0x[0-9a-fA-F]+/0x[0-9a-fA-F]+\s+([A-Za-z_]\w*)\s+([^\s:]+):(\d+)");
// 32-bit arm: `[<addr>] (func) from [<addr>] (func+0x1/0x2)` and ` func from caller+0x1/0x2`.
pattern!(
    ARM,
    r"^\s*(?:\[<[0-9a-f]+>\] )?\(?([A-Za-z_][\w.]*)(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?(?: \[[\w-]+\])?\)? from (?:\[<[0-9a-f]+>\] )?\(?([A-Za-z_][\w.]*)(?:\+(0x[0-9a-f]+)/(0x[0-9a-f]+)|( \([^()\s]+:\d+.*\)))(.*)$"
);
// powerpc: `[c000] [c000] .func+0x1/0x2 (unreliable)`.
pattern!(POWERPC, r"^\s*\[[0-9a-f]{8,16}\] \[[0-9a-f]{8,16}\] \.?([A-Za-z_][\w.]*)\+(0x[0-9a-f]+)/(0x[0-9a-f]+)(.*)$");
// The crash utility's: ` #7 [ffff888000000100] func at ffffffff81000000 [module]`, with `-s` `func+53`.
pattern!(DUMPED, r"^\s*#\d+ \[[0-9a-f]{8,16}\] ([A-Za-z_][\w.]*)(?:\+(\d+))? at [0-9a-f]{8,16}(?: \[([\w-]+)\])?\s*$");
// And where it says that an exception came: `[exception RIP: func+53]`, `PC: ffff800008000000  [func+104]`.
pattern!(EXCEPTION, r"^\s*(?:\[exception (?:RIP|EIP|PC): |PC: [0-9a-f]{8,16} +\[)([A-Za-z_][\w.]*)\+(\d+)\]");
// A bracketed address and a bare symbol: ` [<ffff>] func`.
pattern!(BARE, r"^\s*\[<[0-9a-fA-F]{8,16}>\] (\? )?([A-Za-z_][\w.]*)\s*$");
pattern!(TAIL_SOURCE, r"([A-Za-z0-9_./-]+\.(?:c|h|S|rs|cc)):(\d+)");
pattern!(TAIL_MODULE, r"^\s*\[([A-Za-z0-9_-]+)[^\]]*\]");
// `RIP: 0010:func+0x1/0x2`, `RIP: 0010:[<addr>] [<addr>] func+0x..`, `RIP [<addr>] func+`, `EIP: func+`, `EIP is at func+`, `PC is at func+`,
// `pc : func+`, `NIP [addr] func+`, `epc : func+`, `epc   : addr func+`, `ERA: addr func+`, `psw : ... (func+0x1/0x2)`, `RIP: 0010:func file.c:12`.
pattern!(
    POINTER,
    r"^\s*(?:Krnl PSW : [0-9a-fA-F ]+\(|IAOQ\[0\]: |TPC: <|\[ECR\s*\]: .* |(?:RIP|EIP|NIP|PC|pc|s?epc|era|ERA|IP|RPC|EPC|ERET)(?: is at| at)?\s*:?\s+(?:[0-9a-f]{4}:)?(?:(?:\[<?(?:0x)?[0-9a-fA-F]+>?\]\s*){0,2})(?:(?:0x)?[0-9a-f]{8,16}\s+)?)\s*(?:\? )?\(?\.?([A-Za-z_][\w.$]*)(?:\+(0x[0-9a-fA-F]+)/(0x[0-9a-fA-F]+)(.*)|\s+([A-Za-z0-9_./-]+\.[chS]):(\d+).*|(\s+\([^()\s]+:(?:\d+|\?).*))$"
);
// An instruction pointer that is no symbol: a wild jump.
pattern!(
    WILD,
    r"^\s*(?:Krnl PSW : [0-9a-fA-F]+ [0-9a-fA-F]+ \(\s*(0x[0-9a-f]+)\s*\)|(?:RIP|EIP|NIP|PC|pc|s?epc|era|ERA|IP)(?: is at|:| :|\s+:)?\s*(?:0010:|0060:)?(?:\[<?\s*(?:0x)?[0-9a-f]*\s*>?\]\s*){0,2}(?:0010:)?(0x[0-9a-f]+|\(null\)|[0-9a-f]{8,16})(?:\s+\(?(?:0x[0-9a-f]+|\(null\))\)?)?\s*$)"
);
// User mode: the code segment says so.
pattern!(USER, r"^\s*(?:RIP|EIP)\s*:?\s*(?:0033|0023|002b|0073):");
pattern!(RUST_SYMBOL, r"_R[A-Za-z0-9_]{6,}|_ZN[A-Za-z0-9_.$]{6,}");

/// Reads a line of a stack; `None` when it is none.
pub fn parse(text: &str) -> Option<Frame> {
    if text.trim_start().starts_with('#')
        && let Some(c) = DUMPED.as_ref()?.captures(text)
    {
        let mut frame = new(&c[1]);
        frame.offset = c.get(2).and_then(|m| m.as_str().parse().ok());
        frame.module = c.get(3).map(|m| m.as_str().to_owned());
        return Some(frame);
    }
    // Every form has one of these.
    if !text.contains("0x") && !text.contains(':') && !text.contains("inline") && !text.contains("[<") {
        return None;
    }
    if text.contains("ptrval") && text.contains("[<(") {
        // What stands for an address as long as none may be shown.
        return parse(&text.replace("(____ptrval____)", "0").replace("(ptrval)", "0"));
    }
    // Older kernels put the mark of the interrupt stack before its first frame.
    let text = ["<IRQ>", "<EOI>", "<NMI>", "<TASK>", "<SOFTIRQ>", "<EOE>", "<#DF>", "<#DB>", "<#MC>", "<UNK>", "<<EOE>>"]
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
    if text.contains(" inlined ")
        && let Some(c) = INLINED_INTO.as_ref()?.captures(text)
    {
        let mut frame = new(&c[1]);
        frame.file = Some(c[2].to_owned());
        frame.line = c[3].parse().ok();
        frame.inlined = true;
        return Some(frame);
    }
    if let Some(c) = ARM.as_ref()?.captures(text) {
        let mut frame = new(&c[2]);
        frame.offset = c.get(3).and_then(|m| hex(m.as_str()));
        frame.size = c.get(4).and_then(|m| hex(m.as_str()));
        if let Some(places) = c.get(5) {
            set_places(&mut frame, places.as_str());
        }
        tail(&mut frame, c.get(6).map_or("", |m| m.as_str()));
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
    if let Some(frame) = decoded(text) {
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

/// Reads a frame with its source in parentheses.
fn decoded(text: &str) -> Option<Frame> {
    if !text.contains(" (") {
        return None;
    }
    let c = DECODED.as_ref()?.captures(text)?;
    let places = &c[3];
    // A call in someone's sentence has no file name in its parentheses.
    if !places.contains(['.', '/', '?']) {
        return None;
    }
    let rest = c.get(4).map_or("", |m| m.as_str());
    let tail = DECODED_TAIL.as_ref()?.captures(rest)?;
    let mut frame = new(&c[2]);
    frame.unreliable = c.get(1).is_some() || rest.contains("(unreliable)");
    frame.module = tail.get(1).map(|m| m.as_str().to_owned());
    set_places(&mut frame, places);
    Some(frame)
}

/// Sets a frame's source from places as `addr2line -i` orders them: what is inlined first, the function's own last.
fn set_places(frame: &mut Frame, text: &str) {
    let Some(re) = DECODED_PLACE.as_ref() else { return };
    let mut places: Vec<Place> = re
        .captures_iter(text)
        .take(64)
        .filter_map(|c| {
            let file = c[1].trim_start_matches("./");
            (file != "??").then(|| Place { file: file.to_owned(), line: c[2].parse().ok() })
        })
        .collect();
    if let Some(own) = places.pop() {
        frame.file = Some(own.file);
        frame.line = own.line;
    }
    frame.inlined_at = places;
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
    /// In the kernel, at no symbol: the address as printed.
    Wild(String),
    /// In user mode.
    User,
}

/// Whether a line of the crash utility's says where an exception came: the frames above it only handle that.
pub fn is_exception(text: &str) -> bool {
    (text.contains("[exception ") || text.contains("PC: ") && text.contains('[')) && EXCEPTION.as_ref().is_some_and(|re| re.is_match(text))
}

/// Reads the line of the instruction pointer, of any architecture.
pub fn pointer(text: &str) -> Option<Pointer> {
    let head = text.trim_start();
    if let Some(c) = is_exception(text).then(|| EXCEPTION.as_ref()?.captures(text)).flatten() {
        let mut frame = new(&c[1]);
        frame.offset = c[2].parse().ok();
        return Some(Pointer::At(frame));
    }
    const REGISTERS: &[&str] = &[
        "RIP", "EIP", "NIP", "PC", "pc", "epc", "sepc", "era", "ERA", "IP", "Krnl PSW", "IAOQ[0]", "TPC: <", "[ECR", "RPC", "EPC", "ERET",
    ];
    if !REGISTERS.iter().any(|p| head.starts_with(p)) {
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
        if let Some(places) = c.get(7) {
            let found = decoded(&format!("{}{}", &c[1], places.as_str()))?;
            (frame.file, frame.line, frame.inlined_at, frame.module) = (found.file, found.line, found.inlined_at, found.module);
        }
        return Some(Pointer::At(frame));
    }
    let c = WILD.as_ref()?.captures(text)?;
    Some(Pointer::Wild(c.get(1).or(c.get(2)).map_or("", |m| m.as_str()).to_owned()))
}

/// The caller's address where a report prints it among the registers: `lr : f+0x1/0x2`, `ra : addr f+0x1/0x2`, `LR is at f+0x1/0x2`,
/// `BLINK: f+0x1/0x2`, `RP(r2): f+0x1/0x2`.
pub fn return_address(text: &str) -> Option<Frame> {
    pattern!(
        RETURN,
        r"^\s*(?:lr|LR|ra|RA|RPC|BLINK|\[BLINK\s*\]|RP\(r2\))(?: is at| at)?\s*:?\s+(?:\[<?(?:0x)?[0-9a-fA-F]+>?\]\s*)?(?:(?:0x)?[0-9a-f]{8,16}\s+)?(.*)$"
    );
    let rest = RETURN.as_ref()?.captures(text)?;
    parse(rest[1].trim_start_matches('.'))
}

/// What looks like a frame and may have been meant as one: an address in brackets or an offset.
pub fn resembles(text: &str) -> bool {
    pattern!(
        LIKELY,
        r"^\s*(?:\(?\[<(?:[0-9a-fA-F]+|\(_*ptrval_*\)|\s*inlined\s*)>\]|0x[0-9a-f]{8,16}(?:\s+\[[^\]]*\])?\s*$|(?:\? )?[A-Za-z_][\w.]*\+0x[0-9a-f]+|(?:\? )?[A-Za-z_][\w.]* \([^()]*:\d+)"
    );
    LIKELY.as_ref().is_some_and(|re| re.is_match(text))
}

/// The frame of a line that was cut off behind the name: `walk+0x1>`, as a pager or a console of fixed width leaves it.
pub fn torn(text: &str) -> Option<Frame> {
    pattern!(TORN, r"^\s*(?:\(?\[<?(?:0x)?[0-9a-fA-F]+>?\]\)? ?){0,3}(\? )?\.?([A-Za-z_][\w.$]*)\+(?:0x?)?[0-9a-fA-F]*/?(?:0x?)?>?\s*$");
    let c = TORN.as_ref()?.captures(text)?;
    let mut frame = new(&c[2]);
    frame.unreliable = c.get(1).is_some();
    Some(frame)
}

/// Whether a frame's line breaks off inside the name of its module or its source.
pub fn is_open(text: &str) -> bool {
    pattern!(OPEN, r"/0x[0-9a-fA-F]+\)?\s+\[[\w-]*>?\s*$|/0x[0-9a-fA-F]+>$|\([^()\s]+:\d+[^()]*>?$");
    OPEN.as_ref().is_some_and(|re| re.is_match(text))
}

/// Whether a line is the label of the instruction pointer, with the symbol left for the next.
pub fn is_bare_pointer(text: &str) -> bool {
    pattern!(
        LABEL,
        r"^\s*(?:RIP|EIP|NIP|PC|pc|epc|era|ERA)(?: is at|\s*:)(?:\s+(?:0010|0060):)?\s*(?:\[<?(?:0x)?[0-9a-fA-F]+>?\]\s*){0,2}$"
    );
    LABEL.as_ref().is_some_and(|re| re.is_match(text))
}

/// An interrupt's handlers as a line of their list names them, the one in the interrupt first, then its thread.
pub fn handlers(text: &str) -> Vec<Frame> {
    pattern!(
        HANDLER,
        r"^\s*\[<[0-9a-fA-Fx]+>\]\s+([A-Za-z_][\w.]*)(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?(?:\s+\[([\w-]+)\])?(?:\s+threaded\s+\[<[0-9a-fA-Fx]+>\]\s+([A-Za-z_][\w.]*)(?:\s+\[([\w-]+)\])?)?\s*$"
    );
    let Some(c) = HANDLER.as_ref().and_then(|re| re.captures(text)) else { return Vec::new() };
    let named = |name: usize, module: usize| {
        let mut frame = new(c.get(name)?.as_str());
        frame.module = c.get(module).map(|m| m.as_str().to_owned());
        Some(frame)
    };
    [named(1, 2), named(3, 4)].into_iter().flatten().collect()
}

/// An address in brackets that belongs to no symbol.
pub fn bare_address(text: &str) -> Option<&str> {
    pattern!(ADDRESS, r"^\s*\(?\[<(?:0x)?0*([0-9a-fA-F]+)>\]\)?\s*(?:0x[0-9a-fA-F]+)?\s*$");
    ADDRESS.as_ref()?.captures(text)?.get(1).map(|m| m.as_str())
}

/// The module, where the line says which, of an address of kernel code that has no symbol: `0xffffffc000c81e2c [some@000000006b7888f1+0x12000]`.
pub fn symbolless(text: &str) -> Option<Option<&str>> {
    pattern!(
        SYMBOLLESS,
        r"^\s*(?:\[<?(?:0x)?0*([0-9a-fA-F]{5,16})>?\]\s*(?:0x[0-9a-fA-F]+)?|0x0*([0-9a-fA-F]{5,16}))(?:\s+\[([\w-]+)[^\]]*\])?\s*$"
    );
    let c = SYMBOLLESS.as_ref()?.captures(text)?;
    c.get(1).or(c.get(2)).and_then(|address| hex(address.as_str())).filter(|address| *address >= crate::body::MAX_LOW)?;
    Some(c.get(3).map(|module| module.as_str()))
}

/// The first `symbol+0x1/0x2` anywhere in a text (a header, or what follows `at:`).
pub fn symbol_in(text: &str) -> Option<Frame> {
    pattern!(SOURCED, r"(?:^|\s)([A-Za-z_][\w.]* \([^()\s]+\.[chS]:(?:\d+|\?).*)$");
    pattern!(ANYWHERE, r"([A-Za-z_][\w.$]*)\+(0x[0-9a-fA-F]+)/(0x[0-9a-fA-F]+)(.*)$");
    let Some(c) = ANYWHERE.as_ref()?.captures(text) else {
        return decoded(&SOURCED.as_ref()?.captures(text)?[1]);
    };
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
        _ => unmangled(name.trim_start_matches('.')).to_owned(),
    };
    Frame {
        function,
        offset: None,
        size: None,
        module: None,
        file: None,
        line: None,
        inlined_at: Vec::new(),
        inlined: false,
        unreliable: false,
        stack: StackKind::Main,
    }
}

/// The name in a symbol of C++ outside any namespace: `_Z` and its length stand before it.
fn unmangled(symbol: &str) -> &str {
    let Some(rest) = symbol.strip_prefix("_Z") else { return symbol };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let length = rest.get(..digits).and_then(|d| d.parse::<usize>().ok()).unwrap_or(0);
    rest.get(digits..digits.saturating_add(length)).filter(|name| !name.is_empty()).unwrap_or(symbol)
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
    fn sources_in_parentheses() {
        let frame = parse(" ? take.isra.0 (net/a.c:12 (discriminator 2) net/b.h:3) some_mod (P)").expect("a frame");
        assert_eq!((frame.function.as_str(), frame.file.as_deref(), frame.line), ("take.isra.0", Some("net/b.h"), Some(3)));
        assert_eq!(frame.inlined_at, [Place { file: "net/a.c".into(), line: Some(12) }]);
        assert_eq!((frame.module.as_deref(), frame.unreliable), (Some("some_mod"), true));
        let frame = parse(" take (??:?) ").expect("a frame");
        assert_eq!((frame.function.as_str(), frame.file), ("take", None));
        let frame = parse(" take from give (arch/a.c:7)").expect("a frame");
        assert_eq!((frame.function.as_str(), frame.line), ("give", Some(7)));
        for text in ["see take (in net/a.c) for more", "it fails (net/a.c:12), as said", "take (see below: 3)"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_was_cut_off_is_seen() {
        for text in [" walk_all+0x1>", " [<c0100000>] walk_all+0x", "? walk_all+0x10/0"] {
            assert!(parse(text).is_none() && torn(text).is_some_and(|f| f.function == "walk_all"), "{text}");
        }
        assert!(is_open(" [<000003ff7ff1a8b2>] walk_all+0x62/0x1a0 [so"));
        assert!(!is_open(" walk_all+0x62/0x1a0 [some]") && !is_open(" walk_all+0x62/0x1a0"));
        assert!(torn("see walk_all+0x1 there").is_none());
        assert_eq!(new("_Z4walki").function, "walk");
        assert!(is_bare_pointer("RIP: 0010:") && is_bare_pointer("pc : ") && !is_bare_pointer("RIP: 0010:walk+0x1/0x2"));
        let names = |text: &str| handlers(text).into_iter().map(|f| f.function).collect::<Vec<_>>();
        assert_eq!(
            names("[<00000000abcdef>] ring_isr [ring] threaded [<0000000012345678>] ring_thread [ring]"),
            ["ring_isr", "ring_thread"]
        );
        assert!(names("Disabling IRQ #18").is_empty());
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
            "NIP [c000000000123456] .walk+0x1/0x2",
            "NIP: walk+0x1/0x2",
            "epc : walk+0x1/0x2",
            "epc   : 80001234 walk+0x1/0x2 [mod]",
            " ERA: 9000000000221774 walk+0x1/0x2",
            "Krnl PSW : 0704c00180000000 00000000006d0c30 (walk+0x1/0x2)",
            "RIP: 0010:walk (mm/a.c:1 (discriminator 2) mm/a.c:3) mod",
            "pc : walk (mm/a.c:1)",
        ] {
            assert!(matches!(pointer(text), Some(Pointer::At(f)) if f.function == "walk"), "{text}");
        }
        assert!(matches!(pointer("RIP: 0033:0x7f0bbb83ee5d"), Some(Pointer::User)));
        for text in [
            "RIP: 0010:0x0",
            "Krnl PSW : 0704e00180000000 0000000000000002 (0x2)",
            "pc : 0x0",
            "epc : 0000000000000000",
            "NIP [0000000000000000] 0x0",
            "PC is at 0x0",
        ] {
            assert!(matches!(pointer(text), Some(Pointer::Wild(_))), "{text}");
        }
        for text in ["pc : [<c0101234>]    lr : [<c0101230>]    psr: 60000013", "NIP:  c000000000123456 LR: c000000000123450 CTR: 0"] {
            assert!(pointer(text).is_none(), "{text}");
        }
        for text in [
            "lr : walk+0x1/0x2",
            "ra    : 8ed03454 walk+0x1/0x2 [mod]",
            "LR is at walk+0x1/0x2",
            "LR [c000] walk+0x1/0x2",
            " ra : walk+0x1/0x2",
        ] {
            assert!(return_address(text).is_some_and(|f| f.function == "walk"), "{text}");
        }
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
            &*DECODED,
            &*DECODED_PLACE,
            &*DECODED_TAIL,
        ]
        .iter()
        .enumerate()
        {
            assert!(pattern.is_some(), "pattern {i}");
        }
    }
}
