/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		if (done == 0) {
			errno = ENOSPC;
			return -1;
		}
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int read_all(int fd, size_t max, struct strbuf *ret)
{
	char buf[8192];

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		if ((size_t)n > max - ret->len) {
			errno = EFBIG;
			return -1;
		}
		strbuf_add(ret, buf, (size_t)n);
	}
}

int read_file_at(int dirfd, const char *name, size_t max, struct strbuf *ret)
{
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -1 : read_all(fd, max, ret);
}

int write_file_at(int dirfd, const char *name, const char *text)
{
	auto_close int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -1;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n != len) {
		errno = EIO;
		return -1;
	}
	return n < 0 ? -1 : 0;
}

static int replace_write(int dirfd, const char *temp, const void *data, size_t n, mode_t mode)
{
	auto_close int fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	struct stat st;

	if (fd < 0 || write_all(fd, data, n) < 0 || fstat(fd, &st) < 0)
		return -1;
	/* The caller's umask, or a leftover's own mode. */
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return -1;
	if ((size_t)st.st_size != n) {
		errno = EIO;
		return -1;
	}
	return 0;
}

int replace_file_at(int dirfd, const char *name, const void *data, size_t n, mode_t mode, struct error *e)
{
	char temp[256];

	/* A fixed temporary name: one writer at a time holds the container's lock, and a leftover of a
	 * killed one is overwritten instead of piling up. */
	if ((size_t)snprintf(temp, sizeof(temp), ".%s.new", name) >= sizeof(temp))
		return error_set(e, ERROR_BUG, ENAMETOOLONG, "file name '%s'", name);
	if (replace_write(dirfd, temp, data, n, mode) < 0 || renameat(dirfd, temp, dirfd, name) < 0) {
		int saved = errno;
		unlinkat(dirfd, temp, 0);
		return error_set(e, ERROR_HOST, saved, "cannot write '%s'", name);
	}
	return 0;
}
