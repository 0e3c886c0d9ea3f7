/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting kedge-guard where no unit did: one caller at a time. `kedge-guard --daemon` ends with 0 when its child guards; what
 * it says on stderr before is the reason why not.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/sys.h"
#include "guard/internal.h"

#define START_WAIT_MS 10000
#define PROGRAM "kedge-guard"

bool guard_alive(int dir)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	auto_close int fd = openat(dir, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Beside kedge, as in a build tree, or where it was installed. */
static int find_program(struct arena *a, char **ret, struct error *e)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[MAX(n, 0)] = '\0';
	*ret = arena_printf(a, "%.*s" PROGRAM, (int)((strrchr(self, '/') ?: self - 1) + 1 - self), self);
	if (**ret == '/' && access(*ret, X_OK) == 0)
		return 0;
	*ret = arena_strdup(a, SBINDIR "/" PROGRAM);
	if (access(*ret, X_OK) == 0)
		return 0;
	return error_set(e, ERROR_HOST, errno, "drift guard: cannot find '%s'", *ret);
}

static int spawn_program(const char *path, pid_t *pid, int *output, struct error *e)
{
	char *argv[] = {(char *)PROGRAM, (char *)"--daemon", NULL}, *env[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int pipe[2];
	sigset_t none, all;

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot make a pipe");
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, pipe[1], 2);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	int err = posix_spawn(pid, path, &files, &attr, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	close(pipe[1]);
	if (err != 0) {
		close(pipe[0]);
		return error_set(e, ERROR_HOST, err, "drift guard: cannot execute '%s'", path);
	}
	*output = pipe[0];
	return 0;
}

static int start_locked(const char *path, struct error *e)
{
	char said[512] = "";
	int output, status = 0;
	pid_t pid;
	size_t n = 0;

	if (spawn_program(path, &pid, &output, e) < 0)
		return -1;
	auto_close int pidfd = sys_pidfd_open(pid, 0);
	struct pollfd wait[] = {{.fd = pidfd, .events = POLLIN}, {.fd = output, .events = POLLIN}};
	/* The end of the program, not of its output, is what is waited for: the output may have heirs. */
	while (poll(wait, 2, START_WAIT_MS) > 0) {
		ssize_t got = wait[1].revents ? read(output, said + n, sizeof(said) - 1 - n) : 0;
		if (got > 0)
			n += (size_t)got;
		else
			wait[1].fd = -1;
		if (wait[0].revents)
			break;
	}
	close(output);
	if (!wait[0].revents)
		sys_pidfd_send_signal(pidfd, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	said[n] = '\0';
	said[strcspn(said, "\n")] = '\0';
	if (!wait[0].revents)
		return error_set(e, ERROR_HOST, 0, "drift guard: '%s' is not ready after %d s", path, START_WAIT_MS / 1000);
	if (status != 0)
		return error_set(e, ERROR_HOST, 0, "drift guard: '%s' did not start: %s", path, n ? said : "no reason given");
	return 0;
}

int guard_start(struct error *e)
{
	auto_arena struct arena a = {};
	struct stat st;
	char *path;

	if (find_program(&a, &path, e) < 0)
		return -1;
	if (mkdir(GUARD_DIR, 0700) < 0 && errno != EEXIST)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot make directory '%s'", GUARD_DIR);
	auto_close int dir = open(GUARD_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot open '%s'", GUARD_DIR);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return error_set(e, ERROR_HOST, 0, "drift guard: '%s' must be root's alone", GUARD_DIR);
	if ((mkdirat(dir, "armed", 0700) < 0 || mkdirat(dir, "drift", 0700) < 0) && errno != EEXIST)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot make the directories of '%s'", GUARD_DIR);
	/* The directory itself is the lock of starting; it ends with us. */
	while (flock(dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return error_set(e, ERROR_HOST, errno, "drift guard: cannot lock '%s'", GUARD_DIR);
	return guard_alive(dir) ? 0 : start_locked(path, e);
}
