//! Names of primitives. What the kernel model describes as a lock or a context change needs no row here.

use super::state::CallbackKind::{Kthread, Tasklet, Timer, Work};
use super::{Any, AtomicOp, BitChange, LockOp, Prim, Request, Scan, Size};
use crate::machine::Barrier;
use crate::thread::Level;
use cuthere_kernel::{LockKind, LockMode, Sleeps, Success};
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

type Table = FxHashMap<&'static str, Prim>;

fn add(table: &mut Table, names: &'static str, prim: Prim) {
    table.extend(names.split_whitespace().map(|name| (name, prim)));
}

/// For every program.
static SHARED: LazyLock<Table> = LazyLock::new(|| {
    let mut t = Table::default();
    add(&mut t, "memcpy memmove __memcpy __memmove __builtin_memcpy __builtin_memmove", Prim::CopyMemory);
    add(&mut t, "memset __memset __builtin_memset", Prim::SetMemory);
    add(&mut t, "memcmp bcmp __builtin_memcmp", Prim::CompareMemory);
    add(&mut t, "strlen __builtin_strlen", Prim::StringLength);
    add(&mut t, "strcmp __builtin_strcmp", Prim::StringCompare { bounded: false });
    add(&mut t, "strncmp __builtin_strncmp", Prim::StringCompare { bounded: true });
    add(&mut t, "__builtin_expect likely unlikely", Prim::Argument(0));
    add(&mut t, "__builtin_prefetch __builtin_ia32_pause barrier", Prim::Give(0));
    add(&mut t, "mb smp_mb", Prim::Fence(Barrier::Full));
    add(
        &mut t,
        "smp_mb__before_atomic smp_mb__after_atomic smp_mb__after_spinlock smp_mb__after_unlock_lock",
        Prim::Fence(Barrier::Atomic),
    );
    add(&mut t, "rmb smp_rmb", Prim::Fence(Barrier::Read));
    add(&mut t, "wmb smp_wmb", Prim::Fence(Barrier::Write));
    add(&mut t, "__builtin_bswap16 __fswab16 __arch_swab16 __swab16", Prim::Swap(2));
    add(&mut t, "__builtin_bswap32 __fswab32 __arch_swab32 __swab32", Prim::Swap(4));
    add(&mut t, "__builtin_bswap64 __fswab64 __arch_swab64 __swab64", Prim::Swap(8));
    add(&mut t, "__builtin_add_overflow", Prim::Overflow('+'));
    add(&mut t, "__builtin_sub_overflow", Prim::Overflow('-'));
    add(&mut t, "__builtin_mul_overflow", Prim::Overflow('*'));
    add(&mut t, "__builtin_ctzl __builtin_ctzll __builtin_ctz", Prim::Scan(Scan::Lowest));
    add(&mut t, "__builtin_ffs", Prim::Scan(Scan::First(4)));
    add(&mut t, "__builtin_ffsl __builtin_ffsll", Prim::Scan(Scan::First(8)));
    add(&mut t, "__builtin_clz", Prim::Scan(Scan::Leading(4)));
    add(&mut t, "__builtin_clzl __builtin_clzll", Prim::Scan(Scan::Leading(8)));
    add(&mut t, "__builtin_popcount", Prim::Scan(Scan::Count(4)));
    add(&mut t, "__builtin_popcountl __builtin_popcountll", Prim::Scan(Scan::Count(8)));
    add(&mut t, "__builtin_types_compatible_p", Prim::Give(0));
    // Scenarios.
    add(&mut t, "cuthere_task", Prim::Thread(Level::Task));
    add(&mut t, "cuthere_softirq", Prim::Thread(Level::Softirq));
    add(&mut t, "cuthere_hardirq", Prim::Thread(Level::Hardirq));
    add(&mut t, "cuthere_finally", Prim::Finally);
    add(&mut t, "cuthere_assert", Prim::Assert);
    add(&mut t, "cuthere_choose", Prim::Choose);
    t
});

