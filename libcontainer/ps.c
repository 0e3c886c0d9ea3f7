/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/cgroup.h"
#include "libcontainer/state.h"

/* Without a cgroup only init is known. */
static int init_alone(const struct state *state, struct arena *a, pid_t **ret, size_t *n, struct error *e)
{
	auto_close int pidfd = -1;

	if (state_open_init(state, &pidfd, e) < 0)
		return -1;
	*ret = arena_array(a, 1, sizeof(**ret));
	(*ret)[0] = state->pid;
	*n = pidfd >= 0 ? 1 : 0;
	return 0;
}

int container_pids(const struct runtime *rt, const char *id, struct arena *a, pid_t **ret, size_t *n, struct error *e)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_cgroup struct cgroup cg = {.fd = -1};
	struct state state = {};
	pid_t *pids = NULL;
	size_t count = 0;

	if (statedir_open(rt, id, STATEDIR_SHARED, &dir, e) < 0 || state_read(&dir, a, &state, e) < 0)
		return -1;
	if (!state.cgroup)
		return init_alone(&state, a, ret, n, e);
	if (cgroup_open(state.cgroup, &cg, e) < 0)
		return -1;
	if (cg.fd >= 0 && cgroup_pids(&cg, a, &pids, &count, e) < 0)
		return -1;
	*ret = pids;
	*n = count;
	return 0;
}
