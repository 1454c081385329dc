//! Reads what lockdep prints about one lock: its address, class, marks, and where it was taken.

use crate::frame;
use crate::types::HeldLock;

/// Reads `address (class){mode}-{wait}, at: function+0x1/0x2 file:line` and the older `(class){mode}, at: [<addr>] function+...`.
pub fn parse_lock(text: &str) -> Option<HeldLock> {
    let at = text.find("at: ").or_else(|| text.find("at:"))?;
    let (head, place) = (text.get(..at)?, text.get(at + 3..)?);
    let address =
        head.split_ascii_whitespace().next().filter(|w| w.len() >= 8 && w.bytes().all(|b| b.is_ascii_hexdigit())).map(str::to_owned);
    // The class is in parentheses that may hold parentheses; it ends where the marks or the comma begin.
    let open = head.find('(')?;
    let mut depth = 0usize;
    let mut close = None;
    for (i, c) in head.char_indices().skip_while(|(i, _)| *i < open) {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    close = Some(i);
                    break;
                }
            }
            _ => {}
        }
    }
    let close = close?;
    let class = head.get(open + 1..close)?.trim().to_owned();
    let mode = head.get(close + 1..).map(|m| m.trim().trim_end_matches(',').trim().to_owned()).filter(|m| m.starts_with('{'));
    let symbol = frame::symbol_in(place);
    let mut lock = HeldLock { index: 0, address, class, mode, acquired_at: None, offset: None, site: None, holder: None };
    if let Some(f) = symbol {
        lock.offset = f.offset;
        lock.site = f.file.as_ref().map(|file| format!("{file}:{}", f.line.unwrap_or(0)));
        lock.acquired_at = Some(f.function);
    } else {
        // Symbolised: `at: function file.c:12 [inline]`.
        let mut words = place.split_ascii_whitespace();
        lock.acquired_at = words.next().filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')).map(str::to_owned);
        lock.site = words.next().filter(|w| w.contains(':')).map(str::to_owned);
    }
    Some(lock)
}
