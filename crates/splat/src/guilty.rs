//! Chooses the function that a report is about: the innermost reliable frame that is no generic helper. Which functions are helpers
//! is data: `data/helpers.toml` says it by files and families of names, `data/helpers.txt` what these files define; nothing here names one.

use crate::types::Frame;
use rustc_hash::FxHashSet;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

#[derive(Deserialize)]
struct Table {
    group: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    keep: Vec<String>,
}

/// The functions of a group.
#[derive(Default)]
struct Members {
    /// What its files define.
    defined: FxHashSet<&'static str>,
    families: Patterns,
    keep: Patterns,
}

/// Name patterns, by where their `*` stands.
#[derive(Default)]
struct Patterns {
    exact: Vec<String>,
    prefix: Vec<String>,
    suffix: Vec<String>,
    inside: Vec<String>,
    split: Vec<(String, String)>,
}

static GROUPS: LazyLock<BTreeMap<String, Members>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("../data/helpers.toml")).unwrap_or(Table { group: Vec::new() });
    let mut defined = defined(include_str!("../data/helpers.txt"));
    let members = |g: Group| {
        let defined = defined.remove(g.name.as_str()).unwrap_or_default();
        (g.name, Members { defined, families: Patterns::new(&g.names), keep: Patterns::new(&g.keep) })
    };
    table.group.into_iter().map(members).collect()
});

/// The names of a list, by group.
fn defined(text: &'static str) -> BTreeMap<&'static str, FxHashSet<&'static str>> {
    let mut groups: BTreeMap<&str, FxHashSet<&str>> = BTreeMap::new();
    let mut group = "";
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => group = name,
            None => {
                groups.entry(group).or_default().insert(line);
            }
        }
    }
    groups
}

impl Members {
    fn has(&self, name: &str) -> bool {
        (self.defined.contains(name) || self.families.matches(name)) && !self.keep.matches(name)
    }
}

impl Patterns {
    fn new(names: &[String]) -> Patterns {
        let mut p = Patterns::default();
        for name in names {
            let core = name.trim_matches('*').to_owned();
            match (name.starts_with('*'), name.ends_with('*')) {
                (true, true) => p.inside.push(core),
                (true, false) => p.suffix.push(core),
                (false, true) => p.prefix.push(core),
                (false, false) => match core.split_once('*') {
                    Some((a, b)) => p.split.push((a.to_owned(), b.to_owned())),
                    None => p.exact.push(core),
                },
            }
        }
        p
    }

    fn matches(&self, name: &str) -> bool {
        self.exact.iter().any(|p| p == name)
            || self.prefix.iter().any(|p| name.starts_with(p.as_str()))
            || self.suffix.iter().any(|p| name.ends_with(p.as_str()))
            || self.inside.iter().any(|p| name.contains(p.as_str()))
            || self.split.iter().any(|(a, b)| name.starts_with(a.as_str()) && name.ends_with(b.as_str()))
    }
}

/// Whether a function is in a group of the table.
pub fn in_group(group: &str, function: &str) -> bool {
    GROUPS.get(group).is_some_and(|members| members.has(plain(function)))
}

/// The function's name without the compiler's suffixes (`.isra.0`, `.cold`).
pub fn plain(function: &str) -> &str {
    if function.starts_with('<') || function.contains("::") {
        return function;
    }
    match function.find('.') {
        Some(0) | None => function,
        Some(dot) => function.get(..dot).unwrap_or(function),
    }
}

/// The customary name: no compiler suffix, and system calls without the decoration of their entry: `__x64_sys_bind` is `sys_bind`, and
/// the body that the `SYSCALL_DEFINE` macros make of it (`__do_sys_bind`, `SYSC_bind`) is `bind`.
pub fn canonical(function: &str) -> String {
    let name = plain(function);
    const ENTRIES: &[&str] = &[
        "compat_SYSC_",
        "compat_SyS_",
        "__se_sys_",
        "__do_sys_",
        "____sys_",
        "___sys_",
        "__arm64_",
        "__riscv_",
        "__s390x_",
        "__ia32_",
        "__x64_",
        "__sys_",
        "__se_",
        "ksys_",
        "SYSC_",
        "SyS_",
        "sys_",
    ];
    ENTRIES.iter().find_map(|entry| name.strip_prefix(entry)).filter(|rest| !rest.is_empty()).unwrap_or(name).to_owned()
}

/// Whether a reader of the report would look past this function.
pub fn is_skipped(function: &str, groups: &[&str]) -> bool {
    in_group("generic", function) || groups.iter().any(|g| in_group(g, function))
}

/// Whether a function only says that its caller may not do what it does: it explains no call.
pub fn is_complaint(function: &str) -> bool {
    in_group("complaint", function)
}

/// Whether the compiler or the processor puts the call of this function where it is: no source has it.
pub fn is_inserted(function: &str) -> bool {
    in_group("inserted", function)
}

/// Whether a frame may give the report its name. Inlined functions do not: whether they show depends on whether the log was symbolised,
/// and one crash should have one title.
fn counts(f: &Frame, groups: &[&str]) -> bool {
    !f.unreliable && !f.inlined && !is_skipped(&f.function, groups)
}

/// The innermost frame that is reliable and no helper.
pub fn pick<'a>(frames: impl IntoIterator<Item = &'a Frame>, groups: &[&str]) -> Option<String> {
    frames.into_iter().find(|f| counts(f, groups)).map(|f| canonical(&f.function))
}

/// For stalls: the function just inside the first dispatching one, since the innermost is an accident of the moment.
pub fn pick_stalled<'a>(frames: impl IntoIterator<Item = &'a Frame>, groups: &[&str]) -> Option<String> {
    let names: Vec<String> = frames.into_iter().filter(|f| counts(f, groups)).map(|f| canonical(&f.function)).collect();
    let mut inner = names.first()?;
    for name in &names {
        if in_group("dispatch", name) {
            return Some(if name.contains("smp_call_function") { "smp_call_function".to_owned() } else { inner.clone() });
        }
        inner = name;
    }
    None
}

/// For hung tasks: waiting for a grace period or for the RTNL is named as such, whoever waits; otherwise the first that does not wait.
pub fn pick_hung<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Option<String> {
    let names: Vec<String> = frames.into_iter().filter(|f| counts(f, &[])).map(|f| canonical(&f.function)).collect();
    for name in &names {
        if ["synchronize_rcu", "synchronize_srcu", "synchronize_net", "synchronize_sched"].iter().any(|w| name.contains(w)) {
            return Some("synchronize_rcu".to_owned());
        }
        if name.contains("rtnl_lock") {
            return Some(name.clone());
        }
    }
    names.into_iter().find(|n| !in_group("hung", n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        assert!(GROUPS.len() > 10);
        assert!(
            in_group("generic", "memcpy_orig") && in_group("generic", "_raw_spin_lock_irqsave") && in_group("generic", "__kmalloc.part.0")
        );
        assert!(!in_group("generic", "tipc_recvmsg"));
    }

    #[test]
    fn names_of_system_calls() {
        assert_eq!(canonical("__x64_sys_bind"), "sys_bind");
        for name in ["SyS_bind", "__se_sys_bind", "SYSC_bind", "__do_sys_bind"] {
            assert_eq!(canonical(name), "bind");
        }
        assert_eq!(canonical("walk.isra.0.cold"), "walk");
    }
}
