/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "libcontainer/terminal.h"

static int write_new(int dir, const char *temp, pid_t pid)
{
	char text[16];
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	int len = snprintf(text, sizeof(text), "%d", (int)pid);
	auto_close int fd = openat(dir, temp, flags | O_CLOEXEC, 0644);

	/* Left by one that was killed: nobody else writes the pid file of this container. */
	if (fd < 0 && errno == EEXIST && unlinkat(dir, temp, 0) == 0)
		fd = openat(dir, temp, flags | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	return write_all(fd, text, (size_t)len);
}

int pid_file_write(const char *path, pid_t pid, struct error *e)
{
	auto_strbuf struct strbuf head = {};
	auto_strbuf struct strbuf temp = {};
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	strbuf_add(&head, path, (size_t)(name - path));
	strbuf_addf(&temp, ".%s", name);
	auto_close int dir = open(head.len > 0 ? head.s : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot write pid file '%s'", path);
	if (write_new(dir, temp.s, pid) < 0 || renameat(dir, temp.s, dir, name) < 0) {
		int saved = errno;
		unlinkat(dir, temp.s, 0);
		return error_set(e, ERROR_HOST, saved, "cannot write pid file '%s'", path);
	}
	return 0;
}
