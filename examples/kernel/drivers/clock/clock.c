// SPDX-License-Identifier: MIT OR Apache-2.0
/* A clock: taking down what a timer may still use. */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/timer.h>

struct clock {
	struct timer_list tick;
	u64 now;
};

static void clock_tick(struct timer_list *timer)
{
	struct clock *clock = from_timer(clock, timer, tick);

	clock->now++;
	mod_timer(&clock->tick, 100);
}

struct clock *clock_create(void)
{
	struct clock *clock = kzalloc(sizeof(*clock), GFP_KERNEL);

	if (!clock)
		return NULL;
	timer_setup(&clock->tick, clock_tick, 0);
	mod_timer(&clock->tick, 100);
	return clock;
}

void clock_destroy_bug(struct clock *clock)
{
	del_timer(&clock->tick);
	kfree(clock); //~? teardown-race
}

void clock_destroy_ok(struct clock *clock)
{
	del_timer_sync(&clock->tick);
	kfree(clock);
}
