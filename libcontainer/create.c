/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create and run. The order of outside effects, each covered by what was on disk before it:
 *
 *   state directory, lock, intent -> cgroup -> init -> state.json, pid file -> (start)
 *
 * A kill between any two leaves what delete --force removes by the intent alone; a failure removes it here.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/dl.h"
#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "base/sys.h"
#include "libcontainer/creation.h"
#include "libcontainer/destroy.h"
#include "libcontainer/gate.h"
#include "libcontainer/hooks.h"
#include "libcontainer/lsm.h"
#include "libcontainer/rdt.h"
#include "libcontainer/rootmount.h"
#include "libcontainer/terminal.h"

void creation_done(struct creation *c)
{
	if (c->notify >= 0)
		close(c->notify);
	guarding_done(&c->guarding);
	policy_done(&c->policy);
	cgroup_done(&c->cgroup);
	statedir_done(&c->dir);
	spec_free(c->spec);
	arena_done(&c->arena);
}

static int load_bundle(struct creation *c, struct error *e)
{
	struct stat st;

	if (container_check_id(c->o->id, e) < 0 || path_absolute(&c->arena, c->o->bundle ?: ".", &c->bundle, e) < 0)
		return -1;
	auto_close int bundle = open(c->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (bundle < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot open bundle '%s'", c->bundle);
	if (spec_load(c->o->config ? AT_FDCWD : bundle, c->o->config ?: "config.json", &c->spec, e) < 0)
		return -1;
	for (size_t i = 0; i < c->spec->warnings.n; i++)
		log_write(LOG_WARNING, "%s", c->spec->warnings.v[i]);
	if (!c->spec->root.set)
		return error_set(e, ERROR_CONFIG, 0, "root: missing, a container on Linux needs a root file system");
	c->rootfs = path_join(&c->arena, c->bundle, c->spec->root.path);
	if (stat(c->rootfs, &st) < 0)
		return error_set(e, ERROR_CONFIG, errno, "root.path: cannot find '%s'", c->rootfs);
	if (!S_ISDIR(st.st_mode))
		return error_set(e, ERROR_CONFIG, ENOTDIR, "root.path: '%s'", c->rootfs);
	return 0;
}

static int check_request(struct creation *c, struct error *e)
{
	bool terminal = c->spec->process.set && c->spec->process.terminal;

	if (c->mode != CREATE && !c->spec->process.set)
		return error_set(e, ERROR_CONFIG, 0, "process: missing, nothing to run");
	/* Not later: from here on the command cannot be begun anew. */
	if ((c->rt->systemd_cgroup || c->spec->process.selinux_label || c->spec->linux_.net_devices.n) &&
	    dl_prepare(c->o->preserve_fds + listen_fds(), e) < 0)
		return -1;
	if (gate_read(c->spec, &c->policy, e) < 0 ||
	    gate_create(&c->policy, c->spec, c->bundle, c->rootfs, e) < 0)
		return -1;
	if (lsm_check(&c->spec->process, e) < 0 || lsm_check_mounts(&c->spec->linux_, e) < 0 ||
	    guarding_decide(&c->guarding, c->spec, &c->privileges, &c->arena, e) < 0)
		return -1;
	if (terminal_check(terminal, c->mode != RUN_FOREGROUND, c->o->console_socket, e) < 0)
		return -1;
	return preserved_check(c->o->preserve_fds + listen_fds(), e);
}

static bool wants_limits(const struct creation *c)
{
	const struct spec_linux *l = &c->spec->linux_;
	const struct spec_resources *r = &l->resources;

	/* For systemd every engine names a unit: without systemd that is no wish. */
	return (l->cgroups_path && !c->rt->systemd_cgroup) || r->memory.set || r->cpu.set || r->pids.set || r->block_io.set || r->hugepages.n ||
	       r->rdma.n || r->unified.n;
}

/* Rules for devices are part of every configuration, and with them alone nothing was asked of the cgroup. */
static int check_no_cgroup(const struct creation *c, struct error *e)
{
	if (wants_limits(c))
		return error_set(e, ERROR_CONFIG, 0,
				 "linux.%s: cannot be applied with cgroups disabled (--cgroup-manager)",
				 c->spec->linux_.cgroups_path ? "cgroupsPath" : "resources");
	if (c->spec->linux_.resources.devices.n && c->privileges.privileged)
		log_write(LOG_WARNING, "linux.resources.devices: not enforced with cgroups disabled, ignoring");
	return 0;
}

/* config-linux.md, Cgroup ownership: a container with its own user and cgroup namespace and a writable cgroup mount. */
static int delegate_cgroup(struct creation *c, struct error *e)
{
	const struct spec_linux *l = &c->spec->linux_;

	if (!l->namespaces[NS_USER].set || !l->namespaces[NS_CGROUP].set || l->namespaces[NS_CGROUP].path)
		return 0;
	bool writable = false;
	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		const struct spec_mount *m = &c->spec->mounts.v[i];
		if (!m->type || strncmp(m->type, "cgroup", 6) != 0)
			continue;
		writable = true;
		for (size_t k = 0; k < m->options.n; k++)
			if (strcmp(m->options.v[k], "ro") == 0)
				writable = false;
	}
	for (size_t i = 0; writable && i < l->uid_mappings.n; i++)
		if (l->uid_mappings.v[i].container_id == 0)
			return cgroup_delegate(&c->cgroup, l->uid_mappings.v[i].host_id, e);
	return 0;
}

static const char rootless_hint[] = "rootless needs a delegated cgroup for limits and cgroupsPath";

/* There is nobody to ask, which is not the same as no answer. */
static bool no_systemd(const struct error *why)
{
	return why->sys == ENOENT || why->sys == ECONNREFUSED || why->sys == ENOMEDIUM || why->sys == EACCES;
}

/* Without a systemd of his own a user has no cgroup: c->cgroup.path stays NULL. */
static int place_cgroup(struct creation *c, struct error *e)
{
	const char *path = c->spec->linux_.cgroups_path;
	struct error why = {};

	if (!c->rt->systemd_cgroup)
		return cgroup_place(path, c->o->id, &c->cgroup, e);
	if (cgroup_place_systemd(path, c->o->id, c->privileges.rootless, &c->cgroup, &why) == 0)
		return 0;
	if (c->privileges.rootless && no_systemd(&why) && !wants_limits(c))
		return 0;
	*e = why;
	return c->privileges.rootless && !e->hint ? error_hint(e, rootless_hint) : -1;
}

static int create_cgroup(struct creation *c, struct error *e)
{
	const struct spec_resources *resources = &c->spec->linux_.resources;
	bool devices = c->devices_done && !c->privileges.rootless;

	if (!c->cgroup.unit)
		return cgroup_create(&c->cgroup, resources, devices, e);
	return cgroup_create_systemd(&c->cgroup, resources, devices, &c->spec->annotations, e);
}

static int make_cgroup(struct creation *c, struct error *e)
{
	struct error why = {};

	if (!c->cgroup.path)
		return 0;
	/* A hook that init runs may come before the parent is through with what it does beside init; systemd has its own way. */
	c->devices_done = c->privileges.rootless || c->cgroup.unit || c->spec->hooks[HOOK_CREATE_CONTAINER].n;
	if (create_cgroup(c, &why) == 0) {
		c->has_cgroup = true;
		c->intent.cgroup_existed = !c->cgroup.created;
		return c->cgroup.created ? delegate_cgroup(c, e) : 0;
	}
	c->intent.cgroup_existed = true;
	if (!c->privileges.rootless || wants_limits(c) ||
	    (why.sys != EACCES && why.sys != EPERM && why.sys != EROFS)) {
		*e = why;
		return error_hint(e, c->privileges.rootless ? rootless_hint : NULL);
	}
	c->intent.cgroup = NULL;
	return 0;
}

/* Everything on disk that must be there before init exists. */
int creation_prepare(struct creation *c, struct error *e)
{
	if (c->rt->no_cgroup ? check_no_cgroup(c, e) < 0 : place_cgroup(c, e) < 0)
		return -1;
	c->intent = (struct intent){
		.cgroup = c->cgroup.path ? arena_strdup(&c->arena, c->cgroup.path) : NULL,
		.cgroup_existed = true,
		.unit = c->cgroup.unit ? arena_strdup(&c->arena, c->cgroup.unit) : NULL,
		.user_unit = c->cgroup.user,
	};
	if (guarding_open(&c->guarding, &c->arena, e) < 0)
		return -1;
	c->intent.guard_cookie = c->guarding.cookie;
	const struct spec_rdt *rdt = &c->spec->linux_.intel_rdt;
	if (rdt->set && rdt_place(rdt, c->o->id, &c->intent, e) < 0)
		return -1;
	if (statedir_create(c->rt, c->o->id, &c->dir, e) < 0)
		return -1;
	c->intent.cgroup_made = c->cgroup.made;
	/* Nothing is missing: it is there already, and who is in it is not ours to end. */
	struct intent made = c->intent;
	made.cgroup_existed = c->cgroup.made == 0;
	if (intent_write(&c->dir, &made, e) < 0)
		return -1;
	if (c->mode == CREATE &&
	    (mkfifoat(c->dir.fd, "exec.fifo", 0600) < 0 || mkfifoat(c->dir.fd, "result.fifo", 0600) < 0))
		return error_set(e, ERROR_HOST, errno, "cannot create the fifos of the state directory");
	return make_cgroup(c, e);
}

int creation_arm(const struct creation *c, struct error *e)
{
	return guarding_arm(&c->guarding, c->spec, c->o->id, c->rt->root, c->intent.cgroup, e);
}

const char *creation_json(struct creation *c, enum status status, pid_t pid)
{
	auto_strbuf struct strbuf out = {};

	state_print_oci(&c->state, status, pid, &out);
	return arena_strdup(&c->arena, strbuf_str(&out));
}

/* For the spec a container whose environment was made is created; agents know the example with "creating". */
static const char *creation_state_json(void *ctx, pid_t pid, bool for_hooks)
{
	return creation_json(ctx, for_hooks ? STATUS_CREATED : STATUS_CREATING, pid);
}

int creation_fill_state(struct creation *c, struct error *e)
{
	const struct spec_namespace *pidns = &c->spec->linux_.namespaces[NS_PID];

	c->state = (struct state){
		.id = (char *)c->o->id,
		.bundle = c->bundle,
		.rootfs = c->rootfs,
		.oci_version = c->spec->oci_version,
		.created = state_timestamp(&c->arena),
		.cgroup = c->has_cgroup ? (char *)c->intent.cgroup : NULL,
		.cgroup_existed = c->has_cgroup && c->intent.cgroup_existed,
		.unit = c->has_cgroup ? (char *)c->intent.unit : NULL,
		.user_unit = c->intent.user_unit,
		.rootless = c->privileges.rootless,
		.no_new_keyring = c->o->no_new_keyring,
		.own_pid_ns = pidns->set && !pidns->path,
		.annotations = c->spec->annotations,
	};
	guarding_state(&c->guarding, &c->state.guard);
	return c->has_cgroup ? cgroup_inode(&c->cgroup, &c->state.cgroup_ino, e) : 0;
}

static int hand_over(const char *path, int fd, const char *payload, struct error *e)
{
	auto_close int sock = unix_connect(path, e);

	return sock < 0 ? -1 : socket_send_fd(sock, fd, payload, e);
}

/* A root that is about to be mounted in our own mount namespace: what is to be unmounted must be on disk before it is there. */
static int before_init(void *ctx, const struct spawn *sp, struct error *e)
{
	struct creation *c = ctx;

	if (!sp->plan->host_mounts)
		return 0;
	if (root_mount_id(sp->plan->regs[sp->plan->root_reg], &c->intent.root_mount, e) < 0)
		return -1;
	c->intent.root_path = c->rootfs;
	return intent_write(&c->dir, &c->intent, e);
}

/* Init sets itself up meanwhile, and cannot get past its first barrier before this is through. */
static int beside_init(void *ctx, const struct spawn *sp, struct error *e)
{
	struct creation *c = ctx;
	const struct spec_resources *resources = &c->spec->linux_.resources;
	bool devices = c->has_cgroup && !c->devices_done;
	char shared[GUARD_DEVICES_MAX];

	if (creation_arm(c, e) < 0)
		return -1;
	if (devices && cgroup_create_devices(&c->cgroup, resources, guard_devices(&c->guarding.guard, shared), e) < 0)
		return -1;
	if (replace_file_at(c->dir.fd, "config.json", c->spec->text, c->spec->text_size, 0600, e) < 0)
		return -1;
	return state_observe_init(&c->state, sp->pid, ~c->late_namespaces, e);
}

/* Init is complete and verified and waits: now the container exists. */
int creation_commit(void *ctx, const struct spawn *sp, struct error *e)
{
	struct creation *c = ctx;

	if (c->nofile_raised && prlimit(sp->pid, RLIMIT_NOFILE, &c->nofile, NULL) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot restore RLIMIT_NOFILE");
	if (c->o->console_socket && hand_over(c->o->console_socket, sp->master, "/dev/pts/0", e) < 0)
		return error_in(e, "console socket");
	if (c->o->pidfd_socket && hand_over(c->o->pidfd_socket, sp->pidfd, "pidfd", e) < 0)
		return error_in(e, "pidfd socket");
	if (state_observe_init(&c->state, sp->pid, c->late_namespaces, e) < 0 || state_write(&c->dir, &c->state, e) < 0)
		return -1;
	c->committed = true;
	return c->o->pid_file ? pid_file_write(c->o->pid_file, sp->pid, e) : 0;
}

static uint64_t namespaces_of_init(const struct plan *plan)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < plan->n; i++)
		if (plan->steps[i].side == SIDE_CHILD &&
		    (plan->steps[i].kind == STEP_UNSHARE || plan->steps[i].kind == STEP_SETNS))
			flags |= plan->steps[i].num[0];
	return flags;
}

