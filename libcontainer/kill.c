/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>

#include "base/io.h"
#include "base/log.h"
#include "base/sys.h"
#include "cgroups/cgroup.h"
#include "libcontainer/state.h"

static int not_running(struct error *e)
{
	return error_set(e, ERROR_STATE, 0, "container not running");
}

static int signal_init(int pidfd, int sig, struct error *e)
{
	if (pidfd < 0)
		return not_running(e);
	if (sys_pidfd_send_signal(pidfd, sig) == 0)
		return 0;
	if (errno == ESRCH)
		return not_running(e);
	return error_set(e, ERROR_HOST, errno, "cannot signal init");
}

/* cgroup.kill reaches a process that forks, and a frozen one; it does not wait. A threaded cgroup has none. */
static int kill_cgroup(const struct cgroup *cg, struct error *e)
{
	if (write_file_at(cg->fd, "cgroup.kill", "1") == 0 || errno == ENODEV)
		return 0;
	return cgroup_signal(cg, SIGKILL, e);
}

/* Without a pid namespace of its own a container's other processes outlive init: they are all meant, even when init is gone. */
static int kill_everything(const struct state *state, int pidfd, bool all, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1};
	auto_arena struct arena a = {};
	pid_t *pids = NULL;
	size_t n = 0;

	if (!state->cgroup) {
		if (all && pidfd < 0)
			return 0;
		if (pidfd >= 0)
			log_write(LOG_WARNING, "container '%s' has no cgroup: only its init is killed", state->id);
		return signal_init(pidfd, SIGKILL, e);
	}
	if (cgroup_open(state->cgroup, &cg, e) < 0)
		return -1;
	if (cg.fd >= 0 && cgroup_pids(&cg, &a, &pids, &n, e) < 0)
		return -1;
	if (n > 0 && kill_cgroup(&cg, e) < 0)
		return -1;
	/* An engine may have moved init elsewhere; more often it has just ended with the others. */
	if (pidfd >= 0 && sys_pidfd_send_signal(pidfd, SIGKILL) == 0)
		return 0;
	if (pidfd >= 0 && errno != ESRCH)
		return error_set(e, ERROR_HOST, errno, "cannot signal init");
	return n > 0 || all ? 0 : not_running(e);
}

static int signal_all(const struct state *state, int pidfd, int sig, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1};

	if (!state->cgroup)
		return pidfd < 0 ? 0 : signal_init(pidfd, sig, e);
	if (cgroup_open(state->cgroup, &cg, e) < 0)
		return -1;
	return cg.fd < 0 ? 0 : cgroup_signal(&cg, sig, e);
}

int container_kill(const struct runtime *rt, const char *id, int sig, bool all, struct error *e)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	auto_close int pidfd = -1;
	struct state state = {};

	if (statedir_open(rt, id, STATEDIR_SHARED, &dir, e) < 0 || state_read(&dir, &a, &state, e) < 0 ||
	    state_open_init(&state, &pidfd, e) < 0)
		return -1;
	if (sig == SIGKILL && (all || !state.own_pid_ns))
		return kill_everything(&state, pidfd, all, e);
	if (all)
		return signal_all(&state, pidfd, sig, e);
	/* cgroup v2 lets a frozen process die of SIGKILL, and its pid namespace with it: nothing to thaw. */
	return signal_init(pidfd, sig, e);
}
