/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One poll loop over a signalfd, the process's pidfd, our terminal and the container's pty. All signals are blocked from
 * foreground_prepare() on, so nothing can interrupt us between raw mode and its restoration, except SIGKILL.
 *
 * Two rings of fixed size: when a reader is slow the writer waits, however much it has to say.
 *
 * Our standard descriptors are shared with whoever started us, so O_NONBLOCK must not be set on them. Terminals and
 * pipes are opened anew instead; what cannot be (sockets, files) is written in pieces that poll says will fit.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/sys.h"
#include "libcontainer/terminal.h"

#define RING_SIZE 16384
#define DRAIN_QUIET_MS 100
#define DRAIN_BYTES_MAX (1UL << 20)

struct ring {
	size_t head, len;
	char buf[RING_SIZE];
};

struct console {
	int master;      /* -1: none, or nobody holds the other side any more */
	int in, out;     /* -1: ended */
	int own_in, own_out, own_tty; /* opened by us, to be closed */
	int tty;         /* whose size and mode we manage, or -1 */
	bool raw;
	struct termios saved;
	struct ring to_pty, from_pty;
};
#define CONSOLE_NONE                                                                               \
	{.master = -1, .in = -1, .out = -1, .own_in = -1, .own_out = -1, .own_tty = -1, .tty = -1}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Bytes read; 0: nothing now; -1: the end. */
static ssize_t ring_fill(struct ring *r, int fd)
{
	size_t tail = (r->head + r->len) % RING_SIZE;
	ssize_t n = read(fd, r->buf + tail, MIN(RING_SIZE - r->len, RING_SIZE - tail));

	if (n <= 0)
		return n < 0 && would_block() ? 0 : -1;
	r->len += (size_t)n;
	return n;
}

static int ring_empty_into(struct ring *r, int fd)
{
	size_t n = MIN(MIN(r->len, RING_SIZE - r->head), (size_t)PIPE_BUF);
	ssize_t done = write(fd, r->buf + r->head, n);

	if (done < 0)
		return would_block() ? 0 : -1;
	r->head = (r->head + (size_t)done) % RING_SIZE;
	r->len -= (size_t)done;
	return 0;
}

static int reopen_nonblocking(int fd, int flags)
{
	char path[32];
	struct stat st;

	if (fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd))))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int find_tty(struct console *c)
{
	static const int standard[] = {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO};

	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		if (isatty(standard[i]))
			return standard[i];
	c->own_tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	return c->own_tty;
}

/* The pty has ONLCR cleared by its creator, so ours goes on making new lines (OPOST). A terminal whose foreground belongs to
 * others is not touched. */
