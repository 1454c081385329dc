/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_RCUPDATE_H_
#define _LINUX_RCUPDATE_H_

void rcu_read_lock(void);
void rcu_read_unlock(void);
void synchronize_rcu(void);
#define rcu_dereference(p) (p)
#define rcu_assign_pointer(p, v) ((p) = (v))

#endif
