/* SPDX-License-Identifier: Apache-2.0 */
/* A further process in a container: the same planners for privileges as create, on the checked copy of the spec. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/bitlist.h"
#include "base/dl.h"
#include "base/io.h"
#include "base/num.h"
#include "base/sys.h"
#include "cgroups/cgroup.h"
#include "libcontainer/gate.h"
#include "libcontainer/guarding.h"
#include "libcontainer/launch.h"
#include "libcontainer/lsm.h"
#include "libcontainer/spawn.h"
#include "libcontainer/state.h"
#include "libcontainer/terminal.h"
#include "spec/json.h"

#define END_MS 500

struct execution {
	const struct exec_options *o;
	struct arena arena;
	struct statedir dir;
	struct state state;
	struct spec *spec;
	struct spec_process process;
	struct cgroup cgroup;
	int init; /* pidfd */
	struct guarding guarding;
	struct policy policy; /* of the host */
};

static void execution_done(struct execution *x)
{
	if (x->init >= 0)
		close(x->init);
	guarding_done(&x->guarding);
	policy_done(&x->policy);
	cgroup_done(&x->cgroup);
	spec_free(x->spec);
	statedir_done(&x->dir);
	arena_done(&x->arena);
}

static int stopped(struct error *e)
{
	*e = (struct error){};
	return error_set(e, ERROR_STATE, 0, "cannot exec in a stopped container");
}

static int check_status(struct execution *x, struct error *e)
{
	enum status status;

	if (state_status(&x->dir, &x->state, &status, e) < 0)
		return -1;
	if (status == STATUS_STOPPED)
		return stopped(e);
	if (status == STATUS_PAUSED && !x->o->ignore_paused)
		return error_set(e, ERROR_STATE, 0,
				 "cannot exec in a paused container (use --ignore-paused to override)");
	if (state_open_init(&x->state, &x->init, e) < 0)
		return -1;
	/* It may have ended since. */
	return x->init < 0 ? stopped(e) : 0;
}

/* "uid[:gid]", numbers only: a name would have to be looked up in a file of the image. */
static int parse_user(const char *text, struct spec_process *p, struct error *e)
{
	char uid[16];
	size_t len = strcspn(text, ":");
	const char *gid = text[len] ? text + len + 1 : NULL;

	if (len >= sizeof(uid))
		return error_set(e, ERROR_USAGE, 0, "option --user: invalid user '%s'", text);
	memcpy(uid, text, len);
	uid[len] = '\0';
	if (parse_u32(uid, UINT32_MAX - 1, &p->user.uid) < 0 ||
	    (gid && parse_u32(gid, UINT32_MAX - 1, &p->user.gid) < 0)) {
		error_hint(e, "give numbers, as in 1000:1000");
		return error_set(e, ERROR_USAGE, 0, "option --user: invalid user '%s'", text);
	}
	return 0;
}

static int add_caps(const struct exec_options *o, struct spec_process *p, struct error *e)
{
	for (size_t i = 0; i < o->n_caps; i++) {
		int cap = cap_parse(o->caps[i], e);
		if (cap < 0)
			return -1;
		uint64_t bit = 1ULL << cap;
		p->caps.set = true;
		p->caps.bounding |= bit;
		p->caps.effective |= bit;
		p->caps.permitted |= bit;
		/* I: never into the inheritable set (CVE-2022-29162); ambient only where the config already has inheritable ones. */
		if (p->caps.inheritable & bit)
			p->caps.ambient |= bit;
	}
	return 0;
}

static int add_groups(struct execution *x, struct error *e)
{
	const struct exec_options *o = x->o;
	struct spec_process *p = &x->process;
	uint32_t *gids = arena_array(&x->arena, p->user.n_additional + o->n_gids + 1, sizeof(*gids));

	if (p->user.n_additional > 0)
		memcpy(gids, p->user.additional_gids, p->user.n_additional * sizeof(*gids));
	for (size_t i = 0; i < o->n_gids; i++)
		if (parse_u32(o->gids[i], UINT32_MAX - 1, &gids[p->user.n_additional + i]) < 0)
			return error_set(e, ERROR_USAGE, 0, "option --additional-gids: invalid group '%s'", o->gids[i]);
	p->user.additional_gids = gids;
	p->user.n_additional += o->n_gids;
	return 0;
}

/* As config.json must say it; crun and runc hand an entry without a name to the program. */
static int check_env(const struct exec_options *o, struct error *e)
{
	for (size_t i = 0; i < o->n_env; i++) {
		const char *equals = strchr(o->env[i], '=');
		if (!equals || equals == o->env[i])
			return error_set(e, ERROR_USAGE, 0, "option --env: '%s' must have the form NAME=VALUE", o->env[i]);
	}
	return 0;
}

