/*
 * Two tasks hand packets to the transport-mode re-input queue of one CPU while that CPU's tasklet takes them off.
 * Every packet that was queued must be delivered.
 */
#include <cuthere.h>
#include "net/xfrm/xfrm_input.c"
#include "net/core/skbuff.c"

static atomic_t queued, delivered;

static int deliver(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	atomic_inc(&delivered);
	return 0;
}

static struct net *net;

static void receive(void *skb)
{
	local_bh_disable();
	if (xfrm_trans_queue_net(net, skb, deliver) == 0)
		atomic_inc(&queued);
	local_bh_enable();
}

static void everything_arrived(void *unused)
{
	cuthere_assert(atomic_read(&queued) == atomic_read(&delivered));
}

void scenario(void)
{
	struct xfrm_trans_tasklet *trans = per_cpu_ptr(&xfrm_trans_tasklet, 0);

	netdev_max_backlog = 1000;
	net = kzalloc(sizeof(*net), GFP_KERNEL);
	refcount_set(&net->count, 1);
	skb_queue_head_init(&trans->queue);
	tasklet_init(&trans->tasklet, xfrm_trans_reinject, (unsigned long)trans);

	cuthere_task(0, receive, kzalloc(sizeof(struct sk_buff), GFP_KERNEL));
	cuthere_task(0, receive, kzalloc(sizeof(struct sk_buff), GFP_KERNEL));
	cuthere_finally(everything_arrived, NULL);
}
