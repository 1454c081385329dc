/*
 * A mutex is taken under a spinlock, but only when another task has asked for it.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

static spinlock_t lock;
static struct mutex slow;
static bool asked;

static void ask(void *unused)
{
	asked = true;
}

static void serve(void *unused)
{
	spin_lock(&lock);
	if (asked) {
		mutex_lock(&slow);
		mutex_unlock(&slow);
	}
	spin_unlock(&lock);
}

void scenario(void)
{
	cuthere_task(0, ask, NULL);
	cuthere_task(1, serve, NULL);
}
