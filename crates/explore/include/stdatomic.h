#ifndef CUTHERE_STDATOMIC_H
#define CUTHERE_STDATOMIC_H
#include <stddef.h>
#include <stdint.h>
typedef _Atomic(char) atomic_char;
typedef _Atomic(short) atomic_short;
typedef _Atomic(int) atomic_int;
typedef _Atomic(unsigned int) atomic_uint;
typedef _Atomic(long) atomic_long;
typedef _Atomic(unsigned long) atomic_ulong;
typedef _Atomic(long) atomic_llong;
typedef _Atomic(unsigned long) atomic_ullong;
typedef _Atomic(unsigned long) atomic_size_t;
typedef _Atomic(long) atomic_intptr_t;
typedef _Atomic(unsigned long) atomic_uintptr_t;
typedef _Atomic(unsigned char) atomic_bool;
typedef _Atomic(unsigned char) atomic_uchar;
typedef _Atomic(unsigned short) atomic_ushort;
typedef _Atomic(int) atomic_int_fast32_t;
typedef enum {
	memory_order_relaxed, memory_order_consume, memory_order_acquire,
	memory_order_release, memory_order_acq_rel, memory_order_seq_cst
} memory_order;
#define ATOMIC_VAR_INIT(value) (value)
#define kill_dependency(value) (value)
#define atomic_is_lock_free(object) 1
typedef struct { int set; } atomic_flag;
#define ATOMIC_FLAG_INIT { 0 }
#define atomic_flag_test_and_set(flag) (atomic_exchange(&(flag)->set, 1) != 0)
#define atomic_flag_test_and_set_explicit(flag, order) (atomic_exchange(&(flag)->set, 1) != 0)
#define atomic_flag_clear(flag) atomic_store(&(flag)->set, 0)
#define atomic_flag_clear_explicit(flag, order) atomic_store(&(flag)->set, 0)
#endif