/// For plain C programs.
static PLAIN: LazyLock<Table> = LazyLock::new(|| {
    let mut t = Table::default();
    let lock = |kind, mode, take, success| Prim::Lock(LockOp::on_first(kind, mode, take, success));
    let mutex = |take, success| lock(LockKind::Mutex, LockMode::Exclusive, take, success);
    let counts = |take, success| lock(LockKind::Semaphore, LockMode::Exclusive, take, success);
    add(&mut t, "pthread_create", Prim::PthreadCreate);
    add(&mut t, "pthread_join", Prim::PthreadJoin);
    add(&mut t, "pthread_exit", Prim::Exit(false));
    add(&mut t, "pthread_mutex_lock pthread_spin_lock", mutex(true, Success::Always));
    add(&mut t, "pthread_mutex_trylock pthread_spin_trylock", mutex(true, Success::Zero));
    add(&mut t, "pthread_mutex_unlock pthread_spin_unlock", mutex(false, Success::Always));
    add(&mut t, "pthread_rwlock_wrlock", lock(LockKind::RwSem, LockMode::Exclusive, true, Success::Always));
    add(&mut t, "pthread_rwlock_rdlock", lock(LockKind::RwSem, LockMode::Shared, true, Success::Always));
    add(&mut t, "pthread_rwlock_trywrlock", lock(LockKind::RwSem, LockMode::Exclusive, true, Success::Zero));
    add(&mut t, "pthread_rwlock_tryrdlock", lock(LockKind::RwSem, LockMode::Shared, true, Success::Zero));
    add(&mut t, "pthread_rwlock_unlock", Prim::RwUnlock);
    add(&mut t, "pthread_mutex_init pthread_spin_init pthread_rwlock_init", Prim::MutexInit);
    add(&mut t, "pthread_mutex_destroy pthread_spin_destroy pthread_rwlock_destroy", Prim::MutexDestroy);
    add(&mut t, "cuthere_misused", Prim::Misused);
    add(&mut t, "cuthere_at_end", Prim::AtEnd);
    add(&mut t, "cuthere_barrier_made", Prim::BarrierInit);
    add(&mut t, "pthread_self thrd_current", Prim::ThreadId);
    add(&mut t, "pthread_mutexattr_init pthread_mutexattr_settype", Prim::MutexKind);
    add(&mut t, "pthread_cond_wait", Prim::CondWait { timed: false });
    add(&mut t, "pthread_cond_timedwait pthread_cond_clockwait", Prim::CondWait { timed: true });
    add(&mut t, "pthread_cond_signal", Prim::CondSignal { all: false });
    add(&mut t, "pthread_cond_broadcast", Prim::CondSignal { all: true });
    add(&mut t, "sem_init", Prim::SemInit);
    add(&mut t, "sem_wait", counts(true, Success::Always));
    add(&mut t, "sem_trywait", counts(true, Success::Zero));
    add(&mut t, "sem_post", counts(false, Success::Always));
    add(
        &mut t,
        "pthread_cond_init pthread_cond_destroy pthread_attr_init pthread_attr_destroy pthread_detach sem_destroy
         pthread_attr_setdetachstate pthread_attr_setstacksize pthread_setconcurrency pthread_mutexattr_destroy __ESBMC_yield printf puts fprintf putchar fflush srand sched_yield usleep sleep nanosleep
         perror atomic_signal_fence __VERIFIER_loop_begin __VERIFIER_loop_bound __VERIFIER_spin_start __VERIFIER_spin_end",
        Prim::Give(0),
    );
    add(&mut t, "atomic_thread_fence __sync_synchronize __atomic_thread_fence", Prim::Fence(Barrier::Full));
    add(&mut t, "atomic_load atomic_load_explicit __atomic_load_n", Prim::C11Load);
    add(&mut t, "atomic_store atomic_store_explicit __atomic_store_n atomic_init", Prim::StoreTo);
    add(&mut t, "atomic_exchange atomic_exchange_explicit __atomic_exchange_n __sync_lock_test_and_set", Prim::Exchange);
    add(
        &mut t,
        "atomic_compare_exchange_strong atomic_compare_exchange_weak atomic_compare_exchange_strong_explicit
         atomic_compare_exchange_weak_explicit __atomic_compare_exchange_n",
        Prim::C11Compare,
    );
    add(&mut t, "__sync_val_compare_and_swap", Prim::CompareExchange);
    add(&mut t, "ffs", Prim::Scan(Scan::First(4)));
    add(&mut t, "ffsl ffsll", Prim::Scan(Scan::First(8)));
    add(&mut t, "malloc __builtin_malloc", Prim::Allocate { zero: false, size: Size::Argument(0) });
    add(&mut t, "calloc", Prim::Allocate { zero: true, size: Size::Product(0, 1) });
    add(&mut t, "alloca __builtin_alloca", Prim::Allocate { zero: false, size: Size::Argument(0) });
    add(&mut t, "free cfree", Prim::Free(0));
    add(&mut t, "realloc", Prim::Reallocate);
    add(&mut t, "assert __VERIFIER_assert __ESBMC_assert __CPROVER_assert", Prim::Assert);
    add(&mut t, "rand random lrand48 clock", Prim::AnyValue(Any::Natural));
    add(&mut t, "abort reach_error __VERIFIER_error __assert_fail __assert", Prim::Bug);
    add(&mut t, "exit _exit", Prim::Exit(true));
    add(&mut t, "__VERIFIER_assume assume_abort_if_not __ESBMC_assume __CPROVER_assume", Prim::Assume);
    add(&mut t, "__VERIFIER_atomic_begin __ESBMC_atomic_begin __CPROVER_atomic_begin", Prim::AtomicSection(true));
    add(&mut t, "__VERIFIER_atomic_end __ESBMC_atomic_end __CPROVER_atomic_end", Prim::AtomicSection(false));
    t
});

