/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, delegating and joining. A cgroup is made by mkdir below the mount's fd and entered by CLONE_INTO_CGROUP:
 * moving a process through cgroup.procs waits for an RCU grace period, milliseconds instead of microseconds.
 */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/sys.h"
#include "cgroups/internal.h"

/* Walks down and makes what is missing. *ret_made: levels at the end that this call made. On failure all of them are
 * removed again. */
static int make_levels_once(int mount_fd, const char *path, unsigned *ret_made)
{
	auto_strbuf struct strbuf reached = {};
	auto_close int fd = -1;
	unsigned made = 0;
	const char *part;
	size_t len;

	while ((part = cgroup_path_next(&path, &len))) {
		auto_free char *name = strndup(part, len);
		int parent = fd >= 0 ? fd : mount_fd, next = -1;

		if (name && mkdirat(parent, name, 0755) == 0)
			made++;
		/* Below a level that another process made, ours cannot go by itself: none of them counts. */
		else if (name && errno == EEXIST)
			made = 0;
		else
			goto fail;
		if (reached.len)
			strbuf_addc(&reached, '/');
		strbuf_add(&reached, part, len);
		next = cgroup_open_dir(parent, name, O_PATH);
		if (next < 0)
			goto fail;
		if (fd >= 0)
			close(fd);
		fd = next;
	}
	*ret_made = made;
	return 0;
fail:;
	int saved = errno;
	cgroup_remove_levels(mount_fd, strbuf_str(&reached), made);
	errno = saved;
	return -1;
}

static int make_levels(struct cgroup *cg, struct error *e)
{
	/* One call in the usual case; the walk only when a parent is missing, and again when a parent that another
	 * container made went away with that container in between. */
	if (mkdirat(cg->mount_fd, cg->path, 0755) == 0) {
		cg->made = 1;
		return 0;
	}
	for (int i = 0; errno == ENOENT && i < CGROUP_DEPTH_TRIES; i++) {
		if (make_levels_once(cg->mount_fd, cg->path, &cg->made) == 0)
			return 0;
	}
	cg->made = 0;
	if (errno == EEXIST)
		return 0;
	return error_set(e, ERROR_HOST, errno, "cannot create cgroup '%s' below '%s'", cg->path, cg->mountpoint);
}

/* A cgroup with processes would mix two containers, a frozen one would hang this one. A new cgroup is born frozen
 * when an ancestor is. */
