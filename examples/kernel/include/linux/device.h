/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_DEVICE_H_
#define _LINUX_DEVICE_H_

#include <linux/types.h>

struct device {
	struct device *parent;
	void *driver_data;
};
void *dev_get_drvdata(const struct device *dev);
void dev_set_drvdata(struct device *dev, void *data);

#endif
