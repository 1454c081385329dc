/*
 * A request for an energy-model performance domain that does not exist.
 */
#include <cuthere.h>
#include "kernel/power/em_netlink.c"
#include "kernel/power/energy_model.c"
#include "lib/bitmap.c"

static void request(void *unused)
{
	struct genl_info *info = kzalloc(sizeof(*info), GFP_KERNEL);
	struct genlmsghdr *header = kzalloc(sizeof(*header), GFP_KERNEL);
	struct nlattr **attrs = kcalloc(16, sizeof(*attrs), GFP_KERNEL);
	struct nlattr *id = kzalloc(NLA_HDRLEN + 4, GFP_KERNEL);

	id->nla_len = NLA_HDRLEN + 4;
	*(u32 *)nla_data(id) = 42;
	attrs[DEV_ENERGYMODEL_A_PERF_DOMAIN_PERF_DOMAIN_ID] = id;
	info->genlhdr = header;
	info->attrs = attrs;
	dev_energymodel_nl_get_perf_domains_doit(NULL, info);
}

void scenario(void)
{
	cuthere_task(0, request, NULL);
}
