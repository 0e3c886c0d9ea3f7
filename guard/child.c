/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of our own that are run to their end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/sys.h"
#include "guard/internal.h"

int64_t guard_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int spawn(const char *path, char *const argv[], pid_t *pid, int *output, struct error *e)
{
	char *env[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int pipe[2];

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot make a pipe");
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, pipe[1], STDERR_FILENO);
	int err = posix_spawn(pid, path, &files, &attr, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	close(pipe[1]);
	if (err != 0) {
		close(pipe[0]);
		return error_set(e, ERROR_HOST, err, "cannot execute '%s'", path);
	}
	*output = pipe[0];
	return 0;
}

int guard_run(const char *path, char *const argv[], int wait_ms, struct error *e)
{
	char said[512] = "";
	int output, status = 0;
	size_t n = 0;
	pid_t pid;

	if (spawn(path, argv, &pid, &output, e) < 0)
		return -1;
	auto_close int pidfd = sys_pidfd_open(pid, 0);
	struct pollfd wait[] = {{.fd = pidfd, .events = POLLIN}, {.fd = output, .events = POLLIN}};
	int64_t deadline = guard_ms() + wait_ms;
	/* The end of the program, not of its output, is what is waited for: the output may have heirs. */
	while (!wait[0].revents && guard_ms() < deadline) {
		int64_t left = deadline - guard_ms();
		if (poll(wait, 2, (int)MAX(left, 0)) <= 0)
			continue;
		ssize_t got = wait[1].revents ? read(output, said + n, sizeof(said) - 1 - n) : 0;
		if (got > 0)
			n += (size_t)got;
		else if (wait[1].revents)
			wait[1].fd = -1;
	}
	close(output);
	if (!wait[0].revents)
		sys_pidfd_send_signal(pidfd, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	said[n] = '\0';
	said[strcspn(said, "\n")] = '\0';
	if (!wait[0].revents)
		return error_set(e, ERROR_HOST, ETIMEDOUT, "'%s' has not ended after %d ms", path, wait_ms);
	if (status == 0)
		return 0;
	if (n)
		return error_set(e, ERROR_HOST, 0, "%s", said);
	return error_set(e, ERROR_HOST, 0, "'%s' ended with status %#x", path, (unsigned)status);
}

int guard_find_program(struct arena *a, const char *name, const char *dir, char **ret, struct error *e)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[MAX(n, 0)] = '\0';
	const char *slash = strrchr(self, '/');
	*ret = arena_printf(a, "%.*s%s", slash ? (int)(slash + 1 - self) : 0, self, name);
	if (**ret == '/' && access(*ret, X_OK) == 0)
		return 0;
	*ret = arena_printf(a, "%s/%s", dir, name);
	if (access(*ret, X_OK) == 0)
		return 0;
	return error_set(e, ERROR_HOST, errno, "cannot find '%s'", *ret);
}
