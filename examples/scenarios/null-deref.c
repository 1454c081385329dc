/*
 * A pointer is tested, cleared by an interrupt on the same CPU, and used.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/slab.h>

struct ring {
	int head;
};

static struct ring *ring;

static void poll(void *unused)
{
	if (ring)
		ring->head++;
}

static void stop(void *unused)
{
	ring = NULL;
}

void scenario(void)
{
	ring = kzalloc(sizeof(*ring), GFP_KERNEL);
	cuthere_task(0, poll, NULL);
	cuthere_hardirq(0, stop, NULL);
}
