// SPDX-License-Identifier: MIT OR Apache-2.0
/* Dumps of the table: a dump that does not say where it stopped starts again for ever. */
#include <linux/kernel.h>
#include <linux/netlink.h>
#include <net/mini.h>

static struct mini_priv mini_global;

int mini_dump_bug(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct mini_peer *peer;
	long index = 0;

	list_for_each_entry(peer, &mini_global.peers, list) {
		if (index++ < cb->args[0])
			continue;
		if (nla_put_u32(skb, 1, peer->id))
			break;
	}
	return skb->len; //~? dump-restart
}

int mini_dump_ok(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct mini_peer *peer;
	long index = 0;

	list_for_each_entry(peer, &mini_global.peers, list) {
		if (index++ < cb->args[0])
			continue;
		if (nla_put_u32(skb, 1, peer->id)) {
			index--;
			break;
		}
	}
	cb->args[0] = index;
	return skb->len;
}
