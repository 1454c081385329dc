/* What compilers provide without a header, in terms of what the explorer knows. */
#ifndef CUTHERE_BUILTINS_H
#define CUTHERE_BUILTINS_H
#define __ATOMIC_RELAXED 0
#define __ATOMIC_CONSUME 1
#define __ATOMIC_ACQUIRE 2
#define __ATOMIC_RELEASE 3
#define __ATOMIC_ACQ_REL 4
#define __ATOMIC_SEQ_CST 5
#define __sync_lock_release(object, ...) __atomic_store_n(object, 0, __ATOMIC_RELEASE)
#define __atomic_test_and_set(object, order) (__atomic_exchange_n(object, 1, order) != 0)
#define __atomic_clear(object, order) __atomic_store_n(object, 0, order)
#define __atomic_thread_fence(order) atomic_thread_fence(order)
#define __atomic_signal_fence(order) atomic_thread_fence(order)
#endif
