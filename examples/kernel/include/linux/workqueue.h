/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_WORKQUEUE_H_
#define _LINUX_WORKQUEUE_H_

#include <linux/types.h>

struct work_struct {
	void (*func)(struct work_struct *work);
};

#define INIT_WORK(work, callback) ((work)->func = (callback))
bool schedule_work(struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);

#endif
