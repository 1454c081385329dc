/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_RTNETLINK_H_
#define _LINUX_RTNETLINK_H_

void rtnl_lock(void);
void rtnl_unlock(void);

#endif
