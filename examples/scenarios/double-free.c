/*
 * Two tasks both find the buffer and both free it.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/slab.h>

static void *buffer;

static void drop(void *unused)
{
	if (buffer) {
		kfree(buffer);
		buffer = NULL;
	}
}

void scenario(void)
{
	buffer = kmalloc(64, GFP_KERNEL);
	cuthere_task(0, drop, NULL);
	cuthere_task(1, drop, NULL);
}
