/* SPDX-License-Identifier: Apache-2.0 */
/* config-linux.md, IntelRdt: which files are written, and in which order. */
#include "libcontainer/plan.h"
#include "libcontainer/rdt.h"

static struct plan_step *add(struct plan *plan, enum plan_side side, enum plan_kind kind, const char *group,
			     const char *more)
{
	uint32_t str = plan_str(plan, group), str2 = more ? plan_str(plan, more) : 0;
	struct plan_step *s = plan_add(plan, side, kind);

	s->str = str;
	s->str2 = str2;
	return s;
}

void plan_rdt(struct plan *plan, const struct plan_input *in)
{
	const struct spec_rdt *rdt = &in->spec->linux_.intel_rdt;
	const char *group = rdt_group(rdt, in->id);

	if (!rdt->set)
		return;
	plan_origin(plan, "linux.intelRdt%s", rdt->clos_id ? ".closID" : "");
	add(plan, SIDE_PREPARE, STEP_RDT_GROUP, group, NULL);
	/* What another made of a class that has a name is compared, not changed; schemata is written in any case. */
	plan_origin(plan, "linux.intelRdt.l3CacheSchema");
	if (rdt->l3_cache_schema)
		add(plan, SIDE_PREPARE, STEP_RDT_SCHEMA, group, rdt->l3_cache_schema)->num[0] = rdt->clos_id != NULL;
	plan_origin(plan, "linux.intelRdt.memBwSchema");
	if (rdt->mem_bw_schema)
		add(plan, SIDE_PREPARE, STEP_RDT_SCHEMA, group, rdt->mem_bw_schema)->num[0] = rdt->clos_id != NULL;
	for (size_t i = 0; i < rdt->schemata.n; i++) {
		plan_origin(plan, "linux.intelRdt.schemata[%zu]", i);
		add(plan, SIDE_PREPARE, STEP_RDT_SCHEMA, group, rdt->schemata.v[i]);
	}
	plan_origin(plan, "linux.intelRdt.enableMonitoring");
	if (rdt->enable_monitoring)
		add(plan, SIDE_PREPARE, STEP_RDT_MONITOR, group, in->id);
}

void plan_rdt_join(struct plan *plan, const struct plan_input *in)
{
	const struct spec_rdt *rdt = &in->spec->linux_.intel_rdt;
	const char *group = rdt_group(rdt, in->id);

	if (!rdt->set)
		return;
	plan_origin(plan, "linux.intelRdt");
	add(plan, SIDE_PARENT, STEP_RDT_JOIN, group, NULL);
	plan_origin(plan, "linux.intelRdt.enableMonitoring");
	if (rdt->enable_monitoring)
		add(plan, SIDE_PARENT, STEP_RDT_JOIN, group, in->id);
}
