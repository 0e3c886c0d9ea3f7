/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hook is started by posix_spawn (one vfork-like clone, nothing of ours is copied) with pipes on its three standard
 * descriptors. One poll loop writes the state, collects the tails of what it says for the message, and waits on its
 * pidfd. A hook that leaves a background process holding the pipes does not hold us: after its exit only what has
 * arrived is read.
 *
 * Pipes, not sockets: a script may open /dev/stdin, which a socket refuses.
 */
#include "libcontainer/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "base/sys.h"

#define HOOK_TAIL 512

struct tail {
	int fd;
	size_t len;
	char text[HOOK_TAIL + 1];
};

struct running_hook {
	pid_t pid;
	int pidfd;
	int in; /* our end of its stdin */
	const char *unsent;
	size_t n_unsent;
	struct tail out, err;
};

static void running_hook_done(struct running_hook *h)
{
	macro_close(&h->pidfd);
	macro_close(&h->in);
	macro_close(&h->out.fd);
	macro_close(&h->err.fd);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void close_quietly(int *fd)
{
	macro_close(fd);
	*fd = -1;
}

/* argv and envp end with NULL; an absent args is the path alone, as for a shell. */
static char **vector(struct arena *a, const struct spec_strings *strings, char *otherwise)
{
	char **v = arena_array(a, strings->n + 2, sizeof(*v));

	for (size_t i = 0; i < strings->n; i++)
		v[i] = strings->v[i];
	if (strings->n == 0)
		v[0] = otherwise;
	return v;
}

/* ends[i] becomes the hook's descriptor i. Returns an errno. */
static int spawn_with(const struct spec_hook *hook, const int ends[3], pid_t *ret)
{
	auto_arena struct arena a = {};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return r;
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return r;
	}
	for (int i = 0; i < 3 && r == 0; i++)
		r = posix_spawn_file_actions_adddup2(&actions, ends[i], i);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	if (r == 0)
		r = posix_spawn(ret, hook->path, &actions, &attr, vector(&a, &hook->args, hook->path),
				vector(&a, &hook->env, NULL));
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int pipe_pair(int *reader, int *writer, int *ours)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*reader = ends[0];
	*writer = ends[1];
	return fcntl(*ours, F_SETFL, O_NONBLOCK);
}