/// For kernel code.
static KERNEL: LazyLock<Table> = LazyLock::new(|| {
    let mut t = Table::default();
    memory(&mut t);
    add(&mut t, "READ_ONCE ACCESS_ONCE __READ_ONCE data_race rcu_dereference rcu_dereference_bh rcu_dereference_sched", Prim::Argument(0));
    add(
        &mut t,
        "rcu_dereference_raw rcu_dereference_check rcu_dereference_bh_check rcu_dereference_sched_check rcu_dereference_protected
         rcu_dereference_rtnl rtnl_dereference rcu_access_pointer rcu_dereference_raw_check srcu_dereference srcu_dereference_check
         this_cpu_read __this_cpu_read raw_cpu_read unrcu_pointer rcu_pointer_handoff",
        Prim::Argument(0),
    );
    add(&mut t, "WRITE_ONCE __WRITE_ONCE smp_store_release smp_store_mb set_mb rcu_assign_pointer RCU_INIT_POINTER", Prim::StoreTo);
    add(&mut t, "smp_load_acquire", Prim::C11Load);
    add(&mut t, "xchg xchg_relaxed xchg_acquire xchg_release rcu_replace_pointer", Prim::Exchange);
    add(&mut t, "cmpxchg cmpxchg_relaxed cmpxchg_acquire cmpxchg_release cmpxchg64", Prim::CompareExchange);
    add(&mut t, "try_cmpxchg try_cmpxchg_relaxed try_cmpxchg_acquire try_cmpxchg_release", Prim::TryExchange);
    bits(&mut t);
    add(&mut t, "might_sleep __might_sleep might_fault __might_resched", Prim::MaySleep(Sleeps::Always));
    add(&mut t, "msleep usleep_range ssleep fsleep msleep_interruptible usleep_range_state", Prim::MaySleep(Sleeps::Always));
    add(
        &mut t,
        "cond_resched __cond_resched _cond_resched yield cond_resched_lock cond_resched_rcu_qs cond_resched_tasks_rcu_qs",
        Prim::Yield,
    );
    // Of these, only that they sleep matters to who calls them; a clock's state is the hardware's.
    add(
        &mut t,
        "might_resched try_to_freeze set_freezable kmem_cache_shrink vunmap vm_unmap_ram iounmap memunmap pci_iounmap usleep_range_idle
         usleep_idle_range do_nanosleep yield_to wait_for_random_bytes cleanup_srcu_struct init_srcu_struct __init_srcu_struct percpu_free_rwsem
         clk_prepare clk_unprepare clk_prepare_enable clk_disable_unprepare clk_set_rate clk_set_parent clk_set_min_rate clk_set_max_rate
         clk_set_phase clk_bulk_prepare clk_bulk_prepare_enable clk_bulk_disable_unprepare clk_bulk_unprepare",
        Prim::MaySleep(Sleeps::Always),
    );
    add(&mut t, "copy_from_user __copy_from_user _copy_from_user raw_copy_from_user", Prim::UserCopy { from_user: true });
    add(&mut t, "copy_to_user __copy_to_user _copy_to_user raw_copy_to_user", Prim::UserCopy { from_user: false });
    add(&mut t, "get_user __get_user unsafe_get_user", Prim::UserRead);
    add(&mut t, "put_user __put_user unsafe_put_user", Prim::UserWrite);
    add(&mut t, "this_cpu_write __this_cpu_write raw_cpu_write", Prim::PerCpuChange('='));
    add(&mut t, "this_cpu_add __this_cpu_add raw_cpu_add", Prim::PerCpuChange('+'));
    add(&mut t, "this_cpu_sub __this_cpu_sub raw_cpu_sub", Prim::PerCpuChange('-'));
    add(&mut t, "this_cpu_inc __this_cpu_inc raw_cpu_inc", Prim::PerCpuChange('i'));
    add(&mut t, "this_cpu_dec __this_cpu_dec raw_cpu_dec", Prim::PerCpuChange('d'));
    add(&mut t, "__ffs variable__ffs", Prim::Scan(Scan::Lowest));
    add(&mut t, "ffs variable_ffs", Prim::Scan(Scan::First(4)));
    add(&mut t, "ffz variable_ffz", Prim::Scan(Scan::LowestZero));
    add(&mut t, "__fls", Prim::Scan(Scan::Highest));
    add(&mut t, "fls", Prim::Scan(Scan::Last(4)));
    add(&mut t, "fls64 fls_long", Prim::Scan(Scan::Last(8)));
    add(&mut t, "__arch_hweight32 __sw_hweight32", Prim::Scan(Scan::Count(4)));
    add(&mut t, "__arch_hweight64 __sw_hweight64", Prim::Scan(Scan::Count(8)));
    add(&mut t, "BUILD_BUG_ON_ZERO __same_type __must_be_array", Prim::Give(0));
    add(&mut t, "array_index_mask_nospec", Prim::Below);
    add(&mut t, "typecheck", Prim::Give(1));
    wait(&mut t);
    callbacks(&mut t);
    add(&mut t, "this_cpu_ptr raw_cpu_ptr get_cpu_ptr __this_cpu_ptr", Prim::ThisCpu);
    add(&mut t, "per_cpu_ptr", Prim::PerCpu(true));
    add(&mut t, "alloc_percpu alloc_percpu_gfp __alloc_percpu __alloc_percpu_gfp", Prim::AllocatePercpu);
    add(&mut t, "smp_processor_id raw_smp_processor_id __smp_processor_id", Prim::CpuNumber);
    add(&mut t, "get_current", Prim::Current);
    add(&mut t, "get_device", Prim::GetObject);
    add(&mut t, "put_device", Prim::PutObject { delete: false });
    add(&mut t, "device_unregister", Prim::PutObject { delete: true });
    add(&mut t, "device_initialize device_add device_register", Prim::Give(0));
    add(&mut t, "__list_add_valid __list_add_valid_or_report", Prim::ListAddValid);
    add(&mut t, "__list_del_entry_valid __list_del_entry_valid_or_report", Prim::ListDelValid);
    add(&mut t, "lockdep_assert_held lockdep_assert_held_write lockdep_assert_held_read assert_spin_locked", Prim::Held(false));
    add(&mut t, "lockdep_assert_not_held", Prim::Held(true));
    add(&mut t, "arch_static_branch arch_static_branch_jump", Prim::StaticKey);
    add(
        &mut t,
        "__mutex_init mutex_init __init_rwsem __rwlock_init __raw_spin_lock_init __spin_lock_init __rt_spin_lock_init rt_mutex_init
         __rt_mutex_init mutex_destroy __mutex_rt_init mutex_rt_init rt_mutex_base_init spin_lock_init raw_spin_lock_init rwlock_init init_rwsem
         seqlock_init lockdep_init_mutex",
        Prim::InitLock,
    );
    add(&mut t, "sema_init", Prim::SemInit);
    add(&mut t, "spin_is_locked raw_spin_is_locked", Prim::IsLocked);
    add(&mut t, "static_key_false", Prim::Give(0));
    add(&mut t, "static_key_true", Prim::Give(1));
    add(&mut t, "BUG BUG_ON VM_BUG_ON panic __builtin_trap", Prim::Bug);
    add(&mut t, "WARN_ON WARN_ON_ONCE WARN WARN_ONCE VM_WARN_ON VM_WARN_ON_ONCE RCU_LOCKDEP_WARN", Prim::Warn);
    add(
        &mut t,
        "ASSERT_RTNL lockdep_init_map lockdep_init_map_wait lockdep_init_map_type lockdep_set_class lockdep_rtnl_is_held lockdep_set_class_and_name
         lockdep_set_subclass lock_acquire lock_release __lockdep_init_map debug_check_no_locks_freed kasan_check_write kasan_check_read
         instrument_atomic_read instrument_atomic_write instrument_atomic_read_write kcsan_release trace_hardirqs_on trace_hardirqs_off
         printk _printk __dynamic_pr_debug dump_stack local_bh_blocked _dev_err _dev_info _dev_warn _dev_printk netdev_err netdev_warn netdev_info
         __netdev_printk netdev_dbg pr_err pr_warn pr_info pr_debug dev_err dev_warn dev_info dev_dbg
         cpu_relax prefetch prefetchw rcu_sleep_check
         BUILD_BUG_ON BUILD_BUG_ON_MSG BUILD_BUG_ON_INVALID BUILD_BUG_ON_NOT_POWER_OF_2 compiletime_assert static_assert _Static_assert
         BUILD_BUG MAYBE_BUILD_BUG_ON __bad_percpu_size __bad_size_call_parameter __xchg_wrong_size __cmpxchg_wrong_size
         scsi_host_get dev_set_name device_set_wakeup_capable transport_setup_device transport_add_device transport_remove_device
         transport_configure_device transport_destroy_device dev_printk _dev_alert _dev_crit _dev_emerg _dev_notice __warn_printk
         lock_set_class lockdep_set_notrack_class lockdep_init_map_waits rcu_lockdep_current_cpu_online warn_slowpath_fmt vprintk
         init_wait_entry init_wait_func default_wake_function autoremove_wake_function kmemleak_alloc kmemleak_free
         snprintf scnprintf sprintf flush_signals kobject_uevent kobject_uevent_env sysfs_remove_link
         fortify_panic debug_rcu_head_queue lockdep_assert_irqs_disabled lockdep_assert_irqs_enabled
         lockdep_assert_in_softirq lockdep_register_key lockdep_unregister_key touch_softlockup_watchdog module_put mod_delayed_noop",
        Prim::Give(0),
    );
    add(
        &mut t,
        "lockdep_is_held lock_is_held rcu_read_lock_held rcu_is_watching rcu_read_lock_bh_held rcu_read_lock_any_held lockdep_rtnl_held
         try_module_get",
        Prim::Give(1),
    );
    t
});

