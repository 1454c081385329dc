//! What lowering must know about names that stay calls, beyond the shape in which they are written.
//!
//! Nothing here says what a name does; only how its arguments are to be read: as places, types, members or conditions. The kernel
//! model may extend [`LowerTables::customary`], which lists what the kernel's own headers define everywhere.

use cuthere_base::Symbol;
use rustc_hash::{FxHashMap, FxHashSet};

/// Positions of the arguments of a `container_of`-like name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ContainerOf {
    pub ptr: u8,
    pub ty: u8,
    pub member: u8,
}

/// A name whose first argument is a place, not a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PlaceMacro {
    /// The place is read: passed as `Load(place)`.
    Read,
    /// The place is written or updated: passed as `Addr(place)`.
    Write,
}

/// The type of what a kept name gives, where no declaration says it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ResultType {
    /// That of the argument.
    SameAs(u8),
    /// What the argument points to.
    Pointee(u8),
    /// A pointer to the type given as this argument.
    PointerTo(u8),
    VoidPointer,
    Int,
    Long,
    UnsignedLong,
    Void,
}

/// A name that hands its argument on and leaves NULL in its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Take {
    /// `no_free_ptr(p)`.
    Value,
    /// `return_ptr(p)`: and returns it.
    Return,
    /// `retain_and_null_ptr(p)`: and drops it.
    Drop,
}

/// The tables; see the fields.
#[derive(Clone, Debug, Default)]
pub struct LowerTables {
    /// Names that give the structure around a member.
    pub container_of: FxHashMap<Symbol, ContainerOf>,
    /// Names whose first argument is a place.
    pub place_macros: FxHashMap<Symbol, PlaceMacro>,
    /// Names that wait until the argument at this position is true: it is evaluated anew each round.
    pub conditions: FxHashMap<Symbol, usize>,
    /// Bit per argument: it gives a type and is not evaluated, or, of names that wait, it is run in another state than the caller's (with the caller's lock
    /// dropped).
    pub unevaluated: FxHashMap<Symbol, u32>,
    /// Names that report or stop when the argument at this position is true and give its truth (`WARN_ON`, `BUG_ON`). The call is made
    /// only where the argument is true, with `Int(1)` in its place.
    pub asserts: FxHashMap<Symbol, usize>,
    /// Positions of arguments that name a member of a structure, as a bit set: passed as `Str(name)`.
    pub members: FxHashMap<Symbol, u32>,
    /// Types of results.
    pub results: FxHashMap<Symbol, ResultType>,
    /// Names that move a pointer out of a variable with clean-up.
    pub takes: FxHashMap<Symbol, Take>,
    /// Classes of locks: a variable of one (`CLASS(mutex_intr, lock)(&m)`, `ACQUIRE()`) holds the lock until its scope ends.
    pub guards: FxHashSet<Symbol>,
    /// Arithmetic that says whether it overflowed stays a call, for who executes it.
    pub keep_arithmetic: bool,
}

