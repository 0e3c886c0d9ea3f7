/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore: a container as create makes it (state directory, cgroup, armed guard), whose processes criu makes instead of
 * kedge-init. criu is in the container's cgroup while it forks them. In the order in which it tells:
 *
 *   orphan-pts-master   the master end of the container's terminal
 *   setup-namespaces    prestart and createRuntime hooks
 *   post-restore        they are all there: init's pid, and criu leaves the cgroup
 *   pre-resume          they are complete and stopped: the guard takes its fingerprints, the state is written
 *
 * Only then do they go on. What fails before that kills them as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "base/sys.h"
#include "cgroups/cgroup.h"
#include "libcontainer/creation.h"
#include "libcontainer/criu.h"
#include "libcontainer/hooks.h"
#include "libcontainer/plan.h"
#include "libcontainer/terminal.h"
#include "spec/json.h"
#include "spec/landlock.h"
#include "spec/mount_options.h"

#define PROC_MAX 65536

struct restoration {
	struct creation c;
	const struct criu_options *o;
	struct strbuf options;
	struct criu criu;
	struct spawn sp;
	int fds[2]; /* namespaces that criu inherits */
	size_t n_fds;
	bool committed;
};

static void restoration_done(struct restoration *r)
{
	criu_done(&r->criu);
	for (size_t i = 0; i < r->n_fds; i++)
		macro_close(&r->fds[i]);
	strbuf_done(&r->options);
	spawn_done(&r->sp);
	creation_done(&r->c);
}

static int check(const struct restoration *r, struct error *e)
{
	const struct creation *c = &r->c;

	if (!c->privileges.privileged || c->privileges.nested)
		return error_set(e, ERROR_HOST, EPERM, "restoring needs root's privileges on the host");
	if (c->rt->no_cgroup)
		return error_set(e, ERROR_USAGE, 0, "cannot restore with cgroups disabled (--cgroup-manager)");
	if (spec_annotation(c->spec, LANDLOCK_ANNOTATION))
		return error_set(e, ERROR_CONFIG, 0, LANDLOCK_ORIGIN ": criu restores processes without it");
	if (c->spec->linux_.namespaces[NS_CGROUP].path)
		return error_set(e, ERROR_CONFIG, 0, "linux.namespaces[cgroup]: criu cannot join one");
	if (!c->guarding.why_not && !c->spec->linux_.namespaces[NS_PID].set)
		return error_set(e, ERROR_CONFIG, 0,
				 "drift guard: a container without a pid namespace cannot be restored, set " GUARD_ANNOTATION
				 "mode to off in the host's policy");
	return 0;
}

/* --- mount points */

static bool is_bind(const struct spec_mount *m, const struct mount_options *o)
{
	return !o->remount && (o->bind || (m->type && strcmp(m->type, "bind") == 0));
}

/* criu restores its content. */
static bool is_on_tmpfs(struct arena *a, const struct spec_mounts *mounts, const char *dest)
{
	for (size_t i = 0; i < mounts->n; i++) {
		const char *at = path_join(a, "/", mounts->v[i].destination);
		size_t len = strlen(at);

		if (mounts->v[i].type && strcmp(mounts->v[i].type, "tmpfs") == 0 && strncmp(dest, at, len) == 0 &&
		    dest[len] == '/')
			return true;
	}
	return false;
}

/* Each level resolved in the root, as it is when the container is made. */
static int make_point(int root, char *path, bool directory, struct error *e)
{
	for (char *p = path; *p;) {
		char *name = p + 1, *end = strchrnul(name, '/'), saved = *end;
		bool last = !saved;

		*p = '\0';
		auto_close int parent = sys_openat2(root, *path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_IN_ROOT);
		*p = '/';
		*end = '\0';
		auto_close int there = sys_openat2(root, path, O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT);
		int made = 0;
		if (there < 0 && errno == ENOENT && parent >= 0)
			made = last && !directory ? mknodat(parent, name, S_IFREG | 0644, 0) : mkdirat(parent, name, 0755);
		else if (there < 0)
			made = -1;
		*end = saved;
		if (made < 0)
			return error_set(e, ERROR_HOST, errno, "cannot make mount point '%s'", path);
		p = end;
	}
	return 0;
}

