/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_TIMER_H_
#define _LINUX_TIMER_H_

#include <linux/types.h>

struct timer_list {
	unsigned long expires;
	void (*function)(struct timer_list *timer);
};

#define timer_setup(timer, callback, flags) ((timer)->function = (callback))
#define from_timer(var, timer, field) container_of(timer, typeof(*var), field)
int mod_timer(struct timer_list *timer, unsigned long expires);
int del_timer(struct timer_list *timer);
int del_timer_sync(struct timer_list *timer);

#endif
