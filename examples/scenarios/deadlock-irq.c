/*
 * A lock taken with interrupts enabled, and again by the interrupt handler of the same CPU.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/spinlock.h>

static spinlock_t lock;
static int count;

static void work(void *unused)
{
	spin_lock(&lock);
	count++;
	spin_unlock(&lock);
}

void scenario(void)
{
	cuthere_task(0, work, NULL);
	cuthere_hardirq(0, work, NULL);
}