static int open_fifos(struct creation *c, struct plan *plan, struct error *e)
{
	static const char *const names[] = {"exec.fifo", "result.fifo"};

	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_step *s = &plan->steps[i];
		if (s->kind != STEP_WAIT_START)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			/* Both ends: a read never sees the end of file that an absent start would be. */
			int fd = openat(c->dir.fd, names[k], O_RDWR | O_CLOEXEC | O_NOFOLLOW);
			if (fd < 0)
				return error_set(e, ERROR_HOST, errno, "cannot open '%s'", names[k]);
			plan->regs[k ? s->reg2 : s->reg] = fd;
		}
	}
	return 0;
}

/* Each bind source is a descriptor until it is mounted. */
static void raise_nofile(struct creation *c)
{
	bool asked = false;
	struct rlimit more;

	if (c->spec->mounts.n + c->spec->linux_.devices.n < 256 || getrlimit(RLIMIT_NOFILE, &c->nofile) < 0)
		return;
	for (size_t i = 0; i < c->spec->process.rlimits.n; i++)
		asked |= c->spec->process.rlimits.v[i].type == RLIMIT_NOFILE;
	more = (struct rlimit){c->nofile.rlim_max, c->nofile.rlim_max};
	c->nofile_raised = setrlimit(RLIMIT_NOFILE, &more) == 0 && !asked;
}

