// SPDX-License-Identifier: MIT OR Apache-2.0
/* Level and drain of a tank: sleeping directly under a spinlock. */
#include <linux/kernel.h>
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

struct tank {
	spinlock_t lock;
	struct mutex config;
	u32 level;
	u32 *history;
};

void tank_drain_bug(struct tank *tank)
{
	spin_lock(&tank->lock);
	tank->level = 0;
	msleep(20); //~ sleep-in-atomic
	spin_unlock(&tank->lock);
}

void tank_drain_ok(struct tank *tank)
{
	spin_lock(&tank->lock);
	tank->level = 0;
	spin_unlock(&tank->lock);
	msleep(20);
}

int tank_record_bug(struct tank *tank)
{
	unsigned long flags;
	u32 *fresh;

	spin_lock_irqsave(&tank->lock, flags);
	fresh = kcalloc(16, sizeof(*fresh), GFP_KERNEL); //~ sleep-in-atomic
	if (!fresh) {
		spin_unlock_irqrestore(&tank->lock, flags);
		return -ENOMEM;
	}
	tank->history = fresh;
	spin_unlock_irqrestore(&tank->lock, flags);
	return 0;
}

int tank_record_ok(struct tank *tank)
{
	unsigned long flags;
	u32 *fresh;

	spin_lock_irqsave(&tank->lock, flags);
	fresh = kcalloc(16, sizeof(*fresh), GFP_ATOMIC);
	if (!fresh) {
		spin_unlock_irqrestore(&tank->lock, flags);
		return -ENOMEM;
	}
	tank->history = fresh;
	spin_unlock_irqrestore(&tank->lock, flags);
	return 0;
}

int tank_configure_bug(struct tank *tank, const void *user)
{
	u32 level;

	spin_lock_bh(&tank->lock);
	if (copy_from_user(&level, user, sizeof(level))) { //~ sleep-in-atomic
		spin_unlock_bh(&tank->lock);
		return -EINVAL;
	}
	tank->level = level;
	spin_unlock_bh(&tank->lock);
	return 0;
}

int tank_configure_ok(struct tank *tank, const void *user)
{
	u32 level;

	if (copy_from_user(&level, user, sizeof(level)))
		return -EINVAL;
	mutex_lock(&tank->config);
	spin_lock_bh(&tank->lock);
	tank->level = level;
	spin_unlock_bh(&tank->lock);
	mutex_unlock(&tank->config);
	return 0;
}

static void tank_log(struct tank *tank)
{
	printk("level %u\n", tank->level);
}

/* The lock is dropped on the path that waits: every path is right. */
int tank_wait_ok(struct tank *tank, bool wait)
{
	spin_lock(&tank->lock);
	if (wait)
		spin_unlock(&tank->lock);
	tank_log(tank);
	if (wait) {
		msleep(1);
		return 0;
	}
	spin_unlock(&tank->lock);
	return 1;
}

/* The caller's mask is taken and forgotten. */
u32 *tank_copy_bug(struct tank *tank, gfp_t gfp)
{
	return kcalloc(tank->level, sizeof(u32), GFP_KERNEL); //~ sleep-in-atomic
}

u32 *tank_copy_ok(struct tank *tank, gfp_t gfp)
{
	return kcalloc(tank->level, sizeof(u32), gfp);
}
