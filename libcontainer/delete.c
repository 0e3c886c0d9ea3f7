/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order: processes, cgroup, hooks, files; the state directory is the last thing to go. Whoever is killed in between leaves
 * what the next delete needs, and every step finds its work done without complaint.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/sys.h"
#include "cgroups/cgroup.h"
#include "libcontainer/destroy.h"
#include "libcontainer/hooks.h"
#include "libcontainer/rdt.h"
#include "libcontainer/state.h"
#include "spec/json.h"

#define KILL_WAIT_MS 10000

static int end_cgroup(struct cgroup *cg, struct error *e)
{
	/* Nothing left to be ended, as after most of what has run. */
	if (!cg->unit && cgroup_remove_empty(cg))
		return 0;
	if (cg->fd >= 0 && cgroup_kill(cg, KILL_WAIT_MS, e) < 0)
		return -1;
	/* Also when the cgroup is gone: the name is to be free when this returns. */
	return cgroup_stop_unit(cg, e) < 0 ? -1 : cgroup_remove(cg, e);
}

static int destroy_cgroup(const struct intent *intent, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1};
	uint64_t ino;

	if (!intent->cgroup || intent->cgroup_existed)
		return 0;
	if (cgroup_open(intent->cgroup, &cg, e) < 0 || cgroup_inode(&cg, &ino, e) < 0)
		return -1;
	/* A scope goes with its last process, and the name may be taken since. */
	if (cg.fd >= 0 && intent->cgroup_ino && ino != intent->cgroup_ino)
		return 0;
	cg.made = intent->cgroup_made;
	if (cgroup_set_unit(&cg, intent->unit, intent->user_unit, e) < 0)
		return -1;
	return end_cgroup(&cg, e);
}

static int destroy_rest(struct statedir *dir, const struct intent *intent, const struct spec *spec_or_null,
			const char *state_json_or_null, const struct guard *guard_or_null, struct error *e)
{
	if (rdt_remove(intent, dir->id, e) < 0)
		return -1;
	if (spec_or_null && state_json_or_null)
		hooks_run_poststop(spec_or_null, state_json_or_null);
	if (intent->guard_cookie && guard_disarm(guard_or_null, intent->guard_cookie, e) < 0)
		return -1;
	return statedir_remove(dir, e);
}

int container_destroy(struct statedir *dir, const struct intent *intent, const struct spec *spec_or_null,
		      const char *state_json_or_null, struct error *e)
{
	if (destroy_cgroup(intent, e) < 0)
		return -1;
	return destroy_rest(dir, intent, spec_or_null, state_json_or_null, NULL, e);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int wait_gone(int pidfd, struct error *e)
{
	int64_t deadline = now_ms() + KILL_WAIT_MS;

	for (;;) {
		int64_t left = deadline - now_ms();
		int n = poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, (int)MAX(left, 0));
		if (n > 0)
			return 0;
		if (n == 0)
			return error_set(e, ERROR_STATE, 0, "container init still running");
		if (errno != EINTR && errno != EAGAIN)
			return error_set(e, ERROR_HOST, errno, "cannot wait for init");
	}
}

/* Processes in a cgroup that is not ours to remove: none may stay, and none may stay frozen for the next user. */
static int clear_foreign_cgroup(const struct state *state, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1};
	bool frozen = false;

	if (!state->cgroup || !state->cgroup_existed)
		return 0;
	if (cgroup_open(state->cgroup, &cg, e) < 0)
		return -1;
	if (cg.fd < 0)
		return 0;
	if (!state->own_pid_ns && cgroup_kill(&cg, KILL_WAIT_MS, e) < 0)
		return -1;
	if (cgroup_is_frozen(&cg, &frozen, e) < 0)
		return -1;
	return frozen ? cgroup_freeze(&cg, false, e) : 0;
}

static int end_processes(const struct state *state, struct error *e)
{
	auto_close int pidfd = -1;

	if (state_open_init(state, &pidfd, e) < 0)
		return -1;
	if (pidfd >= 0) {
		if (sys_pidfd_send_signal(pidfd, SIGKILL) < 0 && errno != ESRCH)
			return error_set(e, ERROR_HOST, errno, "cannot kill init");
		if (wait_gone(pidfd, e) < 0)
			return -1;
	}
	return clear_foreign_cgroup(state, e);
}

