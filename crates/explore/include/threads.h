/* C11 threads (7.26) in terms of POSIX threads. */
#ifndef CUTHERE_THREADS_H
#define CUTHERE_THREADS_H
#include <pthread.h>
#define thread_local _Thread_local
typedef pthread_t thrd_t;
typedef pthread_mutex_t mtx_t;
typedef pthread_cond_t cnd_t;
typedef pthread_once_t once_flag;
typedef int (*thrd_start_t)(void *);
#define ONCE_FLAG_INIT PTHREAD_ONCE_INIT
enum { thrd_success, thrd_busy, thrd_error, thrd_nomem, thrd_timedout };
enum { mtx_plain, mtx_recursive, mtx_timed };
static inline int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
	return pthread_create(thread, NULL, (void *(*)(void *))run, argument) ? thrd_error : thrd_success;
}
static inline int thrd_join(thrd_t thread, int *result)
{
	void *value;
	pthread_join(thread, &value);
	if (result)
		*result = (int)(long)value;
	return thrd_success;
}
static inline int thrd_detach(thrd_t thread)
{
	return thrd_success;
}
static inline void thrd_exit(int result)
{
	pthread_exit((void *)(long)result);
}
static inline void thrd_yield(void)
{
}
static inline int thrd_sleep(const struct timespec *time, struct timespec *left)
{
	return 0;
}
static inline int thrd_equal(thrd_t a, thrd_t b)
{
	return a == b;
}
static inline int mtx_init(mtx_t *mutex, int kind)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	if (kind & mtx_recursive)
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(mutex, &attr);
	return thrd_success;
}
static inline void mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy(mutex);
}
static inline int mtx_lock(mtx_t *mutex)
{
	return pthread_mutex_lock(mutex) ? thrd_error : thrd_success;
}
static inline int mtx_trylock(mtx_t *mutex)
{
	return pthread_mutex_trylock(mutex) ? thrd_busy : thrd_success;
}
static inline int mtx_timedlock(mtx_t *mutex, const struct timespec *until)
{
	return pthread_mutex_trylock(mutex) ? thrd_timedout : thrd_success;
}
static inline int mtx_unlock(mtx_t *mutex)
{
	return pthread_mutex_unlock(mutex) ? thrd_error : thrd_success;
}
static inline int cnd_init(cnd_t *cond)
{
	return thrd_success;
}
static inline void cnd_destroy(cnd_t *cond)
{
}
static inline int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
	return pthread_cond_wait(cond, mutex) ? thrd_error : thrd_success;
}
static inline int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until)
{
	int error = pthread_cond_timedwait(cond, mutex, until);
	return error == ETIMEDOUT ? thrd_timedout : error ? thrd_error : thrd_success;
}
static inline int cnd_signal(cnd_t *cond)
{
	return pthread_cond_signal(cond) ? thrd_error : thrd_success;
}
static inline int cnd_broadcast(cnd_t *cond)
{
	return pthread_cond_broadcast(cond) ? thrd_error : thrd_success;
}
static inline void call_once(once_flag *once, void (*run)(void))
{
	pthread_once(once, run);
}
#endif
