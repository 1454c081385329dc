/*
 * A counter without a lock loses an update.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>

static int count;

static void add(void *unused)
{
	count++;
}

static void both_counted(void *unused)
{
	cuthere_assert(count == 2);
}

void scenario(void)
{
	cuthere_task(0, add, NULL);
	cuthere_task(1, add, NULL);
	cuthere_finally(both_counted, NULL);
}