fn memory(t: &mut Table) {
    let new = |zero, size| Prim::Allocate { zero, size };
    add(
        t,
        "kmalloc __kmalloc kmalloc_node __kmalloc_node kvmalloc kvmalloc_node vmalloc __vmalloc kmalloc_track_caller __kmalloc_noprof kmalloc_noprof
         kvmalloc_noprof __kvmalloc_node_noprof vmalloc_noprof __kmalloc_track_caller kmalloc_node_track_caller __kmalloc_node_track_caller
         kmalloc_track_caller_noprof kmalloc_node_track_caller_noprof __kmalloc_node_track_caller_noprof kmalloc_large kmalloc_large_noprof
         kmalloc_node_noprof __kmalloc_node_noprof",
        new(false, Size::Argument(0)),
    );
    add(t, "kzalloc kzalloc_node kvzalloc kvzalloc_node vzalloc kzalloc_noprof kvzalloc_noprof", new(true, Size::Argument(0)));
    add(t, "kmalloc_array kvmalloc_array kmalloc_array_noprof kvmalloc_array_noprof", new(false, Size::Product(0, 1)));
    add(t, "kcalloc kvcalloc kcalloc_node kcalloc_noprof kvcalloc_noprof", new(true, Size::Product(0, 1)));
    add(t, "__kmalloc_cache_noprof kmem_cache_alloc_trace kmalloc_trace", new(false, Size::Argument(2)));
    add(t, "kmem_cache_alloc kmem_cache_alloc_node kmem_cache_alloc_noprof kmem_cache_alloc_lru_noprof", new(false, Size::Cache(0)));
    add(t, "kmem_cache_zalloc", new(true, Size::Cache(0)));
    add(t, "__get_free_pages __get_free_page get_zeroed_page", new(true, Size::Fixed(65536)));
    add(t, "free_pages free_page", Prim::Free(0));
    add(t, "kmalloc_size_roundup", Prim::Argument(0));
    add(t, "alloc_workqueue create_workqueue create_singlethread_workqueue", new(true, Size::Fixed(64)));
    add(t, "krealloc krealloc_noprof", Prim::Reallocate);
    add(t, "kmemdup kmemdup_noprof", new(false, Size::Copy(0, 1)));
    let managed = |zero, size| Prim::Managed { zero, size };
    add(t, "devm_kzalloc", managed(true, Size::Argument(1)));
    add(t, "devm_kmalloc", managed(false, Size::Argument(1)));
    add(t, "devm_kcalloc", managed(true, Size::Product(1, 2)));
    add(t, "devm_kmalloc_array", managed(false, Size::Product(1, 2)));
    add(t, "devm_kmemdup", managed(false, Size::Copy(1, 2)));
    add(t, "devres_release_all device_release_driver device_del", Prim::ReleaseManaged);
    add(t, "kmem_cache_create kmem_cache_create_usercopy", Prim::CacheCreate);
    add(t, "kfree kvfree vfree kfree_sensitive kzfree kfree_const free_percpu", Prim::Free(0));
    add(t, "kmem_cache_free mempool_free_slab devm_kfree", Prim::Free(1));
    add(t, "kfree_rcu kvfree_rcu kfree_rcu_mightsleep kvfree_rcu_mightsleep", Prim::FreeLater { srcu: false });
}