static const char *notify_directory(struct creation *c, struct error *e)
{
	const char *socket = secure_getenv("NOTIFY_SOCKET");

	if (!socket || !*socket)
		return NULL;
	/* After create the socket is bound and served by start: a directory is all that has to be mounted. */
	if (c->mode == CREATE && mkdirat(c->dir.fd, "notify", 0755) < 0)
		error_set(e, ERROR_HOST, errno, "cannot make directory 'notify'");
	else if (c->mode != CREATE)
		c->notify = sdnotify_listen(c->dir.fd, e);
	return e->kind != ERROR_NONE ? NULL : arena_printf(&c->arena, "%s/%s/notify", c->rt->root, c->o->id);
}

static int start_init(struct creation *c, struct spawn *sp, struct plan *plan, struct error *e)
{
	struct filters filters = {};
	const struct spec_linux *l = &c->spec->linux_;

	if (seccomp_filters(c->spec, &c->policy, c->dir.root_fd, &c->arena, &filters, e) < 0 || creation_fill_state(c, e) < 0)
		return -1;
	const char *notify = notify_directory(c, e);
	if (e->kind != ERROR_NONE)
		return -1;
	struct plan_input in = {
		.spec = c->spec,
		.process = &c->spec->process,
		.id = c->o->id,
		.bundle = c->bundle,
		.rootfs = c->rootfs,
		.cgroup_dir = c->has_cgroup ? arena_printf(&c->arena, "%s/%s", c->cgroup.mountpoint, c->cgroup.path)
					    : "/sys/fs/cgroup",
		.privileged = c->privileges.privileged,
		.userns = l->namespaces[NS_USER].set,
		.nested = c->privileges.nested,
		.no_pivot = c->o->no_pivot,
		.no_new_keyring = c->o->no_new_keyring,
		.waits_for_start = c->mode == CREATE,
		.seccomp = filters.own,
		.floor = filters.floor,
		.notify_dir = notify,
		.listen_fds = listen_fds(),
		.hook_json = creation_json(c, STATUS_CREATED, 2147483647),
		.caps_available = caps_available(c->spec, &c->privileges),
	};
	plan->preserve_fds = c->o->preserve_fds + in.listen_fds;
	if (plan_create(plan, &in, e) < 0 || open_fifos(c, plan, e) < 0)
		return -1;
	raise_nofile(c);
	c->late_namespaces = namespaces_of_init(plan);
	*sp = (struct spawn){.plan = plan,
			     .spec = c->spec,
			     .cgroup_fd = c->has_cgroup ? c->cgroup.fd : -1,
			     .cgroup = c->has_cgroup ? &c->cgroup : NULL,
			     .privileged = c->privileges.privileged,
			     .guard = c->guarding.cookie ? &c->guarding.guard : NULL,
			     .guard_cookie = c->guarding.cookie,
			     .state_json = creation_state_json,
			     .prepared = before_init,
			     .cloned = beside_init,
			     .ready = creation_commit,
			     .ctx = c,
			     .pidfd = -1,
			     .master = -1};
	return spawn_run(sp, e);
}

