/*
 * A packet of a bridged client leaves through a mesh interface: the transmit operation, entered as the network core enters it, with
 * bottom halves disabled in an RCU read-side section. Another task changes the configuration under the RTNL meanwhile.
 */
#include <cuthere.h>
#include "net/batman-adv/soft-interface.c"
#include "net/batman-adv/translation-table.c"
#include "net/batman-adv/hard-interface.c"
#include "net/batman-adv/main.c"

static struct net_device *mesh, *port;
static struct sk_buff *packet;

struct net_device *dev_get_by_index(struct net *net, int ifindex)
{
	return port;
}

/* No other mesh node is on the same cable. */
bool batadv_bla_tx(struct batadv_priv *bat_priv, struct sk_buff *skb, unsigned short vid, int packet_type)
{
	return false;
}

static void transmit(void *unused)
{
	rcu_read_lock_bh();
	batadv_interface_tx(packet, mesh);
	rcu_read_unlock_bh();
}

static void configure(void *unused)
{
	rtnl_lock();
	rtnl_unlock();
}

void scenario(void)
{
	struct batadv_priv *bat_priv;
	struct ethhdr *header;

	mesh = kzalloc(sizeof(*mesh) + NETDEV_ALIGN + sizeof(*bat_priv), GFP_KERNEL);
	mesh->_tx = kzalloc(sizeof(struct netdev_queue), GFP_KERNEL);
	port = kzalloc(sizeof(*port), GFP_KERNEL);
	port->pcpu_refcnt = alloc_percpu(int);
	bat_priv = netdev_priv(mesh);
	INIT_LIST_HEAD(&batadv_hardif_list);
	atomic_set(&bat_priv->mesh_state, BATADV_MESH_ACTIVE);

	bat_priv->bat_counters = __alloc_percpu(sizeof(u64) * BATADV_CNT_NUM, 8);

	packet = kzalloc(sizeof(*packet), GFP_KERNEL);
	packet->head = kzalloc(256, GFP_KERNEL);
	packet->data = packet->head + 64;
	packet->len = 64;
	packet->skb_iif = 7;
	header = (struct ethhdr *)packet->data;
	header->h_source[5] = 1;

	cuthere_task(0, transmit, NULL);
	cuthere_task(1, configure, NULL);
}
