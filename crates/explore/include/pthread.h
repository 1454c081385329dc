#ifndef CUTHERE_PTHREAD_H
#define CUTHERE_PTHREAD_H
#include <errno.h>
#include <stddef.h>
#include <time.h>
typedef unsigned long pthread_t;
typedef struct { long opaque[5]; } pthread_mutex_t;
typedef struct { long opaque[6]; } pthread_cond_t;
typedef struct { long opaque[7]; } pthread_rwlock_t;
typedef struct { long opaque[7]; } pthread_attr_t;
typedef struct { long opaque; } pthread_mutexattr_t;
typedef struct { long opaque; } pthread_condattr_t;
typedef struct { long opaque; } pthread_rwlockattr_t;
typedef struct { long opaque; } pthread_barrierattr_t;
typedef struct { pthread_mutex_t opaque; pthread_cond_t all; unsigned count, here; } pthread_barrier_t;
typedef struct { pthread_mutex_t opaque; int done; } pthread_once_t;
typedef volatile int pthread_spinlock_t;
#define PTHREAD_MUTEX_INITIALIZER { { 0 } }
#define PTHREAD_COND_INITIALIZER { { 0 } }
#define PTHREAD_RWLOCK_INITIALIZER { { 0 } }
#define PTHREAD_ONCE_INIT { { { 0 } }, 0 }
#define PTHREAD_BARRIER_SERIAL_THREAD (-1)
#define PTHREAD_CREATE_JOINABLE 0
#define PTHREAD_CREATE_DETACHED 1
#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED 1
#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_MUTEX_DEFAULT 0
#define PTHREAD_MUTEX_FAST_NP 0
#define PTHREAD_MUTEX_TIMED_NP 0
#define PTHREAD_MUTEX_RECURSIVE_NP 1
#define PTHREAD_SCOPE_SYSTEM 0
#define PTHREAD_SCOPE_PROCESS 1
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *argument);
int pthread_join(pthread_t thread, void **result);
int pthread_detach(pthread_t thread);
void pthread_exit(void *result);
int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr);
int pthread_mutex_destroy(pthread_mutex_t *mutex);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_trylock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr);
int pthread_cond_destroy(pthread_cond_t *cond);
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int pthread_cond_signal(pthread_cond_t *cond);
int pthread_cond_broadcast(pthread_cond_t *cond);
int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr);
int pthread_rwlock_destroy(pthread_rwlock_t *lock);
int pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int pthread_rwlock_unlock(pthread_rwlock_t *lock);
int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock);
int pthread_rwlock_trywrlock(pthread_rwlock_t *lock);
int pthread_spin_init(pthread_spinlock_t *lock, int shared);
int pthread_spin_destroy(pthread_spinlock_t *lock);
int pthread_spin_lock(pthread_spinlock_t *lock);
int pthread_spin_trylock(pthread_spinlock_t *lock);
int pthread_spin_unlock(pthread_spinlock_t *lock);
int pthread_mutexattr_init(pthread_mutexattr_t *attr);
int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int kind);
pthread_t pthread_self(void);
typedef unsigned pthread_key_t;
#define CUTHERE_KEYS 16
#define PTHREAD_KEYS_MAX CUTHERE_KEYS
#define PTHREAD_DESTRUCTOR_ITERATIONS 4
static unsigned cuthere_keys;
static void (*cuthere_destructors[CUTHERE_KEYS])(void *);
static __thread void *cuthere_values[CUTHERE_KEYS];
/* At the end of a thread: a destructor may set values anew, which are looked at again. */
static inline void cuthere_destroy_values(void)
{
	int round, found = 1;
	unsigned key;
	for (round = 0; found && round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
		found = 0;
		for (key = 0; key < cuthere_keys && key < CUTHERE_KEYS; key++) {
			void *value = cuthere_values[key];
			if (!value || !cuthere_destructors[key])
				continue;
			found = 1;
			cuthere_values[key] = NULL;
			cuthere_destructors[key](value);
		}
	}
}
static inline int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
	unsigned own = __sync_fetch_and_add(&cuthere_keys, 1);
	if (own >= CUTHERE_KEYS)
		return EAGAIN;
	cuthere_destructors[own] = destroy;
	if (destroy)
		cuthere_at_end(cuthere_destroy_values);
	*key = own;
	return 0;
}
/* Functions that run when a thread ends inside their section. */
struct cuthere_cleanup { void (*run)(void *); void *argument; struct cuthere_cleanup *outer; };
static __thread struct cuthere_cleanup *cuthere_cleanups;
static inline void cuthere_exit(void *result)
{
	struct cuthere_cleanup *each;
	while ((each = cuthere_cleanups)) {
		cuthere_cleanups = each->outer;
		each->run(each->argument);
	}
	cuthere_destroy_values();
	pthread_exit(result);
}
#define pthread_exit(result) cuthere_exit(result)
#define pthread_cleanup_push(function, value) \
	do { \
		struct cuthere_cleanup cuthere_own = { (function), (value), cuthere_cleanups }; \
		cuthere_cleanups = &cuthere_own
#define pthread_cleanup_pop(execute) \
		cuthere_cleanups = cuthere_own.outer; \
		if (execute) \
			cuthere_own.run(cuthere_own.argument); \
	} while (0)
