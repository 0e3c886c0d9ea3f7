/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "init/init.h"

#define RACE_RETRIES 128
#define PATH_BYTES   4096
#define LINKS_MAX    40

static int open_in(int root, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};
	long fd;

	/* EAGAIN: something was renamed or mounted while the kernel resolved a ".."; a storm of it is an attack. */
	for (int n = 0; n < RACE_RETRIES; n++) {
		fd = sys4(__NR_openat2, root, path, &how, sizeof(how));
		if (fd != -EAGAIN)
			break;
	}
	return (int)fd;
}

int root_open(const struct init *i, const char *path, uint64_t flags, uint64_t resolve)
{
	return open_in(i->reg[i->plan->root_reg], path, flags, resolve);
}

int hidden_open(const struct init *i, const struct plan_step *s)
{
	const char *path = init_str(i, s->str);

	if (s->flags & PLAN_BELOW)
		return open_in(i->reg[s->reg], path + s->num[0], O_PATH, 0);
	return root_open(i, path, O_PATH, 0);
}

int closed(int fd, int ret)
{
	sys1(__NR_close, fd);
	return ret;
}

/* A symlink that leads nowhere stands in the way at prefix + start: what it names below the root is made instead, as the target of a
 * symlink would be found. The path becomes its target and the rest. */
static int follow_dangling(char *path, size_t start, size_t end, int dir)
{
	char target[PATH_BYTES], rest[PATH_BYTES];
	long n = sys4(__NR_readlinkat, dir, path + start, target, sizeof(target) - 1);

	if (n < 0)
		return n == -EINVAL ? -ENOTDIR : (int)n;
	size_t more = strlen(path + end + 1), head = target[0] == '/' ? 0 : start;
	if (head + (size_t)n + 1 + more >= PATH_BYTES)
		return -ENAMETOOLONG;
	memcpy(rest, path + end + 1, more + 1);
	memcpy(path + head, target, (size_t)n);
	path[head + (size_t)n] = '/';
	memcpy(path + head + (size_t)n + 1, rest, more + 1);
	return 0;
}

/* mkdir -p of the first `len` bytes of path; returns an O_PATH fd of it. */
static int make_dirs(const struct init *i, const char *path, size_t len, uint64_t resolve)
{
	char buf[PATH_BYTES];
	size_t at = 0, start;
	int dir = root_open(i, "/", O_PATH | O_DIRECTORY, 0), links = 0;

	if (len >= sizeof(buf))
		return closed(dir, -ENAMETOOLONG);
	memcpy(buf, path, len);
	buf[len] = buf[len + 1] = '\0';
	while (dir >= 0) {
		while (buf[at] == '/')
			at++;
		if (!buf[at])
			break;
		for (start = at; buf[at] && buf[at] != '/'; at++)
			;
		char end = buf[at];
		buf[at] = '\0';
		int next = root_open(i, buf, O_PATH | O_DIRECTORY, resolve);
		long made = next == -ENOENT ? sys3(__NR_mkdirat, dir, buf + start, 0755) : 0;
		if (made < 0 && made != -EEXIST)
			return closed(dir, (int)made);
		if (next == -ENOENT)
			next = root_open(i, buf, O_PATH | O_DIRECTORY, resolve);
		if (next == -ENOENT && !resolve && links++ < LINKS_MAX) {
			int ret = follow_dangling(buf, start, end ? at : at - 1, dir);
			if (ret < 0)
				return closed(dir, ret);
			next = root_open(i, "/", O_PATH | O_DIRECTORY, 0);
			at = 0;
		} else {
			buf[at] = end;
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

/* As root_parent(), but the descriptor stays ours: device nodes and links stand side by side, and each of them would resolve the same path. */
int root_parent_kept(struct init *i, const char *path, const char **name)
{
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] != '/')
		len--;
	if (i->parent >= 0 && i->parent_len == len && memcmp(i->parent_path, path, len) == 0) {
		*name = path + len;
		return i->parent;
	}
	root_parent_forget(i);
	i->parent = root_parent(i, path, name);
	i->parent_path = path;
	i->parent_len = len;
	return i->parent;
}

void root_parent_forget(struct init *i)
{
	if (i->parent >= 0)
		closed(i->parent, 0);
	i->parent = -1;
}

/* The path that a symlink at name, in directory dir and last of path, stands for. */
static int link_target(int dir, const char *name, char *path)
{
	char target[PATH_BYTES];
	long n = sys4(__NR_readlinkat, dir, name, target, sizeof(target) - 1);
	size_t head = (size_t)(name - path);

	if (n < 0)
		return (int)n;
	if (target[0] == '/')
		head = 0;
	if (head + (size_t)n >= PATH_BYTES)
		return -ENAMETOOLONG;
	memcpy(path + head, target, (size_t)n);
	path[head + (size_t)n] = '\0';
	return 0;
}

static int make_file(const struct init *i, const char *path)
{
	char buf[PATH_BYTES];
	long fd = -ELOOP;

	if (strlen(path) >= sizeof(buf))
		return -ENAMETOOLONG;
	memcpy(buf, path, strlen(path) + 1);
	for (int links = 0; fd == -ELOOP && links < LINKS_MAX; links++) {
		const char *name;
		int dir = root_parent(i, buf, &name);
		if (dir < 0)
			return dir;
		fd = sys4(__NR_openat, dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			  0644);
		int ret = fd == -ELOOP ? link_target(dir, name, buf) : 0;
		if (closed(dir, ret) < 0)
			return ret;
	}
	return fd < 0 ? (int)fd : closed((int)fd, 0);
}

/* The usual case: only the last directory is missing. */
static int make_last(const struct init *i, const char *path, uint64_t resolve)
{
	char parent[PATH_BYTES];
	size_t len = strlen(path);

	if (len >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, len + 1);
	while (len > 0 && parent[len - 1] != '/')
		len--;
	if (!path[len] || streq(path + len, ".") || streq(path + len, ".."))
		return -ENOENT;
	parent[len] = '\0';
	int dir = root_open(i, len > 0 ? parent : "/", O_PATH | O_DIRECTORY, resolve);
	if (dir < 0)
		return dir;
	return closed(dir, (int)sys3(__NR_mkdirat, dir, path + len, 0755));
}

int root_make(const struct init *i, const char *path, enum plan_place what, uint64_t resolve)
{
	int fd = root_open(i, path, O_PATH, resolve);

	if (fd == -ENOENT && what == PLACE_DIR && make_last(i, path, resolve) == 0)
		fd = root_open(i, path, O_PATH | O_DIRECTORY, resolve);
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
