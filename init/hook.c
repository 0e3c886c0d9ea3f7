/* SPDX-License-Identifier: Apache-2.0 */
/* createContainer and startContainer hooks: they run where only init is, between the clone and the execve. */
#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include "init/init.h"

#define HOOK_POINTERS 4096

struct hook_fds {
	int in, out[2];
};

/* `more`: stands alone in an empty list, at the end of another; NULL: nothing. */
static void hook_vector(struct init *i, uint32_t off, const char **to, const char *more, int always)
{
	const uint32_t *list = off ? init_list(i, off) : NULL;
	uint32_t n, count = list ? list[0] : 0;

	for (n = 0; n < count && n < HOOK_POINTERS - 2; n++)
		to[n] = init_str(i, list[n + 1]);
	if (more && (!n || always))
		to[n++] = more;
	to[n] = NULL;
}

static _Noreturn void hook_child(struct init *i, const struct plan_step *s, const struct hook_fds *fds)
{
	static const char *argv[HOOK_POINTERS], *envp[HOOK_POINTERS];
	const char *path = init_str(i, s->str);
	uint64_t none = 0;

	if (s->reg != REG_NONE && sys1(__NR_fchdir, i->reg[s->reg]) < 0)
		sys1(__NR_exit_group, 126);
	sys2(__NR_setpgid, 0, 0);
	sys3(__NR_dup3, fds->in, 0, 0);
	sys3(__NR_dup3, fds->out[1], 1, 0);
	sys3(__NR_dup3, fds->out[1], 2, 0);
	sys3(__NR_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
	hook_vector(i, s->list, argv, path, 0);
	/* A startContainer hook without an environment gets the payload's, HOME and all (as runc). */
	int inherits = s->list2 && s->list2 == i->exec_env;
	hook_vector(i, s->list2, envp, inherits && i->home[0] ? i->home : NULL, 1);
	sys4(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &none, NULL, sizeof(none));
	long ret = sys3(__NR_execve, path, argv, envp);
	sys1(__NR_exit_group, ret == -ENOENT ? 127 : 126);
	__builtin_unreachable();
}

/* The state is prefix, our pid as the container sees it, suffix: blob = u32 length of the prefix, text. In a file, so that a hook that
 * does not read its stdin neither stops us nor, as a broken pipe, ends us. */
static int hook_state(struct init *i, const struct plan_step *s)
{
	const char *blob = init_str(i, s->blob);
	uint32_t head;
	char pid[24];
	int fd = (int)sys2(__NR_memfd_create, "state", 1 /* MFD_CLOEXEC */);

	if (fd < 0)
		return fd;
	memcpy(&head, blob, sizeof(head));
	put_number(pid, (uint64_t)sys0(__NR_getpid));
	const struct {
		const char *text;
		size_t len;
	} parts[] = {{blob + 4, head}, {pid, strlen(pid)}, {blob + 4 + head, s->blob_len - 4 - head}};
	for (size_t n = 0; n < 3; n++) {
		long done = sys3(__NR_write, fd, parts[n].text, parts[n].len);
		if (done < 0 || (size_t)done != parts[n].len)
			return closed(fd, done < 0 ? (int)done : -EIO);
	}
	long ret = sys3(__NR_lseek, fd, 0, 0);
	return ret < 0 ? closed(fd, (int)ret) : fd;
}

static long long now_ms(void)
{
	struct __kernel_timespec ts;

	sys2(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Reads what the hook says until it is gone or out of time; the last bytes go into the record. */
static int hook_wait(struct init *i, const struct plan_step *s, long pid, int out)
{
	long long deadline = s->num[0] ? now_ms() + (long long)s->num[0] * 1000 : 0;
	long pidfd = sys2(__NR_pidfd_open, pid, 0);
	struct pollfd p[2] = {{.fd = (int)pidfd, .events = POLLIN}, {.fd = out, .events = POLLIN}};
	int status = 0, late = 0;
	char buf[PLAN_TEXT_MAX];

	if (pidfd < 0)
		return (int)pidfd;
	for (;;) {
		long long left = deadline ? deadline - now_ms() : 1000;
		struct __kernel_timespec ts = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
		if (deadline && left <= 0) {
			late = 1;
			break;
		}
		long n = sys5(__NR_ppoll, p, 2, deadline ? &ts : NULL, NULL, 8);
		if (n < 0 && n != -EINTR)
			break;
		if (n > 0 && p[1].revents) {
			long got = sys3(__NR_read, out, buf, sizeof(buf));
			if (got <= 0)
				p[1].fd = -1;
			else
				memcpy(i->record.text, buf, i->record.text_len = (uint32_t)got);
			continue;
		}
		if (n > 0 && p[0].revents)
			break;
	}
	if (late)
		sys2(__NR_kill, -pid, 9);
	sys4(__NR_wait4, pid, &status, 0, NULL);
	i->record.extra = late ? -1 : status;
	return closed((int)pidfd, late ? -ETIMEDOUT : status ? -ECHILD : 0);
}

int do_CONTAINER_HOOK(struct init *i, const struct plan_step *s)
{
	struct hook_fds fds;

	fds.in = hook_state(i, s);
	if (fds.in < 0)
		return fds.in;
	int ret = (int)sys2(__NR_pipe2, fds.out, O_CLOEXEC);
	if (ret < 0)
		return closed(fds.in, ret);
	long pid = sys5(__NR_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		hook_child(i, s, &fds);
	closed(fds.in, 0);
	closed(fds.out[1], 0);
	ret = pid < 0 ? (int)pid : hook_wait(i, s, pid, fds.out[0]);
	return closed(fds.out[0], ret);
}
