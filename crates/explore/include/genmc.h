/* What GenMC's own header offers programs, without the hints that only save it work. */
#ifndef CUTHERE_GENMC_H
#define CUTHERE_GENMC_H
#include <pthread.h>
#include <stdbool.h>
typedef pthread_t __VERIFIER_thread_t;
void __VERIFIER_assume(bool condition);
int __VERIFIER_nondet_int(void);
static inline __VERIFIER_thread_t __VERIFIER_spawn(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	pthread_create(&thread, NULL, run, argument);
	return thread;
}
static inline void *__VERIFIER_join(__VERIFIER_thread_t thread)
{
	void *result;
	pthread_join(thread, &result);
	return result;
}
#define __VERIFIER_spawn_symmetric(run, argument, like) __VERIFIER_spawn(run, argument)
#define __VERIFIER_join_symmetric(thread) __VERIFIER_join(thread)
#define __VERIFIER_loop_begin() ((void)0)
#define __VERIFIER_spin_start() ((void)0)
#define __VERIFIER_spin_end(condition) __VERIFIER_assume(condition)
#define __VERIFIER_local_write(store) do { store; } while (0)
#define __VERIFIER_final_write(store) do { store; } while (0)
#define __VERIFIER_helped_CAS(exchange) do { exchange; } while (0)
#define __VERIFIER_helping_CAS(exchange) do { exchange; } while (0)
#define __VERIFIER_speculative_read(read) ({ __auto_type __ret = read; __ret; })
#define __VERIFIER_confirming_read(read) ({ __auto_type __ret = read; __ret; })
#define __VERIFIER_confirming_CAS(exchange) ({ __auto_type __ret = exchange; __ret; })
#define __VERIFIER_final_CAS(exchange) ({ __auto_type __ret = exchange; __ret; })
#define __VERIFIER_optional(block) do { } while (0)
#endif
