//! Scenarios as files: a source that lays one over a tree, with the headers that it may include, and the names that stay calls.

use cuthere_base::{FileId, Source, Symbol};
use cuthere_cfront::shapes::{KnownType, Shape, Shapes};
use cuthere_kernel::Model;
use std::borrow::Cow;
use std::fmt::Write;

use crate::conditional::Conditionals;
use crate::primitives::Prim;
use crate::{classes, written_out};

/// Which file of the program is the scenario.
#[derive(Clone, Debug)]
pub struct ScenarioSource {
    pub file: FileId,
    /// It is a C program with `main` rather than a scenario for a tree.
    pub plain: bool,
}

/// Whether a text is a C program of its own, with what it includes from beside it: it has `main` and no `scenario`.
pub fn is_plain(text: &str, others: &[(String, Vec<u8>)]) -> bool {
    let main = || has(text, "main") || others.iter().any(|(_, text)| has(&String::from_utf8_lossy(text), "main"));
    may_be_plain(text) && main()
}

/// Whether a text is no scenario for a tree.
pub fn may_be_plain(text: &str) -> bool {
    !has(text, "scenario")
}

/// Whether a text has a function of this name.
fn has(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].trim_start().starts_with('(');
        after && before.is_none_or(|c| c.is_whitespace() || c == '*')
    })
}

/// What `#include <cuthere.h>` finds.
pub const HEADER: &str = include_str!("../include/cuthere.h");

const KERNEL_HEADERS: &[(&str, &str)] = &[("include/cuthere.h", HEADER)];

pub(crate) const PLAIN_HEADERS: &[(&str, &str)] = &[
    ("include/assert.h", include_str!("../include/assert.h")),
    ("include/builtins.h", include_str!("../include/builtins.h")),
    ("include/cuthere.h", HEADER),
    ("include/errno.h", include_str!("../include/errno.h")),
    ("include/float.h", include_str!("../include/float.h")),
    ("include/genmc.h", include_str!("../include/genmc.h")),
    ("include/inttypes.h", include_str!("../include/stdint.h")),
    ("include/limits.h", include_str!("../include/limits.h")),
    ("include/math.h", include_str!("../include/math.h")),
    ("include/pthread.h", include_str!("../include/pthread.h")),
    ("include/sched.h", include_str!("../include/stddef.h")),
    ("include/semaphore.h", include_str!("../include/semaphore.h")),
    ("include/stdatomic.h", include_str!("../include/stdatomic.h")),
    ("include/stdbool.h", include_str!("../include/stdbool.h")),
    ("include/stddef.h", include_str!("../include/stddef.h")),
    ("include/stdint.h", include_str!("../include/stdint.h")),
    ("include/stdio.h", include_str!("../include/stddef.h")),
    ("include/stdlib.h", include_str!("../include/stddef.h")),
    ("include/string.h", include_str!("../include/string.h")),
    ("include/threads.h", include_str!("../include/threads.h")),
    ("include/time.h", include_str!("../include/time.h")),
    ("include/unistd.h", include_str!("../include/stddef.h")),
];

/// The header of the macros that a program is to be read with.
const DEFINES: &str = "cuthere-defines.h";

/// A tree with a scenario laid over it.
pub struct WithScenario<'s> {
    base: Option<&'s dyn Source>,
    count: u32,
    /// Sorted by path.
    added: Vec<(String, Vec<u8>)>,
    name: String,
    pub plain: bool,
}

