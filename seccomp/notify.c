/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/io.h"
#include "seccomp/internal.h"
#include "spec/json.h"

/* The agent only has to accept and to read: one that does neither would hold the container's creation for ever. */
#define AGENT_TIMEOUT_S 10

/* The socket says "try again" when its time limit is over. */
static int agent_errno(void)
{
	return errno == EAGAIN ? ETIMEDOUT : errno;
}

static int agent_connect(const char *path, struct error *e)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval timeout = {.tv_sec = AGENT_TIMEOUT_S};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	/* "@name" is an abstract socket, as for runc; those have no terminator. */
	bool abstract = path[0] == '@';

	if (len + !abstract > sizeof(addr.sun_path))
		return error_set(e, ERROR_CONFIG, ENAMETOOLONG, "failed to connect with seccomp agent '%s'", path);
	memcpy(addr.sun_path, path, len);
	if (abstract)
		addr.sun_path[0] = '\0';
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(fd, (struct sockaddr *)&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + !abstract)) < 0)
		return error_set(e, ERROR_HOST, agent_errno(), "failed to connect with seccomp agent '%s'", path);
	return TAKE_FD(fd);
}

static int process_state(const struct spec_seccomp *profile, pid_t pid, const char *state_json, struct strbuf *ret,
			 struct error *e)
{
	auto_arena struct arena arena = {};
	struct json_writer w;
	struct json *state;

	if (json_parse(&arena, "state", state_json, strlen(state_json), &state, e) < 0)
		return -1;
	jw_begin(&w, ret, false);
	jw_object(&w, NULL);
	jw_str(&w, "ociVersion", json_str(state, "ociVersion", ""));
	jw_array(&w, "fds");
	jw_str(&w, NULL, "seccompFd");
	jw_end(&w, ']');
	jw_int(&w, "pid", pid);
	if (profile->listener_metadata && profile->listener_metadata[0])
		jw_str(&w, "metadata", profile->listener_metadata);
	jw_raw(&w, "state", state);
	jw_end(&w, '}');
	return 0;
}

/* The descriptor goes with the first bytes; a message larger than the socket's buffer needs further calls. */
static int send_with_fd(int sock, const struct strbuf *message, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = {.iov_base = message->s, .iov_len = message->len};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	size_t sent = 0;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	while (sent < message->len) {
		ssize_t n;

		iov.iov_base = message->s + sent;
		iov.iov_len = message->len - sent;
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		sent += (size_t)n;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	return 0;
}

int seccomp_send_listener(const struct spec_seccomp *profile, int listener_fd, pid_t pid, const char *state_json,
			  struct error *e)
{
	auto_strbuf struct strbuf message = {};
	auto_close int sock = -1;

	if (!profile->listener_path || !profile->listener_path[0])
		return error_set(e, ERROR_CONFIG, 0, "linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs one");
	if (process_state(profile, pid, state_json, &message, e) < 0)
		return -1;
	sock = agent_connect(profile->listener_path, e);
	if (sock < 0)
		return -1;
	if (send_with_fd(sock, &message, listener_fd) < 0)
		return error_set(e, ERROR_HOST, agent_errno(), "cannot send the listener to seccomp agent '%s'",
				 profile->listener_path);
	return 0;
}