static int process_from_flags(struct execution *x, struct error *e)
{
	const struct exec_options *o = x->o;
	struct spec_process *p = &x->process;

	if (!x->spec->process.set)
		return error_set(e, ERROR_CONFIG, 0, "process: missing in the container's config, use --process");
	*p = x->spec->process;
	p->args = (struct spec_strings){o->argc, o->argv};
	p->terminal = o->tty_given && o->tty;
	if (o->cwd)
		p->cwd = arena_strdup(&x->arena, o->cwd);
	if (p->cwd[0] != '/')
		return error_set(e, ERROR_USAGE, 0, "option --cwd: '%s' must be an absolute path", p->cwd);
	if (o->apparmor)
		p->apparmor_profile = (char *)o->apparmor;
	if (o->process_label)
		p->selinux_label = (char *)o->process_label;
	if (o->no_new_privs_given)
		p->no_new_privileges = o->no_new_privs;
	if (check_env(o, e) < 0)
		return -1;
	struct spec_strings env = {.v = arena_array(&x->arena, p->env.n + o->n_env + 1, sizeof(char *))};
	if (p->env.n > 0)
		memcpy(env.v, p->env.v, p->env.n * sizeof(char *));
	if (o->n_env > 0)
		memcpy(env.v + p->env.n, o->env, o->n_env * sizeof(char *));
	env.n = p->env.n + o->n_env;
	p->env = env;
	if (o->user_given && parse_user(o->user, p, e) < 0)
		return -1;
	return add_caps(o, p, e) < 0 || add_groups(x, e) < 0 ? -1 : 0;
}

