/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: from the finished root to the execve, for create and exec alike. The order of privileges is written here and nowhere else:
 *
 *   labels, no_new_privs, bounding set, stdio, ids, capabilities, Landlock, seccomp
 *
 * Without no_new_privs Landlock and loading a filter need CAP_SYS_ADMIN, so the last capabilities go after them.
 */
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/bitlist.h"
#include "base/log.h"
#include "base/sys.h"
#include "libcontainer/plan.h"
#include "spec/landlock.h"

void plan_procfs(struct plan *plan, const struct plan_input *in, bool sysctl)
{
	const struct spec_process *p = in->process;
	const char *origin = sysctl && in->spec->linux_.sysctl.n    ? "linux.sysctl"
			     : p->set && p->apparmor_profile ? "process.apparmorProfile"
			     : p->set && p->selinux_label    ? "process.selinuxLabel"
							     : NULL;

	if (!origin)
		return;
	plan->procfs = plan_reg(plan);
	plan_origin(plan, "%s", origin);
	plan_add(plan, SIDE_CHILD, STEP_PROCFS)->reg = plan->procfs;
}

static void plan_labels(struct plan *plan, const struct plan_input *in)
{
	const char *apparmor = in->process->apparmor_profile, *selinux = in->process->selinux_label;

	for (int i = 0; i < 2; i++) {
		if (!(i ? selinux : apparmor))
			continue;
		plan_origin(plan, "%s", i ? "process.selinuxLabel" : "process.apparmorProfile");
		uint32_t file = plan_str(plan, i ? "exec" : "apparmor/exec");
		uint32_t value = plan_str(plan, i ? selinux : arena_printf(&plan->arena, "exec %s", apparmor));
		struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_LABEL);
		s->reg = plan->procfs;
		s->str = file;
		s->str2 = value;
	}
}

static int plan_memory_policy(struct plan *plan, const struct plan_input *in, struct error *e)
{
	unsigned long *mask = NULL;
	size_t bits = 0;

	if (!in->spec->linux_.memory_policy.set)
		return 0;
	plan_origin(plan, "linux.memoryPolicy");
	const char *nodes = in->spec->linux_.memory_policy.nodes;
	if (nodes && *nodes && bitlist_parse(&plan->arena, nodes, &mask, &bits) < 0)
		return error_set(e, ERROR_CONFIG, 0, "linux.memoryPolicy.nodes: malformed list '%s'", nodes);
	uint32_t blob = mask ? plan_blob(plan, mask, (bits + 63) / 64 * 8) : 0;
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_MEMORY_POLICY);
	s->num[0] = (uint64_t)(unsigned)in->spec->linux_.memory_policy.mode | in->spec->linux_.memory_policy.flags;
	/* The kernel reads one bit less than told (set_mempolicy(2), BUGS of the numa interface). */
	s->num[1] = mask ? bits + 1 : 0;
	s->blob = blob;
	s->blob_len = (uint32_t)((bits + 63) / 64 * 8);
	return 0;
}

static void plan_kernel_state(struct plan *plan, const struct plan_input *in)
{
	if (in->spec->linux_.personality.set) {
		plan_origin(plan, "linux.personality");
		plan_add(plan, SIDE_CHILD, STEP_PERSONALITY)->num[0] = in->spec->linux_.personality.domain;
	}
	plan_origin(plan, "process.user.umask");
	plan_add(plan, SIDE_CHILD, STEP_UMASK)->num[0] = in->process->user.umask.set ? in->process->user.umask.v : 0022;
}

struct cap_plan {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

/* What cannot be granted is warned of, never an error (config.md, process.capabilities). */
static struct cap_plan wanted_caps(const struct plan_input *in)
{
	const struct spec_caps *c = &in->process->caps;
	struct cap_plan want = {
		.bounding = c->bounding & in->caps_available,
		.permitted = c->permitted & in->caps_available,
		.inheritable = c->inheritable & in->caps_available,
	};

