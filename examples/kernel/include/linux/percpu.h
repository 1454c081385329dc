/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_PERCPU_H_
#define _LINUX_PERCPU_H_

#define DEFINE_PER_CPU(type, name) __attribute__((section(".data..percpu"))) type name
#define this_cpu_ptr(ptr) (ptr)

#endif
