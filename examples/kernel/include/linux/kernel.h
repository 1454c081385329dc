/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_KERNEL_H_
#define _LINUX_KERNEL_H_

#include <linux/types.h>
#include <linux/errno.h>

void might_sleep(void);
int printk(const char *fmt, ...);
#define pr_info(fmt, ...) printk(fmt, ##__VA_ARGS__)

#endif