fn wait(t: &mut Table) {
    add(t, "init_waitqueue_head __init_waitqueue_head init_swait_queue_head __init_swait_queue_head", Prim::InitQueue);
    add(t, "prepare_to_wait prepare_to_wait_event prepare_to_swait_event", Prim::PrepareToWait { exclusive: false });
    add(t, "prepare_to_wait_exclusive prepare_to_swait_exclusive", Prim::PrepareToWait { exclusive: true });
    add(t, "add_wait_queue", Prim::PrepareToWait { exclusive: false });
    add(t, "finish_wait remove_wait_queue finish_swait", Prim::FinishWait);
    add(
        t,
        "wake_up wake_up_nr wake_up_interruptible wake_up_interruptible_sync wake_up_locked wake_up_poll wake_up_interruptible_poll
         __wake_up __wake_up_sync __wake_up_locked wake_up_sync swake_up_one wake_up_locked_poll wake_up_interruptible_sync_poll
         __wake_up_locked_key __wake_up_sync_key __wake_up_locked_sync_key",
        Prim::WakeQueue { all: false },
    );
    add(t, "wake_up_all wake_up_interruptible_all swake_up_all wake_up_all_locked", Prim::WakeQueue { all: true });
    add(t, "waitqueue_active wq_has_sleeper swq_has_sleeper", Prim::QueueActive);
    add(t, "set_current_state __set_current_state set_special_state", Prim::SetState);
    add(t, "schedule io_schedule schedule_preempt_disabled", Prim::Schedule { timeout: None });
    add(
        t,
        "schedule_timeout io_schedule_timeout schedule_timeout_interruptible schedule_timeout_uninterruptible schedule_timeout_killable
         schedule_timeout_idle",
        Prim::Schedule { timeout: Some(0) },
    );
    add(t, "wake_up_process wake_up_state", Prim::WakeTask);
    add(t, "init_completion reinit_completion __init_completion", Prim::InitCompletion);
    add(t, "complete complete_on_current_cpu", Prim::Complete { all: false });
    add(t, "complete_all", Prim::Complete { all: true });
    add(
        t,
        "wait_for_completion wait_for_completion_io wait_for_completion_interruptible wait_for_completion_killable",
        Prim::WaitCompletion { timed: false },
    );
    add(
        t,
        "wait_for_completion_timeout wait_for_completion_interruptible_timeout wait_for_completion_killable_timeout wait_for_completion_io_timeout",
        Prim::WaitCompletion { timed: true },
    );
    add(t, "try_wait_for_completion", Prim::TryCompletion);
    add(t, "completion_done", Prim::CompletionDone);
    add(t, "signal_pending signal_pending_state fatal_signal_pending need_resched freezing", Prim::Give(0));
    add(
        t,
        "synchronize_rcu synchronize_net synchronize_sched synchronize_rcu_bh synchronize_rcu_expedited synchronize_sched_expedited
         synchronize_rcu_bh_expedited synchronize_rcu_mult",
        Prim::Synchronize { srcu: false },
    );
    add(t, "synchronize_srcu synchronize_srcu_expedited", Prim::Synchronize { srcu: true });
    add(t, "call_rcu call_rcu_hurry call_rcu_bh call_rcu_sched", Prim::CallRcu { srcu: false });
    add(t, "call_srcu", Prim::CallRcu { srcu: true });
    add(t, "rcu_barrier", Prim::RcuBarrier);
    add(t, "srcu_read_lock srcu_read_lock_nmisafe srcu_read_lock_notrace", Prim::SrcuLock);
    add(t, "srcu_read_unlock srcu_read_unlock_nmisafe srcu_read_unlock_notrace", Prim::SrcuUnlock);
}

