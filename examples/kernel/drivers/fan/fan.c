// SPDX-License-Identifier: MIT OR Apache-2.0
/* A fan: memory used after it was given back, and references that do not add up. */
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/slab.h>

struct fan {
	struct kref ref;
	int rpm;
	void *curve;
};

static void fan_release(struct kref *ref)
{
	struct fan *fan = container_of(ref, struct fan, ref);

	kfree(fan->curve);
	kfree(fan);
}

static void fan_forget(struct fan *fan)
{
	kfree(fan->curve);
	kfree(fan);
}

int fan_stop_bug(struct fan *fan)
{
	fan_forget(fan);
	return fan->rpm; //~ use-after-free
}

int fan_stop_ok(struct fan *fan)
{
	int rpm = fan->rpm;

	fan_forget(fan);
	return rpm;
}

void fan_replace_bug(struct fan *fan, void *curve)
{
	kfree(fan->curve);
	if (!curve)
		kfree(fan->curve); //~ double-free
	fan->curve = curve;
}

void fan_replace_ok(struct fan *fan, void *curve)
{
	kfree(fan->curve);
	fan->curve = curve;
}

int fan_measure_bug(struct fan *fan)
{
	kref_get(&fan->ref);
	if (fan->rpm < 0)
		return -EIO; //~ refcount-imbalance
	kref_put(&fan->ref, fan_release);
	return 0;
}

int fan_measure_ok(struct fan *fan)
{
	int ret = 0;

	kref_get(&fan->ref);
	if (fan->rpm < 0)
		ret = -EIO;
	kref_put(&fan->ref, fan_release);
	return ret;
}
