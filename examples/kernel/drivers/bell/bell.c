// SPDX-License-Identifier: MIT OR Apache-2.0
/* A bell: what RCU readers may not do, and what must wait for them. */
#include <linux/kernel.h>
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

struct tone {
	struct list_head list;
	int pitch;
};

struct bell {
	struct list_head tones;
	spinlock_t lock;
	struct tone *current_tone;
};

int bell_ring_bug(struct bell *bell)
{
	struct tone *tone;
	int count = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(tone, &bell->tones, list) {
		msleep(tone->pitch); //~ sleep-in-atomic
		count++;
	}
	rcu_read_unlock();
	return count;
}

int bell_ring_ok(struct bell *bell)
{
	struct tone *tone;
	int longest = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(tone, &bell->tones, list) {
		if (tone->pitch > longest)
			longest = tone->pitch;
	}
	rcu_read_unlock();
	msleep(longest);
	return longest;
}

int bell_pitch_bug(struct bell *bell)
{
	struct tone *tone;

	rcu_read_lock();
	tone = rcu_dereference(bell->current_tone);
	rcu_read_unlock();
	return tone ? tone->pitch : 0; //~ rcu-misuse
}

int bell_pitch_ok(struct bell *bell)
{
	struct tone *tone;
	int pitch;

	rcu_read_lock();
	tone = rcu_dereference(bell->current_tone);
	pitch = tone ? tone->pitch : 0;
	rcu_read_unlock();
	return pitch;
}

void bell_remove_bug(struct bell *bell, struct tone *tone)
{
	spin_lock(&bell->lock);
	list_del_rcu(&tone->list);
	spin_unlock(&bell->lock);
	kfree(tone); //~ rcu-misuse
}

void bell_remove_ok(struct bell *bell, struct tone *tone)
{
	spin_lock(&bell->lock);
	list_del_rcu(&tone->list);
	spin_unlock(&bell->lock);
	synchronize_rcu();
	kfree(tone);
}

static bool bell_may_wait(void)
{
	return !in_atomic() && !irqs_disabled();
}

static bool bell_is_new(struct bell *bell)
{
	return !bell->current_tone;
}

/* Who asks for the context knows it, also when a helper asks. */
static void bell_rest_ok(int ms)
{
	if (bell_may_wait())
		msleep(ms);
}

static void bell_rest_bug(struct bell *bell, int ms)
{
	if (bell_is_new(bell))
		msleep(ms);
}

void bell_strike_ok(struct bell *bell)
{
	spin_lock(&bell->lock);
	bell_rest_ok(3);
	spin_unlock(&bell->lock);
}

void bell_strike_bug(struct bell *bell)
{
	spin_lock(&bell->lock);
	bell_rest_bug(bell, 3); //~ sleep-in-atomic
	spin_unlock(&bell->lock);
}
