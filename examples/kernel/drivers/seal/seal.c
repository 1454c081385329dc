// SPDX-License-Identifier: MIT OR Apache-2.0
/* A seal: right without PREEMPT_RT, wrong with it. */
#include <linux/kernel.h>
#include <linux/interrupt.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

struct seal_queue {
	u32 head;
	u32 tail;
};

struct seal {
	raw_spinlock_t hard;
	spinlock_t soft;
	u32 state;
};

static DEFINE_PER_CPU(struct seal_queue, seal_queues);

/* Disabled softirqs keep others off this CPU's queue, but on rt only if they also take a lock. */
void seal_push_bug(u32 value)
{
	struct seal_queue *queue;

	local_bh_disable();
	queue = this_cpu_ptr(&seal_queues); //~? rt-percpu
	queue->head = value;
	queue->tail++;
	local_bh_enable();
}

void seal_press_bug(struct seal *seal)
{
	raw_spin_lock(&seal->hard);
	spin_lock(&seal->soft); //~? rt-sleeping-lock
	seal->state++;
	spin_unlock(&seal->soft);
	raw_spin_unlock(&seal->hard);
}

void seal_press_ok(struct seal *seal)
{
	spin_lock(&seal->soft);
	seal->state++;
	spin_unlock(&seal->soft);
	raw_spin_lock(&seal->hard);
	seal->state++;
	raw_spin_unlock(&seal->hard);
}
