/* SPDX-License-Identifier: Apache-2.0 */
/* `kedge check`: what the caller may do here, cgroups, the drift guard. */
#include "src/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/num.h"
#include "libcontainer/launch.h"

#define TEXT_MAX 65536

static void trim(struct strbuf *text)
{
	while (text->len && text->s[text->len - 1] == '\n')
		text->s[--text->len] = '\0';
}

void check_privileges(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	/* What the set-up of every container takes; the others only some of them. */
	static const uint64_t needed = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SETUID | 1ULL << CAP_SETGID | 1ULL << CAP_SETPCAP |
				       1ULL << CAP_CHOWN | 1ULL << CAP_MKNOD | 1ULL << CAP_DAC_OVERRIDE |
				       1ULL << CAP_FOWNER | 1ULL << CAP_KILL;
	auto_strbuf struct strbuf missing = {};
	struct privileges privileges;
	struct error e = {};

	if (!host->root) {
		ret->result = CHECK_NONE;
		ret->detail = arena_printf(host->arena, "uid %u, without the host's root: containers are rootless",
					   (unsigned)geteuid());
		return;
	}
	if (privileges_read(&host->options->runtime, &privileges, &e) < 0) {
		ret->result = CHECK_MISSING;
		ret->detail = arena_strdup(host->arena, e.msg);
		return;
	}
	ret->result = CHECK_OK;
	for (const struct spec_name *cap = names_caps; cap->name; cap++) {
		if ((int)cap->value > cap_last() || privileges.caps >> cap->value & 1)
			continue;
		strbuf_addf(&missing, "%s%s", missing.len ? ", " : "root without ", cap->name);
		ret->result = MAX(ret->result, needed >> cap->value & 1 ? CHECK_MISSING : CHECK_LIMITED);
	}
	if (ret->result == CHECK_LIMITED)
		ret->hint = "a container that asks for these capabilities gets an error";
	ret->detail = missing.len ? arena_strdup(host->arena, missing.s) : "root with every capability";
}

/* --- cgroups */

static bool no_cgroup(const struct check_host *host, struct check *ret)
{
	if (host->cgroup.mountpoint)
		return false;
	*ret = (struct check){CHECK_NONE, "no cgroup v2", NULL};
	return true;
}

void check_cgroup(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	char text[2304];

	if (!host->cgroup.mountpoint) {
		ret->result = CHECK_MISSING;
		ret->detail = arena_strdup(host->arena, error_text(&host->no_cgroup, text, sizeof(text)));
		return;
	}
	ret->result = CHECK_OK;
	ret->detail = arena_strdup(host->arena, host->cgroup.mountpoint);
}

/* "cpu memory pids" as a sentence: what there is of the usual ones, and what not. */
static void weigh_controllers(struct check_host *host, struct strbuf *list, struct check *ret)
{
	static const char *const usual[] = {"cpu", "memory", "pids", "io", "cpuset"};
	auto_strbuf struct strbuf missing = {};
	auto_strbuf struct strbuf padded = {};

	trim(list);
	strbuf_addf(&padded, " %s ", strbuf_str(list));
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (!strstr(padded.s, arena_printf(host->arena, " %s ", usual[i])))
			strbuf_addf(&missing, "%s%s", missing.len ? ", " : "", usual[i]);
	ret->result = missing.len ? CHECK_LIMITED : CHECK_OK;
	ret->detail = arena_printf(host->arena, "%s%s%s", list->len ? list->s : "none", missing.len ? "; not " : "",
				   strbuf_str(&missing));
}