impl LowerTables {
    /// The tables for the names that the kernel's headers define as macros.
    pub fn customary() -> LowerTables {
        let mut tables = LowerTables::default();
        for name in ["container_of", "container_of_const", "list_entry", "hlist_entry", "rb_entry", "list_entry_rcu", "llist_entry"] {
            tables.container_of.insert(Symbol::intern(name), ContainerOf { ptr: 0, ty: 1, member: 2 });
        }
        // These name a variable of pointer type where the others name the type.
        for name in ["from_timer", "timer_container_of", "from_tasklet", "from_work"] {
            tables.container_of.insert(Symbol::intern(name), ContainerOf { ptr: 1, ty: 0, member: 2 });
        }
        for name in [
            "READ_ONCE",
            "rcu_dereference",
            "rcu_dereference_bh",
            "rcu_dereference_sched",
            "rcu_dereference_raw",
            "rcu_dereference_check",
            "rcu_dereference_bh_check",
            "rcu_dereference_sched_check",
            "rcu_dereference_protected",
            "rcu_dereference_rtnl",
            "rtnl_dereference",
            "rcu_access_pointer",
            "rcu_dereference_raw_check",
            "srcu_dereference",
            "srcu_dereference_check",
            "data_race",
            "this_cpu_read",
            "__this_cpu_read",
            "raw_cpu_read",
        ] {
            let name = Symbol::intern(name);
            tables.place_macros.insert(name, PlaceMacro::Read);
            tables.results.insert(name, ResultType::SameAs(0));
        }
        for name in [
            "WRITE_ONCE",
            "rcu_assign_pointer",
            "RCU_INIT_POINTER",
            "this_cpu_write",
            "__this_cpu_write",
            "raw_cpu_write",
            "this_cpu_add",
            "__this_cpu_add",
            "this_cpu_sub",
            "__this_cpu_sub",
            "this_cpu_inc",
            "__this_cpu_inc",
            "this_cpu_dec",
            "__this_cpu_dec",
            "get_cpu_var",
            "put_cpu_var",
            "rcu_replace_pointer",
            "swap",
        ] {
            tables.place_macros.insert(Symbol::intern(name), PlaceMacro::Write);
        }
        // `smp_load_acquire(p)` and its kin take a pointer, which is a value as it stands.
        for name in ["smp_load_acquire", "xchg", "xchg_acquire", "xchg_release", "xchg_relaxed", "cmpxchg", "this_cpu_ptr", "get_user"] {
            let result = match name {
                "this_cpu_ptr" => ResultType::SameAs(0),
                "get_user" => ResultType::Int,
                _ => ResultType::Pointee(0),
            };
            tables.results.insert(Symbol::intern(name), result);
        }
        for name in ["raw_cpu_ptr", "get_cpu_ptr", "per_cpu_ptr", "min", "max", "ACCESS_PRIVATE", "unrcu_pointer", "rcu_pointer_handoff"] {
            tables.results.insert(Symbol::intern(name), ResultType::SameAs(0));
        }
        tables.results.insert(Symbol::intern("rcu_replace_pointer"), ResultType::Pointee(0));
        tables.results.insert(Symbol::intern("alloc_percpu"), ResultType::PointerTo(0));
        tables.results.insert(Symbol::intern("alloc_percpu_gfp"), ResultType::PointerTo(0));
        for name in [
            "kmalloc",
            "kzalloc",
            "kcalloc",
            "kmalloc_array",
            "kmalloc_node",
            "kzalloc_node",
            "krealloc",
            "kvmalloc",
            "kvzalloc",
            "kvcalloc",
            "kvmalloc_array",
            "kvmalloc_node",
            "vmalloc",
            "vzalloc",
            "kmemdup",
            "kmem_cache_alloc",
            "kmem_cache_zalloc",
            "kmem_cache_alloc_node",
            "devm_kzalloc",
            "devm_kmalloc",
            "devm_kcalloc",
            "mempool_alloc",
            "memdup_user",
            "vmemdup_user",
            "dev_get_drvdata",
            "ERR_PTR",
        ] {
            tables.results.insert(Symbol::intern(name), ResultType::VoidPointer);
        }
        for (name, arg) in [
            ("wait_event", 1),
            ("wait_event_timeout", 1),
            ("wait_event_interruptible", 1),
            ("wait_event_interruptible_timeout", 1),
            ("wait_event_interruptible_exclusive", 1),
            ("wait_event_killable", 1),
            ("wait_event_killable_timeout", 1),
            ("wait_event_killable_exclusive", 1),
            ("wait_event_idle", 1),
            ("wait_event_idle_timeout", 1),
            ("wait_event_idle_exclusive", 1),
            ("wait_event_freezable", 1),
            ("wait_event_freezable_timeout", 1),
            ("wait_event_state", 1),
            ("wait_event_cmd", 1),
            ("wait_event_exclusive_cmd", 1),
            ("wait_event_hrtimeout", 1),
            ("wait_event_interruptible_hrtimeout", 1),
            ("wait_event_lock_irq", 1),
            ("wait_event_lock_irq_cmd", 1),
            ("wait_event_lock_irq_timeout", 1),
            ("wait_event_interruptible_lock_irq", 1),
            ("wait_event_interruptible_lock_irq_timeout", 1),
            ("wait_event_interruptible_locked", 1),
            ("wait_event_interruptible_locked_irq", 1),
            ("wait_var_event", 1),
            ("wait_var_event_timeout", 1),
            ("wait_var_event_interruptible", 1),
            ("wait_var_event_killable", 1),
            ("swait_event_exclusive", 1),
            ("swait_event_timeout_exclusive", 1),
            ("swait_event_interruptible_exclusive", 1),
            ("swait_event_interruptible_timeout_exclusive", 1),
            ("swait_event_idle_exclusive", 1),
            ("swait_event_idle_timeout_exclusive", 1),
            ("rcuwait_wait_event", 1),
        ] {
            let name = Symbol::intern(name);
            tables.conditions.insert(name, arg);
            tables.results.insert(name, ResultType::Long);
        }
        for name in [
            "WARN_ON",
            "WARN_ON_ONCE",
            "WARN",
            "WARN_ONCE",
            "WARN_TAINT",
            "WARN_TAINT_ONCE",
            "WARN_ON_SMP",
            "WARN_RATELIMIT",
            "BUG_ON",
            "VM_BUG_ON",
            "VM_WARN_ON",
            "VM_WARN_ON_ONCE",
            "RCU_LOCKDEP_WARN",
            "DEBUG_LOCKS_WARN_ON",
        ] {
            let name = Symbol::intern(name);
            tables.asserts.insert(name, 0);
            tables.results.insert(name, ResultType::Int);
        }
        let members: &[(&str, u32)] = &[
            ("container_of", 1 << 2),
            ("list_first_entry", 1 << 2),
            ("list_last_entry", 1 << 2),
            ("list_first_entry_or_null", 1 << 2),
            ("list_last_entry_or_null", 1 << 2),
            ("list_first_or_null_rcu", 1 << 2),
            ("hlist_entry_safe", 1 << 2),
            ("rb_entry_safe", 1 << 2),
            ("list_next_entry", 1 << 1),
            ("list_prev_entry", 1 << 1),
            ("list_next_or_null_rcu", 1 << 3),
            ("list_is_last", 0),
            ("list_entry_is_head", 1 << 2),
            ("list_prepare_entry", 1 << 2),
            ("kfree_rcu", 1 << 1),
            ("kvfree_rcu", 1 << 1),
            ("struct_size", 1 << 1),
            ("flex_array_size", 1 << 1),
            ("struct_size_t", 1 << 1),
            ("sizeof_field", 1 << 1),
            ("offsetofend", 1 << 1),
            ("hlist_for_each_entry", 1 << 2),
            ("hlist_for_each_entry_safe", 1 << 3),
            ("hlist_for_each_entry_rcu", 1 << 2),
            ("hlist_for_each_entry_rcu_bh", 1 << 2),
            ("hlist_for_each_entry_rcu_notrace", 1 << 2),
            ("hlist_for_each_entry_srcu", 1 << 2),
            ("hlist_for_each_entry_continue", 1 << 1),
            ("hlist_for_each_entry_continue_rcu", 1 << 1),
            ("hlist_for_each_entry_from", 1 << 1),
            ("hlist_for_each_entry_from_rcu", 1 << 1),
            ("hlist_nulls_for_each_entry", 1 << 3),
            ("hlist_nulls_for_each_entry_rcu", 1 << 3),
            ("hash_for_each", 1 << 3),
            ("hash_for_each_rcu", 1 << 3),
            ("hash_for_each_safe", 1 << 4),
            ("hash_for_each_possible", 1 << 2),
            ("hash_for_each_possible_rcu", 1 << 2),
            ("hash_for_each_possible_rcu_notrace", 1 << 2),
            ("hash_for_each_possible_safe", 1 << 3),
            ("llist_for_each_entry", 1 << 2),
            ("llist_for_each_entry_safe", 1 << 3),
            ("plist_for_each_entry", 1 << 2),
            ("plist_for_each_entry_safe", 1 << 3),
            ("rbtree_postorder_for_each_entry_safe", 1 << 3),
            ("list_for_each_entry", 1 << 2),
            ("list_for_each_entry_reverse", 1 << 2),
            ("list_for_each_entry_continue", 1 << 2),
            ("list_for_each_entry_continue_reverse", 1 << 2),
            ("list_for_each_entry_continue_rcu", 1 << 2),
            ("list_for_each_entry_from", 1 << 2),
            ("list_for_each_entry_from_rcu", 1 << 2),
            ("list_for_each_entry_from_reverse", 1 << 2),
            ("list_for_each_entry_rcu", 1 << 2),
            ("list_for_each_entry_srcu", 1 << 2),
            ("list_for_each_entry_lockless", 1 << 2),
            ("list_for_each_entry_safe", 1 << 3),
            ("list_for_each_entry_safe_continue", 1 << 3),
            ("list_for_each_entry_safe_from", 1 << 3),
            ("list_for_each_entry_safe_reverse", 1 << 3),
            ("list_safe_reset_next", 1 << 2),
        ];
        for &(name, bits) in members {
            tables.members.insert(Symbol::intern(name), bits);
        }
        for name in ["list_first_entry", "list_last_entry", "list_first_entry_or_null", "list_last_entry_or_null", "list_first_or_null_rcu"]
        {
            tables.results.insert(Symbol::intern(name), ResultType::PointerTo(1));
        }
        for name in ["hlist_entry_safe", "rb_entry_safe"] {
            tables.results.insert(Symbol::intern(name), ResultType::PointerTo(1));
        }
        for name in ["list_next_entry", "list_prev_entry", "list_prepare_entry"] {
            tables.results.insert(Symbol::intern(name), ResultType::SameAs(0));
        }
        for name in ["struct_size", "flex_array_size", "struct_size_t", "sizeof_field", "offsetofend", "array_size", "size_add", "size_mul"]
        {
            tables.results.insert(Symbol::intern(name), ResultType::UnsignedLong);
        }
        tables.takes.insert(Symbol::intern("no_free_ptr"), Take::Value);
        tables.takes.insert(Symbol::intern("return_ptr"), Take::Return);
        tables.takes.insert(Symbol::intern("retain_and_null_ptr"), Take::Drop);
        tables.results.insert(Symbol::intern("no_free_ptr"), ResultType::SameAs(0));
        tables
    }
}
