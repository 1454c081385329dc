#ifndef CUTHERE_ERRNO_H
#define CUTHERE_ERRNO_H
#define EPERM 1
#define ESRCH 3
#define EINTR 4
#define EBUSY 16
#define EINVAL 22
#define ENOMEM 12
#define EAGAIN 11
#define EDEADLK 35
#define ETIMEDOUT 110
static __thread int errno;
#endif