static int tty_raw(struct console *c, struct error *e)
{
	struct termios raw;

	if (c->tty < 0 || tcgetpgrp(c->tty) != getpgrp())
		return 0;
	if (tcgetattr(c->tty, &c->saved) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read the terminal's mode");
	raw = c->saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST;
	if (tcsetattr(c->tty, TCSANOW, &raw) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot set the terminal to raw mode");
	c->raw = true;
	return 0;
}

/* Failing to resize is no reason to end: our terminal may be gone by now. */
static void tty_resize(const struct console *c)
{
	struct winsize size;

	if (c->tty >= 0 && c->master >= 0 && ioctl(c->tty, TIOCGWINSZ, &size) == 0)
		ioctl(c->master, TIOCSWINSZ, &size);
}

/* The program may ask for the size at once, and the wait that keeps it up to date begins after the program. */
void foreground_size(struct spec_process *process)
{
	struct winsize size;

	for (int fd = 0; process->terminal && fd <= 2; fd++)
		if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
			process->console_size.set = true;
			process->console_size.height = size.ws_row;
			process->console_size.width = size.ws_col;
			return;
		}
}

static int console_open(struct console *c, int master, struct error *e)
{
	if (fcntl(master, F_SETFL, O_NONBLOCK) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot use the container's terminal");
	c->master = master;
	c->own_in = reopen_nonblocking(STDIN_FILENO, O_RDONLY);
	c->own_out = reopen_nonblocking(STDOUT_FILENO, O_WRONLY);
	c->in = c->own_in >= 0 ? c->own_in : STDIN_FILENO;
	c->out = c->own_out >= 0 ? c->own_out : STDOUT_FILENO;
	c->tty = find_tty(c);
	tty_resize(c);
	return tty_raw(c, e);
}

static void console_done(struct console *c)
{
	if (c->raw)
		tcsetattr(c->tty, TCSANOW, &c->saved);
	macro_close(&c->own_in);
	macro_close(&c->own_out);
	macro_close(&c->own_tty);
}

enum { WATCH_IN, WATCH_MASTER, WATCH_OUT, WATCH_MAX };

static void console_watch(const struct console *c, struct pollfd p[WATCH_MAX])
{
	short master = 0;

	if (c->from_pty.len < RING_SIZE)
		master |= POLLIN;
	if (c->to_pty.len > 0)
		master |= POLLOUT;
	p[WATCH_IN] = (struct pollfd){.fd = c->to_pty.len < RING_SIZE ? c->in : -1, .events = POLLIN};
	/* poll reports a hang-up even when nothing is asked for: not while there is no room for what it may bring. */
	p[WATCH_MASTER] = (struct pollfd){.fd = master ? c->master : -1, .events = master};
	p[WATCH_OUT] = (struct pollfd){.fd = c->from_pty.len > 0 ? c->out : -1, .events = POLLOUT};
}

/* Returns the bytes that came from the container. */
static size_t console_move(struct console *c, const struct pollfd p[WATCH_MAX])
{
	ssize_t got = 0;

	if (p[WATCH_IN].revents && ring_fill(&c->to_pty, c->in) < 0)
		c->in = -1;
	if ((p[WATCH_MASTER].revents & POLLOUT) && c->to_pty.len > 0 && ring_empty_into(&c->to_pty, c->master) < 0)
		c->to_pty.len = 0;
	if ((p[WATCH_MASTER].revents & (POLLIN | POLLHUP | POLLERR)) && c->from_pty.len < RING_SIZE) {
		got = ring_fill(&c->from_pty, c->master);
		if (got < 0)
			c->master = -1;
	}
	if (p[WATCH_OUT].revents && c->from_pty.len > 0 && ring_empty_into(&c->from_pty, c->out) < 0)
		c->out = -1;
	/* Nobody listens: the container still must not be held up. */
	if (c->out < 0)
		c->from_pty.len = 0;
	return got > 0 ? (size_t)got : 0;
}

static bool ends_us(uint32_t sig)
{
	return sig == SIGTERM || sig == SIGINT || sig == SIGHUP || sig == SIGQUIT;
}

/* The process is gone, what it wrote last may not be through yet. The end comes as EIO when nobody holds the pty; a process
 * that outlived it (shared pid namespace) may hold it, so a quiet moment ends it too. */
static void console_drain(struct console *c, int sigfd)
{
	size_t total = 0;

	c->in = -1;
	c->to_pty.len = 0;
	while ((c->master >= 0 && total < DRAIN_BYTES_MAX) || c->from_pty.len > 0) {
		struct signalfd_siginfo info;
		struct pollfd p[WATCH_MAX + 1] = {};

		console_watch(c, p);
		if (total >= DRAIN_BYTES_MAX)
			p[WATCH_MASTER].fd = -1;
		p[WATCH_MAX] = (struct pollfd){.fd = sigfd, .events = POLLIN};
		int n = poll(p, WATCH_MAX + 1, c->from_pty.len > 0 ? -1 : DRAIN_QUIET_MS);
		if (n == 0 || (n < 0 && !would_block()))
			return;
		if (n < 0)
			continue;
		total += console_move(c, p);
		while (p[WATCH_MAX].revents && read(sigfd, &info, sizeof(info)) == sizeof(info))
			if (ends_us(info.ssi_signo))
				return;
	}
}

/* Reaps whatever has ended, orphans of the container included. 1: our process was among them. */
static int reap(pid_t pid, int *exit_status)
{
	int found = 0;

	for (;;) {
		siginfo_t info = {};

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0) {
			if (errno == EINTR)
				continue;
			return found;
		}
		if (info.si_pid == 0)
			return found;
		if (info.si_pid == pid) {
			*exit_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
			found = 1;
		}
	}
}

static void forward(const struct console *c, int sigfd, int pidfd)
{
	struct signalfd_siginfo info;

	while (read(sigfd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
		case SIGURG:
			break;
		case SIGWINCH:
			tty_resize(c);
			break;
		case SIGPIPE:
			/* Of our own writing to a reader that is gone. */
			if (info.ssi_pid == (uint32_t)getpid())
				break;
			/* fallthrough */
		default:
			/* It may have ended this very moment; then its end is what counts. */
			sys_pidfd_send_signal(pidfd, (int)info.ssi_signo);
		}
	}
}

int foreground_prepare(struct error *e)
{
	sigset_t all;

	/* An engine may start us with SIGCHLD ignored: then the kernel would reap, and the status be lost. */
	sigfillset(&all);
	if (sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL) < 0 ||
	    sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot block signals");
	return 0;
}

/* Who traces a process sees its end first, and SIGCHLD comes when he has seen it. */
static bool held_by_tracer(int pidfd)
{
	siginfo_t info = {};

	return waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static int wait_loop(struct console *c, int sigfd, pid_t pid, int pidfd, int *exit_status, struct error *e)
{
	enum { SIGNALS = WATCH_MAX, PROCESS, ALL };
	int watched = pidfd;

	for (;;) {
		struct pollfd p[ALL] = {};

		console_watch(c, p);
		p[SIGNALS] = (struct pollfd){.fd = sigfd, .events = POLLIN};
		p[PROCESS] = (struct pollfd){.fd = watched, .events = POLLIN};
		if (poll(p, ALL, -1) < 0) {
			if (would_block())
				continue;
			return error_set(e, ERROR_HOST, errno, "cannot wait for process %d", (int)pid);
		}
		if (p[SIGNALS].revents)
			forward(c, sigfd, pidfd);
		console_move(c, p);
		if (!p[SIGNALS].revents && !p[PROCESS].revents)
			continue;
		if (reap(pid, exit_status))
			return 0;
		if (p[PROCESS].revents && held_by_tracer(pidfd))
			watched = -1;
		else if (p[PROCESS].revents)
			return error_set(e, ERROR_BUG, ECHILD, "cannot wait for process %d", (int)pid);
	}
}

int foreground_wait(pid_t pid, int pidfd, int master, int *exit_status, struct error *e)
{
	auto_with(console_done) struct console c = CONSOLE_NONE;
	sigset_t all;

	sigfillset(&all);
	auto_close int sigfd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sigfd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot receive signals");
	if (master >= 0 && console_open(&c, master, e) < 0)
		return -1;
	if (wait_loop(&c, sigfd, pid, pidfd, exit_status, e) < 0)
		return -1;
	console_drain(&c, sigfd);
	return 0;
}