impl<'s> WithScenario<'s> {
    /// `base` is the tree; a plain program needs none. `path` names the scenario in messages.
    pub fn new(base: Option<&'s dyn Source>, path: &str, text: &str) -> WithScenario<'s> {
        // In the root of the tree, so that `#include "net/core/x.c"` means that file.
        WithScenario::beside(base, path.rsplit('/').next().unwrap_or(path), text, &[], &[])
    }

    /// A plain program with files that it includes, and macros that it is to be read with: `path` and the files' paths start from one folder.
    pub fn beside(
        base: Option<&'s dyn Source>,
        path: &str,
        text: &str,
        others: &[(String, Vec<u8>)],
        defines: &[(String, String)],
    ) -> WithScenario<'s> {
        let plain = is_plain(text, others);
        let base = base.filter(|_| !plain);
        let name = path.to_owned();
        let headers = if plain { PLAIN_HEADERS } else { KERNEL_HEADERS };
        let mut added: Vec<(String, Vec<u8>)> = headers.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())).collect();
        let mut whole = text.to_owned();
        let mut kept: Vec<(String, Vec<u8>)> = Vec::new();
        if plain {
            let mut conditionals = Conditionals::new(others, defines);
            whole = conditionals.walk(path, text);
            kept.extend(conditionals.kept.into_iter().map(|(path, text)| (path, text.into_bytes())));
            whole.push_str("\n#include <builtins.h>\n");
            if !defines.is_empty() {
                let _ = writeln!(whole, "#include <{DEFINES}>");
                let lines = defines.iter().map(|(name, value)| format!("#define {name} {value}\n")).collect::<String>();
                added.push((format!("include/{DEFINES}"), lines.into_bytes()));
            }
        }
        if let Some(base) = base {
            declare_macro_variables(base, text, &mut whole);
        }
        for (path, text) in kept.iter().filter(|(path, _)| *path != name && !headers.iter().any(|(header, _)| header == path)) {
            // What the program has seen before the inclusion, the included text sees. Behind its end, so that its lines keep their numbers.
            added.push((path.clone(), [&text[..], &b"\n#include \""[..], name.as_bytes(), b"\"\n"].concat()));
        }
        added.push((name.clone(), whole.into_bytes()));
        added.sort();
        WithScenario { base, count: base.map_or(0, |b| b.len() as u32), added, name, plain }
    }

    /// The scenario's file.
    pub fn scenario(&self) -> ScenarioSource {
        let file = self.find(&self.name).unwrap_or(FileId(0));
        ScenarioSource { file, plain: self.plain }
    }
}

/// What a line includes by `"name"`.
pub fn included(line: &str) -> Option<&str> {
    inclusion(line)?.strip_prefix('"')?.split('"').next()
}

/// What a line includes by `<name>`, if no header of the explorer's own stands for it.
pub fn included_from_folders(line: &str) -> Option<&str> {
    let name = inclusion(line)?.strip_prefix('<')?.split('>').next()?;
    (!is_provided(name)).then_some(name)
}

/// Whether a program that includes this name finds a header of the explorer's own.
pub fn is_provided(name: &str) -> bool {
    PLAIN_HEADERS.iter().any(|(path, _)| path.strip_prefix("include/") == Some(name))
}

fn inclusion(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include")?;
    Some(rest.trim_start())
}

/// Repeats, behind the scenario's own text, the variables that the source files it includes define through macros
/// (`static DEFINE_PER_CPU(int, x);`), so that the scenario can name them: only the declaring file sees through such a macro.
fn declare_macro_variables(base: &dyn Source, text: &str, out: &mut String) {
    for line in text.lines() {
        let Some(path) = included(line).filter(|path| path.ends_with(".c")) else { continue };
        let Some(bytes) = base.find(path).and_then(|f| base.read(f).ok()) else { continue };
        for line in String::from_utf8_lossy(&bytes).lines() {
            let word = line.strip_prefix("static ").unwrap_or(line);
            let known = ["DEFINE_", "LIST_HEAD(", "HLIST_HEAD(", "DECLARE_"].iter().any(|p| word.starts_with(p));
            if known && line.trim_end().ends_with(");") {
                out.push('\n');
                out.push_str(line);
            }
        }
    }
    out.push('\n');
}

impl Source for WithScenario<'_> {
    fn len(&self) -> usize {
        self.count as usize + self.added.len()
    }

    fn path(&self, file: FileId) -> &str {
        match file.0.checked_sub(self.count) {
            Some(n) => self.added.get(n as usize).map_or("", |f| f.0.as_str()),
            None => self.base.map_or("", |b| b.path(file)),
        }
    }

    fn find(&self, path: &str) -> Option<FileId> {
        match self.added.binary_search_by(|f| f.0.as_str().cmp(path)) {
            Ok(n) => Some(FileId(self.count + n as u32)),
            Err(_) => self.base.and_then(|b| b.find(path)),
        }
    }

    fn read(&self, file: FileId) -> Result<Cow<'_, [u8]>, String> {
        match file.0.checked_sub(self.count) {
            Some(n) => self.added.get(n as usize).map(|f| Cow::Borrowed(&f.1[..])).ok_or_else(|| "no such file".to_owned()),
            None => {
                let Some(base) = self.base else { return Err("no such file".to_owned()) };
                let bytes = base.read(file)?;
                let path = base.path(file);
                Ok(match path {
                    // The option's value is an address, which the default configuration has no number for.
                    "include/linux/poison.h" => {
                        let text = String::from_utf8_lossy(&bytes).replace("_AC(CONFIG_ILLEGAL_POINTER_VALUE, UL)", "0xdead000000000000UL");
                        Cow::Owned(text.into_bytes())
                    }
                    _ if path.ends_with(".h") => {
                        classes::written_out(written_out::expanded(written_out::tagged(written_out::braced(bytes))))
                    }
                    _ => classes::written_out(bytes),
                })
            }
        }
    }
}

