/*
 * A task releases a mutex that another one took.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/mutex.h>

static struct mutex lock;
static bool taken;

static void take(void *unused)
{
	mutex_lock(&lock);
	taken = true;
	taken = false;
	mutex_unlock(&lock);
}

static void clean_up(void *unused)
{
	if (taken)
		mutex_unlock(&lock);
}

void scenario(void)
{
	cuthere_task(0, take, NULL);
	cuthere_task(1, clean_up, NULL);
}
