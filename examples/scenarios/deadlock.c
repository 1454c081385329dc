/*
 * Two mutexes taken in opposite orders.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/mutex.h>

static struct mutex front, back;

static void forward(void *unused)
{
	mutex_lock(&front);
	mutex_lock(&back);
	mutex_unlock(&back);
	mutex_unlock(&front);
}

static void backward(void *unused)
{
	mutex_lock(&back);
	mutex_lock(&front);
	mutex_unlock(&front);
	mutex_unlock(&back);
}

void scenario(void)
{
	cuthere_task(0, forward, NULL);
	cuthere_task(1, backward, NULL);
}
