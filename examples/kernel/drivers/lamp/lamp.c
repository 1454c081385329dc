// SPDX-License-Identifier: MIT OR Apache-2.0
/* A lamp: scope-based locking, and a helper that differs by architecture. */
#include <linux/kernel.h>
#include <linux/cleanup.h>
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <asm/lamp.h>

struct lamp {
	spinlock_t lock;
	struct mutex config;
	int brightness;
};

void lamp_fade_bug(struct lamp *lamp)
{
	scoped_guard(spinlock, &lamp->lock) {
		lamp->brightness--;
		msleep(10); //~ sleep-in-atomic
	}
}

void lamp_fade_ok(struct lamp *lamp)
{
	scoped_guard(spinlock, &lamp->lock)
		lamp->brightness--;
	msleep(10);
}

int lamp_set_bug(struct lamp *lamp, int brightness)
{
	guard(spinlock)(&lamp->lock);

	if (lamp->brightness == brightness)
		return 0;
	lamp->brightness = brightness;
	mutex_lock(&lamp->config); //~ sleep-in-atomic
	mutex_unlock(&lamp->config);
	return 1;
}

int lamp_set_ok(struct lamp *lamp, int brightness)
{
	guard(mutex)(&lamp->config);

	msleep(1);
	lamp->brightness = brightness;
	return 1;
}

/* Right on x86, whose variant spins; wrong with --arch arm64, whose variant sleeps. */
void lamp_settle_ok(struct lamp *lamp)
{
	spin_lock(&lamp->lock);
	arch_lamp_settle();
	spin_unlock(&lamp->lock);
}
