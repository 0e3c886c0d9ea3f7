/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "base/sys.h"
#include "libcontainer/terminal.h"

#define MESSAGE_MAX 40960
#define LOG_MAX (16UL << 20)
#define SOCKET_FD 3

/* --- the program */

/* What becomes of the start, in messages; with the first one comes our end of the conversation. */
struct start_report {
	const char *what; /* failed; NULL: nothing did */
	int err;
};

static _Noreturn void start_failed(int boot, const char *what)
{
	struct start_report r = {what, errno};

	/* Should this fail too, then the end without a word is the message. */
	_exit(send(boot, &r, sizeof(r), MSG_NOSIGNAL) == sizeof(r) ? 127 : 126);
}

/* criu wants the root to be a mount whose parent is not covered. Nobody else is to see that mount, and it goes with criu. */
static void bind_root(const char *root, int boot)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 || mount(root, root, NULL, MS_BIND | MS_REC, NULL) < 0)
		start_failed(boot, "bind the root file system for");
}

static void give(int boot, int fd, int number)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, number + 1);

	if (copy < 0 || dup3(copy, number, 0) < 0) /* inherited: criu is told this number */
		start_failed(boot, "hand descriptors to");
}

/* criu takes the numbers in a request for those of whom the socket was made by: itself, so that its directories are in its own mount
 * namespace, where it mounts below them. */
static void connect_with(int boot)
{
	struct start_report none = {};
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec iov = {.iov_base = &none, .iov_len = sizeof(none)};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		start_failed(boot, "connect with");
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pair[0], sizeof(int));
	if (sendmsg(boot, &msg, MSG_NOSIGNAL) != sizeof(none))
		start_failed(boot, "connect with");
	close(pair[0]);
	give(boot, pair[1], SOCKET_FD);
}

static void give_directory(int boot, const char *path, int number)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		start_failed(boot, "open a directory for");
	give(boot, fd, number);
}

static _Noreturn void program(const struct criu *c, const char *root, int boot, const int *fds, size_t n)
{
	sigset_t none;
	int kept[CRIU_FDS_MAX];

	/* Out of the way of the numbers that they get. */
	boot = fcntl(boot, F_DUPFD_CLOEXEC, CRIU_FD + CRIU_FDS_MAX);
	for (size_t i = 0; i < n; i++)
		kept[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, CRIU_FD + CRIU_FDS_MAX);
	if (boot < 0)
		_exit(126);
	if (root)
		bind_root(root, boot);
	connect_with(boot);
	give_directory(boot, c->image_dir, CRIU_IMAGE_FD);
	give_directory(boot, c->log_dir, CRIU_WORK_FD);
	for (size_t i = 0; i < n; i++)
		give(boot, kept[i], CRIU_FD + (int)i);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	execlp("criu", "criu", "swrk", "3", NULL);
	start_failed(boot, "execute");
}

static int await_start(struct criu *c, int boot, struct error *e)
{
	struct start_report report = {};
	ssize_t n;
	int fd;

	/* The end of the stream is a successful execve. */
	while ((n = socket_receive(boot, &report, sizeof(report), &fd)) == sizeof(report)) {
		if (fd >= 0) {
			macro_close(&c->sock);
			c->sock = fd;
		}
		if (!report.what)
			continue;
		if (report.err == ENOENT && strcmp(report.what, "execute") == 0)
			error_hint(e, "checkpoint and restore need the program criu, version 3.15 or later, in PATH");
		return error_set(e, ERROR_HOST, report.err, "cannot %s 'criu'", report.what);
	}
	return n == 0 && c->sock >= 0 ? 0 : error_set(e, ERROR_HOST, n < 0 ? errno : EPROTO, "cannot start 'criu'");
}

int criu_start(struct criu *c, const char *root, const int *fds, size_t n, struct error *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot create a socket pair");
	auto_close int boot = pair[0];
	c->pid = (pid_t)syscall(SYS_clone, (root ? CLONE_NEWNS : 0) | SIGCHLD, NULL, NULL, NULL, NULL);
	if (c->pid == 0)
		program(c, root, pair[1], fds, n);
	close(pair[1]);
	if (c->pid > 0)
		return await_start(c, boot, e);
	c->pid = 0;
	return error_set(e, ERROR_HOST, errno, "cannot start 'criu'");
}

