/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _ASM_ARM64_LAMP_H_
#define _ASM_ARM64_LAMP_H_

#include <linux/delay.h>

/* Sleeps, unlike x86's: callers under a spinlock are wrong here and only here. */
static inline void arch_lamp_settle(void)
{
	msleep(1);
}

#endif