	want.effective = c->effective & want.permitted;
	want.ambient = c->ambient & want.permitted & want.inheritable;
	uint64_t lost = (c->bounding | c->permitted | c->inheritable | c->effective | c->ambient) &
			~(want.bounding | want.permitted | want.inheritable);
	uint64_t ambient = c->ambient & ~want.ambient;
	for (int cap = 0; cap < 64; cap++) {
		if (lost >> cap & 1)
			log_write(LOG_WARNING, "capability %s cannot be granted, ignoring",
				  value_to_name(names_caps, cap));
		else if (ambient >> cap & 1)
			log_write(LOG_WARNING, "can't raise ambient capability %s: operation not permitted",
				  value_to_name(names_caps, cap));
	}
	return want;
}

static void add_caps(struct plan *plan, const struct cap_plan *want, uint64_t extra)
{
	plan_origin(plan, "process.capabilities");
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_CAPS);

	s->num[0] = want->effective | extra;
	s->num[1] = want->permitted | extra;
	s->num[2] = want->inheritable;
	s->num[3] = extra ? 0 : want->ambient;
}

/* Podman's --group-add keep-groups: access that the caller's groups give, though the container cannot name them. */
static bool keeps_groups(const struct plan_input *in)
{
	return spec_annotation(in->spec, "run.oci.keep_original_groups") != NULL;
}

void plan_ns_root(struct plan *plan, const struct plan_input *in)
{
	plan_add(plan, SIDE_CHILD, STEP_NS_ROOT)->num[2] = !keeps_groups(in);
}

static void plan_ids(struct plan *plan, const struct plan_input *in)
{
	const struct spec_process *p = in->process;

	plan_origin(plan, "process.user");
	plan_add(plan, SIDE_CHILD, STEP_STDIO_OWNER)->num[0] = p->user.uid;
	size_t n_gids = keeps_groups(in) ? 0 : p->user.n_additional;
	uint32_t gids = n_gids ? plan_blob(plan, p->user.additional_gids, n_gids * 4) : 0;
	uint32_t cwd = plan_str(plan, p->cwd);
	plan_origin(plan, "process.cwd");
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_CHDIR);
	s->str = cwd;
	s->flags = PLAN_OPTIONAL;
	plan_origin(plan, "process.user");
	s = plan_add(plan, SIDE_CHILD, STEP_IDS);
	s->num[0] = p->user.uid;
	s->num[1] = p->user.gid;
	/* Without privileges setgroups is denied for good (user_namespaces(7)): asking for groups then fails, asking for none does not. */
	s->num[2] = !keeps_groups(in) && (in->privileged || n_gids);
	s->blob = gids;
	s->blob_len = (uint32_t)(n_gids * 4);
	plan_origin(plan, "process.cwd");
	plan_add(plan, SIDE_CHILD, STEP_CHDIR)->str = cwd;
}

/* PATH as the container sees it; only init can tell which candidate exists. */
static void plan_find_exec(struct plan *plan, const struct plan_input *in, const struct spec_strings *env)
{
	const char *name = in->process->args.v[0], *path = NULL;
	struct spec_strings list = {.v = arena_array(&plan->arena, strlen(name) + 1, sizeof(char *))};

	if (strchr(name, '/')) {
		list.v[list.n++] = (char *)name;
	} else {
		for (size_t i = 0; i < env->n; i++)
			if (strncmp(env->v[i], "PATH=", 5) == 0)
				path = env->v[i] + 5;
		char *dir, *rest = arena_strdup(&plan->arena, path ?: "");
		list.v = arena_array(&plan->arena, strlen(rest) + 1, sizeof(char *));
		while ((dir = strsep(&rest, ":")) != NULL)
			if (dir[0] == '/')
				list.v[list.n++] = arena_printf(&plan->arena, "%s/%s", dir, name);
	}
	plan_origin(plan, "process.args");
	uint32_t candidates = plan_list(plan, &list);
	plan_add(plan, SIDE_CHILD, STEP_FIND_EXEC)->list = candidates;
}

static void env_set(struct arena *a, struct spec_strings *env, const char *entry)
{
	size_t len = strcspn(entry, "=");

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], entry, len) == 0 && env->v[i][len] == '=') {
			env->v[i] = arena_strdup(a, entry);
			return;
		}
	env->v[env->n++] = arena_strdup(a, entry);
}