/* A user's own systemd is in a cgroup that the host's has given to him, wherever he has logged in. */
static int open_user_cgroup(struct check_host *host)
{
	unsigned uid = (unsigned)geteuid();

	return openat(host->cgroup.mount_fd, arena_printf(host->arena, "user.slice/user-%u.slice/user@%u.service", uid, uid),
		      O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The cgroup in which that of a container would be made; -1: there is none. */
static int open_parent(struct check_host *host, const char **ret_path)
{
	char *path = arena_strdup(host->arena, host->cgroup.path);
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	*ret_path = arena_printf(host->arena, "%s%s%s", host->cgroup.mountpoint, slash ? "/" : "", slash ? path : "");
	return openat(host->cgroup.mount_fd, slash ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void check_controllers(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	auto_strbuf struct strbuf list = {};

	if (no_cgroup(host, ret))
		return;
	auto_close int user = host->root ? -1 : open_user_cgroup(host);
	if (read_file_at(user >= 0 ? user : host->cgroup.mount_fd, "cgroup.controllers", TEXT_MAX, &list) < 0) {
		ret->result = CHECK_LIMITED;
		ret->detail = arena_printf(host->arena, "cannot read cgroup.controllers: %s", strerror(errno));
		return;
	}
	weigh_controllers(host, &list, ret);
	if (user >= 0)
		ret->hint = "systemctl edit user@.service: Delegate=cpu cpuset io memory pids";
}

void check_delegation(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	const char *path;

	if (no_cgroup(host, ret))
		return;
	auto_close int parent = open_parent(host, &path);
	if (parent >= 0 && faccessat(parent, ".", W_OK, AT_EACCESS) == 0) {
		ret->result = CHECK_OK;
		ret->detail = arena_printf(host->arena, "may be made below %s", path);
		return;
	}
	int sys = errno;
	auto_close int user = host->root ? -1 : open_user_cgroup(host);
	if (user >= 0 && faccessat(user, ".", W_OK, AT_EACCESS) == 0) {
		*ret = (struct check){CHECK_OK, "may be made by the user's systemd (--systemd-cgroup)", NULL};
		return;
	}
	ret->result = host->root ? CHECK_MISSING : CHECK_LIMITED;
	ret->detail = arena_printf(host->arena, "may not be made below %s: %s", path, strerror(sys));
	if (!host->root)
		ret->hint = "containers run without limits; log in through systemd, or have a cgroup delegated";
}

void check_systemd(struct check_host *host unused_arg, const struct check_row *row unused_arg, struct check *ret)
{
	if (access("/run/systemd/system", F_OK) < 0)
		*ret = (struct check){CHECK_NONE, "this host has no systemd", NULL};
	else if (!cgroup_has_systemd())
		*ret = (struct check){CHECK_MISSING, "this kedge was built without", "build it with the headers of libsystemd"};
	else
		*ret = (struct check){CHECK_OK, "systemd runs", NULL};
}

void check_root(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	const char *root = host->options->runtime.root;
	char *path = arena_strdup(host->arena, root), *slash;
	struct statfs fs;

	/* It is made when it is needed: what it will be on is its nearest ancestor that exists. */
	while (statfs(path, &fs) < 0) {
		if (errno != ENOENT || !(slash = strrchr(path, '/')) || slash == path) {
			ret->result = CHECK_LIMITED;
			ret->detail = arena_printf(host->arena, "%s: %s", root, strerror(errno));
			return;
		}
		*slash = '\0';
	}
	bool gone = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;

	ret->result = gone ? CHECK_OK : CHECK_LIMITED;
	ret->detail = arena_printf(host->arena, "%s, %s", root, gone ? "on a tmpfs" : "not on a tmpfs");
}

/* --- the drift guard */

static bool no_guard(struct check_host *host, struct check *ret)
{
	char text[2304];

	if (host->guard_known && host->guard.pid)
		return false;
	ret->result = host->root ? CHECK_LIMITED : CHECK_NONE;
	ret->detail = host->guard_known ? "kedge-guard does not run"
					: arena_strdup(host->arena, error_text(&host->no_guard, text, sizeof(text)));
	return true;
}

void check_guard(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	if (access(SBINDIR "/kedge-guard", X_OK) < 0 && !(host->guard_known && host->guard.pid)) {
		ret->result = CHECK_LIMITED;
		ret->detail = "there is no " SBINDIR "/kedge-guard";
		ret->hint = "install kedge completely";
		return;
	}
	if (no_guard(host, ret))
		return;
	ret->result = CHECK_OK;
	ret->detail = arena_printf(host->arena, "kedge-guard runs, %zu containers", host->guard.n_armed);
}

static const char *why_no_tier(const struct guard_facts *facts, const char *tier)
{
	const struct {
		const char *name, *why;
	} reasons[] = {{"syscall", facts->no_syscall}, {"lsm", facts->no_lsm}, {"sample", facts->no_sample}, {"sweep", facts->no_sweep}};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (strcmp(reasons[i].name, tier) == 0)
			return reasons[i].why;
	return NULL;
}

static bool asked_for(struct check_host *host, const char *tier)
{
	struct guard_policy policy = {};
	struct error ignored = {};

	if (strcmp(tier, "syscall") != 0)
		return true;
	return guard_policy_read(host->arena, &policy, &ignored) == 0 && policy.syscall_tier;
}

void check_tier(struct check_host *host, const struct check_row *row, struct check *ret)
{
	const struct guard_facts *facts = &host->guard.facts;
	const char *why;

	if (no_guard(host, ret)) {
		*ret = (struct check){CHECK_NONE, "known once kedge-guard runs", NULL};
		return;
	}
	for (const struct spec_name *t = guard_tier_names; t->name; t++) {
		if (strcmp(t->name, row->argument) == 0 && (facts->tiers & (uint64_t)t->value)) {
			*ret = (struct check){CHECK_OK, "on", NULL};
			return;
		}
	}
	why = why_no_tier(facts, row->argument);
	/* Every process of the host pays for that one: to be without it is the usual case. */
	ret->result = asked_for(host, row->argument) ? CHECK_LIMITED : CHECK_NONE;
	ret->detail = why ? arena_strdup(host->arena, why) : "off";
}