static int hook_start(const struct spec_hook *hook, const char *state_json, struct running_hook *h, struct error *e)
{
	auto_close int in = -1;
	auto_close int out = -1;
	auto_close int err = -1;

	h->unsent = state_json;
	h->n_unsent = strlen(state_json);
	if (pipe_pair(&in, &h->in, &h->in) < 0 || pipe_pair(&h->out.fd, &out, &h->out.fd) < 0 ||
	    pipe_pair(&h->err.fd, &err, &h->err.fd) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot make its pipes");
	int r = spawn_with(hook, (int[]){in, out, err}, &h->pid);
	if (r != 0)
		return error_set(e, ERROR_HOST, r, "cannot execute '%s'", hook->path);
	h->pidfd = sys_pidfd_open(h->pid, 0);
	if (h->pidfd < 0) {
		int saved = errno;
		kill(-h->pid, SIGKILL);
		waitpid(h->pid, NULL, 0);
		return error_set(e, ERROR_HOST, saved, "cannot watch '%s'", hook->path);
	}
	return 0;
}

static void hook_feed(struct running_hook *h)
{
	ssize_t n = h->n_unsent > 0 ? write(h->in, h->unsent, h->n_unsent) : 0;

	if (n > 0) {
		h->unsent += n;
		h->n_unsent -= (size_t)n;
	}
	/* A hook need not read what it is told: EPIPE is no failure. */
	if (h->n_unsent == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_quietly(&h->in);
}

/* Keeps the last HOOK_TAIL bytes: the reason stands at the end. */
static void tail_read(struct tail *t)
{
	char buf[4096];

	for (;;) {
		ssize_t n = read(t->fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close_quietly(&t->fd);
			return;
		}
		size_t fresh = MIN((size_t)n, (size_t)HOOK_TAIL);
		size_t kept = MIN(t->len, HOOK_TAIL - fresh);
		memmove(t->text, t->text + t->len - kept, kept);
		memcpy(t->text + kept, buf + (size_t)n - fresh, fresh);
		t->len = kept + fresh;
	}
}

/* One line, whatever the hook wrote. */
static const char *tail_text(struct tail *t)
{
	while (t->len > 0 && (t->text[t->len - 1] == '\n' || t->text[t->len - 1] == ' '))
		t->len--;
	t->text[t->len] = '\0';
	for (size_t i = 0; i < t->len; i++)
		if ((unsigned char)t->text[i] < 0x20 || t->text[i] == 0x7f)
			t->text[i] = ' ';
	return t->text;
}

static int poll_timeout(int64_t deadline)
{
	if (deadline < 0)
		return -1;
	int64_t left = deadline - now_ms();
	return (int)MAX(0, MIN(left, (int64_t)INT_MAX));
}

/* 0: the hook has ended. 1: the deadline passed. */
static int hook_serve(struct running_hook *h, int64_t deadline)
{
	for (;;) {
		struct pollfd p[] = {
			{.fd = h->pidfd, .events = POLLIN},
			{.fd = h->in, .events = POLLOUT},
			{.fd = h->out.fd, .events = POLLIN},
			{.fd = h->err.fd, .events = POLLIN},
		};
		int n = poll(p, ARRAY_SIZE(p), poll_timeout(deadline));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return 1;
		if (n <= 0 && deadline >= 0 && now_ms() >= deadline)
			return 1;
		if (n <= 0)
			continue;
		if (p[1].revents)
			hook_feed(h);
		if (p[2].revents)
			tail_read(&h->out);
		if (p[3].revents)
			tail_read(&h->err);
		if (p[0].revents)
			return 0;
	}
}

static int hook_reap(const struct running_hook *h, siginfo_t *info)
{
	int r;

	do
		r = waitid(P_PID, (id_t)h->pid, info, WEXITED);
	while (r < 0 && errno == EINTR);
	return r;
}

/* The Go runtime's words for the end of a process: they are what people search for. */
static int hook_verdict(const struct spec_hook *hook, struct running_hook *h, const siginfo_t *info, struct error *e)
{
	auto_strbuf struct strbuf why = {};

	if (info->si_code == CLD_EXITED && info->si_status == 0)
		return 0;
	if (h->out.fd >= 0)
		tail_read(&h->out);
	if (h->err.fd >= 0)
		tail_read(&h->err);
	if (info->si_code == CLD_EXITED)
		strbuf_addf(&why, "exit status %d", info->si_status);
	else
		strbuf_addf(&why, "signal: %s", strsignal(info->si_status));
	return error_set(e, ERROR_HOST, 0, "'%s': %s, stdout: %s, stderr: %s", hook->path, why.s, tail_text(&h->out),
			 tail_text(&h->err));
}

static int hook_run(const struct spec_hook *hook, const char *state_json, struct error *e)
{
	auto_with(running_hook_done) struct running_hook h = {
		.pidfd = -1, .in = -1, .out.fd = -1, .err.fd = -1};
	int64_t deadline = hook->timeout.set ? now_ms() + (int64_t)hook->timeout.v * 1000 : -1;
	siginfo_t info = {};

	if (hook_start(hook, state_json, &h, e) < 0)
		return -1;
	int late = hook_serve(&h, deadline);
	/* Its number, and so its group's, stays taken until it is reaped. */
	if (late)
		kill(-h.pid, SIGKILL);
	if (hook_reap(&h, &info) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot wait for '%s'", hook->path);
	if (late)
		return error_set(e, ERROR_HOST, 0, "'%s': hook ran past specified timeout of %d.0s", hook->path,
				 (int)hook->timeout.v);
	return hook_verdict(hook, &h, &info, e);
}

/* An engine may start us with SIGCHLD ignored (nothing could be waited for) and SIGPIPE deadly. */
struct dispositions {
	struct sigaction pipe, chld;
};

static void dispositions_restore(const struct dispositions *d)
{
	sigaction(SIGPIPE, &d->pipe, NULL);
	sigaction(SIGCHLD, &d->chld, NULL);
}

static int dispositions_set(struct dispositions *d)
{
	if (sigaction(SIGPIPE, NULL, &d->pipe) < 0 || sigaction(SIGCHLD, NULL, &d->chld) < 0)
		return -1;
	if (sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) < 0)
		return -1;
	if (sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL) == 0)
		return 0;
	int saved = errno;
	sigaction(SIGPIPE, &d->pipe, NULL);
	errno = saved;
	return -1;
}

static int hook_run_nth(const struct spec *spec, enum spec_hook_kind kind, size_t i, const char *state_json,
			struct error *e)
{
	struct dispositions saved;
	int r;

	if (dispositions_set(&saved) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot set signal dispositions");
	r = hook_run(&spec->hooks[kind].v[i], state_json, e);
	dispositions_restore(&saved);
	if (r < 0)
		error_in(e, "error running %s hook #%zu", value_to_name(names_hooks, kind), i);
	return r;
}

int hooks_run(const struct spec *spec, enum spec_hook_kind kind, const char *state_json, struct error *e)
{
	for (size_t i = 0; i < spec->hooks[kind].n; i++)
		if (hook_run_nth(spec, kind, i, state_json, e) < 0)
			return -1;
	return 0;
}

void hooks_run_poststop(const struct spec *spec, const char *state_json)
{
	for (size_t i = 0; i < spec->hooks[HOOK_POSTSTOP].n; i++) {
		struct error e = {};
		char text[sizeof(e.msg) + 256];

		if (hook_run_nth(spec, HOOK_POSTSTOP, i, state_json, &e) < 0)
			log_write(LOG_WARNING, "%s, ignoring", error_text(&e, text, sizeof(text)));
	}
}