/* Of two entries with one name the last one wins, in the first one's place (as runc); an empty HOME counts as none. */
static void process_env(struct plan *plan, const struct plan_input *in, struct spec_strings *ret)
{
	const struct spec_strings *env = &in->process->env;

	ret->n = 0;
	ret->v = arena_array(&plan->arena, env->n + 4, sizeof(char *));
	for (size_t i = 0; i < env->n; i++)
		env_set(&plan->arena, ret, env->v[i]);
	for (size_t i = 0; i < ret->n; i++)
		if (strcmp(ret->v[i], "HOME=") == 0)
			memmove(&ret->v[i], &ret->v[i + 1], (--ret->n - i) * sizeof(char *));
	if (in->listen_fds) {
		env_set(&plan->arena, ret, arena_printf(&plan->arena, "LISTEN_FDS=%u", in->listen_fds));
		env_set(&plan->arena, ret, "LISTEN_PID=1");
	}
	if (in->notify_dir)
		env_set(&plan->arena, ret, "NOTIFY_SOCKET=/run/notify/notify.sock");
}

static bool has_home(const struct spec_strings *env)
{
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], "HOME=", 5) == 0)
			return true;
	return false;
}

static void plan_filter(struct plan *plan, const struct seccomp_program *program)
{
	size_t size = program->n * sizeof(*program->insns);
	uint32_t blob = plan_blob(plan, program->insns, size);
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_SECCOMP);

	s->num[0] = program->flags;
	s->blob = blob;
	s->blob_len = (uint32_t)size;
}

/* The host's first: a profile need not know seccomp(2). */
static void plan_seccomp(struct plan *plan, const struct plan_input *in)
{
	plan_origin(plan, "host policy");
	if (in->floor)
		plan_filter(plan, in->floor);
	plan_origin(plan, "linux.seccomp");
	if (!in->seccomp)
		return;
	plan_filter(plan, in->seccomp);
	if (in->seccomp->notify)
		plan_add(plan, SIDE_CHILD, STEP_BARRIER)->num[0] = BARRIER_SECCOMP;
}

/* A limit is raised by who has CAP_SYS_RESOURCE on the host: init itself, or from a user namespace only its parent. */
static void plan_rlimits(struct plan *plan, const struct plan_input *in, enum plan_side side)
{
	const struct spec_rlimits *limits = &in->process->rlimits;

	if ((side == SIDE_PARENT) != in->userns)
		return;
	for (size_t i = 0; i < limits->n; i++) {
		plan_origin(plan, "process.rlimits[%zu]", i);
		struct plan_step *s = plan_add(plan, side, STEP_RLIMIT);
		s->num[0] = (uint64_t)limits->v[i].type;
		s->num[1] = limits->v[i].soft;
		s->num[2] = limits->v[i].hard;
	}
}

void plan_oom_score(struct plan *plan, const struct plan_input *in)
{
	if (!in->process->set || !in->process->oom_score_adj.set)
		return;
	plan_origin(plan, "process.oomScoreAdj");
	plan_add(plan, SIDE_PARENT, STEP_OOM_SCORE_ADJ)->num[0] = (uint64_t)(int64_t)in->process->oom_score_adj.v;
}

/* Its processes share a core, of which the threads see each other's traces, with nobody else. */
static int plan_cores(struct plan *plan, const struct plan_input *in, struct error *e)
{
	const char *value = spec_annotation(in->spec, ANNOTATION_CORE_SCHEDULING);

	if (!value || strcmp(value, "false") == 0)
		return 0;
	if (strcmp(value, "true") != 0)
		return error_set(e, ERROR_CONFIG, 0, "annotations[\"" ANNOTATION_CORE_SCHEDULING "\"]: '%s': must be true or false",
				 value);
	plan_origin(plan, "annotations[\"" ANNOTATION_CORE_SCHEDULING "\"]");
	plan_add(plan, SIDE_PARENT, STEP_CORE_SCHEDULING);
	return 0;
}

