/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef _NET_MINI_H_
#define _NET_MINI_H_

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/spinlock.h>

/* A neighbour that frames may go to. */
struct mini_peer {
	struct list_head list;
	u32 id;
	u32 metric;
	struct mini_route *route;
};

struct mini_route {
	struct mini_peer *via;
	u32 cost;
};

struct mini_priv {
	struct list_head peers;
	spinlock_t peer_lock;
	struct mutex table_lock;
	struct net_device *dev;
};

struct mini_peer *mini_peer_find(struct mini_priv *priv, u32 id);
int mini_table_update(struct mini_priv *priv, u32 id);
int mini_queue(struct mini_priv *priv, struct sk_buff *skb);
u32 mini_peer_cost(struct mini_peer *peer);
u32 mini_peer_cost_or_max(struct mini_peer *peer);

#endif