fn callbacks(t: &mut Table) {
    add(t, "timer_setup timer_setup_on_stack __timer_setup init_timer_key do_init_timer timer_init_key", Prim::Setup(Timer, 0, 1, None));
    add(t, "mod_timer add_timer mod_timer_pending timer_reduce add_timer_on", Prim::Arm(Timer, 0));
    add(t, "del_timer timer_delete", Prim::Cancel { object: 0, sync: false, shutdown: false });
    add(t, "del_timer_sync timer_delete_sync del_singleshot_timer_sync", Prim::Cancel { object: 0, sync: true, shutdown: false });
    add(t, "timer_shutdown_sync", Prim::Cancel { object: 0, sync: true, shutdown: true });
    add(t, "timer_shutdown", Prim::Cancel { object: 0, sync: false, shutdown: true });
    add(t, "timer_pending", Prim::IsPending(0));
    add(t, "destroy_timer_on_stack destroy_work_on_stack destroy_delayed_work_on_stack", Prim::Give(0));
    add(t, "INIT_WORK INIT_WORK_ONSTACK INIT_DELAYED_WORK INIT_DEFERRABLE_WORK INIT_DELAYED_WORK_ONSTACK", Prim::Setup(Work, 0, 1, None));
    add(t, "schedule_work schedule_delayed_work", Prim::Arm(Work, 0));
    add(t, "queue_work queue_delayed_work mod_delayed_work", Prim::Arm(Work, 1));
    add(t, "queue_work_on queue_delayed_work_on mod_delayed_work_on", Prim::Arm(Work, 2));
    add(t, "cancel_work cancel_delayed_work", Prim::Cancel { object: 0, sync: false, shutdown: false });
    add(t, "cancel_work_sync cancel_delayed_work_sync", Prim::Cancel { object: 0, sync: true, shutdown: false });
    add(t, "disable_work_sync disable_delayed_work_sync", Prim::Cancel { object: 0, sync: true, shutdown: true });
    add(t, "flush_work flush_delayed_work", Prim::Flush(0));
    add(t, "flush_workqueue drain_workqueue destroy_workqueue flush_scheduled_work __flush_workqueue", Prim::FlushAll);
    add(t, "work_pending delayed_work_pending", Prim::IsPending(0));
    add(t, "tasklet_init", Prim::Setup(Tasklet, 0, 1, Some(2)));
    add(t, "tasklet_setup", Prim::Setup(Tasklet, 0, 1, None));
    add(t, "tasklet_schedule tasklet_hi_schedule", Prim::Arm(Tasklet, 0));
    // It lets what is scheduled run first.
    add(t, "tasklet_kill", Prim::Flush(0));
    let request = |irq, handler, thread, flags, data| Prim::RequestIrq(Request { irq, handler, thread, flags, data });
    add(t, "request_irq request_any_context_irq", request(0, 1, None, 2, 4));
    add(t, "request_threaded_irq", request(0, 1, Some(2), 3, 5));
    add(t, "devm_request_irq devm_request_any_context_irq", request(1, 2, None, 3, 5));
    add(t, "devm_request_threaded_irq", request(1, 2, Some(3), 4, 6));
    add(t, "free_irq", Prim::FreeIrq(0));
    add(t, "devm_free_irq", Prim::FreeIrq(1));
    add(t, "disable_irq", Prim::DisableIrq(true));
    add(t, "disable_irq_nosync disable_hardirq", Prim::DisableIrq(false));
    add(t, "enable_irq", Prim::EnableIrq);
    add(t, "synchronize_irq synchronize_hardirq", Prim::SyncIrq);
    add(t, "hrtimer_init hrtimer_init_on_stack __hrtimer_init", Prim::HrtimerSetup { function: None, mode: 2 });
    add(t, "hrtimer_setup hrtimer_setup_on_stack", Prim::HrtimerSetup { function: Some(1), mode: 3 });
    add(t, "hrtimer_start", Prim::HrtimerStart(2));
    add(t, "hrtimer_start_range_ns", Prim::HrtimerStart(3));
    add(t, "hrtimer_start_expires", Prim::HrtimerStart(1));
    add(t, "hrtimer_restart", Prim::HrtimerStart(9));
    add(t, "hrtimer_cancel", Prim::Cancel { object: 0, sync: true, shutdown: false });
    add(t, "hrtimer_try_to_cancel try_to_del_timer_sync timer_delete_sync_try", Prim::TryCancel(0));
    add(t, "hrtimer_active", Prim::IsActive(0));
    add(t, "hrtimer_is_queued", Prim::IsPending(0));
    add(t, "hrtimer_forward hrtimer_forward_now", Prim::Give(1));
    add(
        t,
        "hrtimer_set_expires hrtimer_set_expires_range_ns hrtimer_cb_get_time hrtimer_get_remaining __hrtimer_get_remaining
         hrtimer_expires_remaining hrtimer_expires_remaining_adjusted __hrtimer_expires_remaining_adjusted hrtimer_is_hres_active
         destroy_hrtimer_on_stack hrtimer_add_expires hrtimer_add_expires_ns",
        Prim::Give(0),
    );
    add(t, "kthread_run kthread_create", Prim::KthreadRun);
    add(t, "kthread_stop", Prim::KthreadStop);
    add(t, "kthread_should_stop", Prim::KthreadShouldStop);
    let _ = Kthread;
}