static int prepare_mounts(struct restoration *r, struct error *e)
{
	struct creation *c = &r->c;
	const struct spec_mounts *mounts = &c->spec->mounts;

	auto_close int root = open(c->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_set(e, ERROR_CONFIG, errno, "root.path: cannot open '%s'", c->rootfs);
	for (size_t i = 0; i < mounts->n; i++) {
		const struct spec_mount *m = &mounts->v[i];
		char *dest = path_join(&c->arena, "/", m->destination);
		struct mount_options o;
		struct stat st;

		mount_options_parse(&c->arena, &m->options, &o);
		const char *source = is_bind(m, &o) ? path_join(&c->arena, c->bundle, m->source) : NULL;
		if (source && stat(source, &st) < 0)
			return error_set(e, ERROR_CONFIG, errno, "mounts[%zu] '%s': cannot find '%s'", i, m->destination, source);
		bool cgroup = m->type && strncmp(m->type, "cgroup", 6) == 0;
		if (!cgroup && strcmp(dest, "/") != 0 && !is_on_tmpfs(&c->arena, mounts, dest) &&
		    make_point(root, dest, !source || S_ISDIR(st.st_mode), e) < 0)
			return error_in(e, "mounts[%zu] '%s'", i, m->destination);
		/* In a user namespace it is external, too: criu enters the cgroup namespace only after it has mounted. */
		if (cgroup && c->spec->linux_.namespaces[NS_USER].set && c->has_cgroup)
			source = arena_printf(&c->arena, "%s/%s", c->cgroup.mountpoint, c->cgroup.path);
		if (source)
			wire_pair(&r->options, CRIU_EXT_MNT, criu_mount_point(&c->arena, root, dest), source);
	}
	criu_add_host_nodes(&r->options, &c->arena, root, c->spec, true);
	return 0;
}

/* --- namespaces and descriptors */

static void inherit(struct restoration *r, const char *key, int fd)
{
	auto_strbuf struct strbuf pair = {};

	wire_str(&pair, 1, key);
	wire_uint(&pair, 2, (uint64_t)fd);
	wire_bytes(&r->options, CRIU_INHERIT_FD, pair.s, pair.len);
}

static int add_namespaces(struct restoration *r, struct error *e)
{
	for (int type = 0; type < NS_MAX; type++) {
		const char *path = r->c.spec->linux_.namespaces[type].path;

		if (!path)
			continue;
		if (type != NS_NETWORK && type != NS_PID) {
			wire_pair(&r->options, CRIU_JOIN_NS, ns_info[type].proc, path);
			continue;
		}
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return error_set(e, ERROR_CONFIG, errno, "linux.namespaces[%s]: cannot open namespace '%s'",
					 ns_info[type].name, path);
		inherit(r, criu_namespace_key(&r->c.arena, (enum spec_ns_type)type), CRIU_FD + (int)r->n_fds);
		r->fds[r->n_fds++] = fd;
	}
	return 0;
}

/* Ours take the place of those that the checkpointed init was given. */
static int add_descriptors(struct restoration *r, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	struct json *list;
	int fd = 0;

	if (read_file_at(r->criu.image_fd, CRIU_DESCRIPTORS, PROC_MAX, &text) < 0)
		return error_set(e, ERROR_CONFIG, errno, "cannot read '%s/" CRIU_DESCRIPTORS "'", r->o->image_path);
	if (json_parse(&r->c.arena, CRIU_DESCRIPTORS, strbuf_str(&text), text.len, &list, e) < 0)
		return -1;
	for (const struct json *j = list->child; j && fd < 3; j = j->next, fd++)
		if (j->type == JSON_STRING && (strncmp(j->text, "pipe:", 5) == 0 || strncmp(j->text, "file[", 5) == 0))
			inherit(r, j->text, fd);
	return 0;
}

/* --- the cgroup */

/* Where criu is, the processes will be, and those of sub-cgroups below it. */
static int enter_cgroup(struct restoration *r, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	struct creation *c = &r->c;
	char path[32], *save = NULL;

	if (c->has_cgroup && (cgroup_attach(&c->cgroup, r->criu.pid, e) < 0 || cgroup_settle(&c->cgroup, e) < 0))
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)r->criu.pid);
	if (read_file_at(AT_FDCWD, path, PROC_MAX, &text) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read '%s'", path);
	for (char *line = text.s ? strtok_r(text.s, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *names = strchr(line, ':'), *where = names ? strchr(names + 1, ':') : NULL;

		if (!where)
			continue;
		*where = '\0';
		wire_pair(&r->options, CRIU_CG_ROOT, names + 1, where + 1);
	}
	return 0;
}

/* --- what criu tells */

static int run_hooks(struct restoration *r, pid_t pid, struct error *e)
{
	const char *state = creation_json(&r->c, STATUS_CREATED, pid);

	for (int kind = HOOK_PRESTART; kind <= HOOK_CREATE_RUNTIME; kind++)
		if (hooks_run(r->c.spec, (enum spec_hook_kind)kind, state, e) < 0)
			return -1;
	return 0;
}

static int restored(struct restoration *r, pid_t pid, struct error *e)
{
	r->sp.pid = pid;
	r->sp.pidfd = sys_pidfd_open(pid, 0);
	if (r->sp.pidfd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open the restored init");
	/* To the guard it would be a stranger there. */
	return r->c.has_cgroup ? cgroup_take_back(&r->c.cgroup, r->criu.pid, e) : 0;
}

static bool has_own_time(const struct creation *c)
{
	struct stat ours;

	return !c->spec->linux_.namespaces[NS_TIME].set && c->state.ns_ino[NS_TIME] &&
	       stat("/proc/self/ns/time", &ours) == 0 && ours.st_ino != c->state.ns_ino[NS_TIME];
}

/* As at create: criu leaves a new network namespace as it is made. */
static int bring_up_loopback(pid_t pid, struct error *e)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	auto_close int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), theirs = open(path, O_RDONLY | O_CLOEXEC);
	if (ours < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot enter '%s'", path);
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0 ?
			  error_set(e, ERROR_HOST, errno, "cannot bring up the loopback interface") : 0;
	return setns(ours, CLONE_NEWNET) < 0 ? error_set(e, ERROR_HOST, errno, "cannot leave '%s'", path) : ret;
}

static int complete(struct restoration *r, struct error *e)
{
	struct creation *c = &r->c;
	const struct spec_namespace *net = &c->spec->linux_.namespaces[NS_NETWORK];

	if (r->sp.pidfd < 0)
		return error_set(e, ERROR_HOST, EPROTO, "criu has not told of the restored init");
	if (state_observe_init(&c->state, r->sp.pid, UINT64_MAX, e) < 0)
		return -1;
	c->state.own_time_ns = has_own_time(c);
	if (net->set && !net->path && bring_up_loopback(r->sp.pid, e) < 0)
		return -1;
	if (guarding_seal(&c->guarding, r->sp.pid, &c->cgroup, e) < 0 || creation_commit(c, &r->sp, e) < 0)
		return -1;
	r->committed = true;
	return 0;
}

static int on_notify(void *ctx, struct criu_notice *notice, struct error *e)
{
	struct restoration *r = ctx;

	if (strcmp(notice->script, "setup-namespaces") == 0)
		return run_hooks(r, notice->pid, e);
	if (strcmp(notice->script, "orphan-pts-master") == 0) {
		macro_close(&r->sp.master);
		r->sp.master = TAKE_FD(notice->fd);
	}
	if (strcmp(notice->script, "post-restore") == 0)
		return restored(r, notice->pid, e);
	return strcmp(notice->script, "pre-resume") == 0 ? complete(r, e) : 0;
}

/* --- the command */

/* criu would find the cgroup that it is in by then, and give up. That there was none before is known here. */
static int be_strict(const struct restoration *r, struct criu_options *o, struct error *e)
{
	const char *mode = r->o->manage_cgroups_mode;

	*o = *r->o;
	if (!mode || strcmp(mode, "strict") != 0 || !r->c.has_cgroup)
		return 0;
	if (!r->c.cgroup.created)
		return error_set(e, ERROR_STATE, EEXIST, "--manage-cgroups-mode strict: cgroup '%s'", r->c.cgroup.path);
	o->manage_cgroups_mode = "full";
	return 0;
}

static int ask(struct restoration *r, struct error *e)
{
	struct strbuf *out = &r->options;
	struct criu_options o;

	r->criu.log_file = "restore.log";
	r->criu.notify = on_notify;
	r->criu.ctx = r;
	wire_str(out, CRIU_LOG_FILE, r->criu.log_file);
	wire_str(out, CRIU_ROOT, r->c.rootfs);
	wire_uint(out, CRIU_RST_SIBLING, true);
	wire_uint(out, CRIU_EVASIVE_DEVICES, true);
	if (be_strict(r, &o, e) < 0 || criu_common(out, &o, r->c.spec, e) < 0 || add_namespaces(r, e) < 0 || add_descriptors(r, e) < 0 ||
	    prepare_mounts(r, e) < 0)
		return -1;
	if (criu_start(&r->criu, r->c.rootfs, r->fds, r->n_fds, e) < 0 || enter_cgroup(r, e) < 0 ||
	    criu_run(&r->criu, CRIU_RESTORE, out, e) < 0)
		return -1;
	return r->committed ? 0 : error_set(e, ERROR_HOST, EPROTO, "criu has not told that it is done");
}

static int restore(struct restoration *r, struct error *e)
{
	struct creation *c = &r->c;

	if (check(r, e) < 0 || criu_open(&r->criu, r->o, false, e) < 0 || creation_prepare(c, e) < 0 ||
	    creation_arm(c, e) < 0 || creation_fill_state(c, e) < 0)
		return -1;
	c->late_namespaces = 0;
	if (c->has_cgroup && !c->devices_done && cgroup_create_devices(&c->cgroup, &c->spec->linux_.resources, NULL, e) < 0)
		return -1;
	if (replace_file_at(c->dir.fd, "config.json", c->spec->text, c->spec->text_size, 0600, e) < 0)
		return -1;
	return ask(r, e);
}

/* They are dead before criu is, which could only let them go on; and it might wait for them, who are our children. */
static void kill_restored(struct restoration *r)
{
	struct error ignored = {};
	siginfo_t info;

	if (r->sp.pidfd >= 0)
		sys_pidfd_send_signal(r->sp.pidfd, SIGKILL);
	if (r->c.has_cgroup && cgroup_signal(&r->c.cgroup, SIGKILL, &ignored) < 0)
		log_write(LOG_DEBUG, "%s", ignored.msg);
	if (r->criu.pid > 0)
		kill(r->criu.pid, SIGKILL);
	criu_done(&r->criu);
	while (r->sp.pidfd >= 0 && waitid(P_PIDFD, (id_t)r->sp.pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
}

int container_restore(const struct runtime *rt, const struct create_options *o, const struct run_options *run,
		      const struct criu_options *criu, int *exit_status, struct error *e)
{
	auto_with(restoration_done) struct restoration r = {
		.c = {.rt = rt, .o = o, .mode = run->detach ? RUN_DETACHED : RUN_FOREGROUND},
		.o = criu,
		.criu = CRIU_NONE,
		.sp = {.pidfd = -1, .master = -1},
	};

	*exit_status = 0;
	if (creation_begin(&r.c, e) < 0)
		return -1;
	if (!run->detach && !run->no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot become a subreaper");
	if (!run->detach && foreground_prepare(e) < 0)
		return -1;
	if (restore(&r, e) < 0) {
		kill_restored(&r);
		creation_undo(&r.c);
		return -1;
	}
	return run->detach ? 0 : creation_foreground(&r.c, &r.sp, false, exit_status, e);
}
