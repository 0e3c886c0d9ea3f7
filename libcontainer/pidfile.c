/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "libcontainer/terminal.h"

static int write_pid(int fd, pid_t pid)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", (int)pid);

	return write_all(fd, text, (size_t)len);
}

/* A file without a name until it is whole: nobody reads half of it, and who is killed before leaves nothing. -1 with
 * EOPNOTSUPP where the file system has no such files. */
static int write_unnamed(int dir, const char *name, pid_t pid)
{
	char self[32];
	auto_close int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);

	/* EISDIR, ENOENT: a kernel or a file system that takes the flag for another one. */
	if (fd < 0 && (errno == EISDIR || errno == ENOENT))
		errno = EOPNOTSUPP;
	if (fd < 0 || write_pid(fd, pid) < 0)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	/* That of an earlier container: its reader has had it. */
	if (errno != EEXIST || unlinkat(dir, name, 0) < 0)
		return -1;
	return linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW);
}

static int write_renamed(int dir, const char *name, pid_t pid)
{
	auto_strbuf struct strbuf temp = {};
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

	strbuf_addf(&temp, ".%s", name);
	auto_close int fd = openat(dir, temp.s, flags | O_CLOEXEC, 0644);
	/* Left by one that was killed: nobody else writes the pid file of this container. */
	if (fd < 0 && errno == EEXIST && unlinkat(dir, temp.s, 0) == 0)
		fd = openat(dir, temp.s, flags | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	if (write_pid(fd, pid) == 0 && renameat(dir, temp.s, dir, name) == 0)
		return 0;
	int saved = errno;
	unlinkat(dir, temp.s, 0);
	errno = saved;
	return -1;
}

int pid_file_write(const char *path, pid_t pid, struct error *e)
{
	auto_strbuf struct strbuf head = {};
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	strbuf_add(&head, path, (size_t)(name - path));
	auto_close int dir = open(head.len > 0 ? head.s : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot write pid file '%s'", path);
	int ret = write_unnamed(dir, name, pid);
	if (ret < 0 && errno == EOPNOTSUPP)
		ret = write_renamed(dir, name, pid);
	return ret < 0 ? error_set(e, ERROR_HOST, errno, "cannot write pid file '%s'", path) : 0;
}
