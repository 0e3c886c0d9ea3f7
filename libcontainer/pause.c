/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/cgroup.h"
#include "libcontainer/state.h"

static int set_frozen(const struct state *state, bool frozen, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1};

	if (!state->cgroup)
		return error_set(e, ERROR_STATE, 0, "cannot freeze container '%s': it has no cgroup", state->id);
	if (cgroup_open(state->cgroup, &cg, e) < 0)
		return -1;
	if (cg.fd < 0)
		return error_set(e, ERROR_STATE, 0, "cgroup not exist");
	return cgroup_freeze(&cg, frozen, e);
}

static int read_status(const struct runtime *rt, const char *id, struct statedir *dir, struct arena *a,
		       struct state *state, enum status *status, struct error *e)
{
	if (statedir_open(rt, id, STATEDIR_LOCKED, dir, e) < 0 || state_read(dir, a, state, e) < 0)
		return -1;
	return state_status(dir, state, status, e);
}

int container_pause(const struct runtime *rt, const char *id, struct error *e)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	struct state state = {};
	enum status status;

	if (read_status(rt, id, &dir, &a, &state, &status, e) < 0)
		return -1;
	if (status != STATUS_RUNNING && status != STATUS_CREATED)
		return error_set(e, ERROR_STATE, 0, "container not running");
	return set_frozen(&state, true, e);
}

int container_resume(const struct runtime *rt, const char *id, struct error *e)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	struct state state = {};
	enum status status;

	if (read_status(rt, id, &dir, &a, &state, &status, e) < 0)
		return -1;
	if (status != STATUS_PAUSED)
		return error_set(e, ERROR_STATE, 0, "container not paused");
	return set_frozen(&state, false, e);
}
