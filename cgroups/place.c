/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a container's cgroup is. The two usual places of the cgroup2 mount are asked by fstatfs, which costs two
 * system calls; mountinfo is read only when it is at neither.
 */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/sys.h"
#include "cgroups/internal.h"
#include "cgroups/unit.h"

#define MOUNTINFO_MAX (16U << 20)

const char *cgroup_path_next(const char **rest, size_t *len)
{
	const char *p = *rest;

	while (*p == '/')
		p++;
	*len = strcspn(p, "/");
	*rest = p + *len;
	return *len ? p : NULL;
}

int cgroup_path_normalise(const char *path, struct strbuf *out)
{
	const char *part;
	size_t len;

	while ((part = cgroup_path_next(&path, &len))) {
		if (len == 1 && part[0] == '.')
			continue;
		if (len == 2 && part[0] == '.' && part[1] == '.') {
			errno = EINVAL;
			return -1;
		}
		/* The kernel refuses a newline; no reader of /proc/PID/cgroup wants the others either. */
		for (size_t i = 0; i < len; i++) {
			if ((unsigned char)part[i] < ' ' || part[i] == 0x7f) {
				errno = EILSEQ;
				return -1;
			}
		}
		if (out->len)
			strbuf_addc(out, '/');
		strbuf_add(out, part, len);
		if (len > NAME_MAX || out->len >= PATH_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
	}
	return 0;
}

int cgroup_open_dir(int dirfd, const char *path, int flags)
{
	return openat(dirfd, path, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- the mount */

static int mount_try(const char *path, int *ret_fd)
{
	auto_close int fd = cgroup_open_dir(AT_FDCWD, path, O_PATH);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return -1;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /root /mountpoint options tags... - type source options" */
char *cgroup_mountinfo_point(char *line)
{
	char *save = NULL, *root = NULL, *point = NULL;
	char *dash = strstr(line, " - ");

	if (!dash || strncmp(dash + 3, "cgroup2 ", 8) != 0)
		return NULL;
	*dash = '\0';
	char *field = strtok_r(line, " ", &save);
	for (int i = 0; field && i < 5; i++, field = strtok_r(NULL, " ", &save)) {
		if (i == 3)
			root = field;
		if (i == 4)
			point = field;
	}
	/* A mount of a part of the hierarchy would give every path another meaning. */
	if (!root || !point || strcmp(root, "/") != 0)
		return NULL;
	unescape(point);
	return point;
}

static int mount_search(char **ret, int *ret_fd, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	char *save = NULL;

	if (read_file_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read '/proc/self/mountinfo'");
	for (char *line = text.s ? strtok_r(text.s, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		const char *point = cgroup_mountinfo_point(line);
		if (point && mount_try(point, ret_fd) == 0) {
			*ret = strdup(point);
			return *ret ? 0 : error_set(e, ERROR_HOST, ENOMEM, "cannot remember '%s'", point);
		}
	}
	error_set(e, ERROR_HOST, 0, "cannot use cgroups: no cgroup2 file system is mounted");
	return error_hint(e, "mount it: mount -t cgroup2 cgroup2 /sys/fs/cgroup; cgroup v1 alone is not supported");
}

static int mount_open(char **ret, int *ret_fd, struct error *e)
{
	static const char *const usual[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		if (mount_try(usual[i], ret_fd) < 0)
			continue;
		*ret = strdup(usual[i]);
		return *ret ? 0 : error_set(e, ERROR_HOST, ENOMEM, "cannot remember '%s'", usual[i]);
	}
	return mount_search(ret, ret_fd, e);
}

/* --- the path */

int cgroup_of(pid_t pid, struct strbuf *ret)
{
	auto_strbuf struct strbuf text = {};
	char name[32] = "/proc/self/cgroup";
	char *save = NULL;

	if (pid > 0)
		snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	if (read_file_at(AT_FDCWD, name, CGROUP_FILE_MAX, &text) < 0)
		return -1;
	for (char *line = text.s ? strtok_r(text.s, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		/* "/../x" is outside of the root that we see. */
		if (strncmp(line, "0::/", 4) == 0)
			return cgroup_path_normalise(line + 4, ret);
	}
	errno = ENOENT;
	return -1;
}

static int bad_path(const char *path, int sys, struct error *e)
{
	const char *why = sys == EINVAL   ? "must not contain '..'"
			  : sys == EILSEQ ? "must not contain control characters"
					  : "is longer than the kernel takes";

	return error_set(e, ERROR_CONFIG, 0, "linux.cgroupsPath '%s': %s", path, why);
}

/* A caller's own cgroup has the caller in it and so cannot have controllers for children: its parent can. */
static int place_relative(const char *path, struct strbuf *ret, struct error *e)
{
	auto_strbuf struct strbuf own = {};

	if (cgroup_of(0, &own) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot find the caller's own cgroup in '/proc/self/cgroup'");
	const char *slash = own.s ? strrchr(own.s, '/') : NULL;
	if (slash)
		strbuf_add(ret, own.s, (size_t)(slash - own.s));
	if (cgroup_path_normalise(path, ret) < 0)
		return bad_path(path, errno, e);
	return 0;
}

static int place_path(const char *cgroups_path, const char *id, struct strbuf *ret, struct error *e)
{
	const char *path = cgroups_path && *cgroups_path ? cgroups_path : id;
	auto_strbuf struct strbuf own = {};

	if (cgroup_path_normalise(path, &own) < 0)
		return bad_path(path, errno, e);
	if (!own.len)
		return error_set(e, ERROR_CONFIG, 0, "linux.cgroupsPath '%s': must name a cgroup below the root", path);
	if (path[0] != '/')
		return place_relative(path, ret, e);
	strbuf_add(ret, own.s, own.len);
	return 0;
}

/* How many levels at the end of the path do not exist. */
static unsigned missing_levels(int mount_fd, const char *path)
{
	char buf[PATH_MAX];
	unsigned n = 0;
	size_t len = strlen(path);

	memcpy(buf, path, len + 1);
	for (;;) {
		n++;
		char *slash = strrchr(buf, '/');
		if (!slash)
			return n;
		*slash = '\0';
		if (faccessat(mount_fd, buf, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return n;
	}
}

static int open_place(struct cgroup *cg, struct error *e)
{
	cg->fd = cgroup_open_dir(cg->mount_fd, cg->path, O_PATH);
	if (cg->fd < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "cannot open cgroup '%s' below '%s'", cg->path, cg->mountpoint);
	return 0;
}

void cgroup_take(struct cgroup *ret, struct cgroup *cg)
{
	*ret = *cg;
	*cg = (struct cgroup){.fd = -1, .mount_fd = -1};
}

int cgroup_place(const char *cgroups_path, const char *id, struct cgroup *ret, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1, .mount_fd = -1};
	auto_strbuf struct strbuf path = {};

	if (place_path(cgroups_path, id, &path, e) < 0 || mount_open(&cg.mountpoint, &cg.mount_fd, e) < 0)
		return -1;
	cg.path = TAKE(path.s);
	if (open_place(&cg, e) < 0)
		return -1;
	if (cg.fd < 0)
		cg.made = missing_levels(cg.mount_fd, cg.path);
	cgroup_take(ret, &cg);
	return 0;
}

int cgroup_open(const char *path, struct cgroup *ret, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1, .mount_fd = -1};
	auto_strbuf struct strbuf normal = {};

	if (cgroup_path_normalise(path, &normal) < 0 || !normal.len)
		return error_set(e, ERROR_STATE, 0, "bad cgroup path '%s' in the state", path);
	if (mount_open(&cg.mountpoint, &cg.mount_fd, e) < 0)
		return -1;
	cg.path = TAKE(normal.s);
	if (open_place(&cg, e) < 0)
		return -1;
	cgroup_take(ret, &cg);
	return 0;
}

void cgroup_done(struct cgroup *cg)
{
	/* An object that was only zeroed owns no fd, least of all 0. */
	if (cg->mountpoint) {
		if (cg->fd >= 0)
			close(cg->fd);
		if (cg->mount_fd >= 0)
			close(cg->mount_fd);
	}
	cgroup_release(cg);
	if (cg->bus)
		bus_close(&cg->bus);
	free(cg->unit);
	free(cg->slice);
	free(cg->title);
	free(cg->path);
	free(cg->mountpoint);
	*cg = (struct cgroup){.fd = -1, .mount_fd = -1};
}