static int process_from_file(struct execution *x, struct error *e)
{
	auto_strbuf struct strbuf text = {};

	if (read_file_at(AT_FDCWD, x->o->process, JSON_BYTES_MAX, &text) < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot read process file '%s'", x->o->process);
	if (spec_parse_process(x->spec, x->o->process, strbuf_str(&text), text.len, &x->process, e) < 0)
		return -1;
	if (x->o->tty_given)
		x->process.terminal = x->o->tty;
	/* Engines leave the labels out when they mean the container's. */
	if (!x->process.apparmor_profile)
		x->process.apparmor_profile = x->spec->process.apparmor_profile;
	if (!x->process.selinux_label)
		x->process.selinux_label = x->spec->process.selinux_label;
	return 0;
}

static int affinity(const char *list, pid_t pid, const char *which, struct error *e)
{
	auto_arena struct arena a = {};
	unsigned long *mask;
	size_t bits;

	if (!list)
		return 0;
	if (bitlist_parse(&a, list, &mask, &bits) < 0)
		return error_set(e, ERROR_CONFIG, 0, "process.execCPUAffinity.%s: malformed list '%s'", which, list);
	if (sched_setaffinity(pid, BITLIST_MAX / 8, (const cpu_set_t *)mask) < 0)
		return error_set(e, ERROR_HOST, errno, "process.execCPUAffinity.%s: cannot run on CPUs '%s'", which,
				 list);
	return 0;
}

static int exec_ready(void *ctx, const struct spawn *sp, struct error *e)
{
	struct execution *x = ctx;

	return affinity(x->process.exec_cpu_affinity.final, sp->pid, "final", e);
}

static const char *exec_state_json(void *ctx, pid_t pid, bool for_hooks __attribute__((unused)))
{
	struct execution *x = ctx;
	auto_strbuf struct strbuf out = {};

	state_print_oci(&x->state, STATUS_RUNNING, pid, &out);
	return arena_strdup(&x->arena, strbuf_str(&out));
}

/* "[controller,...:]path": on v2 there is one hierarchy, so controllers only may say the same thing. */
static int exec_cgroup_fd(struct execution *x, struct error *e)
{
	const char *sub = x->o->cgroup;

	if (!x->state.cgroup)
		return -1;
	const char *colon = sub ? strchr(sub, ':') : NULL;
	if (colon)
		return error_set(e, ERROR_USAGE, 0, "option --cgroup: '%s' names controllers, which cgroup v2 has not",
				 sub);
	if (cgroup_open(x->state.cgroup, &x->cgroup, e) < 0)
		return -1;
	/* systemd moves a process to the scope itself only. */
	if (!(sub && *sub) && cgroup_set_unit(&x->cgroup, x->state.unit, x->state.user_unit, e) < 0)
		return -1;
	return cgroup_join_fd(&x->cgroup, sub, x->state.pid, e);
}

static int exec_spawn(struct execution *x, const struct runtime *rt, struct plan *plan, struct spawn *sp,
		      struct error *e)
{
	struct filters filters = {};
	struct privileges privileges;

	if (privileges_read(rt, &privileges, e) < 0 ||
	    seccomp_filters(x->spec, &x->policy, x->dir.root_fd, &x->arena, &filters, e) < 0)
		return -1;
	struct plan_input in = {
		.spec = x->spec,
		.process = &x->process,
		.id = x->state.id,
		.bundle = x->state.bundle,
		.rootfs = x->state.rootfs,
		.privileged = privileges.privileged,
		.userns = x->spec->linux_.namespaces[NS_USER].set,
		.nested = privileges.nested,
		.no_new_keyring = x->state.no_new_keyring,
		.seccomp = filters.own,
		.floor = filters.floor,
		.caps_available = caps_available(x->spec, &privileges),
		.join = namespaces_of(x->spec) | (x->state.own_time_ns ? CLONE_NEWTIME : 0),
	};
	plan->preserve_fds = x->o->preserve_fds;
	if (plan_exec(plan, &in, e) < 0)
		return -1;
	if (guarding_join(&x->guarding, &x->state.guard, e) < 0)
		return -1;
	plan->regs[0] = fcntl(x->init, F_DUPFD_CLOEXEC, 3);
	if (plan->regs[0] < 0)
		return error_set(e, ERROR_HOST, errno, "cannot keep the descriptor of init");
	auto_close int cgroup_fd = exec_cgroup_fd(x, e);
	if (e->kind != ERROR_NONE || affinity(x->process.exec_cpu_affinity.initial, 0, "initial", e) < 0)
		return -1;
	*sp = (struct spawn){.plan = plan,
			     .spec = x->spec,
			     .cgroup_fd = cgroup_fd,
			     .cgroup = x->cgroup.path ? &x->cgroup : NULL,
			     .privileged = privileges.privileged,
			     .guard = x->guarding.cookie ? &x->guarding.guard : NULL,
			     .guard_cookie = x->guarding.cookie,
			     .state_json = exec_state_json,
			     .ready = exec_ready,
			     .ctx = x,
			     .init = x->state.pid,
			     .pidfd = -1,
			     .master = -1};
	if (spawn_run(sp, e) == 0)
		return 0;
	/* Whatever failed, it is because init ended meanwhile; its members are killed and its namespaces gone a moment before. */
	bool ends = sp->killed || e->sys == ESRCH;
	return poll(&(struct pollfd){.fd = x->init, .events = POLLIN}, 1, ends ? END_MS : 0) == 1 ? stopped(e) : -1;
}

static int hand_out(struct execution *x, const struct spawn *sp, struct error *e)
{
	const struct exec_options *o = x->o;

	if (o->console_socket) {
		auto_close int sock = unix_connect(o->console_socket, e);
		if (sock < 0 || socket_send_fd(sock, sp->master, "/dev/pts/ptmx", e) < 0)
			return error_in(e, "console socket");
	}
	if (o->pidfd_socket) {
		auto_close int sock = unix_connect(o->pidfd_socket, e);
		if (sock < 0 || socket_send_fd(sock, sp->pidfd, "pidfd", e) < 0)
			return error_in(e, "pidfd socket");
	}
	/* conmon takes a pid file for proof that the process started. */
	return o->pid_file ? pid_file_write(o->pid_file, sp->pid, e) : 0;
}

int container_exec(const struct runtime *rt, const char *id, const struct exec_options *o, int *exit_status,
		   struct error *e)
{
	auto_with(execution_done) struct execution x = {.o = o, .dir = STATEDIR_NONE, .init = -1,
							   .guarding = {.guard = GUARD_NONE}};
	auto_spawn struct spawn sp = {.pidfd = -1, .master = -1};
	auto_plan struct plan plan;

	plan_init(&plan);
	*exit_status = 0;
	if (preserved_check(o->preserve_fds, e) < 0 || statedir_open(rt, id, STATEDIR_SHARED, &x.dir, e) < 0 ||
	    state_read(&x.dir, &x.arena, &x.state, e) < 0 || check_status(&x, e) < 0 ||
	    spec_load(x.dir.fd, "config.json", &x.spec, e) < 0)
		return -1;
	if ((o->process ? process_from_file(&x, e) : process_from_flags(&x, e)) < 0 ||
	    gate_read(x.spec, &x.policy, e) < 0 || gate_exec(&x.policy, x.spec, &x.process, e) < 0 ||
	    (x.process.selinux_label && dl_prepare(o->preserve_fds, e) < 0) || lsm_check(&x.process, e) < 0 ||
	    terminal_check(x.process.terminal, o->detach, o->console_socket, e) < 0)
		return -1;
	if (!o->detach)
		foreground_size(&x.process);
	if (!o->detach && (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || foreground_prepare(e) < 0))
		return e->kind ? -1 : error_set(e, ERROR_HOST, errno, "cannot become a subreaper");
	if (exec_spawn(&x, rt, &plan, &sp, e) < 0)
		return -1;
	if (hand_out(&x, &sp, e) < 0) {
		sys_pidfd_send_signal(sp.pidfd, SIGKILL);
		return -1;
	}
	return o->detach ? 0 : foreground_wait(sp.pid, sp.pidfd, sp.master, exit_status, e);
}
