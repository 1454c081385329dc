/*
 * The same with a deletion that waits: nothing goes wrong.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/slab.h>
#include <linux/timer.h>

struct pump {
	int strokes;
	struct timer_list timer;
};

static struct pump *pump;

static void tick(struct timer_list *timer)
{
	struct pump *of = container_of(timer, struct pump, timer);

	of->strokes++;
}

static void remove(void *unused)
{
	del_timer_sync(&pump->timer);
	kfree(pump);
}

void scenario(void)
{
	pump = kzalloc(sizeof(*pump), GFP_KERNEL);
	timer_setup(&pump->timer, tick, 0);
	mod_timer(&pump->timer, 1);
	cuthere_task(1, remove, NULL);
}
