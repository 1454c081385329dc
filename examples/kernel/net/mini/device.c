// SPDX-License-Identifier: MIT OR Apache-2.0
/* The interface of the little network: its transmit operation runs with softirqs disabled. */
#include <linux/kernel.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/mini.h>

static int mini_open(struct net_device *dev)
{
	struct mini_priv *priv = netdev_priv(dev);

	/* Opening is done by a task, under RTNL: this may sleep. */
	return mini_table_update(priv, 0);
}

static netdev_tx_t mini_xmit_bug(struct sk_buff *skb, struct net_device *dev)
{
	struct mini_priv *priv = netdev_priv(dev);

	if (mini_table_update(priv, 1))
		return NETDEV_TX_BUSY;
	mini_queue(priv, skb);
	return NETDEV_TX_OK;
}

static netdev_tx_t mini_xmit_ok(struct sk_buff *skb, struct net_device *dev)
{
	struct mini_priv *priv = netdev_priv(dev);

	mini_queue(priv, skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops mini_ops = {
	.ndo_open = mini_open,
	.ndo_start_xmit = mini_xmit_bug,
};

static const struct net_device_ops mini_quiet_ops = {
	.ndo_open = mini_open,
	.ndo_start_xmit = mini_xmit_ok,
};

void mini_setup(struct net_device *dev, bool quiet)
{
	dev->netdev_ops = quiet ? &mini_quiet_ops : &mini_ops;
}