static int reap(struct criu *c)
{
	int status = 0;

	while (c->pid > 0 && waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	return status;
}

void criu_done(struct criu *c)
{
	macro_close(&c->sock);
	reap(c);
	macro_close(&c->image_fd);
	macro_close(&c->work_fd);
	*c = (struct criu)CRIU_NONE;
}

/* --- directories */

static int open_directory(const char *path, bool make, struct error *e)
{
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(e, ERROR_USAGE, errno, "cannot make directory '%s'", path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_set(e, ERROR_USAGE, errno, "cannot open directory '%s'", path) : fd;
}

int criu_open(struct criu *c, const struct criu_options *o, bool make, struct error *e)
{
	c->image_fd = open_directory(o->image_path, make, e);
	if (c->image_fd < 0)
		return -1;
	c->image_dir = o->image_path;
	c->log_dir = o->work_path ?: o->image_path;
	if (o->work_path)
		c->work_fd = open_directory(o->work_path, true, e);
	return o->work_path && c->work_fd < 0 ? -1 : 0;
}

/* --- the conversation */

struct answer {
	uint64_t type;
	bool success;
	bool features[CRIU_FEATURES];
	char script[64], message[512];
	pid_t pid;
	int err;
};

static void copy_text(char *to, size_t size, const struct wire_field *f)
{
	snprintf(to, size, "%.*s", (int)f->n, (const char *)f->bytes);
}

static int parse_notify(const struct wire_field *message, struct answer *a)
{
	const uint8_t *p = message->bytes;
	size_t n = message->n;
	struct wire_field f;
	int r;

	while ((r = wire_next(&p, &n, &f)) > 0) {
		if (f.number == 1 && f.bytes)
			copy_text(a->script, sizeof(a->script), &f);
		else if (f.number == 2 && !f.bytes)
			a->pid = (pid_t)f.value;
	}
	return r;
}

static int parse_features(const struct wire_field *message, struct answer *a)
{
	const uint8_t *p = message->bytes;
	size_t n = message->n;
	struct wire_field f;
	int r;

	while ((r = wire_next(&p, &n, &f)) > 0)
		if (f.number < CRIU_FEATURES && !f.bytes)
			a->features[f.number] = f.value;
	return r;
}

static int parse_answer(const uint8_t *p, size_t n, struct answer *a)
{
	struct wire_field f;
	int r;

	while ((r = wire_next(&p, &n, &f)) > 0) {
		if (f.number == 1 && !f.bytes)
			a->type = f.value;
		else if (f.number == 2 && !f.bytes)
			a->success = f.value;
		else if ((f.number == 5 && f.bytes && parse_notify(&f, a) < 0) ||
			 (f.number == 8 && f.bytes && parse_features(&f, a) < 0))
			return -1;
		else if (f.number == 7 && !f.bytes)
			a->err = (int)f.value;
		else if (f.number == 9 && f.bytes)
			copy_text(a->message, sizeof(a->message), &f);
	}
	return r;
}

/* 1, 0 at the end, -1. */
static int hear(const struct criu *c, struct answer *a, int *fd, struct error *e)
{
	static uint8_t buf[MESSAGE_MAX];
	ssize_t n = socket_receive(c->sock, buf, sizeof(buf), fd);

	*a = (struct answer){};
	if (n < 0)
		return error_set(e, ERROR_HOST, errno, "cannot hear criu");
	if (n > 0 && parse_answer(buf, (size_t)n, a) < 0)
		return error_set(e, ERROR_HOST, EPROTO, "cannot understand criu");
	return n > 0;
}

static int say(const struct criu *c, const struct strbuf *request, struct error *e)
{
	if (send(c->sock, request->s, request->len, MSG_NOSIGNAL) == (ssize_t)request->len)
		return 0;
	return error_set(e, ERROR_HOST, errno, "cannot talk to criu");
}

/* The line that explains the rest: the first one that is an error, but for the limit of descriptors, without which criu goes on. */
static void quote_log(const struct criu *c, char *ret, size_t size)
{
	auto_strbuf struct strbuf text = {};
	char *line = NULL, *save = NULL;

	ret[0] = '\0';
	if (read_file_at(c->work_fd >= 0 ? c->work_fd : c->image_fd, c->log_file, LOG_MAX, &text) < 0 || !text.s)
		return;
	for (line = strtok_r(text.s, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *error = strstr(line, "Error (");
		const char *words = error ? strstr(error, "): ") : NULL;
		if (!words || strstr(words, "RLIMIT_NOFILE"))
			continue;
		snprintf(ret, size, "%s", words + 3);
		return;
	}
}

static int failed(const struct criu *c, const struct answer *a, struct error *e)
{
	char quote[512];

	quote_log(c, quote, sizeof(quote));
	if (strstr(quote, strerror(EACCES)))
		error_hint(e, "in a user namespace criu opens images, bind sources and files of stdio as its root");
	return error_set(e, ERROR_HOST, a->err, "criu failed: %s (see '%s/%s')",
			 *quote ? quote : *a->message ? a->message : "without a reason", c->log_dir, c->log_file);
}

static int on_notify(struct criu *c, const struct answer *a, int *fd, struct error *e)
{
	struct criu_notice notice = {.script = a->script, .pid = a->pid, .fd = *fd};
	auto_strbuf struct strbuf reply = {};
	int ret = 0;

	log_write(LOG_DEBUG, "criu: %s", a->script);
	if (c->notify)
		ret = c->notify(c->ctx, &notice, e);
	*fd = notice.fd;
	if (ret < 0)
		return -1;
	wire_uint(&reply, 1, CRIU_NOTIFY);
	wire_uint(&reply, 3, true);
	return say(c, &reply, e);
}

static int converse(struct criu *c, enum criu_request request, struct error *e)
{
	for (;;) {
		auto_close int fd = -1;
		struct answer a;
		int r = hear(c, &a, &fd, e);

		if (r < 0)
			return -1;
		if (r == 0 || !a.success)
			return failed(c, &a, e);
		if (a.type == CRIU_NOTIFY) {
			if (on_notify(c, &a, &fd, e) < 0)
				return -1;
			continue;
		}
		return a.type == (uint64_t)request ? 0 : error_set(e, ERROR_HOST, EPROTO, "cannot understand criu");
	}
}

int criu_run(struct criu *c, enum criu_request request, const struct strbuf *options, struct error *e)
{
	auto_strbuf struct strbuf message = {};

	wire_uint(&message, 1, request);
	wire_bytes(&message, 2, strbuf_str(options), options->len);
	if (say(c, &message, e) < 0 || converse(c, request, e) < 0)
		return -1;
	/* After a pre-dump, which is complete, it waits for the next request, and complains on our stderr when there is none. */
	if (request == CRIU_PRE_DUMP)
		kill(c->pid, SIGKILL);
	macro_close(&c->sock);
	c->sock = -1;
	int status = reap(c);
	if (status == 0 || request == CRIU_PRE_DUMP)
		return 0;
	return error_set(e, ERROR_HOST, 0, "criu failed at its end (see '%s/%s')", c->log_dir, c->log_file);
}

int criu_require(struct criu *c, enum criu_feature feature, const char *option, struct error *e)
{
	auto_strbuf struct strbuf message = {}, features = {};
	auto_close int fd = -1;
	struct answer a;

	wire_uint(&features, feature, true);
	wire_uint(&message, 1, CRIU_FEATURE_CHECK);
	wire_bytes(&message, 5, features.s, features.len);
	if (criu_start(c, NULL, NULL, 0, e) < 0 || say(c, &message, e) < 0 || hear(c, &a, &fd, e) < 0)
		return -1;
	macro_close(&c->sock);
	c->sock = -1;
	reap(c);
	if (!a.success || !a.features[feature])
		return error_set(e, ERROR_HOST, 0, "option --%s: criu cannot do that on this kernel", option);
	return 0;
}
