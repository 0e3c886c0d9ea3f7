/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) through the runtime. The container gets a socket of ours, bound in its state directory and mounted at
 * /run/notify; what it says is not trusted, so only READY= travels on, followed by MAINPID= (the service manager must not
 * believe that we are the service) and BARRIER=1, whose pipe the manager closes when it has dealt with the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "libcontainer/terminal.h"

#define BARRIER_MS 30000

int sdnotify_listen(int statedir_fd, struct error *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return error_set(e, ERROR_HOST, errno, "cannot make the notify socket");
	if (mkdirat(statedir_fd, "notify", 0755) < 0 && errno != EEXIST)
		return error_set(e, ERROR_HOST, errno, "cannot make directory 'notify'");
	auto_close int dir = openat(statedir_fd, "notify", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open directory 'notify'");
	/* By descriptor: the state root's path may be longer than sun_path. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/notify.sock", dir);
	/* Left by a start that was killed. */
	if (unlinkat(dir, "notify.sock", 0) < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "cannot remove the old notify socket");
	/* The state directory is closed to others; inside the container any user may notify. */
	if (fchmod(dir, 0755) < 0 || bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(dir, "notify.sock", 0777, 0) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot make the notify socket");
	return TAKE_FD(sock);
}

static int host_connect(const char *host_socket, struct error *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t len = strlen(host_socket);

	if (sock < 0)
		return error_set(e, ERROR_HOST, errno, "cannot make a socket");
	if (len == 0 || len >= sizeof(address.sun_path))
		return error_set(e, ERROR_USAGE, ENAMETOOLONG, "cannot connect to NOTIFY_SOCKET '%s'", host_socket);
	memcpy(address.sun_path, host_socket, len);
	if (host_socket[0] == '@')
		address.sun_path[0] = '\0';
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (connect(sock, (const struct sockaddr *)&address, size) < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot connect to NOTIFY_SOCKET '%s'", host_socket);
	return TAKE_FD(sock);
}

static int say(int host, const char *text, struct error *e)
{
	ssize_t n;

	do
		n = send(host, text, strlen(text), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? error_set(e, ERROR_HOST, errno, "cannot write to NOTIFY_SOCKET") : 0;
}

static int barrier(int host, struct error *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot make a pipe");
	auto_close int reader = ends[0];
	int r = socket_send_fd(host, ends[1], "BARRIER=1", e);
	close(ends[1]);
	if (r < 0)
		return -1;
	if (poll(&(struct pollfd){.fd = reader, .events = POLLIN}, 1, BARRIER_MS) == 0)
		log_write(LOG_WARNING, "NOTIFY_SOCKET: no answer to BARRIER=1 in 30 s, ignoring");
	return 0;
}

char *sdnotify_ready(char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "READY=", 6) == 0)
			return line;
	return NULL;
}

static int tell_host(int host, const char *ready, pid_t pid, struct error *e)
{
	auto_strbuf struct strbuf text = {};

	strbuf_addf(&text, "%s\n", ready);
	if (say(host, text.s, e) < 0)
		return -1;
	strbuf_clear(&text);
	strbuf_addf(&text, "MAINPID=%d\n", (int)pid);
	return say(host, text.s, e) < 0 ? -1 : barrier(host, e);
}

int sdnotify_relay(int sock, const char *host_socket, pid_t pid, int pidfd, struct error *e)
{
	auto_close int host = host_connect(host_socket, e);

	if (host < 0)
		return -1;
	for (;;) {
		struct pollfd p[] = {{.fd = sock, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
		char text[4096];

		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return error_set(e, ERROR_HOST, errno, "cannot wait for the container's READY=1");
		}
		if (p[0].revents) {
			ssize_t n = recv(sock, text, sizeof(text) - 1, MSG_DONTWAIT);
			text[n > 0 ? n : 0] = '\0';
			const char *ready = sdnotify_ready(text);
			if (ready)
				return tell_host(host, ready, pid, e);
		} else if (p[1].revents) {
			return 0;
		}
	}
}
