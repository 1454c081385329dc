/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_UACCESS_H_
#define _LINUX_UACCESS_H_

#include <linux/types.h>
unsigned long copy_to_user(void *to, const void *from, unsigned long n);
unsigned long copy_from_user(void *to, const void *from, unsigned long n);

#endif
