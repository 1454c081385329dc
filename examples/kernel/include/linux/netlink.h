/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_NETLINK_H_
#define _LINUX_NETLINK_H_

#include <linux/netdevice.h>

struct netlink_callback {
	long args[6];
};
int nla_put_u32(struct sk_buff *skb, int type, u32 value);

#endif
