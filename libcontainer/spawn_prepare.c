/* SPDX-License-Identifier: Apache-2.0 */
/* What the parent opens before the clone; results go into the plan's registers and are inherited. */
#include <errno.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/sys.h"
#include "libcontainer/rdt.h"
#include "libcontainer/spawn.h"

/* I: the root of the host's mount namespace, and of our own, is never exchanged: every process there would find itself in the
 * container. */
static bool is_host_mounts(int fd)
{
	static const char *const paths[] = {"/proc/self/ns/mnt", "/proc/1/ns/mnt"};
	struct stat host, other;

	if (fstat(fd, &other) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (stat(paths[i], &host) == 0 && host.st_dev == other.st_dev && host.st_ino == other.st_ino)
			return true;
	return false;
}

static int open_namespace(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	const char *path = plan_at(sp->plan, s->str);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set(e, ERROR_CONFIG, errno, "cannot open namespace '%s'", path);
	sp->plan->regs[s->reg] = fd;
	int type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0 || (uint64_t)type != s->num[0])
		return error_set(e, ERROR_CONFIG, 0, "'%s' is no namespace of this type", path);
	if (type == CLONE_NEWNS && is_host_mounts(fd))
		return error_set(e, ERROR_CONFIG, 0, "'%s' is the host's mount namespace: leave the namespace out to share it", path);
	return 0;
}

static int open_source(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	const char *path = plan_at(sp->plan, s->str);
	int fd;

	if (s->num[0] & OPEN_TREE_CLONE)
		fd = sys_open_tree(AT_FDCWD, path, (unsigned)s->num[0] | OPEN_TREE_CLOEXEC);
	else
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		error_hint(e, "bind sources and the root file system are not created by the runtime");
	if (fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open '%s'", path);
	sp->plan->regs[s->reg] = fd;
	return 0;
}

static int mount_attr(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	struct mount_attr attr = {.attr_set = s->num[0], .attr_clr = s->num[1], .propagation = s->num[2]};
	bool ids = s->reg2 != REG_NONE;

	if (ids) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint64_t)(unsigned)sp->plan->regs[s->reg2];
	}
	if (sys_mount_setattr(sp->plan->regs[s->reg], "", AT_EMPTY_PATH | (unsigned)s->num[3], &attr) == 0)
		return 0;
	if (ids && errno == EINVAL)
		error_hint(e, "the file system may not support idmapped mounts");
	return error_set(e, ERROR_HOST, errno,
			 ids ? "cannot map ids of the mount" : "cannot set attributes of the mount");
}

static void map_text(const struct spec_idmap *maps, size_t n, struct strbuf *text)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addf(text, "%u %u %u\n", maps[i].container_id, maps[i].host_id, maps[i].size);
}

int userns_with_maps(const struct spec_idmap *uid, size_t n_uid, const struct spec_idmap *gid, size_t n_gid,
		     struct error *e)
{
	auto_strbuf struct strbuf uids = {}, gids = {};
	char path[64];
	int fd = -1, status;
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0)
		return error_set(e, ERROR_HOST, errno, "cannot create a user namespace");
	if (pid == 0) {
		for (;;)
			pause();
	}
	map_text(uid, n_uid, &uids);
	map_text(gid, n_gid, &gids);
	if (write_id_map(pid, "uid_map", strbuf_str(&uids), e) == 0 &&
	    write_id_map(pid, "gid_map", strbuf_str(&gids), e) == 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			error_set(e, ERROR_HOST, errno, "cannot open '%s'", path);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return fd;
}

static int idmap(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	const struct spec_idmap *all = (const void *)plan_at(sp->plan, s->blob);
	size_t n = s->blob_len / sizeof(*all);
	int userns = userns_with_maps(all, s->num[0], all + s->num[0], n - s->num[0], e);

	if (userns < 0)
		return -1;
	sp->plan->regs[s->reg] = userns;
	return 0;
}

static int time_offsets(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	if (unshare(CLONE_NEWTIME) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot create a time namespace");
	if (write_file_at(AT_FDCWD, "/proc/self/timens_offsets", plan_at(sp->plan, s->str)) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot set time offsets");
	return 0;
}

int prepare_step(struct spawn *sp, const struct plan_step *s, struct error *e)
{
	switch (s->kind) {
	case STEP_OPEN_NS: return open_namespace(sp, s, e);
	case STEP_OPEN_TREE: return open_source(sp, s, e);
	case STEP_MOUNT_ATTR: return mount_attr(sp, s, e);
	case STEP_IDMAP: return idmap(sp, s, e);
	case STEP_TIME_OFFSETS: return time_offsets(sp, s, e);
	case STEP_RDT_GROUP: return rdt_make(plan_at(sp->plan, s->str), &sp->rdt_existed, e);
	case STEP_RDT_SCHEMA:
		return rdt_schema(plan_at(sp->plan, s->str), plan_at(sp->plan, s->str2), s->num[0] && sp->rdt_existed, e);
	case STEP_RDT_MONITOR: return rdt_monitor(plan_at(sp->plan, s->str), plan_at(sp->plan, s->str2), e);
	case STEP_SETNS: /* clone.c joins them all at once */
	case STEP_CLONE: return 0;
	default: return error_set(e, ERROR_BUG, 0, "no way to prepare step %u", s->kind);
	}
}
