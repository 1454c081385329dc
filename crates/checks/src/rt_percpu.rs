//! # rt-percpu
//!
//! On PREEMPT_RT: per-CPU data is used in softirqs, or with bottom halves disabled, as if that kept the CPU to itself, while another function
//! changes the same data.
//!
//! ## Why it matters
//!
//! Without PREEMPT_RT a softirq is not preempted by another one, nor by a task, so that per-CPU data which only softirqs touch needs no lock. On PREEMPT_RT
//! softirqs run in tasks that can be preempted at any time, and disabling bottom halves excludes nobody else on the CPU, unless the kernel serialises them by a lock of each
//! CPU (always from 5.12 to 6.17, by configuration from 6.18 on; `--bh-lock` says so). Two sections then meet in the middle of a list operation or
//! of an update: entries get lost, lists are walked onto freed memory. See `Documentation/locking/locktypes.rst`.
//!
//! ## Example
//!
//! ```c
//! static DEFINE_PER_CPU(struct todo, todo);
//!
//! static void todo_tasklet(unsigned long data)      /* softirq */
//! {
//!     struct todo *t = (struct todo *)data;
//!     skb_queue_splice_init(&t->queue, &mine);
//! }
//!
//! void todo_add(struct sk_buff *skb)                /* bottom halves are disabled */
//! {
//!     __skb_queue_tail(&this_cpu_ptr(&todo)->queue, skb);
//! }
//! ```
//!
//! Put a lock into the data, or use `local_lock_nested_bh()`.
//!
//! ## How it decides
//!
//! It is asked only with `--preempt rt`, and not with `--bh-lock`. Data is per-CPU where some function reaches it by `this_cpu_ptr()` and kin; functions that are
//! entered from outside (tasklets, timers) may be handed such an object, and are known by its record. An access counts if no lock is held, here or on every way in, and
//! neither preemption nor interrupts are disabled by hand. Reported is each of two functions of which one changes the data, if one of them runs in a softirq or with bottom halves
//! disabled. Primitives that are atomic on their CPU (`this_cpu_inc()`) and accesses to any CPU's copy are left out, and so is initialisation.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence.
//!
//! * **medium**: a structure (a list, a queue) is handed to a function that changes it.
//! * **low**: single members are stored to, as counters are: an update may get lost, and often that does not matter; a function's context is not known.
//!
//! ## What it assumes and misses
//!
//! That a callback which is handed an object of a per-CPU record is handed one of its own CPU. Data that is protected by a protocol of its own.

use cuthere_analysis::{Check, CheckInfo, Claim, Claims, Maturity, Tree, words};
use cuthere_base::Confidence;
use cuthere_flow::body::Record;
use cuthere_flow::engine::VariableOf;
use cuthere_flow::index::PerCpuUse;
use cuthere_flow::program::contexts::{Ins, Part};
use cuthere_flow::summary::FuncId;
use cuthere_kernel::Level;
use std::collections::{HashMap, HashSet};

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "rt-percpu",
        summary: "on PREEMPT_RT, per-CPU data relies on disabled bottom halves, which exclude nobody there",
        source: include_str!("rt_percpu.rs"),
        maturity: Maturity::Trial,
    },
    start: None,
    entered: false,
    tree: Some(judge),
};

type Use = (FuncId, PerCpuUse);

fn judge(tree: &Tree<'_>, claims: &mut Claims) {
    let preemption = tree.world.preemption;
    if !preemption.rt || preemption.bh_lock {
        return;
    }
    let percpu: HashSet<Record> = tree.percpu.0.iter().filter(|(_, u)| u.this || u.any).filter_map(|(_, u)| record(u.of)).collect();
    let mut places: HashMap<VariableOf, usize> = HashMap::new();
    let mut groups: Vec<Vec<Use>> = Vec::new();
    for &(f, u) in &tree.percpu.0 {
        let known = u.this || record(u.of).is_some_and(|r| percpu.contains(&r));
        if u.any || !known || excluded(tree, f, &u) {
            continue;
        }
        let at = *places.entry(u.of).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[at].push((f, u));
    }
    // Of an object it is said once: by what is changed as a whole, if anything is.
    groups.sort_by_key(|group| !group.iter().any(|(_, u)| u.handed));
    let mut told: HashSet<(FuncId, Option<Record>)> = HashSet::new();
    for group in groups {
        pairs(tree, &group, &mut told, claims);
    }
}