/// The names that stay calls when code is read to be executed: only what the machine does itself. All other macros are expanded, so that
/// loops, waits and initialisers are what the tree says they are.
pub fn shapes_for(model: &Model, plain: bool) -> Shapes {
    let mut shapes = model.shapes();
    shapes.names.retain(|&name, shape| match shape {
        Shape::Loop | Shape::Decl => false,
        Shape::Call => {
            let text = name.as_str();
            if model.container_of(name).is_some() || model.condition_arg(name).is_some() {
                return false;
            }
            if plain {
                return Prim::named(text, true).is_some() || text.starts_with("__builtin");
            }
            match model.entry(name) {
                // A macro that only stands for a function that may sleep is expanded.
                Some(entry) => Prim::named(text, false).is_some() || Prim::of_entry(entry).is_some_and(|prim| !prim.yields()),
                None => {
                    let kept =
                        ["__builtin", "IS_", "BUILD_BUG", "likely", "unlikely", "offsetof", "static_assert", "_Static", "compiletime"];
                    kept.iter().any(|k| text.starts_with(k)) && text != "offsetofend" || Prim::named(text, false).is_some()
                }
            }
        }
        _ => !plain,
    });
    let call = |shapes: &mut Shapes, names: &str| {
        for name in names.split_whitespace() {
            shapes.names.insert(Symbol::intern(name), Shape::Call);
        }
    };
    call(&mut shapes, "cuthere_assert cuthere_task cuthere_softirq cuthere_hardirq cuthere_finally cuthere_choose");
    if plain {
        shapes.types.clear();
        shapes.constants.clear();
        for (name, size, signed) in
            [("size_t", 8, false), ("ssize_t", 8, true), ("pthread_t", 8, false), ("intptr_t", 8, true), ("uintptr_t", 8, false)]
        {
            shapes.types.insert(Symbol::intern(name), KnownType::Int { size, signed });
        }
        call(&mut shapes, "assert");
    } else {
        call(
            &mut shapes,
            "READ_ONCE WRITE_ONCE smp_load_acquire smp_store_release smp_store_mb rcu_dereference rcu_assign_pointer RCU_INIT_POINTER
             rcu_dereference_protected rcu_dereference_check rcu_dereference_raw rcu_access_pointer rcu_dereference_bh rcu_dereference_rtnl
             rtnl_dereference srcu_dereference srcu_dereference_check xchg cmpxchg rcu_replace_pointer
             timer_setup timer_setup_on_stack INIT_WORK INIT_DELAYED_WORK INIT_WORK_ONSTACK set_current_state __set_current_state
             this_cpu_ptr raw_cpu_ptr per_cpu_ptr get_cpu_ptr alloc_percpu alloc_percpu_gfp smp_processor_id raw_smp_processor_id
             wake_up wake_up_all wake_up_nr wake_up_interruptible wake_up_interruptible_all wake_up_locked wake_up_interruptible_sync
             init_waitqueue_head might_sleep cond_resched kthread_run kthread_create init_completion kfree_rcu kvfree_rcu synchronize_net
             this_cpu_inc __this_cpu_inc this_cpu_dec __this_cpu_dec this_cpu_add __this_cpu_add this_cpu_sub this_cpu_write __this_cpu_write
             raw_cpu_inc raw_cpu_dec raw_cpu_add lockdep_assert_held WARN_ON WARN_ON_ONCE BUG_ON BUG WARN WARN_ONCE ASSERT_RTNL lockdep_is_held barrier smp_mb smp_rmb smp_wmb
             get_user __get_user put_user __put_user unsafe_get_user unsafe_put_user copy_from_user copy_to_user __copy_from_user __copy_to_user
             hrtimer_init hrtimer_init_on_stack hrtimer_setup hrtimer_setup_on_stack
             array_index_mask_nospec memcpy memset memmove memcmp pr_err pr_warn pr_info pr_debug dev_err dev_warn dev_info dev_dbg printk
             kmalloc kzalloc kcalloc kmalloc_array kvmalloc kvzalloc kmem_cache_alloc kmem_cache_zalloc vmalloc vzalloc kmemdup kvcalloc",
        );
    }
    shapes
}
