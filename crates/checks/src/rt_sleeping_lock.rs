//! # rt-sleeping-lock
//!
//! On PREEMPT_RT: a lock that sleeps there is taken, or memory is allocated, where not even such a wait is allowed.
//!
//! ## Why it matters
//!
//! On PREEMPT_RT a `spinlock_t`, an `rwlock_t` and a `local_lock_t` are locks that a task waits for asleep, and so is what takes one inside: any
//! allocation, `wake_up()`, most of the networking and block code. Under a `raw_spinlock_t`, with interrupts or preemption disabled by hand, or in a
//! hard interrupt nobody can sleep: the kernel stops with "scheduling while atomic", or with "sleeping function called from invalid context". None of it shows
//! without PREEMPT_RT. The rules are in `Documentation/locking/locktypes.rst`.
//!
//! ## Example
//!
//! ```c
//! raw_spin_lock_irqsave(&chip->lock, flags);
//! spin_lock(&chip->queue_lock);           /* sleeps on PREEMPT_RT */
//! ```
//!
//! Make both locks raw, or the outer one a `spinlock_t`; take the sleeping lock before `local_irq_disable()`, or let `spin_lock_irqsave()` do what it
//! disabled; allocate before; let the handler run in a thread.
//!
//! ## How it decides
//!
//! It is asked only with `--preempt rt`. What waits for such a lock is known from the kernel model and from the bodies of callees. Legal are: one such lock under
//! another, with bottom halves disabled by `local_bh_disable()` or `spin_lock_bh()`, and in RCU read-side sections. Wrong are: raw and bit
//! spinlocks held, `local_irq_disable()`, `preempt_disable()` and what ends in them (`get_cpu()`, `get_cpu_ptr()`), hard
//! interrupts. `spin_lock_irqsave()` of a `spinlock_t` disables nothing on PREEMPT_RT. Interrupt handlers run in threads there unless the flags of their
//! request are constants that forbid it (`IRQF_NO_THREAD`), hrtimers in softirqs unless their mode is a hard one. What sleeps under every preemption model (a mutex) is
//! `sleep-in-atomic`, here too. Several waits in one section are one finding.
//!
//! ## Confidence
//!
//! The check is on trial: nothing is of high confidence. Levels are those of `sleep-in-atomic`: by how directly the wait is reached, and what has to
//! hold on the way.
//!
//! ## What it assumes and misses
//!
//! That the code is built for PREEMPT_RT at all: drivers of platforms that never see it are reported too. `local_lock` in an order that deadlocks is `lock-order`.

use crate::ForbiddenWait;
use cuthere_analysis::{Check, CheckInfo, Maturity};
use cuthere_flow::domain::Wait;

pub(crate) const CHECK: Check = Check {
    info: CheckInfo {
        id: "rt-sleeping-lock",
        summary: "on PREEMPT_RT, a lock that sleeps there is taken where nothing may wait",
        source: include_str!("rt_sleeping_lock.rs"),
        maturity: Maturity::Trial,
    },
    start: Some(|_, _| Box::new(ForbiddenWait(Wait::Lock))),
    entered: true,
    tree: None,
};