/* The error stays the first one; what the clean-up itself could not do is a warning. */
void creation_undo(struct creation *c)
{
	struct error late = {};
	char text[512];

	if (c->dir.fd < 0)
		return;
	if (c->committed && c->o->pid_file)
		unlink(c->o->pid_file);
	cgroup_done(&c->cgroup);
	if (container_destroy(&c->dir, &c->intent, c->spec, c->state.id ? creation_json(c, STATUS_STOPPED, 0) : NULL, &late) <
	    0)
		log_write(LOG_WARNING, "clean-up after a failed create: %s", error_text(&late, text, sizeof(text)));
}

static int poststart(struct creation *c, const struct spawn *sp, struct error *e)
{
	auto_strbuf struct strbuf out = {};

	if (!c->spec->hooks[HOOK_POSTSTART].n)
		return 0;
	state_print_oci(&c->state, STATUS_RUNNING, sp->pid, &out);
	return hooks_run(c->spec, HOOK_POSTSTART, strbuf_str(&out), e);
}

static int creation_run(struct creation *c, struct spawn *sp, struct error *e)
{
	auto_plan struct plan plan;

	plan_init(&plan);
	if (creation_prepare(c, e) < 0 || start_init(c, sp, &plan, e) < 0)
		return -1;
	if (c->mode != CREATE && poststart(c, sp, e) < 0) {
		sys_pidfd_send_signal(sp->pidfd, SIGKILL);
		return -1;
	}
	return 0;
}