/// The primitive of this name.
pub fn find(name: &str, plain: bool) -> Option<Prim> {
    if let Some(&prim) = SHARED.get(name) {
        return Some(prim);
    }
    if plain {
        return PLAIN.get(name).copied().or_else(|| AtomicOp::of_compiler(name).map(Prim::Atomic)).or_else(|| nondeterministic(name));
    }
    KERNEL.get(name).copied().or_else(|| AtomicOp::named(name).map(Prim::Atomic))
}

/// Single bits, by the names of every layer that a tree puts them into: architectures do them in assembly.
fn bits(t: &mut Table) {
    let set = |test| Prim::Bit { change: Some(BitChange::Set), test };
    let clear = |test| Prim::Bit { change: Some(BitChange::Clear), test };
    let flip = |test| Prim::Bit { change: Some(BitChange::Flip), test };
    add(t, "set_bit arch_set_bit __set_bit ___set_bit arch___set_bit generic___set_bit", set(false));
    add(t, "clear_bit arch_clear_bit __clear_bit ___clear_bit arch___clear_bit generic___clear_bit", clear(false));
    add(t, "clear_bit_unlock __clear_bit_unlock arch_clear_bit_unlock arch___clear_bit_unlock", clear(false));
    add(t, "change_bit arch_change_bit __change_bit ___change_bit arch___change_bit generic___change_bit", flip(false));
    add(t, "test_and_set_bit arch_test_and_set_bit test_and_set_bit_lock arch_test_and_set_bit_lock", set(true));
    add(t, "__test_and_set_bit ___test_and_set_bit arch___test_and_set_bit generic___test_and_set_bit", set(true));
    add(t, "test_and_clear_bit arch_test_and_clear_bit", clear(true));
    add(t, "__test_and_clear_bit ___test_and_clear_bit arch___test_and_clear_bit generic___test_and_clear_bit", clear(true));
    add(t, "test_and_change_bit arch_test_and_change_bit", flip(true));
    add(t, "__test_and_change_bit ___test_and_change_bit arch___test_and_change_bit generic___test_and_change_bit", flip(true));
    add(
        t,
        "test_bit _test_bit arch_test_bit generic_test_bit constant_test_bit variable_test_bit test_bit_acquire _test_bit_acquire
         arch_test_bit_acquire generic_test_bit_acquire constant_test_bit_acquire",
        Prim::Bit { change: None, test: true },
    );
}

