//! Names that the engine itself has to know: questions about the execution context.
//!
//! Code that asks knows what it does; what follows such a question is left alone.

use cuthere_base::Symbol;
use std::sync::LazyLock;

static ASKS: LazyLock<Vec<Symbol>> = LazyLock::new(|| {
    [
        "in_atomic",
        "in_interrupt",
        "in_irq",
        "in_hardirq",
        "in_softirq",
        "in_serving_softirq",
        "in_nmi",
        "in_task",
        "irqs_disabled",
        "preemptible",
        "preempt_count",
        "rcu_read_lock_held",
        "rcu_preempt_depth",
        "oops_in_progress",
        "in_dbg_master",
        "spin_is_locked",
        "can_sleep",
        "drm_can_sleep",
        "faulthandler_disabled",
        "pagefault_disabled",
        "rcu_preempt_need_deferred_qs",
        "in_atomic_preempt_off",
    ]
    .map(Symbol::intern)
    .to_vec()
});

/// Whether a call of this name asks for the context.
pub fn asks_context(name: Symbol) -> bool {
    ASKS.contains(&name)
}
