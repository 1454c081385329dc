// SPDX-License-Identifier: MIT OR Apache-2.0
/* A tape drive: results that may be NULL. */
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/slab.h>

struct reel {
	struct list_head list;
	u32 id;
	u32 length;
	u8 label[32];
};

struct tape {
	struct list_head reels;
	struct reel *spare;
};

struct reel *tape_new_reel_bug(u32 id)
{
	struct reel *reel = kzalloc(sizeof(*reel), GFP_KERNEL);

	reel->id = id; //~ null-deref
	return reel;
}

struct reel *tape_new_reel_ok(u32 id)
{
	struct reel *reel = kzalloc(sizeof(*reel), GFP_KERNEL);

	if (!reel)
		return NULL;
	reel->id = id;
	return reel;
}

/* NULL for an id that nobody has. */
static struct reel *tape_find(struct tape *tape, u32 id)
{
	struct reel *reel;

	list_for_each_entry(reel, &tape->reels, list) {
		if (reel->id == id)
			return reel;
	}
	return NULL;
}

u32 tape_length_bug(struct tape *tape, u32 id)
{
	struct reel *reel = tape_find(tape, id);

	return reel->length; //~ null-deref low
}

u32 tape_length_ok(struct tape *tape, u32 id)
{
	struct reel *reel = tape_find(tape, id);

	return reel ? reel->length : 0;
}

/* Loads through its argument whatever it is. */
static u32 reel_checksum(const struct reel *reel)
{
	return reel->length ^ reel->label[0];
}

/* Looks before it loads. */
static u32 reel_checksum_or_zero(const struct reel *reel)
{
	if (!reel)
		return 0;
	return reel->length ^ reel->label[0];
}

/* Computes an address, loads nothing. */
static const u8 *reel_label(const struct reel *reel)
{
	return &reel->label[0];
}

u32 tape_verify_bug(struct tape *tape, u32 id)
{
	struct reel *reel = tape_find(tape, id);

	return reel_checksum(reel); //~ null-deref low
}

u32 tape_verify_ok(struct tape *tape, u32 id)
{
	struct reel *reel = tape_find(tape, id);

	return reel_checksum_or_zero(reel);
}

bool tape_same_label_ok(struct tape *tape, u32 id, const u8 *label)
{
	struct reel *reel = tape_find(tape, id);
	const u8 *own = reel_label(reel);

	return reel && own == label;
}

/* The test is kept in a variable, and the load stands under it. */
u32 tape_swap_ok(struct tape *tape, u32 id)
{
	struct reel *reel = tape_find(tape, id);
	bool found = reel != NULL;

	if (found)
		tape->spare = reel;
	return found ? reel->length : 0;
}
