/*
 * The same without waiting for readers.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

struct route {
	int metric;
};

static struct route *route;
static int seen;

static void look_up(void *unused)
{
	struct route *r;

	rcu_read_lock();
	r = rcu_dereference(route);
	if (r)
		seen = r->metric;
	rcu_read_unlock();
}

static void replace(void *unused)
{
	struct route *old = route;

	rcu_assign_pointer(route, NULL);
	kfree(old);
}

void scenario(void)
{
	route = kzalloc(sizeof(*route), GFP_KERNEL);
	cuthere_task(0, look_up, NULL);
	cuthere_task(1, replace, NULL);
}
