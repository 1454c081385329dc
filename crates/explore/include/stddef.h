#ifndef CUTHERE_STDDEF_H
#define CUTHERE_STDDEF_H
typedef unsigned long size_t;
typedef long ssize_t;
typedef long ptrdiff_t;
#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
typedef struct cuthere_file FILE;
extern FILE *stdout, *stderr, *stdin;
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *object, size_t size);
void free(void *object);
void exit(int status);
void abort(void);
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int printf(const char *format, ...);
int puts(const char *text);
unsigned sleep(unsigned seconds);
int usleep(unsigned long time);
int sched_yield(void);
#define RAND_MAX 2147483647
int rand(void);
long random(void);
static inline int abs(int value)
{
	return value < 0 ? -value : value;
}
#endif
