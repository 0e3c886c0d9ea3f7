/* SPDX-License-Identifier: Apache-2.0 */
/* The listener reaches its agent with the state of the container, or the error says why not. */
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/sys.h"
#include "spec/json.h"
#include "tests/unit/seccomp_util.h"

static const char state[] = "{\n  \"ociVersion\": \"1.2.3\",\n  \"id\": \"web\",\n  \"status\": \"creating\",\n"
			    "  \"pid\": 7,\n  \"annotations\": {\"a\": \"\\u00e9\\n\"}\n}";
static char dir[] = "/tmp/kedge-notify-XXXXXX";
static char path[sizeof(dir) + 8];

static int agent(const char *name, bool abstract)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	memcpy(addr.sun_path, name, len);
	if (abstract)
		addr.sun_path[0] = '\0';
	if (bind(fd, (struct sockaddr *)&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + !abstract)) < 0 ||
	    listen(fd, 4) < 0)
		return -1;
	return fd;
}

/* Takes one connection: its whole text, and the descriptor of the first message. */
static int receive(int listener, struct strbuf *text)
{
	auto_close int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char buf[4096], control[256];
	int fd = -1;

	for (;;) {
		struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		if (n <= 0)
			return fd;
		if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		strbuf_add(text, buf, (size_t)n);
	}
}

static void test_payload(void)
{
	auto_arena struct arena arena = {};
	auto_close int listener = agent(path, false);
	auto_close int event = eventfd(0, EFD_CLOEXEC);
	auto_strbuf struct strbuf text = {};
	struct spec_seccomp profile = {.listener_path = path, .listener_metadata = (char[]){"a \"quoted\"\n\xc3\xa9"}};
	struct json *doc = NULL, *fds, *inner;
	struct error e = {};
	uint64_t value = 0;

	is_int(seccomp_send_listener(&profile, event, 4711, state, &e), 0, "sent");
	auto_close int got = receive(listener, &text);
	ok(got >= 0 && write(got, &(uint64_t){42}, 8) == 8 && read(event, &value, 8) == 8 && value == 42,
	   "the descriptor is the one given");
	is_int(json_parse(&arena, "payload", strbuf_str(&text), text.len, &doc, &e), 0, "one JSON document");
	if (e.kind)
		diag("%s", e.msg);
	is_str(json_str(doc, "ociVersion", ""), "1.2.3", "ociVersion");
	fds = json_get(doc, "fds");
	ok(fds && fds->n == 1 && strcmp(fds->child->text, "seccompFd") == 0, "fds");
	is_int(json_int(doc, "pid", 0), 4711, "pid");
	is_str(json_str(doc, "metadata", ""), profile.listener_metadata, "metadata");
	inner = json_get(doc, "state");
	is_str(json_str(inner, "id", ""), "web", "state.id");
	is_int(json_int(inner, "pid", 0), 7, "state.pid");
	is_str(json_str(json_get(inner, "annotations"), "a", ""), "\xc3\xa9\n", "state.annotations");

	strbuf_clear(&text);
	profile.listener_metadata = NULL;
	is_int(seccomp_send_listener(&profile, event, 1, state, &e), 0, "sent without metadata");
	auto_close int again = receive(listener, &text);
	ok(again >= 0 && !strstr(strbuf_str(&text), "metadata"), "no metadata, no property");
}

static void test_abstract(void)
{
	auto_strbuf struct strbuf text = {};
	char name[64];
	struct spec_seccomp profile = {.listener_path = name};
	struct error e = {};

	snprintf(name, sizeof(name), "@kedge-notify-%d", getpid());
	auto_close int listener = agent(name, true);
	is_int(seccomp_send_listener(&profile, 0, 1, state, &e), 0, "an abstract socket");
	auto_close int got = receive(listener, &text);
	ok(got >= 0 && text.len > 0, "arrives");
}