static int check_fit(const struct cgroup *cg, struct error *e)
{
	struct events now;

	if (cgroup_events_get(cg->fd, &now) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read 'cgroup.events' of cgroup '%s'", cg->path);
	if (now.populated) {
		auto_arena struct arena a = {};
		pid_t *pids;
		size_t n = 0;
		if (cgroup_pids(cg, &a, &pids, &n, e) < 0)
			return -1;
		return error_set(e, ERROR_HOST, 0, "container's cgroup is not empty: %zu process(es) found in '%s'", n,
				 cg->path);
	}
	if (now.frozen)
		return error_set(e, ERROR_HOST, 0, "container's cgroup unexpectedly frozen: '%s'", cg->path);
	return 0;
}

int cgroup_create_devices(const struct cgroup *cg, const struct spec_resources *resources, const char *shared,
			  struct error *e)
{
	auto_arena struct arena a = {};
	struct bpf_insn *insns = NULL;
	size_t n = 0;

	if (cgroup_device_program(resources, &a, &insns, &n, e) < 0)
		return -1;
	return cgroup_device_attach(cg, insns, n, cg->created, shared, e);
}

int cgroup_equip(struct cgroup *cg, const struct spec_resources *resources, const struct cgroup_writes *writes, bool devices,
		 struct error *e)
{
	if (resources && (cgroup_controllers_enable(cg, writes, e) < 0 || cgroup_apply(cg, writes, e) < 0))
		return -1;
	return devices ? cgroup_create_devices(cg, resources, NULL, e) : 0;
}

static int create_inside(struct cgroup *cg, const struct spec_resources *resources, bool devices, struct error *e)
{
	auto_arena struct arena a = {};
	struct cgroup_writes writes = {};

	/* What cgroup_place() found may have been removed and made again since. */
	if (cg->fd >= 0)
		close(cg->fd);
	cg->fd = cgroup_open_dir(cg->mount_fd, cg->path, O_RDONLY);
	if (cg->fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open cgroup '%s' below '%s'", cg->path, cg->mountpoint);
	if (check_fit(cg, e) < 0 || (resources && cgroup_writes(resources, &a, &writes, e) < 0))
		return -1;
	return cgroup_equip(cg, resources, &writes, devices, e);
}

int cgroup_create(struct cgroup *cg, const struct spec_resources *resources, bool devices, struct error *e)
{
	if (make_levels(cg, e) < 0)
		return -1;
	cg->created = cg->made > 0;
	if (create_inside(cg, resources, devices, e) == 0)
		return 0;
	cgroup_remove_levels(cg->mount_fd, cg->path, cg->made);
	if (cg->created && cg->fd >= 0) {
		close(cg->fd);
		cg->fd = -1;
	}
	cg->created = false;
	cg->made = 0;
	return -1;
}

int cgroup_inode(const struct cgroup *cg, uint64_t *ret, struct error *e)
{
	struct stat st = {};

	if (cg->fd >= 0 && fstat(cg->fd, &st) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot look at cgroup '%s'", cg->path);
	*ret = st.st_ino;
	return 0;
}

int cgroup_explain(const struct cgroup *cg, int sys, struct error *e)
{
	auto_strbuf struct strbuf type = {};
	auto_strbuf struct strbuf control = {};

	if (cg->fd < 0)
		return error_set(e, ERROR_HOST, sys, "cannot start a process in cgroup '%s'", cg->path);
	if (sys == EOPNOTSUPP && read_file_at(cg->fd, "cgroup.type", CGROUP_FILE_MAX, &type) == 0 && type.len) {
		type.s[strcspn(type.s, "\n")] = '\0';
		error_set(e, ERROR_HOST, sys, "cannot start a process in cgroup '%s': its type is '%s'", cg->path,
			  type.s);
		return error_hint(e,
				  "a parent of the cgroup is threaded; choose a place below a cgroup of type 'domain'");
	}
	if (sys == EBUSY && read_file_at(cg->fd, "cgroup.subtree_control", CGROUP_FILE_MAX, &control) == 0 &&
	    control.len) {
		control.s[strcspn(control.s, "\n")] = '\0';
		return error_set(e, ERROR_HOST, sys, "cannot start a process in cgroup '%s': its children have the "
				 "controllers '%s', so it may have no processes of its own", cg->path, control.s);
	}
	return error_set(e, ERROR_HOST, sys, "cannot start a process in cgroup '%s'", cg->path);
}

/* --- ownership */

static int delegate_file(const struct cgroup *cg, const char *name, uid_t uid, struct error *e)
{
	if (!*name || strchr(name, '/'))
		return 0;
	if (fchownat(cg->fd, name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "cannot give '%s' of cgroup '%s' to uid %u", name, cg->path,
				 uid);
	return 0;
}

int cgroup_delegate(const struct cgroup *cg, uid_t uid, struct error *e)
{
	auto_strbuf struct strbuf list = {};
	char *save = NULL;

	if (cg->fd < 0)
		return error_set(e, ERROR_HOST, ENOENT, "cannot delegate cgroup '%s'", cg->path);
	if (fchownat(cg->fd, "", uid, (gid_t)-1, AT_EMPTY_PATH) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot give cgroup '%s' to uid %u", cg->path, uid);
	if (read_file_at(AT_FDCWD, "/sys/kernel/cgroup/delegate", CGROUP_FILE_MAX, &list) < 0) {
		if (errno != ENOENT)
			return error_set(e, ERROR_HOST, errno, "cannot read '/sys/kernel/cgroup/delegate'");
		strbuf_adds(&list, "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n");
	}
	for (char *name = list.s ? strtok_r(list.s, "\n", &save) : NULL; name; name = strtok_r(NULL, "\n", &save)) {
		if (delegate_file(cg, name, uid, e) < 0)
			return -1;
	}
	return 0;
}

/* --- joining */

static int join_at(int dirfd, const char *path, const char *shown, struct error *e)
{
	int fd = cgroup_open_dir(dirfd, path, O_RDONLY);

	if (fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open cgroup '%s'", shown);
	return fd;
}

static int join_sub(const struct cgroup *cg, const char *sub, struct error *e)
{
	auto_strbuf struct strbuf path = {};

	if (cgroup_path_normalise(sub, &path) < 0)
		return error_set(e, ERROR_USAGE, 0, "bad sub cgroup path: '%s'", sub);
	int fd = join_at(cg->fd, path.len ? path.s : ".", sub, e);
	return fd < 0 ? error_in(e, "below cgroup '%s'", cg->path) : fd;
}

int cgroup_join_fd(const struct cgroup *cg, const char *sub, pid_t init, struct error *e)
{
	auto_strbuf struct strbuf control = {};
	auto_strbuf struct strbuf where = {};

	if (cg->fd < 0 && (init <= 0 || (sub && *sub)))
		return error_set(e, ERROR_HOST, ENOENT, "cannot open cgroup '%s'", cg->path);
	if (sub && *sub)
		return join_sub(cg, sub, e);
	if (init <= 0)
		return join_at(cg->fd, ".", cg->path, e);
	/* An init that enabled controllers for children has moved itself out of the way, and one whose cgroup is gone went
	 * elsewhere: follow it. */
	if (cg->fd >= 0 && read_file_at(cg->fd, "cgroup.subtree_control", CGROUP_FILE_MAX, &control) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read 'cgroup.subtree_control' of cgroup '%s'", cg->path);
	if (cg->fd >= 0 && strbuf_str(&control)[strspn(strbuf_str(&control), "\n")] == '\0')
		return join_at(cg->fd, ".", cg->path, e);
	if (cgroup_of(init, &where) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot find the cgroup of the container's init, process %d",
				 init);
	return join_at(cg->mount_fd, where.len ? where.s : ".", strbuf_str(&where), e);
}

int cgroup_attach(const struct cgroup *cg, pid_t pid, struct error *e)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	if (cg->fd >= 0 && write_file_at(cg->fd, "cgroup.procs", text) == 0)
		return 0;
	if (cg->fd >= 0 && cg->unit && (errno == EACCES || errno == EPERM))
		return cgroup_attach_unit(cg, pid, e);
	return error_set(e, ERROR_HOST, cg->fd < 0 ? ENOENT : errno, "cannot move process %d into cgroup '%s'", pid,
			 cg->path);
}

int cgroup_take_back(const struct cgroup *cg, pid_t pid, struct error *e)
{
	auto_strbuf struct strbuf file = {};
	char text[16];

	if (cgroup_of(0, &file) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot find the caller's own cgroup in '/proc/self/cgroup'");
	strbuf_adds(&file, "/cgroup.procs");
	snprintf(text, sizeof(text), "%d", pid);
	if (write_file_at(cg->mount_fd, file.s + strspn(file.s, "/"), text) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot move process %d out of cgroup '%s'", pid, cg->path);
	return 0;
}