int creation_begin(struct creation *c, struct error *e)
{
	c->dir = (struct statedir)STATEDIR_NONE;
	c->cgroup.fd = c->cgroup.mount_fd = c->notify = -1;
	c->guarding.guard = (struct guard)GUARD_NONE;
	if (load_bundle(c, e) < 0 || privileges_read(c->rt, &c->privileges, e) < 0)
		return -1;
	return check_request(c, e);
}

int container_create(const struct runtime *rt, const struct create_options *o, struct error *e)
{
	auto_with(creation_done) struct creation c = {.rt = rt, .o = o, .mode = CREATE};
	auto_spawn struct spawn sp = {.pidfd = -1, .master = -1};

	if (creation_begin(&c, e) < 0)
		return -1;
	if (creation_run(&c, &sp, e) == 0)
		return 0;
	creation_undo(&c);
	return -1;
}

/* Nobody but run itself would know that a container was left: what failed once is tried again below, too. */
static void abandon(struct creation *c)
{
	struct error late = {};
	char text[512];

	if (container_delete(c->rt, c->o->id, true, &late) < 0)
		log_write(LOG_WARNING, "container '%s' is left behind: %s", c->o->id,
			  error_text(&late, text, sizeof(text)));
}

/* As a delete, but nothing has to be read again: if the directory is still ours, it is about the container that we made. */
static int finish(struct creation *c, struct error *e)
{
	int gone = statedir_relock(&c->dir, e);

	if (gone)
		return gone < 0 ? -1 : 0;
	c->intent.cgroup_existed = c->state.cgroup_existed;
	int ret = container_finish(&c->dir, &c->state, &c->intent, c->spec, &c->cgroup, &c->guarding.guard, e);
	statedir_unlock(&c->dir);
	return ret;
}

