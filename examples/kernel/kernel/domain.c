// SPDX-License-Identifier: MIT OR Apache-2.0
/* Performance domains by id: a look-up by a key that a request brought. */
#include <linux/kernel.h>
#include <linux/idr.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>

struct domain {
	struct list_head list;
	u32 id;
	u32 states;
	unsigned long cpus[4];
};

struct request {
	u32 id;
	u32 *reply;
};

static LIST_HEAD(domains);
static DEFINE_MUTEX(domain_lock);
static struct idr domain_names;

/* NULL for an id that no domain has; the caller holds the lock. */
static struct domain *domain_by_id(u32 id)
{
	struct domain *domain;

	list_for_each_entry(domain, &domains, list) {
		if (domain->id == id)
			return domain;
	}
	return NULL;
}

/* An address within, no load. */
static unsigned long *domain_cpus(struct domain *domain)
{
	return domain->cpus;
}

static int domain_fill(struct request *request, struct domain *domain)
{
	request->reply[0] = domain->id;
	request->reply[1] = domain->states;
	return 0;
}

int domain_answer_bug(struct request *request)
{
	struct domain *domain;
	unsigned long *cpus;
	int ret;

	mutex_lock(&domain_lock);
	domain = domain_by_id(request->id);
	cpus = domain_cpus(domain);
	if (!cpus)
		printk("no cpus\n");
	ret = domain_fill(request, domain); //~ null-deref low
	mutex_unlock(&domain_lock);
	return ret;
}

int domain_answer_ok(struct request *request)
{
	struct domain *domain;
	int ret = -EINVAL;

	mutex_lock(&domain_lock);
	domain = domain_by_id(request->id);
	if (domain)
		ret = domain_fill(request, domain);
	mutex_unlock(&domain_lock);
	return ret;
}

u32 domain_states_bug(u32 name)
{
	struct domain *domain = idr_find(&domain_names, name);

	return domain->states; //~ null-deref
}

u32 domain_states_ok(u32 name)
{
	struct domain *domain = idr_find(&domain_names, name);

	if (!domain)
		return 0;
	return domain->states;
}

/* Helpers that never return NULL need no check. */
static struct domain *domain_default(void)
{
	static struct domain fallback;

	return &fallback;
}

u32 domain_default_states_ok(void)
{
	return domain_default()->states;
}
