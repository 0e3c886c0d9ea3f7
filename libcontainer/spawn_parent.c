/* SPDX-License-Identifier: Apache-2.0 */
/* What the parent does to init while it waits at a barrier. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "base/sys.h"
#include "libcontainer/hooks.h"
#include "libcontainer/rdt.h"
#include "libcontainer/spawn.h"

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return write_file_at(AT_FDCWD, path, text);
}

/* newuidmap(1) and newgidmap(1) by fixed path: ids of /etc/subuid that we may not map ourselves. */
static int run_mapper(const char *program, pid_t pid, const char *text, struct error *e)
{
	auto_arena struct arena a = {};
	char *copy = arena_strdup(&a, text), *word;
	char **argv = arena_array(&a, strlen(text) + 3, sizeof(*argv));
	static char *const env[] = {NULL};
	size_t n = 0;
	pid_t helper;
	int status, err;

	argv[n++] = (char *)program;
	argv[n++] = arena_printf(&a, "%d", pid);
	while ((word = strsep(&copy, " \n")) != NULL)
		if (*word)
			argv[n++] = word;
	err = posix_spawn(&helper, program, NULL, NULL, argv, env);
	if (err)
		error_hint(e, "install package uidmap, or map only your own id");
	if (err)
		return error_set(e, ERROR_HOST, err, "cannot run '%s'", program);
	while (waitpid(helper, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		error_hint(e, "see /etc/subuid and /etc/subgid for the ids that you may use");
	return status ? error_set(e, ERROR_HOST, 0, "'%s' failed with status %d", program, WEXITSTATUS(status)) : 0;
}

int write_id_map(pid_t pid, const char *file, const char *text, struct error *e)
{
	if (write_proc(pid, file, text) == 0)
		return 0;
	if (errno == EPERM && geteuid() != 0)
		return run_mapper(strcmp(file, "uid_map") == 0 ? "/usr/bin/newuidmap" : "/usr/bin/newgidmap", pid, text,
				  e);
	return error_set(e, ERROR_HOST, errno, "cannot write %s", file);
}

/* One id of our own may be mapped without help, but only once setgroups is denied (user_namespaces(7)). */
static int deny_setgroups(struct spawn *sp, struct error *e)
{
	const struct spec_idmaps *gids = &sp->spec->linux_.gid_mappings;

	if (gids->n != 1 || gids->v[0].size != 1 || gids->v[0].host_id != getegid())
		return 0;
	if (write_proc(sp->pid, "setgroups", "deny") < 0)
		return error_set(e, ERROR_HOST, errno, "cannot deny setgroups");
	return 0;
}

static int set_rlimit(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	struct rlimit want = {.rlim_cur = s->num[1], .rlim_max = s->num[2]};

	if (prlimit(sp->pid, (__rlimit_resource_t)s->num[0], &want, NULL) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot set %s to %ju:%ju",
				 value_to_name(names_rlimits, (int64_t)s->num[0]), (uintmax_t)s->num[1],
				 (uintmax_t)s->num[2]);
	return 0;
}

static int set_oom_score(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", (int)(int64_t)s->num[0]);
	if (write_proc(sp->pid, "oom_score_adj", text) == 0)
		return 0;
	/* Without CAP_SYS_RESOURCE a score cannot fall below the caller's; as runc, rootless containers live with theirs. */
	if ((errno == EACCES || errno == EPERM) && !sp->privileged)
		return 0;
	return error_set(e, ERROR_HOST, errno, "cannot set oom_score_adj to %s", text);
}

/* I5: what /proc/PID/status says is what was asked for, whatever the calls returned. */
static uint64_t status_number(const char *status, const char *key, int base)
{
	const char *p = strstr(status, key);
	uint64_t v = 0;

	if (!p)
		return UINT64_MAX;
	for (p += strlen(key); *p == ' ' || *p == '\t'; p++)
		;
	for (; *p && *p != '\n' && *p != '\t'; p++) {
		unsigned digit = *p <= '9' ? (unsigned)(*p - '0') : (unsigned)((*p | 0x20) - 'a' + 10);
		if (digit >= (unsigned)base)
			return UINT64_MAX;
		v = v * (unsigned)base + digit;
	}
	return v;
}

/* The id as this process sees it, by the maps of init's user namespace. */
static int id_outside(pid_t pid, const char *file, uint32_t id, uint64_t *ret)
{
	auto_strbuf struct strbuf text = {};
	char path[64], *line, *rest;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	if (read_file_at(AT_FDCWD, path, 1 << 20, &text) < 0)
		return -1;
	for (rest = text.s; rest && (line = strsep(&rest, "\n")) != NULL;) {
		uint64_t range[3];
		if (parse_columns(line, range, 3) == 0 && id >= range[0] && id - range[0] < range[2]) {
			*ret = range[1] + (id - range[0]);
			return 0;
		}
	}
	errno = ENOENT;
	return -1;
}

static int verify(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	const struct plan_verify *v = (const void *)plan_at(sp->plan, s->blob);
	auto_strbuf struct strbuf status = {};
	uint64_t uid = v->uid, gid = v->gid;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", sp->pid);
	if (read_file_at(AT_FDCWD, path, 1 << 20, &status) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read '%s'", path);
	bool mapped = sp->spec->linux_.namespaces[NS_USER].set;
	if (mapped &&
	    (id_outside(sp->pid, "uid_map", v->uid, &uid) < 0 || id_outside(sp->pid, "gid_map", v->gid, &gid) < 0))
		return error_set(e, ERROR_HOST, errno, "cannot map the user's ids");
	const struct {
		const char *key;
		int base;
		uint64_t want;
	} exact[] = {
		{"\nUid:", 10, uid},
		{"\nGid:", 10, gid},
		{"\nCapInh:", 16, v->inheritable},
		{"\nCapPrm:", 16, v->permitted},
		{"\nCapEff:", 16, v->effective},
		{"\nCapAmb:", 16, v->ambient},
	};
	for (size_t i = 0; i < ARRAY_SIZE(exact); i++) {
		uint64_t have = status_number(status.s, exact[i].key, exact[i].base);
		if (have != exact[i].want)
			return error_set(e, ERROR_HOST, 0, "verification failed: %s is %jx, not %jx", exact[i].key + 1,
					 (uintmax_t)have, (uintmax_t)exact[i].want);
	}
	if (status_number(status.s, "\nCapBnd:", 16) & ~v->bounding)
		return error_set(e, ERROR_HOST, 0, "verification failed: the bounding set holds more than asked for");
	if (v->no_new_privs && status_number(status.s, "\nNoNewPrivs:", 10) != 1)
		return error_set(e, ERROR_HOST, 0, "verification failed: no_new_privs is not set");
	if (v->seccomp && status_number(status.s, "\nSeccomp:", 10) != v->seccomp)
		return error_set(e, ERROR_HOST, 0, "verification failed: no seccomp filter is loaded");
	return 0;
}

/* The mount is detached, so it belongs to no mount namespace yet, and to whoever has it. */
static int map_mount_ids(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	const struct spec_idmap *all = (const void *)plan_at(sp->plan, s->blob);
	size_t n = s->blob_len / sizeof(*all);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", sp->pid);
	auto_close int userns = n ? userns_with_maps(all, s->num[0], all + s->num[0], n - s->num[0], e)
				  : open(path, O_RDONLY | O_CLOEXEC);
	if (userns < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open '%s'", path);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)(unsigned)userns};
	if (sys_mount_setattr(sp->mount_fd, "", AT_EMPTY_PATH | (unsigned)s->num[3], &attr) == 0)
		return 0;
	if (errno == EINVAL)
		error_hint(e, "the file system may not support idmapped mounts");
	return error_set(e, ERROR_HOST, errno, "cannot map ids of the mount");
}

static int move_device(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	if (!sp->netdevs && netdevs_open(sp->pid, &sp->netdevs, e) < 0)
		return -1;
	return netdevs_move(sp->netdevs, plan_at(sp->plan, s->str), plan_at(sp->plan, s->str2), e);
}

enum { CORE_CREATE = 1, CORE_SHARE_TO, CORE_SHARE_FROM, CORE_THREAD = 0, CORE_PROCESS = 1 };

/* A cookie goes from the caller or to it only, so somebody who ends carries it over: we are not of the container. */
static int carry_cores(pid_t from, pid_t to)
{
	int status;
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (child < 0)
		return -1;
	if (child == 0) {
		if (prctl(PR_SCHED_CORE, CORE_SHARE_FROM, from, CORE_THREAD, 0) < 0 ||
		    prctl(PR_SCHED_CORE, CORE_SHARE_TO, to, CORE_PROCESS, 0) < 0)
			_exit(errno);
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return errno ? -1 : 0;
}

static int set_cores(const struct spawn *sp, struct error *e)
{
	int r = sp->init ? carry_cores(sp->init, sp->pid)
			 : prctl(PR_SCHED_CORE, CORE_CREATE, sp->pid, CORE_PROCESS, 0);

	/* No core has a second thread. */
	if (r == 0 || errno == ENODEV)
		return 0;
	if (errno == EINVAL)
		error_hint(e, "the kernel may have no core scheduling (CONFIG_SCHED_CORE)");
	return error_set(e, ERROR_HOST, errno, "cannot keep others from the container's cores");
}

int parent_step(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	switch (s->kind) {
	case STEP_SETGROUPS_DENY: return deny_setgroups(sp, e);
	case STEP_UID_MAP: return write_id_map(sp->pid, "uid_map", plan_at(sp->plan, s->str), e);
	case STEP_GID_MAP: return write_id_map(sp->pid, "gid_map", plan_at(sp->plan, s->str), e);
	case STEP_MOUNT_IDS: return map_mount_ids(sp, s, e);
	case STEP_NET_DEVICE: return move_device(sp, s, e);
	case STEP_RUNTIME_HOOKS:
		return hooks_run(sp->spec, (enum spec_hook_kind)s->num[0], sp->state_json(sp->ctx, sp->pid, true), e);
	case STEP_RLIMIT: return set_rlimit(sp, s, e);
	case STEP_OOM_SCORE_ADJ: return set_oom_score(sp, s, e);
	case STEP_IO_PRIORITY:
		if (sys_ioprio_set(1 /* IOPRIO_WHO_PROCESS */, sp->pid, (int)s->num[0]) < 0)
			return error_set(e, ERROR_HOST, errno, "cannot set the I/O priority");
		return 0;
	case STEP_SCHEDULER:
		if (sys_sched_setattr(sp->pid, plan_at(sp->plan, s->blob), 0) < 0)
			return error_set(e, ERROR_HOST, errno, "cannot set the scheduler");
		return 0;
	case STEP_CORE_SCHEDULING: return set_cores(sp, e);
	case STEP_RDT_JOIN:
		return rdt_join(plan_at(sp->plan, s->str), s->str2 ? plan_at(sp->plan, s->str2) : NULL, sp->pid, e);
	case STEP_VERIFY: return verify(sp, s, e);
	default: return error_set(e, ERROR_BUG, 0, "no way to do step %u", s->kind);
	}
}
