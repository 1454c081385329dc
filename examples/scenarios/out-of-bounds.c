/*
 * An index is checked and grows before it is used.
 * Run with --tree examples/kernel.
 */
#include <cuthere.h>
#include <linux/types.h>
#include <linux/slab.h>

static int *table;
static int used;

static void append(void *unused)
{
	if (used < 4) {
		table[used] = 1;
		used++;
	}
}

void scenario(void)
{
	table = kcalloc(4, sizeof(int), GFP_KERNEL);
	used = 3;
	cuthere_task(0, append, NULL);
	cuthere_task(1, append, NULL);
}
