/*
 * Two tasks add to a list without its lock; the debugging checks of the list see it.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>

bool __list_add_valid(struct list_head *new, struct list_head *prev, struct list_head *next);

static struct list_head head, one, two;

static void add(void *entry)
{
	struct list_head *new = entry;
	struct list_head *next = head.next;

	if (!__list_add_valid(new, &head, next))
		return;
	next->prev = new;
	new->next = next;
	new->prev = &head;
	head.next = new;
}

void scenario(void)
{
	head.next = &head;
	head.prev = &head;
	cuthere_task(0, add, &one);
	cuthere_task(1, add, &two);
}