static void plan_limits(struct plan *plan, const struct plan_input *in)
{
	const struct spec_process *p = in->process;

	plan_rlimits(plan, in, SIDE_PARENT);
	if (!(plan->clone_flags & CLONE_NEWUSER))
		plan_oom_score(plan, in);
	if (p->io_priority.set) {
		plan_origin(plan, "process.ioPriority");
		plan_add(plan, SIDE_PARENT, STEP_IO_PRIORITY)->num[0] =
			(uint64_t)p->io_priority.class_ << 13 | (uint64_t)p->io_priority.priority;
	}
	if (p->scheduler.set) {
		struct sys_sched_attr attr = {
			.size = sizeof(attr),
			.policy = (uint32_t)p->scheduler.policy,
			.flags = p->scheduler.flags,
			.nice = p->scheduler.nice,
			.priority = (uint32_t)p->scheduler.priority,
			.runtime = p->scheduler.runtime,
			.deadline = p->scheduler.deadline,
			.period = p->scheduler.period,
		};
		plan_origin(plan, "process.scheduler");
		uint32_t blob = plan_blob(plan, &attr, sizeof(attr));
		struct plan_step *s = plan_add(plan, SIDE_PARENT, STEP_SCHEDULER);
		s->blob = blob;
		s->blob_len = sizeof(attr);
	}
}

static void plan_verify(struct plan *plan, const struct plan_input *in, const struct cap_plan *want)
{
	struct plan_verify v;

	memset(&v, 0, sizeof(v));
	v.uid = in->process->user.uid;
	v.gid = in->process->user.gid;
	v.effective = want->effective;
	v.permitted = want->permitted;
	v.inheritable = want->inheritable;
	v.bounding = want->bounding;
	v.ambient = want->ambient;
	v.no_new_privs = in->process->no_new_privileges;
	v.seccomp = in->seccomp || in->floor ? 2 : 0;
	plan_origin(plan, "process");
	uint32_t blob = plan_blob(plan, &v, sizeof(v));
	struct plan_step *s = plan_add(plan, SIDE_PARENT, STEP_VERIFY);
	s->blob = blob;
	s->blob_len = sizeof(v);
}

static int plan_privileges(struct plan *plan, const struct plan_input *in, const struct cap_plan *want,
			   const struct spec_strings *env, struct error *e)
{
	uint64_t admin = 1ULL << CAP_SYS_ADMIN;
	uint16_t landlock;

	plan_rlimits(plan, in, SIDE_CHILD);
	if (in->process->no_new_privileges) {
		plan_origin(plan, "process.noNewPrivileges");
		plan_add(plan, SIDE_CHILD, STEP_NO_NEW_PRIVS);
	}
	plan_origin(plan, "process.capabilities");
	plan_add(plan, SIDE_CHILD, STEP_BOUNDING)->num[0] = want->bounding;
	/* Still as root, who reaches the paths. */
	if (plan_landlock(plan, in, &landlock, e) < 0)
		return -1;
	bool late = (in->seccomp || in->floor || landlock != REG_NONE) && !in->process->no_new_privileges;
	plan_ids(plan, in);
	if (!late || in->process->user.uid != 0)
		add_caps(plan, want, late ? admin & ~want->effective : 0);
	plan_find_exec(plan, in, env);
	plan_origin(plan, "%s", "");
	plan_add(plan, SIDE_CHILD, STEP_CLOSE_FDS)->num[0] = 3 + plan->preserve_fds;
	plan_origin(plan, LANDLOCK_ORIGIN);
	if (landlock != REG_NONE)
		plan_add(plan, SIDE_CHILD, STEP_LANDLOCK_APPLY)->reg = landlock;
	plan_seccomp(plan, in);
	if (late)
		add_caps(plan, want, 0);
	return 0;
}

static void plan_start(struct plan *plan, const struct plan_input *in, const struct spec_strings *env)
{
	plan_origin(plan, "%s", "");
	if (in->waits_for_start) {
		uint16_t fifo = plan_reg(plan), result = plan_reg(plan);
		struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_WAIT_START);
		s->reg = fifo;
		s->reg2 = result;
	}
	uint32_t envp = plan_list(plan, env);
	plan_container_hooks(plan, in, HOOK_START_CONTAINER, envp);
	plan_origin(plan, "process.args");
	uint32_t argv = plan_list(plan, &in->process->args);
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_EXEC);
	s->list = argv;
	s->list2 = envp;
}