static inline int pthread_key_delete(pthread_key_t key)
{
	cuthere_destructors[key % CUTHERE_KEYS] = NULL;
	return 0;
}
static inline int pthread_setspecific(pthread_key_t key, const void *value)
{
	if (key >= CUTHERE_KEYS)
		return EINVAL;
	cuthere_values[key] = (void *)value;
	return 0;
}
static inline void *pthread_getspecific(pthread_key_t key)
{
	return key < CUTHERE_KEYS ? cuthere_values[key] : NULL;
}
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);
/* One that gets the lock is one that tried late enough. */
static inline int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
	return pthread_mutex_trylock(mutex) ? ETIMEDOUT : 0;
}
static inline int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until)
{
	return pthread_rwlock_tryrdlock(lock) ? ETIMEDOUT : 0;
}
static inline int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until)
{
	return pthread_rwlock_trywrlock(lock) ? ETIMEDOUT : 0;
}
static inline int pthread_equal(pthread_t a, pthread_t b)
{
	return a == b;
}
static inline int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count)
{
	if (count == 0)
		return EINVAL;
	if (cuthere_barrier_made(&barrier->count) && barrier->here)
		cuthere_misused(barrier, 1);
	barrier->count = count;
	barrier->here = 0;
	return 0;
}
/* Others may still be on their way out of it. */
static inline int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
	pthread_mutex_lock(&barrier->opaque);
	barrier->count = 0;
	pthread_mutex_destroy((pthread_mutex_t *)&barrier->count);
	pthread_mutex_unlock(&barrier->opaque);
	return 0;
}
static inline int pthread_barrier_wait(pthread_barrier_t *barrier)
{
	pthread_mutex_lock(&barrier->opaque);
	if (barrier->count == 0)
		cuthere_misused(barrier, 0);
	barrier->here++;
	if (barrier->here == barrier->count) {
		barrier->here = 0;
		pthread_cond_broadcast(&barrier->all);
		pthread_mutex_unlock(&barrier->opaque);
		return PTHREAD_BARRIER_SERIAL_THREAD;
	}
	/* Nothing but the last one's broadcast wakes: who is on the way out of it needs nothing of it any more, and it may be made anew. */
	pthread_cond_wait(&barrier->all, &barrier->opaque);
	pthread_mutex_unlock(&barrier->opaque);
	return 0;
}
static inline int pthread_once(pthread_once_t *once, void (*run)(void))
{
	pthread_mutex_lock(&once->opaque);
	if (!once->done) {
		run();
		once->done = 1;
	}
	pthread_mutex_unlock(&once->opaque);
	return 0;
}
#endif
