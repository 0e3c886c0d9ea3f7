/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/strbuf.h"

/* sun_path holds 107 bytes, a state directory's path may be longer: then through the directory's descriptor. */
static int long_address(const char *path, struct sockaddr_un *ret, int *dir, struct error *e)
{
	auto_strbuf struct strbuf head = {};
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	strbuf_add(&head, path, (size_t)(name - path));
	*dir = open(head.len > 0 ? head.s : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot connect to socket '%s'", path);
	int n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", *dir, name);
	if (n < 0 || (size_t)n >= sizeof(ret->sun_path))
		return error_set(e, ERROR_USAGE, ENAMETOOLONG, "cannot connect to socket '%s'", path);
	return 0;
}

int unix_connect(const char *path, struct error *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int dir = -1;
	auto_close int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = strlen(path);
	int r;

	if (sock < 0)
		return error_set(e, ERROR_HOST, errno, "cannot make a socket");
	if (len < sizeof(address.sun_path))
		memcpy(address.sun_path, path, len + 1);
	else if (long_address(path, &address, &dir, e) < 0)
		return -1;
	do
		r = connect(sock, (const struct sockaddr *)&address, sizeof(address));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot connect to socket '%s'", path);
	return TAKE_FD(sock);
}

int socket_send_fd(int sock, int fd, const char *payload, struct error *e)
{
	/* At least one byte must travel for the descriptor to go with. */
	size_t len = MAX(strlen(payload), 1UL);
	struct iovec iov = {.iov_base = (void *)(uintptr_t)payload, .iov_len = len};
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_set(e, ERROR_HOST, errno, "cannot send a descriptor to the caller's socket");
	if ((size_t)n != len)
		return error_set(e, ERROR_HOST, EIO, "cannot send a descriptor to the caller's socket");
	return 0;
}

ssize_t socket_receive(int sock, void *buf, size_t size, int *fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n;

	*fd = -1;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n;
}