/* A bundle without process can be created and deleted, never started (runtime.md): init waits for a start that is refused. */
static void plan_nothing(struct plan *plan, const struct plan_input *in)
{
	plan_origin(plan, "process");
	plan_add(plan, SIDE_CHILD, STEP_CLOSE_FDS)->num[0] = 3;
	plan_add(plan, SIDE_CHILD, STEP_BARRIER)->num[0] = BARRIER_READY;
	plan_rdt_join(plan, in);
	plan_origin(plan, "process");
	uint16_t fifo = plan_reg(plan), result = plan_reg(plan);
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_WAIT_START);
	s->reg = fifo;
	s->reg2 = result;
}

int plan_process(struct plan *plan, const struct plan_input *in, struct error *e)
{
	struct spec_strings env;

	if (!in->process->set) {
		if (!in->waits_for_start)
			return error_set(e, ERROR_CONFIG, 0, "process: missing, nothing to run");
		plan_nothing(plan, in);
		return 0;
	}
	struct cap_plan want = wanted_caps(in);
	process_env(plan, in, &env);
	plan_labels(plan, in);
	if (plan_memory_policy(plan, in, e) < 0)
		return -1;
	plan_kernel_state(plan, in);
	if (!has_home(&env)) {
		plan_origin(plan, "process.env");
		plan_add(plan, SIDE_CHILD, STEP_HOME)->num[0] = in->process->user.uid;
	}
	if (plan_privileges(plan, in, &want, &env, e) < 0)
		return -1;
	plan_origin(plan, "%s", "");
	plan_add(plan, SIDE_CHILD, STEP_BARRIER)->num[0] = BARRIER_READY;
	plan_limits(plan, in);
	if (plan_cores(plan, in, e) < 0)
		return -1;
	plan_rdt_join(plan, in);
	plan_verify(plan, in, &want);
	plan_start(plan, in, &env);
	return 0;
}

/* A process of an existing container. Namespaces are joined through init's pidfd in one call; REG 0 is that pidfd. */
void plan_enter(struct plan *plan, const struct plan_input *in)
{
	uint64_t all = 0, early = CLONE_NEWPID;
	uint16_t pidfd = plan_reg(plan);

	for (int type = 0; type < NS_MAX; type++)
		if (in->join & ns_info[type].flag)
			all |= ns_info[type].flag;
	/* Only an owner of the user namespace may enter the others, so without privileges everything is joined before the clone. */
	if (!in->privileged)
		early = all & ~(uint64_t)CLONE_NEWTIME;
	plan_origin(plan, "container namespaces");
	if (all & early) {
		struct plan_step *s = plan_add(plan, SIDE_PREPARE, STEP_SETNS);
		s->reg = pidfd;
		s->num[0] = all & early;
		plan->userns_joined = (!in->privileged && (all & CLONE_NEWUSER)) || in->nested;
	}
	plan_add(plan, SIDE_PREPARE, STEP_CLONE);
	plan_add(plan, SIDE_CHILD, STEP_GUARD);
	plan_procfs(plan, in, false);
	plan_origin(plan, "container namespaces");
	if (all & ~early) {
		struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_SETNS);
		s->reg = pidfd;
		s->num[0] = all & ~early;
	}
	/* Still as the caller: a keyring counts against the quota of who makes it. */
	plan_session(plan, in);
	plan_origin(plan, "container namespaces");
	if (all & CLONE_NEWUSER)
		plan_ns_root(plan, in);
	plan->root_reg = plan_reg(plan);
	if (all & CLONE_NEWNS) {
		plan_add(plan, SIDE_CHILD, STEP_ROOT_OPEN)->reg = plan->root_reg;
	} else {
		uint32_t path = plan_str(plan, in->rootfs);
		struct plan_step *s = plan_add(plan, SIDE_PREPARE, STEP_OPEN_TREE);
		s->reg = plan->root_reg;
		s->str = path;
		plan_add(plan, SIDE_CHILD, STEP_CHROOT)->reg = plan->root_reg;
	}
}

int plan_exec(struct plan *plan, const struct plan_input *in, struct error *e)
{
	plan_enter(plan, in);
	if (in->process->terminal)
		plan_console(plan, in, NULL);
	if (plan_process(plan, in, e) < 0)
		return -1;
	plan_sort(plan);
	return 0;
}
