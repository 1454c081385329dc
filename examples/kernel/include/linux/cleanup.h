/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_CLEANUP_H_
#define _LINUX_CLEANUP_H_

/* Names only: a reader of the drivers needs no more. */
#define DEFINE_GUARD(name, type, lock, unlock) struct __guard_##name;
#define guard(name) __guard_##name
#define scoped_guard(name, args...) for (__guard_##name(args);;)
#define __free(name) __attribute__((__cleanup__(__free_##name)))

#endif
