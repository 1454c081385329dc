#ifndef CUTHERE_STRING_H
#define CUTHERE_STRING_H
#include <stddef.h>
void *memmove(void *to, const void *from, size_t size);
int strncmp(const char *a, const char *b, size_t size);
static inline char *strcpy(char *to, const char *from)
{
	memcpy(to, from, strlen(from) + 1);
	return to;
}
static inline char *strncpy(char *to, const char *from, size_t size)
{
	size_t length = strlen(from);
	memset(to, 0, size);
	memcpy(to, from, length < size ? length : size);
	return to;
}
static inline char *strcat(char *to, const char *from)
{
	strcpy(to + strlen(to), from);
	return to;
}
static inline char *strchr(const char *text, int byte)
{
	for (; *text != (char)byte; text++) {
		if (!*text)
			return NULL;
	}
	return (char *)text;
}
static inline char *strdup(const char *text)
{
	char *copy = malloc(strlen(text) + 1);
	return strcpy(copy, text);
}
#endif
