/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _LINUX_NETDEVICE_H_
#define _LINUX_NETDEVICE_H_

#include <linux/types.h>

struct sk_buff {
	unsigned int len;
	u8 *data;
};

typedef enum netdev_tx { NETDEV_TX_OK, NETDEV_TX_BUSY } netdev_tx_t;

struct net_device;
struct net_device_ops {
	int (*ndo_open)(struct net_device *dev);
	netdev_tx_t (*ndo_start_xmit)(struct sk_buff *skb, struct net_device *dev);
	void (*ndo_set_rx_mode)(struct net_device *dev);
};

struct net_device {
	char name[16];
	const struct net_device_ops *netdev_ops;
	void *priv;
};

void *netdev_priv(const struct net_device *dev);
struct sk_buff *alloc_skb(unsigned int size, gfp_t flags);
void kfree_skb(struct sk_buff *skb);
void *skb_put(struct sk_buff *skb, unsigned int len);

#endif
