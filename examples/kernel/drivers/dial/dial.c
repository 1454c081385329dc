// SPDX-License-Identifier: MIT OR Apache-2.0
/* A dial: two locks in two orders, and a lock that an interrupt takes too. */
#include <linux/kernel.h>
#include <linux/interrupt.h>
#include <linux/spinlock.h>

struct dial {
	spinlock_t scale_lock;
	spinlock_t needle_lock;
	spinlock_t frame_lock;
	spinlock_t event_lock;
	spinlock_t quiet_lock;
	int value;
};

void dial_forward_bug(struct dial *dial)
{
	spin_lock(&dial->scale_lock);
	spin_lock(&dial->needle_lock); //~ lock-order
	dial->value++;
	spin_unlock(&dial->needle_lock);
	spin_unlock(&dial->scale_lock);
}

void dial_backward_bug(struct dial *dial)
{
	spin_lock(&dial->needle_lock);
	spin_lock(&dial->scale_lock);
	dial->value--;
	spin_unlock(&dial->scale_lock);
	spin_unlock(&dial->needle_lock);
}

void dial_reset_ok(struct dial *dial)
{
	spin_lock(&dial->scale_lock);
	spin_lock(&dial->frame_lock);
	dial->value = 0;
	spin_unlock(&dial->frame_lock);
	spin_unlock(&dial->scale_lock);
}

static irqreturn_t dial_irq(int irq, void *data)
{
	struct dial *dial = data;

	spin_lock(&dial->event_lock);
	dial->value++;
	spin_unlock(&dial->event_lock);
	spin_lock(&dial->quiet_lock);
	dial->value++;
	spin_unlock(&dial->quiet_lock);
	return IRQ_HANDLED;
}

void dial_poll_bug(struct dial *dial)
{
	spin_lock(&dial->event_lock); //~ irq-unsafe-lock low
	dial->value = 0;
	spin_unlock(&dial->event_lock);
}

void dial_poll_ok(struct dial *dial)
{
	spin_lock_irq(&dial->quiet_lock);
	dial->value = 0;
	spin_unlock_irq(&dial->quiet_lock);
}

int dial_attach(struct dial *dial, unsigned int irq)
{
	return request_irq(irq, dial_irq, 0, "dial", dial);
}
