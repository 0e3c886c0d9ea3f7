/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel is the record of a container's limits, but for one: the total of memory and swap, which v2 does not have. A new
 * memory limit alone keeps the total, so what was asked for is kept in the state directory: in config.json, and after an
 * update in resources.json.
 */
#include <errno.h>

#include "base/io.h"
#include "base/log.h"
#include "cgroups/cgroup.h"
#include "libcontainer/gate.h"
#include "libcontainer/rdt.h"
#include "libcontainer/state.h"
#include "spec/json.h"

#define RESOURCES_FILE "resources.json"
#define RESOURCES_MAX (64UL << 10)

static int read_swap(const struct statedir *dir, struct spec *spec, int64_t *ret, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	struct spec_resources last = spec->linux_.resources;

	if (read_file_at(dir->fd, RESOURCES_FILE, RESOURCES_MAX, &text) == 0) {
		last = (struct spec_resources){};
		if (spec_parse_resources(spec, RESOURCES_FILE, strbuf_str(&text), text.len, &last, e) < 0)
			return -1;
	} else if (errno != ENOENT) {
		return error_set(e, ERROR_HOST, errno, "cannot read " RESOURCES_FILE " of container '%s'", dir->id);
	}
	*ret = last.memory.swap.set ? last.memory.swap.v : 0;
	return 0;
}

static int write_swap(const struct statedir *dir, int64_t swap, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	struct json_writer w;

	jw_begin(&w, &text, false);
	jw_object(&w, NULL);
	jw_object(&w, "memory");
	jw_int(&w, "swap", swap);
	jw_end(&w, '}');
	jw_end(&w, '}');
	return replace_file_at(dir->fd, RESOURCES_FILE, text.s, text.len, 0600, e);
}

/* Lifting the memory limit without a word on swap lifts both. */
static int64_t swap_after(const struct spec_resources *r, int64_t before)
{
	if (r->memory.swap.set && r->memory.swap.v != 0)
		return r->memory.swap.v;
	return r->memory.limit.set && r->memory.limit.v == -1 ? 0 : before;
}

static int update_rdt(const struct statedir *dir, const struct spec *spec, const struct update_options *o,
		      struct arena *a, struct spec_strings *undo, struct error *e)
{
	const struct spec_rdt *rdt = &spec->linux_.intel_rdt;

	if (!o->l3_cache_schema && !o->mem_bw_schema)
		return 0;
	if (!rdt->set)
		return error_set(e, ERROR_STATE, 0,
				 "linux.intelRdt: updating a non-existent Intel RDT configuration is not supported");
	return rdt_update(rdt_group(rdt, dir->id), o->l3_cache_schema, o->mem_bw_schema, a, undo, e);
}

/* The first error is the one to tell. */
static void undo_rdt(const struct statedir *dir, const struct spec *spec, const struct spec_strings *undo, struct error *e)
{
	struct error late = {};

	for (size_t i = 0; i < undo->n; i++)
		if (rdt_schema(rdt_group(&spec->linux_.intel_rdt, dir->id), undo->v[i], false, &late) < 0)
			error_hint(e, "the schema that was changed before it could not be put back");
}

static int update_cgroup(const struct statedir *dir, const struct state *state, const struct update_options *o,
			 struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1};
	auto_spec struct spec *spec = NULL;
	auto_arena struct arena a = {};
	struct spec_strings undo = {};
	struct spec_resources r = {};
	auto_policy struct policy policy = {};
	int64_t swap = 0;

	if (spec_load(dir->fd, "config.json", &spec, e) < 0)
		return -1;
	spec->warnings.n = 0; /* create said those */
	if (spec_parse_resources(spec, o->name, o->text, o->size, &r, e) < 0)
		return -1;
	for (size_t i = 0; i < spec->warnings.n; i++)
		log_write(LOG_WARNING, "%s: %s", o->name, spec->warnings.v[i]);
	if (gate_read(spec, &policy, e) < 0 || gate_update(&policy, spec, &r, e) < 0)
		return -1;
	/* Engines send the whole object that the container was made with. */
	if (r.devices.n > 0)
		log_write(LOG_DEBUG, "%s: devices: an update does not change them, ignoring", o->name);
	if (read_swap(dir, spec, &swap, e) < 0 || cgroup_open(state->cgroup, &cg, e) < 0 ||
	    cgroup_set_unit(&cg, state->unit, state->user_unit, e) < 0)
		return -1;
	if (update_rdt(dir, spec, o, &a, &undo, e) < 0 || cgroup_update(&cg, &r, swap, e) < 0) {
		undo_rdt(dir, spec, &undo, e);
		return -1;
	}
	return swap_after(&r, swap) == swap ? 0 : write_swap(dir, swap_after(&r, swap), e);
}

int container_update(const struct runtime *rt, const char *id, const struct update_options *o, struct error *e)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	struct state state = {};
	enum status status;

	if (statedir_open(rt, id, STATEDIR_LOCKED, &dir, e) < 0 || state_read(&dir, &a, &state, e) < 0 ||
	    state_status(&dir, &state, &status, e) < 0)
		return -1;
	if (status == STATUS_STOPPED)
		return error_set(e, ERROR_STATE, 0, "container not running");
	if (!state.cgroup)
		return error_set(e, ERROR_STATE, 0, "cannot update container '%s': it has no cgroup", id);
	return update_cgroup(&dir, &state, o, e);
}
