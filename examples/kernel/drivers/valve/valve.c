// SPDX-License-Identifier: MIT OR Apache-2.0
/* A valve behind a slow bus: sleeping three calls below the lock, and only for some arguments. */
#include <linux/kernel.h>
#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

struct valve {
	spinlock_t lock;
	u32 *scratch;
	int position;
};

static int valve_bus_settle(struct valve *valve)
{
	usleep_range(100, 200);
	return valve->position;
}

static int valve_bus_write(struct valve *valve, int position)
{
	valve->position = position;
	return valve_bus_settle(valve);
}

static int valve_move(struct valve *valve, int position)
{
	if (position < 0)
		return -EINVAL;
	return valve_bus_write(valve, position);
}

int valve_open_bug(struct valve *valve)
{
	int ret;

	spin_lock(&valve->lock);
	ret = valve_move(valve, 90); //~ sleep-in-atomic
	spin_unlock(&valve->lock);
	return ret;
}

int valve_open_ok(struct valve *valve)
{
	spin_lock(&valve->lock);
	valve->position = 90;
	spin_unlock(&valve->lock);
	return valve_move(valve, 90);
}

/* Sleeps only if it may. */
static void valve_pause(struct valve *valve, bool may_wait)
{
	if (may_wait)
		msleep(5);
	else
		udelay(5);
	valve->position++;
}

void valve_nudge_bug(struct valve *valve)
{
	spin_lock(&valve->lock);
	valve_pause(valve, true); //~ sleep-in-atomic
	spin_unlock(&valve->lock);
}

void valve_nudge_ok(struct valve *valve)
{
	spin_lock(&valve->lock);
	valve_pause(valve, false);
	spin_unlock(&valve->lock);
	valve_pause(valve, true);
}

/* The caller says how to allocate. */
static int valve_reserve(struct valve *valve, gfp_t gfp)
{
	valve->scratch = kmalloc(64, gfp);
	return valve->scratch ? 0 : -ENOMEM;
}

int valve_prepare_bug(struct valve *valve)
{
	int ret;

	spin_lock(&valve->lock);
	ret = valve_reserve(valve, GFP_KERNEL); //~ sleep-in-atomic
	spin_unlock(&valve->lock);
	return ret;
}

int valve_prepare_ok(struct valve *valve)
{
	int ret;

	spin_lock(&valve->lock);
	ret = valve_reserve(valve, GFP_ATOMIC);
	spin_unlock(&valve->lock);
	return ret;
}
