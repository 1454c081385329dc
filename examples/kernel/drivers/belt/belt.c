// SPDX-License-Identifier: MIT OR Apache-2.0
/* A conveyor belt: objects that leave the lock that keeps them, and a field that is not always under its lock. */
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/spinlock.h>

struct parcel {
	struct list_head list;
	struct kref ref;
	u32 id;
	u32 weight;
};

struct belt {
	spinlock_t lock;
	struct list_head parcels;
	u32 load;
};

static struct parcel *belt_find(struct belt *belt, u32 id)
{
	struct parcel *parcel;

	list_for_each_entry(parcel, &belt->parcels, list) {
		if (parcel->id == id)
			return parcel;
	}
	return NULL;
}

struct parcel *belt_get_bug(struct belt *belt, u32 id)
{
	struct parcel *parcel;

	spin_lock(&belt->lock);
	parcel = belt_find(belt, id);
	spin_unlock(&belt->lock);
	return parcel; //~? unlocked-lookup
}

struct parcel *belt_get_ok(struct belt *belt, u32 id)
{
	struct parcel *parcel;

	spin_lock(&belt->lock);
	parcel = belt_find(belt, id);
	if (parcel)
		kref_get(&parcel->ref);
	spin_unlock(&belt->lock);
	return parcel;
}

void belt_add_ok(struct belt *belt, struct parcel *parcel)
{
	spin_lock(&belt->lock);
	list_add(&parcel->list, &belt->parcels);
	belt->load += parcel->weight;
	spin_unlock(&belt->lock);
}

void belt_remove_ok(struct belt *belt, struct parcel *parcel)
{
	spin_lock(&belt->lock);
	list_del(&parcel->list);
	belt->load -= parcel->weight;
	spin_unlock(&belt->lock);
}

void belt_scale_ok(struct belt *belt, u32 factor)
{
	spin_lock(&belt->lock);
	belt->load *= factor;
	spin_unlock(&belt->lock);
}

void belt_tare_bug(struct belt *belt)
{
	belt->load = 0; //~ inconsistent-locking low
}
