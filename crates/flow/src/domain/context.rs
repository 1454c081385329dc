//! May this sleep here, and what forbids it: one answer for all preemption models.
//!
//! The rules are those of `Documentation/locking/locktypes.rst`, and of what the kernel's own assertions check (`might_sleep()` in
//! `kernel/sched/core.c`, `rtlock_might_resched()` in `include/linux/sched.h`). Two things are told apart:
//!
//! * [`Wait::Sleep`]: `schedule()`, a mutex, an allocation that may reclaim. It is wrong wherever preemption, bh or interrupts are disabled, under
//!   a spinning lock, and in an RCU read-side section; on PREEMPT_RT too, since a spinlock_t or disabled bh counts as an RCU reader there
//!   (`rt_spin_lock()`, `__local_bh_disable_ip()`), for which `might_sleep()` asks.
//! * [`Wait::Lock`]: a spinlock_t, rwlock_t or local_lock_t, and what takes one inside (any allocation); only on PREEMPT_RT is that a wait. Other such locks, disabled bh and
//!   read-side sections allow it. Raw and bit spinlocks, preemption or interrupts disabled by hand, and hard interrupts do not.
//!
//! Without PREEMPT_RT the models (none, voluntary, full) answer alike: code has to be right for every one of them, and the assertions do
//! not ask which it is. That a lock of another kind is taken out of order is no question of this file.

use super::{Held, State};
use crate::body::OpId;
use cuthere_kernel::{Context, Level, LockKind, Sleeps};
use serde::{Deserialize, Serialize};

/// How tasks are preempted, as far as it decides what may sleep where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Preemption {
    /// PREEMPT_RT.
    pub rt: bool,
    /// On PREEMPT_RT, disabling bh takes a lock of the CPU (CONFIG_PREEMPT_RT_NEEDS_BH_LOCK; always so before Linux 6.18).
    pub bh_lock: bool,
}

/// What a call that may not go on at once does until it may.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Wait {
    /// It sleeps, under every preemption model.
    Sleep,
    /// It waits for a lock that sleeps on PREEMPT_RT alone.
    Lock,
}

/// What forbids sleeping, and the operation since which it does; `None`: since before the function was entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ground {
    Lock(Held),
    Irqs(Option<OpId>),
    Bh(Option<OpId>),
    Preempt(Option<OpId>),
    Rcu(Option<OpId>),
    /// The contract of the operation that the function implements, where nothing else forbids it.
    Contract,
}

impl Ground {
    /// The operation of this function that it starts with.
    pub fn since(&self) -> Option<OpId> {
        match *self {
            Ground::Lock(lock) => lock.op,
            Ground::Irqs(op) | Ground::Bh(op) | Ground::Preempt(op) | Ground::Rcu(op) => op,
            Ground::Contract => None,
        }
    }
}

impl Preemption {
    /// Everything that forbids a wait in a state: locks first, outermost first.
    pub fn grounds(self, state: &State, wait: Wait) -> impl Iterator<Item = Ground> + use<'_> {
        let since = state.since;
        let ctx = state.ctx;
        // Off PREEMPT_RT nobody waits for a spinlock in a way that matters here.
        let asked = wait == Wait::Sleep || self.rt;
        let soft = wait == Wait::Sleep;
        let locks =
            state.locks.held.iter().filter(move |l| asked && l.kind.spins() && (soft || !sleeps_on_rt(l.kind))).map(|l| Ground::Lock(*l));
        let rest = [
            (asked && ctx.irq > 0, Ground::Irqs(since[2])),
            (soft && ctx.bh > 0, Ground::Bh(since[1])),
            (asked && ctx.preempt > 0, Ground::Preempt(since[0])),
            (soft && ctx.rcu > 0, Ground::Rcu(since[3])),
            (
                soft && state.contract && ctx.preempt <= 0 && ctx.bh <= 0 && ctx.irq <= 0 && ctx.rcu <= 0 && !state.locks.spin(),
                Ground::Contract,
            ),
        ];
        locks.chain(rest.into_iter().filter(|(holds, _)| *holds).map(|(_, ground)| ground))
    }

    /// Whether anything forbids a wait.
    pub fn forbids(self, state: &State, wait: Wait) -> bool {
        self.grounds(state, wait).next().is_some()
    }

    /// What a primitive waits for by the model's word, if that depends on the preemption model alone.
    pub fn waits(self, sleeps: Sleeps) -> Option<Wait> {
        match sleeps {
            Sleeps::Always | Sleeps::Sometimes => Some(Wait::Sleep),
            Sleeps::OnRt if self.rt => Some(Wait::Lock),
            Sleeps::OnBhLock if self.rt && self.bh_lock => Some(Wait::Lock),
            _ => None,
        }
    }

    /// The context in which the kernel calls a function, as this preemption model has it. The model's words are those without PREEMPT_RT; with it, a
    /// spinlock_t does not switch interrupts off, and handlers of interrupts that hold one, or that are called so only sometimes, run in threads.
    pub fn entered(self, context: &Context) -> Context {
        let mut context = context.clone();
        if !self.rt {
            return context;
        }
        let sleeping = context.locks.iter().any(|(_, kind)| sleeps_on_rt(*kind));
        let raw = context.locks.iter().any(|(_, kind)| kind.spins() && !sleeps_on_rt(*kind));
        if !raw && (sleeping || context.sometimes) {
            context.irq_off = false;
            context.preempt_off = false;
            if context.level == Level::Hardirq {
                (context.level, context.bh_off) = (Level::Task, true);
            }
        }
        context
    }
}

