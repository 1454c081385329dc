#ifndef CUTHERE_SEMAPHORE_H
#define CUTHERE_SEMAPHORE_H
#include <errno.h>
#include <time.h>
typedef struct { long opaque[4]; } sem_t;
int sem_init(sem_t *sem, int shared, unsigned value);
int sem_wait(sem_t *sem);
int sem_trywait(sem_t *sem);
static inline int sem_timedwait(sem_t *sem, const struct timespec *until)
{
	if (!sem_trywait(sem))
		return 0;
	errno = ETIMEDOUT;
	return -1;
}
int sem_post(sem_t *sem);
int sem_destroy(sem_t *sem);
#endif