fn record(of: VariableOf) -> Option<Record> {
    match of {
        VariableOf::Member(record, _) => Some(record),
        VariableOf::Global(_) => None,
    }
}

/// Whether something keeps others of the CPU away, or nobody else is there yet.
fn excluded(tree: &Tree<'_>, f: FuncId, u: &PerCpuUse) -> bool {
    let way = tree.contexts().entered(f).best();
    let held = way.locks.iter().any(|l| l.always) || way.part(Part::Irq).0 || way.part(Part::Preempt).0 || way.level(Level::Hardirq);
    u.excluded || held || words::is_boot_code(tree.world.func(f)) || words::is_test_code(tree.world.path(f))
}

/// Whether a use is known to be in a softirq, or with bottom halves disabled.
fn soft(entered: &Ins, u: &PerCpuUse) -> bool {
    let way = entered.best();
    u.bh || way.level(Level::Softirq) || way.part(Part::Bh).0
}

/// Each function of a group, with another one that gets in its way.
fn pairs(tree: &Tree<'_>, group: &[Use], told: &mut HashSet<(FuncId, Option<Record>)>, claims: &mut Claims) {
    let is_soft = |(f, u): &Use| soft(tree.contexts().entered(*f), u);
    for one in group {
        let fits = |other: &&Use| other.0 != one.0 && (one.1.store || other.1.store) && (is_soft(one) || is_soft(other));
        let best = group.iter().filter(fits).max_by_key(|(f, u)| (u.handed, u.store, is_soft(&(*f, *u)), std::cmp::Reverse(*f)));
        if let Some(other) = best
            && (one.1.handed || !group.iter().any(|(f, u)| *f == one.0 && u.handed))
            && told.insert((one.0, record(one.1.of)))
        {
            claims.extend(claim(tree, one, other, is_soft(one) && is_soft(other)));
        }
    }
}

fn claim(tree: &Tree<'_>, one: &Use, other: &Use, both: bool) -> Option<Claim> {
    let world = tree.world;
    let of = match one.1.of {
        VariableOf::Member(record, member) => format!("{record}.{member}"),
        VariableOf::Global(name) => name.to_string(),
    };
    let (body, peer) = (world.func(one.0), world.func(other.0));
    let (here, there) = (body.op(one.1.at)?.loc, peer.op(other.1.at)?.loc);
    let sure = if one.1.handed && other.1.handed { Confidence::Medium } else { Confidence::Low };
    let message =
        format!("`{of}` of this CPU is used in `{}()` with no lock, and `{}()` can get in between on PREEMPT_RT", body.name, peer.name);
    let does = |u: &PerCpuUse| if u.store { "changes" } else { "reads" };
    let context = |u: &Use| {
        if soft(tree.contexts().entered(u.0), &u.1) {
            "in a softirq, or with bottom halves disabled"
        } else {
            "in a context that is not known"
        }
    };
    let claim = Claim::new(one.1.at, (one.0, here), sure, message)
        .thread(format!("CPU 0: {}", body.name))
        .step(one.0, here, format!("{} `{of}`, {}", does(&one.1), context(one)))
        .thread(format!("CPU 0: {}, preempting it", peer.name))
        .step(other.0, there, format!("{} `{of}` of the same CPU, {}", does(&other.1), context(other)))
        .assume("bottom halves are not serialised on this kernel (`--bh-lock` says that they are)")
        .identity(format!("percpu {of}"));
    let unknown = (!both).then(|| "both run on one CPU at a time only because bottom halves are disabled".to_owned());
    Some(claim.assume_all(unknown))
}
