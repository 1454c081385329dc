/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_MUTEX_H_
#define _LINUX_MUTEX_H_

#include <linux/types.h>
#include <linux/cleanup.h>

struct mutex { int owner; };
#define DEFINE_MUTEX(x) struct mutex x = { 0 }

void mutex_init(struct mutex *lock);
void mutex_lock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);

DEFINE_GUARD(mutex, struct mutex *, mutex_lock(_T), mutex_unlock(_T))

#endif
