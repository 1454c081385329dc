/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_SLAB_H_
#define _LINUX_SLAB_H_

#include <linux/types.h>

#define GFP_ATOMIC ((gfp_t)0x20u)
#define GFP_KERNEL ((gfp_t)0xcc0u)

void *kmalloc(size_t size, gfp_t flags);
void *kzalloc(size_t size, gfp_t flags);
void *kcalloc(size_t n, size_t size, gfp_t flags);
void kfree(const void *ptr);

#endif
