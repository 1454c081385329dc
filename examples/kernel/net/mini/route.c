// SPDX-License-Identifier: MIT OR Apache-2.0
/* Costs of routes, in a file of their own: what a callee does with its argument counts across files. */
#include <linux/kernel.h>
#include <net/mini.h>

/* Loads through its argument. */
u32 mini_peer_cost(struct mini_peer *peer)
{
	return peer->metric + 1;
}

/* Looks first. */
u32 mini_peer_cost_or_max(struct mini_peer *peer)
{
	if (!peer)
		return ~0u;
	return peer->metric + 1;
}

u32 mini_route_cost_bug(struct mini_priv *priv, u32 id)
{
	struct mini_peer *peer = mini_peer_find(priv, id);

	return mini_peer_cost(peer); //~ null-deref low
}

u32 mini_route_cost_ok(struct mini_priv *priv, u32 id)
{
	struct mini_peer *peer = mini_peer_find(priv, id);

	return mini_peer_cost_or_max(peer);
}
