/*
 * An early return keeps the lock, if the device goes away meanwhile.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/mutex.h>

static struct mutex lock;
static bool gone;

static void use(void *unused)
{
	mutex_lock(&lock);
	if (gone)
		return;
	mutex_unlock(&lock);
}

static void unplug(void *unused)
{
	gone = true;
}

void scenario(void)
{
	cuthere_task(0, use, NULL);
	cuthere_task(1, unplug, NULL);
}
