/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "init/init.h"

#define RACE_RETRIES 128
#define PATH_BYTES   4096

int root_open(const struct init *i, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};
	long fd;

	/* EAGAIN: something was renamed or mounted while the kernel resolved a ".."; a storm of it is an attack. */
	for (int n = 0; n < RACE_RETRIES; n++) {
		fd = sys4(__NR_openat2, i->reg[i->plan->root_reg], path, &how, sizeof(how));
		if (fd != -EAGAIN)
			break;
	}
	return (int)fd;
}

int closed(int fd, int ret)
{
	sys1(__NR_close, fd);
	return ret;
}

/* mkdir -p of the first `len` bytes of path; returns an O_PATH fd of it. */
static int make_dirs(const struct init *i, const char *path, size_t len, uint64_t resolve)
{
	char prefix[PATH_BYTES];
	size_t at = 0, start;
	int dir = root_open(i, "/", O_PATH | O_DIRECTORY, 0);

	if (len >= sizeof(prefix))
		return closed(dir, -ENAMETOOLONG);
	while (dir >= 0) {
		while (at < len && path[at] == '/')
			at++;
		if (at == len)
			break;
		for (start = at; at < len && path[at] != '/'; at++)
			;
		memcpy(prefix, path, at);
		prefix[at] = '\0';
		int next = root_open(i, prefix, O_PATH | O_DIRECTORY, resolve);
		if (next == -ENOENT) {
			long made = sys3(__NR_mkdirat, dir, prefix + start, 0755);
			if (made < 0 && made != -EEXIST)
				return closed(dir, (int)made);
			next = root_open(i, prefix, O_PATH | O_DIRECTORY, resolve);
		}
		dir = closed(dir, next);
	}
	return dir;
}

int root_parent(const struct init *i, const char *path, const char **name)
{
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] != '/')
		len--;
	*name = path + len;
	return make_dirs(i, path, len, 0);
}

static int make_file(const struct init *i, const char *path)
{
	const char *name;
	int dir = root_parent(i, path, &name);

	if (dir < 0)
		return dir;
	long fd =
		sys4(__NR_openat, dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	closed(dir, 0);
	return fd < 0 ? (int)fd : closed((int)fd, 0);
}

int root_make(const struct init *i, const char *path, enum plan_place what, uint64_t resolve)
{
	int fd = root_open(i, path, O_PATH, resolve);

	if (fd != -ENOENT)
		return fd;
	if (what == PLACE_DIR)
		return make_dirs(i, path, strlen(path), resolve);
	int made = make_file(i, path);
	return made < 0 ? made : root_open(i, path, O_PATH, resolve);
}

int proc_open(int proc, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};

	return (int)sys4(__NR_openat2, proc, path, &how, sizeof(how));
}

int proc_write(int proc, const char *path, const char *text)
{
	int fd = proc_open(proc, path, O_WRONLY);

	if (fd < 0)
		return fd;
	size_t len = strlen(text);
	long n = sys3(__NR_write, fd, text, len);
	if (n >= 0 && (size_t)n != len)
		n = -EIO;
	return closed(fd, n < 0 ? (int)n : 0);
}