int creation_foreground(struct creation *c, struct spawn *sp, bool keep, int *exit_status, struct error *e)
{
	/* The container is complete: others may look at it, stop it, or delete it while it runs. */
	statedir_unlock(&c->dir);
	if (foreground_wait(sp->pid, sp->pidfd, sp->master, exit_status, e) < 0) {
		abandon(c);
		return -1;
	}
	if (c->guarding.cookie && *exit_status == 128 + SIGKILL)
		guarding_explain(&c->guarding, c->o->id);
	if (keep || finish(c, e) == 0)
		return 0;
	struct error again = {};
	if (container_delete(c->rt, c->o->id, true, &again) < 0)
		return -1;
	*e = (struct error){};
	return 0;
}

int container_run(const struct runtime *rt, const struct create_options *o, const struct run_options *r,
		  int *exit_status, struct error *e)
{
	auto_with(creation_done) struct creation c = {
		.rt = rt, .o = o, .mode = r->detach ? RUN_DETACHED : RUN_FOREGROUND};
	auto_spawn struct spawn sp = {.pidfd = -1, .master = -1};

	*exit_status = 0;
	if (creation_begin(&c, e) < 0)
		return -1;
	if (c.mode == RUN_FOREGROUND && !r->no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot become a subreaper");
	if (c.mode == RUN_FOREGROUND && foreground_prepare(e) < 0)
		return -1;
	if (c.mode == RUN_FOREGROUND)
		foreground_size(&c.spec->process);
	if (creation_run(&c, &sp, e) < 0) {
		creation_undo(&c);
		return -1;
	}
	/* READY may never come: nobody else is kept from the container meanwhile. */
	if (c.notify >= 0)
		statedir_unlock(&c.dir);
	if (c.notify >= 0 && sdnotify_relay(c.notify, secure_getenv("NOTIFY_SOCKET"), sp.pid, sp.pidfd, e) < 0) {
		abandon(&c);
		return -1;
	}
	return r->detach ? 0 : creation_foreground(&c, &sp, r->keep, exit_status, e);
}
