#ifndef CUTHERE_TIME_H
#define CUTHERE_TIME_H
#include <stddef.h>
typedef long time_t;
struct timespec { time_t tv_sec; long tv_nsec; };
long clock(void);
static inline time_t time(time_t *out)
{
	time_t now = clock();
	if (out)
		*out = now;
	return now;
}
int nanosleep(const struct timespec *time, struct timespec *left);
#endif