/// Functions of the rest of the kernel that matter to nobody who did not include their source: what is done where no body is known.
static FALLBACK: LazyLock<Table> = LazyLock::new(|| {
    let mut t = Table::default();
    add(&mut t, "kfree_skb kfree_skb_reason sk_skb_reason_drop consume_skb dev_kfree_skb __kfree_skb free_netdev", Prim::Free(0));
    add(
        &mut t,
        "net_ratelimit __ratelimit printk_ratelimit ___ratelimit dev_put netdev_put linkwatch_fire_event netif_carrier_on netif_carrier_off
         wake_up_bit add_device_randomness get_random_bytes local_clock ktime_get jiffies_to_msecs __msecs_to_jiffies
         rcu_note_context_switch audit_log netlink_broadcast nlmsg_notify fsnotify put_pid __put_task_struct capable ns_capable",
        Prim::Give(0),
    );
    t
});

/// The primitive for a function without a body.
pub fn fallback(name: &str) -> Option<Prim> {
    // What lockdep is asked has no answer that matters.
    let asks_lockdep = name.starts_with("lockdep_") && name.ends_with("_is_held");
    FALLBACK.get(name).copied().or(asks_lockdep.then_some(Prim::Give(1)))
}

/// What verification suites mean by a name, whatever the program defines it as: an error must not be reached, whatever its function does,
/// and an execution that calls `abort()` was not meant to be; elsewhere that is a crash.
pub fn of_suites(name: &str) -> Option<Prim> {
    match name {
        "abort" => Some(Prim::Assume),
        "assume_abort_if_not" | "__VERIFIER_assume" | "reach_error" | "__VERIFIER_error" => PLAIN.get(name).copied(),
        _ => None,
    }
}

/// Functions that POSIX does not ask to be safe in several threads at once, of those that have no body here.
pub fn has_own_state(name: &str) -> bool {
    matches!(name, "rand" | "lrand48")
}

/// Values that the verification suites leave open.
fn nondeterministic(name: &str) -> Option<Prim> {
    let kind = name.strip_prefix("__VERIFIER_nondet_").or_else(|| name.strip_prefix("nondet_"))?;
    Some(Prim::AnyValue(if matches!(kind, "bool" | "_Bool") { Any::Truth } else { Any::Typed }))
}