static int check_deletable(const struct statedir *dir, const struct state *state, struct error *e)
{
	enum status status;

	if (state_status(dir, state, &status, e) < 0)
		return -1;
	if (status == STATUS_RUNNING || status == STATUS_PAUSED)
		return error_set(e, ERROR_STATE, 0, "cannot delete container %s that is not stopped: %s", dir->id,
				 status_name(status));
	return 0;
}

/* Most containers have no poststop hook, and parsing is most of a delete's time: a document that does not hold the word,
 * not even escaped, has none. NULL too when the copy is gone: then the hooks were run by a delete that was killed. */
static struct spec *load_hooks(const struct statedir *dir)
{
	auto_strbuf struct strbuf text = {};
	struct error e = {};
	struct spec *spec = NULL;
	char why[sizeof(e.msg) + 256];

	if (read_file_at(dir->fd, "config.json", JSON_BYTES_MAX, &text) < 0) {
		if (errno == ENOENT)
			return NULL;
		error_set(&e, ERROR_HOST, errno, "cannot read config.json");
	} else {
		const char *s = strbuf_str(&text);
		if (!memmem(s, text.len, "poststop", 8) && !memmem(s, text.len, "\\u", 2))
			return NULL;
		if (spec_parse("config.json", s, text.len, &spec, &e) == 0)
			return spec;
		spec_free(spec);
	}
	log_write(LOG_WARNING, "container '%s': %s: no poststop hooks are run, ignoring", dir->id,
		  error_text(&e, why, sizeof(why)));
	return NULL;
}

int container_finish(struct statedir *dir, const struct state *state, const struct intent *intent, const struct spec *spec,
		     struct cgroup *cgroup, const struct guard *guard, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	/* No copy: a delete was killed after it had run the hooks. */
	bool hooks = spec->hooks[HOOK_POSTSTOP].n && faccessat(dir->fd, "config.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	if (clear_foreign_cgroup(state, e) < 0)
		return -1;
	if (hooks)
		state_print_oci(state, STATUS_STOPPED, 0, &text);
	if (intent->cgroup && !intent->cgroup_existed && end_cgroup(cgroup, e) < 0)
		return -1;
	return destroy_rest(dir, intent, hooks ? spec : NULL, hooks ? strbuf_str(&text) : NULL, guard, e);
}

static int delete_complete(struct statedir *dir, const struct state *state, const struct intent *intent, struct error *e)
{
	auto_strbuf struct strbuf text = {};

	if (end_processes(state, e) < 0)
		return -1;
	auto_spec struct spec *spec = load_hooks(dir);
	state_print_oci(state, STATUS_STOPPED, 0, &text);
	return container_destroy(dir, intent, spec, strbuf_str(&text), e);
}

int container_delete(const struct runtime *rt, const char *id, bool force, struct error *e)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	struct state state = {};
	struct intent intent;
	bool found;

	if (statedir_open(rt, id, STATEDIR_LOCKED, &dir, e) < 0) {
		if (!force || e->kind != ERROR_NOENT)
			return -1;
		*e = (struct error){};
		return 0;
	}
	if (intent_read(&dir, &a, &intent, &found, e) < 0)
		return -1;
	if (state_read(&dir, &a, &state, e) < 0) {
		/* The lock is ours, so whoever made this directory is dead, and its init with it. */
		if (e->kind != ERROR_NOENT)
			return -1;
		*e = (struct error){};
		return container_destroy(&dir, &intent, NULL, NULL, e);
	}
	if (!found)
		intent = (struct intent){.cgroup = state.cgroup, .unit = state.unit, .user_unit = state.user_unit,
					 .guard_cookie = state.guard.cookie};
	/* The intent is older than the cgroup: it cannot tell. */
	intent.cgroup_existed = state.cgroup_existed;
	intent.cgroup_ino = state.cgroup_ino;
	/* config-linux.md: what closID names is not removed with a container, only after a create that failed. */
	if (intent.rdt_keep)
		intent.rdt_clos = NULL;
	if (!force && check_deletable(&dir, &state, e) < 0)
		return -1;
	return delete_complete(&dir, &state, &intent, e);
}
