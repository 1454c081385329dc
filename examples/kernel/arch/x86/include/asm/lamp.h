/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _ASM_X86_LAMP_H_
#define _ASM_X86_LAMP_H_

static inline void arch_lamp_settle(void)
{
	__builtin_ia32_pause();
}

#endif
