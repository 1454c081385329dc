#ifndef CUTHERE_ERRNO_H
#define CUTHERE_ERRNO_H
#define EBUSY 16
#define EINVAL 22
#define ENOMEM 12
#define EAGAIN 11
#endif
