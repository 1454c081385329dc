/*
 * A reader follows a link that its writer publishes before it is set.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/slab.h>

struct node {
	struct node *next;
	int value;
};

static struct node *first;

static void add(void *unused)
{
	struct node *node = kmalloc(sizeof(*node), GFP_KERNEL);

	first = node;
	node->next = node;
}

static void walk(void *unused)
{
	struct node *node = first;

	if (node)
		cuthere_assert(node->next->next != NULL);
}

void scenario(void)
{
	cuthere_task(0, add, NULL);
	cuthere_task(1, walk, NULL);
}
