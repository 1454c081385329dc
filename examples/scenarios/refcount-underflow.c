/*
 * Both users of an object drop its last reference.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>

typedef struct refcount_struct {
	int refs;
} refcount_t;

bool refcount_dec_and_test(refcount_t *r);

static refcount_t users = { 1 };

static void put(void *unused)
{
	refcount_dec_and_test(&users);
}

void scenario(void)
{
	cuthere_task(0, put, NULL);
	cuthere_task(1, put, NULL);
}