/* More than a socket holds: the rest follows, the descriptor only once. */
static void test_large(void)
{
	auto_close int listener = agent((snprintf(path + sizeof(dir) - 1, 9, "/large"), path), false);
	auto_strbuf struct strbuf big = {}, text = {};
	struct spec_seccomp profile = {.listener_path = path};
	struct error e = {};
	int status = 1;

	strbuf_adds(&big, "{\"ociVersion\":\"1.2.3\",\"annotations\":{");
	for (int i = 0; i < 100; i++)
		strbuf_addf(&big, "%s\"k%d\":\"%*d\"", i ? "," : "", i, 20000, 1);
	strbuf_adds(&big, "}}");
	fflush(stdout);
	if (fork() == 0)
		_exit(seccomp_send_listener(&profile, 0, 1, strbuf_str(&big), &e) == 0 ? 0 : 2);
	auto_close int got = receive(listener, &text);
	wait(&status);
	ok(status == 0 && got >= 0 && text.len > big.len, "%zu bytes", text.len);
}

static void refuses(char *where, const char *text, enum error_kind kind, int sys, const char *what)
{
	struct spec_seccomp profile = {.listener_path = where};
	struct error e = {};

	int r = seccomp_send_listener(&profile, 0, 1, text, &e);
	if (!ok(r == -1 && e.kind == kind && e.sys == sys, "%s", what))
		diag("%d, kind %d, errno %d: %s", r, e.kind, e.sys, e.msg);
	if (sys)
		ok(strstr(e.msg, "failed to connect with seccomp agent") != NULL, "says so: %s", e.msg);
}

static void test_refusals(void)
{
	char large[120];

	memset(large, 'x', sizeof(large));
	large[0] = '/';
	large[sizeof(large) - 1] = '\0';
	refuses((char[]){"/nowhere/agent.sock"}, state, ERROR_HOST, ENOENT, "no such socket");
	refuses((char[]){"@kedge-nobody"}, state, ERROR_HOST, ECONNREFUSED, "no such abstract socket");
	refuses(large, state, ERROR_CONFIG, ENAMETOOLONG, "a path that no socket can have");
	refuses(NULL, state, ERROR_CONFIG, 0, "no path");
	refuses((char[]){""}, state, ERROR_CONFIG, 0, "an empty path");
	refuses(path, "{", ERROR_CONFIG, 0, "a state that is no JSON");
}

/* A process under a filter that hands mkdirat to an agent: what the agent answers is what mkdirat says. */
static int confined(const struct seccomp_program *p, const struct spec_seccomp *profile)
{
	struct sock_fprog prog = {.len = (unsigned short)p->n, .filter = p->insns};
	struct error e = {};
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 1;
	fd = sys_seccomp(SECCOMP_SET_MODE_FILTER, p->flags, &prog);
	if (fd < 0)
		return 2;
	if (seccomp_send_listener(profile, fd, getpid(), state, &e) < 0)
		return 3;
	close(fd);
	return mkdirat(AT_FDCWD, "/nowhere/x", 0700) < 0 && errno == ENOMEDIUM ? 42 : 4;
}

static void test_kernel(void)
{
	auto_arena struct arena arena = {};
	auto_strbuf struct strbuf text = {};
	struct spec_seccomp profile = {
		.default_action = SECCOMP_RET_ALLOW,
		.listener_path = path,
		.flags_set = true,
		.flags = SECCOMP_FILTER_FLAG_TSYNC | 1U << 5,
		RULES({.names = STRINGS("mkdirat"), .action = SECCOMP_RET_USER_NOTIF}),
	};
	struct seccomp_notif request = {};
	struct seccomp_notif_resp response = {.error = -ENOMEDIUM};
	struct seccomp_program p = compile(&profile, &arena, "mkdirat for an agent");
	int status = 0;
	pid_t pid;

	snprintf(path + sizeof(dir) - 1, 9, "/kernel");
	auto_close int listener = agent(path, false);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(confined(&p, &profile));
	auto_close int fd = receive(listener, &text);
	ok(fd >= 0 && ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &request) == 0, "the agent is asked");
	ok(request.data.nr == SYS_mkdirat && (pid_t)request.pid == pid, "for mkdirat, by the child");
	response.id = request.id;
	is_int(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &response), 0, "the agent answers");
	waitpid(pid, &status, 0);
	is_int(WEXITSTATUS(status), 42, "the child got the answer");
}

int main(void)
{
	static const char *const names[] = {"/agent", "/large", "/kernel"};

	alarm(120); /* a lost message must not hang the suite */
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/agent", dir);
	test_payload();
	test_abstract();
	test_large();
	test_refusals();
	test_kernel();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
	return done();
}
