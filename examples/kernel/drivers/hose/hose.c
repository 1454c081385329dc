// SPDX-License-Identifier: MIT OR Apache-2.0
/* A hose with an optional nozzle: members that may be NULL, and members of new objects. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/types.h>

struct nozzle {
	u32 angle;
	u32 spray;
};

struct reel {
	u32 turns;
};

struct hose {
	struct nozzle *nozzle;
	struct reel *reel;
	u32 length;
};

u32 hose_angle_ok(struct hose *hose)
{
	return hose->nozzle ? hose->nozzle->angle : 0;
}

void hose_turn_ok(struct hose *hose, u32 angle)
{
	if (!hose->nozzle)
		return;
	hose->nozzle->angle = angle;
}

int hose_swap_ok(struct hose *hose, u32 spray)
{
	if (hose->nozzle) {
		hose->nozzle->spray = spray;
		return 0;
	}
	return -ENODEV;
}

bool hose_loose_ok(struct hose *hose)
{
	return !hose->nozzle || !hose->nozzle->angle;
}

u32 hose_spray_bug(struct hose *hose)
{
	return hose->nozzle->spray; //~ null-deref low
}

/* Its caller has looked. */
static u32 hose_nozzle_sum(struct hose *hose)
{
	return hose->nozzle->spray + hose->nozzle->angle;
}

u32 hose_sum_ok(struct hose *hose)
{
	return hose->nozzle ? hose_nozzle_sum(hose) : 0;
}

struct hose *hose_wind_bug(struct reel *reel)
{
	struct hose *hose = kzalloc(sizeof(*hose), GFP_KERNEL);

	if (!hose)
		return NULL;
	hose->length = 20 * hose->reel->turns; //~ null-deref
	hose->reel = reel;
	return hose;
}

struct hose *hose_wind_ok(struct reel *reel)
{
	struct hose *hose = kzalloc(sizeof(*hose), GFP_KERNEL);

	if (!hose)
		return NULL;
	hose->reel = reel;
	hose->length = 20 * hose->reel->turns;
	return hose;
}

/* The answer tells what the pointer is. */
int hose_fill_ok(struct hose *hose)
{
	struct nozzle *nozzle = kmalloc(sizeof(*nozzle), GFP_KERNEL);
	int ret = nozzle ? 0 : -ENOMEM;

	if (ret)
		return ret;
	nozzle->angle = 0;
	nozzle->spray = hose->length;
	hose->nozzle = nozzle;
	return 0;
}

int hose_fill_bug(struct hose *hose)
{
	struct nozzle *nozzle = kmalloc(sizeof(*nozzle), GFP_KERNEL);
	int ret = hose->length ? 0 : -EINVAL;

	if (ret) {
		kfree(nozzle);
		return ret;
	}
	nozzle->angle = 0; //~ null-deref
	nozzle->spray = hose->length;
	hose->nozzle = nozzle;
	return 0;
}
