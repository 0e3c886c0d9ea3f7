/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rmdir of a cgroup and everything that the container made below it. The walk goes down and up through "." and "..",
 * with two fds however deep a container nested its cgroups, and never by a joined path.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "cgroups/internal.h"

#define REMOVE_TIMEOUT_MS 2000

DIR *cgroup_children_open(int fd)
{
	auto_close int copy = cgroup_open_dir(fd, ".", O_RDONLY);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (dir)
		copy = -1;
	return dir;
}

const char *cgroup_children_next(DIR *dir)
{
	const struct dirent *d;

	do {
		errno = 0;
		d = readdir(dir);
	} while (d && (d->d_type != DT_DIR || strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0));
	return d ? d->d_name : NULL;
}

/* Removes the children of fd that can be removed at once. The first that cannot, because it is in use, is opened:
 * its fd is returned. -1: none is left (errno 0), or errno. */
static int remove_children(int fd)
{
	auto_children DIR *dir = cgroup_children_open(fd);
	const char *name;

	if (!dir)
		return -1;
	while ((name = cgroup_children_next(dir))) {
		if (unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (errno != EBUSY)
			return -1;
		int child = cgroup_open_dir(fd, name, O_RDONLY);
		if (child >= 0 || errno != ENOENT)
			return child;
	}
	return -1;
}

static int go_to(int *fd, int next)
{
	if (next < 0)
		return -1;
	close(*fd);
	*fd = next;
	return 0;
}

static bool childless(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink <= 2;
}

/* Empties the directory from the deepest level up. A level that has processes is waited for. */
static int empty_tree(int top, int64_t deadline)
{
	auto_close int fd = cgroup_open_dir(top, ".", O_PATH);
	unsigned depth = 0;

	while (fd >= 0) {
		int child = remove_children(fd);
		if (child >= 0) {
			go_to(&fd, child);
			depth++;
			if (!childless(fd))
				continue;
			int64_t left = deadline - cgroup_now_ms();
			int waited = left > 0 ? cgroup_events_wait(fd, EVENTS_EMPTY, (int)MIN(left, INT_MAX)) : 1;
			if (waited != 0) {
				if (waited > 0)
					errno = EBUSY;
				return -1;
			}
		} else if (errno != 0 && errno != ENOENT && errno != ENODEV) {
			return -1;
		} else if (depth == 0) {
			return 0;
		}
		/* Removed by the next look at its parent, which is where its name is known. */
		if (go_to(&fd, cgroup_open_dir(fd, "..", O_RDONLY)) < 0)
			return -1;
		depth--;
		if (cgroup_now_ms() > deadline) {
			errno = EBUSY;
			return -1;
		}
	}
	return -1;
}

int cgroup_remove_tree(int parent_fd, const char *name, int64_t deadline)
{
	for (;;) {
		if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -1;
		auto_close int fd = cgroup_open_dir(parent_fd, name, O_RDONLY);
		if (fd < 0)
			return errno == ENOENT ? 0 : -1;
		if (!childless(fd) && empty_tree(fd, deadline) < 0)
			return -1;
		int64_t left = deadline - cgroup_now_ms();
		int waited = left > 0 ? cgroup_events_wait(fd, EVENTS_EMPTY, (int)MIN(left, INT_MAX)) : 1;
		if (waited < 0)
			return -1;
		if (waited > 0) {
			errno = EBUSY;
			return -1;
		}
	}
}

void cgroup_remove_levels(int mount_fd, const char *path, unsigned levels)
{
	auto_strbuf struct strbuf p = {};

	strbuf_adds(&p, path);
	for (; levels > 0 && p.len; levels--) {
		if (unlinkat(mount_fd, p.s, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return;
		const char *slash = strrchr(p.s, '/');
		p.len = slash ? (size_t)(slash - p.s) : 0;
		p.s[p.len] = '\0';
	}
}

/* Ancestors that others use by now stay. The leaf is not looked at again: it may be another container's. */
static void removed(struct cgroup *cg)
{
	const char *slash = strrchr(cg->path, '/');
	auto_free char *parent = slash ? strndup(cg->path, (size_t)(slash - cg->path)) : NULL;

	cg->created = false;
	if (parent && cg->made > 1)
		cgroup_remove_levels(cg->mount_fd, parent, cg->made - 1);
	cg->made = 0;
}

bool cgroup_remove_empty(struct cgroup *cg)
{
	if (cg->fd < 0 || unlinkat(cg->mount_fd, cg->path, AT_REMOVEDIR) < 0)
		return false;
	close(cg->fd);
	cg->fd = -1;
	removed(cg);
	return true;
}

int cgroup_remove(struct cgroup *cg, struct error *e)
{
	if (cg->fd >= 0) {
		close(cg->fd);
		cg->fd = -1;
	}
	if (cgroup_remove_tree(cg->mount_fd, cg->path, cgroup_now_ms() + REMOVE_TIMEOUT_MS) < 0) {
		int saved = errno;
		/* The caller may try again. */
		cg->fd = cgroup_open_dir(cg->mount_fd, cg->path, O_PATH);
		return error_set(e, ERROR_HOST, saved, "cannot remove cgroup '%s' below '%s'", cg->path,
				 cg->mountpoint);
	}
	removed(cg);
	return 0;
}
