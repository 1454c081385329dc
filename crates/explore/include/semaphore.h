#ifndef CUTHERE_SEMAPHORE_H
#define CUTHERE_SEMAPHORE_H
typedef struct { long opaque[4]; } sem_t;
int sem_init(sem_t *sem, int shared, unsigned value);
int sem_wait(sem_t *sem);
int sem_trywait(sem_t *sem);
int sem_post(sem_t *sem);
int sem_destroy(sem_t *sem);
#endif
