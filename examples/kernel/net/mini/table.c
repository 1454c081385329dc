// SPDX-License-Identifier: MIT OR Apache-2.0
/* The table of peers, and the queue that the transmit operation fills. */
#include <linux/kernel.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/mini.h>

struct mini_peer *mini_peer_find(struct mini_priv *priv, u32 id)
{
	struct mini_peer *peer;

	list_for_each_entry(peer, &priv->peers, list) {
		if (peer->id == id)
			return peer;
	}
	return NULL;
}

/* With an id, RTNL is needed to look at the device below; without one it is not. */
int mini_table_update(struct mini_priv *priv, u32 id)
{
	if (id) {
		rtnl_lock(); //~ sleep-in-atomic
		priv->dev->name[0] = 'm';
		rtnl_unlock();
	}
	return 0;
}

int mini_queue(struct mini_priv *priv, struct sk_buff *skb)
{
	struct mini_peer *peer;
	int ret = -ENOENT;

	spin_lock_bh(&priv->peer_lock);
	peer = mini_peer_find(priv, skb->len);
	if (peer) {
		peer->metric++;
		ret = 0;
	}
	spin_unlock_bh(&priv->peer_lock);
	return ret;
}

u32 mini_metric_bug(struct mini_priv *priv, u32 id)
{
	return mini_peer_find(priv, id)->metric; //~ null-deref low
}

u32 mini_metric_ok(struct mini_priv *priv, u32 id)
{
	struct mini_peer *peer = mini_peer_find(priv, id);

	return peer ? peer->metric : 0;
}
