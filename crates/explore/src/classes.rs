//! Classes of guards that a file of the tree defines for itself (`DEFINE_GUARD` and its kin), written out as the functions that they come to: one that begins the
//! section and one that ends it. The model's classes come first. Refuses classes that keep something else than their object, and conditional ones.

use memchr::memmem;
use std::borrow::Cow;

/// The function that begins a section of this class, or ends it.
pub(crate) fn section(class: &str, begins: bool) -> String {
    format!("__guard_{}_{class}", if begins { "begin" } else { "end" })
}

/// The function that `__free(class)` calls with the variable's value.
pub(crate) fn release(class: &str) -> String {
    format!("__guard_free_{class}")
}

/// Lines that one definition goes over at most.
const LINES: usize = 12;

/// Puts functions in the place of definitions of classes. Lines stay where they are.
pub(crate) fn written_out(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if memmem::find(&bytes, b"\nDEFINE_").is_none() {
        return bytes;
    }
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes };
    let lines: Vec<&str> = text.split('\n').collect();
    let mut out = String::with_capacity(text.len() + 512);
    let (mut n, mut changed) = (0, false);
    while n < lines.len() {
        if n > 0 {
            out.push('\n');
        }
        match definition(&lines[n..]).and_then(|(word, args, count)| Some((functions(word, &args)?, count))) {
            Some((functions, count)) => {
                out.push_str(&functions);
                out.extend(std::iter::repeat_n('\n', count - 1));
                changed = true;
                n += count;
            }
            None => {
                out.push_str(lines[n]);
                n += 1;
            }
        }
    }
    if changed { Cow::Owned(out.into_bytes()) } else { bytes }
}

/// The macro, its arguments, and over how many lines they go.
fn definition<'t>(lines: &[&'t str]) -> Option<(&'t str, Vec<String>, usize)> {
    let (word, rest) = lines.first()?.split_once('(')?;
    if !matches!(word, "DEFINE_GUARD" | "DEFINE_LOCK_GUARD_0" | "DEFINE_LOCK_GUARD_1" | "DEFINE_FREE") {
        return None;
    }
    let (mut depth, mut args, mut part) = (0, Vec::new(), String::new());
    for (n, line) in std::iter::once(rest).chain(lines.iter().skip(1).copied()).enumerate().take(LINES) {
        for (at, c) in line.char_indices() {
            match c {
                '(' | '{' => depth += 1,
                ')' if depth == 0 => {
                    args.push(part.trim().to_owned());
                    let behind = line[at + 1..].trim_start_matches([';', ' ', '\t']);
                    return (behind.is_empty() || behind.starts_with("/*")).then_some((word, args, n + 1));
                }
                ')' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    args.push(std::mem::take(&mut part).trim().to_owned());
                    continue;
                }
                _ => {}
            }
            part.push(c);
        }
        part.push(' ');
    }
    None
}

fn functions(word: &str, args: &[String]) -> Option<String> {
    let function = |name: String, param: &str, body: &str| format!("static inline void {name}({param}) {{ {body}; }} ");
    let both = |name: &str, param: &str, begin: &str, end: &str| {
        function(section(name, true), param, begin) + &function(section(name, false), param, end)
    };
    match (word, args) {
        ("DEFINE_GUARD", [name, ty, begin, end]) => Some(both(name, &format!("{ty} _T"), begin, &format!("if (_T) {{ {end}; }}"))),
        ("DEFINE_LOCK_GUARD_0", [name, begin, end]) => Some(both(name, "void", begin, end)),
        ("DEFINE_LOCK_GUARD_1", [name, ty, begin, end]) => {
            let [begin, end] = [begin, end].map(|part| part.replace("_T->lock", "_T"));
            let only = !begin.contains("_T->") && !end.contains("_T->");
            only.then(|| both(name, &format!("{ty} *_T"), &begin, &format!("if (_T) {{ {end}; }}")))
        }
        ("DEFINE_FREE", [name, ty, free]) => Some(function(release(name), &format!("{ty} _T"), free)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(text: &str) -> String {
        let out = String::from_utf8(written_out(Cow::Borrowed(text.as_bytes())).into_owned()).unwrap();
        assert_eq!(out.split('\n').count(), text.split('\n').count());
        out
    }

    #[test]
    fn a_class_becomes_functions() {
        let text = "int a;\nDEFINE_GUARD(pump, struct pump *, pump_start(_T, 1),\n\t     pump_stop(_T))\nDEFINE_FREE(hose, struct hose *, if (_T) hose_drop(_T))\nint b;\n";
        let out = out(text);
        assert!(out.contains("static inline void __guard_begin_pump(struct pump * _T) { pump_start(_T, 1); }"), "{out}");
        assert!(out.contains("static inline void __guard_end_pump(struct pump * _T) { if (_T) { pump_stop(_T); }; }"), "{out}");
        assert!(out.contains("__guard_free_hose(struct hose * _T) { if (_T) hose_drop(_T); }"), "{out}");
    }

    #[test]
    fn what_keeps_more_than_its_object_stays() {
        let text = "\nDEFINE_LOCK_GUARD_1(irq, spinlock_t, lock(_T->lock, _T->flags), unlock(_T->lock, _T->flags), unsigned long flags)\n\
                    DEFINE_LOCK_GUARD_1(one, spinlock_t, lock(_T->lock), unlock(_T->lock))\nDEFINE_GUARD(open, x\n";
        let out = out(text);
        assert!(out.contains("\nDEFINE_LOCK_GUARD_1(irq,") && out.contains("__guard_begin_one(spinlock_t *_T) { lock(_T); }"), "{out}");
        assert!(out.ends_with("\nDEFINE_GUARD(open, x\n"), "{out}");
    }
}
