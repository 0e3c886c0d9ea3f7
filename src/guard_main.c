/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge-guard. With --daemon it forks and ends when the child is ready, which is told by a byte on a pipe: the
 * caller waits for a process, not for a file. Errors go to stderr, which the one that guards gives up when it is ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/sys.h"
#include "guard/daemon.h"

#define READY_FD 3

static const char usage[] =
	"usage: kedge-guard [--daemon]\n"
	"\n"
	"Guards the host's containers against drift until it gets SIGTERM; see kedge-guard(8).\n"
	"   --daemon    in the background: ends when the guard is ready\n"
	"   --version   print the version\n";

static int fail(const struct error *e)
{
	char text[sizeof(e->msg) + 256];

	fprintf(stderr, "kedge-guard: %s\n", error_text(e, text, sizeof(text)));
	return EXIT_FAILURE;
}

/* systemd.service(5), Type=notify. */
static void notify_manager(void)
{
	const char *path = secure_getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;

	if (len == 0 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* A manager that does not listen will say so itself. */
	if (fd < 0 || sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&address,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return;
}

static int tell_ready(void)
{
	/* Who started it may have given up: others will look for it. */
	if ((write_all(READY_FD, "1", 1) < 0 && errno != EPIPE) || close(READY_FD) < 0)
		return -1;
	for (int fd = 0; fd < 3; fd++) {
		/* inherited: by the child that loads */
		auto_close int null = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (null < 0 || dup2(null, fd) < 0) /* inherited: stdio */
			return -1;
	}
	return 0;
}

static int guard(enum guard_daemon_start start)
{
	auto_with(guard_daemon_done) struct guard_daemon d = {};
	struct error e = {};
	int other = guard_daemon_open(&d, start, &e);

	if (other < 0)
		return fail(&e);
	if (other > 0 && start == GUARD_DAEMON_SERVICE) {
		error_set(&e, ERROR_STATE, 0, "another one guards this host");
		return fail(&e);
	}
	if (start == GUARD_DAEMON_DETACHED && tell_ready() < 0) {
		error_set(&e, ERROR_HOST, errno, "cannot tell that the guard is ready");
		return fail(&e);
	}
	if (other > 0)
		return EXIT_SUCCESS;
	if (start == GUARD_DAEMON_SERVICE)
		notify_manager();
	return guard_daemon_run(&d, &e) < 0 ? fail(&e) : EXIT_SUCCESS;
}

/* What a fork has of the program is what it touches: executing it anew would map as much of it as the C library's start does. */
static int detached(int ready)
{
	if (dup2(ready, READY_FD) < 0) /* inherited: by nobody, as close-on-exec is set at once */
		return EXIT_FAILURE;
	if (fcntl(READY_FD, F_SETFD, FD_CLOEXEC) < 0 || sys_close_range(READY_FD + 1, ~0U, 0) < 0 || clearenv() != 0)
		return EXIT_FAILURE;
	return guard(GUARD_DAEMON_DETACHED);
}

static int start_detached(void)
{
	struct error e = {};
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0) {
		error_set(&e, ERROR_HOST, errno, "cannot make a pipe");
		return fail(&e);
	}
	pid_t pid = fork();
	if (pid == 0)
		return detached(ready[1]);
	close(ready[1]);
	if (pid < 0) {
		error_set(&e, ERROR_HOST, errno, "cannot start the guard");
		return fail(&e);
	}
	/* No byte: it has said why. How long that may take is decided by who started us. */
	return read(ready[0], &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	guard_split();
	if (argc > 2 || sys_close_range(READY_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
		fputs(usage, stderr);
		return EXIT_FAILURE;
	}
	if (!*what)
		return guard(GUARD_DAEMON_SERVICE);
	if (strcmp(what, "--daemon") == 0)
		return start_detached();
	if (strcmp(what, "--version") == 0)
		return puts("kedge-guard version " PACKAGE_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	fputs(usage, strcmp(what, "--help") == 0 ? stdout : stderr);
	return strcmp(what, "--help") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
