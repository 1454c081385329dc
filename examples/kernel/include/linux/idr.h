/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_IDR_H_
#define _LINUX_IDR_H_

struct idr { int top; };
void *idr_find(const struct idr *idr, unsigned long id);

#endif