/// Whether a spinning lock is one that sleeps on PREEMPT_RT.
fn sleeps_on_rt(kind: LockKind) -> bool {
    matches!(kind, LockKind::Spin | LockKind::RwSpin | LockKind::Local | LockKind::Seqlock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Value, Values};
    use cuthere_base::Symbol;
    use cuthere_kernel::LockMode;

    const OFF: Preemption = Preemption { rt: false, bh_lock: false };
    const RT: Preemption = Preemption { rt: true, bh_lock: false };

    fn holding(kinds: &[LockKind]) -> State {
        let mut values = Values::default();
        let mut state = State::default();
        for (n, kind) in kinds.iter().enumerate() {
            let class = Symbol::intern(&format!("lock{n}"));
            let place = values.make(Value::PGlobal(class));
            state.locks.acquire(Held {
                place,
                class,
                kind: *kind,
                mode: LockMode::Exclusive,
                op: Some(OpId(n as u32)),
                guard: 0,
                sure: true,
            });
        }
        state
    }

    fn with(ctx: crate::summary::Ctx) -> State {
        State { ctx, ..State::default() }
    }

    #[test]
    fn sleeping_is_wrong_under_every_model() {
        use crate::summary::Ctx;
        let states = [
            holding(&[LockKind::Spin]),
            holding(&[LockKind::Mutex, LockKind::RawSpin]),
            with(Ctx { bh: 1, ..Ctx::default() }),
            with(Ctx { irq: 1, ..Ctx::default() }),
            with(Ctx { preempt: 2, ..Ctx::default() }),
            with(Ctx { rcu: 1, ..Ctx::default() }),
            State { contract: true, ..State::default() },
        ];
        for state in &states {
            assert!(OFF.forbids(state, Wait::Sleep) && RT.forbids(state, Wait::Sleep), "{state:?}");
        }
        assert!(!OFF.forbids(&holding(&[LockKind::Mutex, LockKind::Srcu]), Wait::Sleep));
    }

    #[test]
    fn sleeping_locks_on_rt() {
        use crate::summary::Ctx;
        for legal in [
            holding(&[LockKind::Spin, LockKind::RwSpin, LockKind::Local]),
            with(Ctx { bh: 1, rcu: 1, ..Ctx::default() }),
            State { contract: true, ..State::default() },
        ] {
            assert!(!RT.forbids(&legal, Wait::Lock), "{legal:?}");
        }
        for wrong in [
            holding(&[LockKind::RawSpin]),
            holding(&[LockKind::Spin, LockKind::Bit]),
            with(Ctx { irq: 1, ..Ctx::default() }),
            with(Ctx { preempt: 1, ..Ctx::default() }),
        ] {
            assert!(RT.forbids(&wrong, Wait::Lock), "{wrong:?}");
            assert!(!OFF.forbids(&wrong, Wait::Lock), "{wrong:?}");
        }
    }

    #[test]
    fn the_outermost_lock_is_the_ground() {
        let state = holding(&[LockKind::Spin, LockKind::RawSpin]);
        let first = |preemption: Preemption, wait| preemption.grounds(&state, wait).next().and_then(|g| g.since());
        assert_eq!(first(OFF, Wait::Sleep), Some(OpId(0)));
        assert_eq!(first(RT, Wait::Lock), Some(OpId(1)));
    }

    #[test]
    fn disabling_bh_waits_with_its_lock_alone() {
        assert_eq!(RT.waits(Sleeps::OnBhLock), None);
        assert_eq!(Preemption { bh_lock: true, ..RT }.waits(Sleeps::OnBhLock), Some(Wait::Lock));
        assert_eq!(Preemption { bh_lock: true, ..OFF }.waits(Sleeps::OnBhLock), None);
        assert_eq!(RT.waits(Sleeps::OnRt), Some(Wait::Lock));
    }

    #[test]
    fn contexts_on_rt() {
        let words = |level, sometimes, locks: &[LockKind]| Context {
            level,
            irq_off: true,
            sometimes,
            locks: locks.iter().map(|k| (Symbol::intern("l"), *k)).collect(),
            ..Context::default()
        };
        assert!(!RT.entered(&words(Level::Task, false, &[LockKind::Spin])).irq_off);
        assert!(RT.entered(&words(Level::Task, false, &[LockKind::RawSpin])).irq_off);
        let handler = RT.entered(&words(Level::Hardirq, true, &[]));
        assert!(handler.level == Level::Task && handler.bh_off && !handler.irq_off);
        assert_eq!(RT.entered(&words(Level::Hardirq, false, &[])).level, Level::Hardirq);
        assert!(OFF.entered(&words(Level::Task, false, &[LockKind::Spin])).irq_off);
    }
}
