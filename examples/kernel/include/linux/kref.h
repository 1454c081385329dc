/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_KREF_H_
#define _LINUX_KREF_H_

struct kref { int count; };
void kref_init(struct kref *kref);
void kref_get(struct kref *kref);
int kref_put(struct kref *kref, void (*release)(struct kref *kref));

#endif
