// SPDX-License-Identifier: MIT OR Apache-2.0
/* A gate: locks that are not given back, or taken twice. */
#include <linux/kernel.h>
#include <linux/spinlock.h>

struct gate {
	spinlock_t lock;
	int open;
};

int gate_open_bug(struct gate *gate)
{
	spin_lock(&gate->lock);
	if (gate->open)
		return -EBUSY; //~ lock-imbalance
	gate->open = 1;
	spin_unlock(&gate->lock);
	return 0;
}

int gate_open_ok(struct gate *gate)
{
	int ret = -EBUSY;

	spin_lock(&gate->lock);
	if (gate->open)
		goto out;
	gate->open = 1;
	ret = 0;
out:
	spin_unlock(&gate->lock);
	return ret;
}

static int gate_count(struct gate *gate)
{
	int count;

	spin_lock(&gate->lock);
	count = gate->open;
	spin_unlock(&gate->lock);
	return count;
}

int gate_close_bug(struct gate *gate)
{
	int count;

	spin_lock(&gate->lock);
	count = gate_count(gate); //~ double-lock
	gate->open = 0;
	spin_unlock(&gate->lock);
	return count;
}

int gate_close_ok(struct gate *gate)
{
	int count = gate_count(gate);

	spin_lock(&gate->lock);
	gate->open = 0;
	spin_unlock(&gate->lock);
	return count;
}
