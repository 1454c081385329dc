// SPDX-License-Identifier: MIT OR Apache-2.0
/* A pump with an interrupt and a watchdog: sleeping where the context, not a lock, forbids it. */
#include <linux/kernel.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/mutex.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

struct pump {
	struct mutex lock;
	struct timer_list watchdog;
	struct timer_list heartbeat;
	struct work_struct restart;
	int speed;
};

static irqreturn_t pump_irq_bug(int irq, void *data)
{
	struct pump *pump = data;

	mutex_lock(&pump->lock); //~ sleep-in-atomic
	pump->speed = 0;
	mutex_unlock(&pump->lock);
	return IRQ_HANDLED;
}

static irqreturn_t pump_irq_ok(int irq, void *data)
{
	return IRQ_WAKE_THREAD;
}

/* A threaded handler runs in a task of its own. */
static irqreturn_t pump_thread_ok(int irq, void *data)
{
	struct pump *pump = data;

	mutex_lock(&pump->lock);
	pump->speed = 0;
	mutex_unlock(&pump->lock);
	return IRQ_HANDLED;
}

static void pump_watchdog_bug(struct timer_list *timer)
{
	struct pump *pump = from_timer(pump, timer, watchdog);

	pump->speed = 1;
	msleep(100); //~ sleep-in-atomic
}

static void pump_heartbeat_ok(struct timer_list *timer)
{
	struct pump *pump = from_timer(pump, timer, heartbeat);

	schedule_work(&pump->restart);
}

static void pump_restart_ok(struct work_struct *work)
{
	struct pump *pump = container_of(work, struct pump, restart);

	msleep(100);
	mutex_lock(&pump->lock);
	pump->speed = 1;
	mutex_unlock(&pump->lock);
}

int pump_start(struct pump *pump, unsigned int irq)
{
	int ret;

	mutex_init(&pump->lock);
	INIT_WORK(&pump->restart, pump_restart_ok);
	timer_setup(&pump->watchdog, pump_watchdog_bug, 0);
	timer_setup(&pump->heartbeat, pump_heartbeat_ok, 0);
	ret = request_irq(irq, pump_irq_bug, 0, "pump", pump);
	if (ret)
		return ret;
	return request_threaded_irq(irq + 1, pump_irq_ok, pump_thread_ok, 0, "pump-slow", pump);
}
