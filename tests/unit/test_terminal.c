/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/terminal.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include "base/sys.h"
#include "tests/unit/fixture.h"

/* --- sockets */

static int receive_fd(int sock, char *text, size_t size)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = {text, size - 1};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	int fd = -1;

	if (n < 0)
		return -1;
	text[n] = '\0';
	const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static int listen_at(const char *dir, const char *name, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int sock = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dirfd, name);
	if (bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 || (type == SOCK_STREAM && listen(sock, 4) < 0))
		return -1;
	return TAKE_FD(sock);
}

static void send_and_receive(const char *dir, const char *what)
{
	char path[512], text[64] = "";
	struct error e = {};
	struct stat here, there;

	snprintf(path, sizeof(path), "%s/s", dir);
	auto_close int listener = listen_at(dir, "s", SOCK_STREAM);
	auto_close int sock = unix_connect(path, &e);
	if (!ok(sock >= 0, "%s: connects", what)) {
		diag("%s", e.msg);
		return;
	}
	is_int(fcntl(sock, F_GETFD), FD_CLOEXEC, "%s: close-on-exec", what);
	auto_close int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	is_int(socket_send_fd(sock, null, "/dev/pts/7", &e), 0, "%s: sends", what);
	auto_close int got = receive_fd(peer, text, sizeof(text));
	is_str(text, "/dev/pts/7", "%s: the payload", what);
	ok(fstat(null, &here) == 0 && fstat(got, &there) == 0 && here.st_rdev == there.st_rdev, "%s: the descriptor", what);
}

static void test_sockets(void)
{
	char deep[256];
	struct error e = {};
	int pair[2];

	send_and_receive(fixture_dir, "short path");
	snprintf(deep, sizeof(deep), "%s/", fixture_dir);
	memset(deep + strlen(deep), 'd', 150);
	mkdir(deep, 0700);
	send_and_receive(deep, "long path");
	is_int(unix_connect(fixture_path("nobody"), &e), -1, "nobody there");
	ok(strstr(e.msg, "nobody") && e.sys == ENOENT, "is named");
	is_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0, "makes a pair");
	close(pair[1]);
	is_int(socket_send_fd(pair[0], 0, "x", &(struct error){}), -1, "a receiver that is gone is an error, no signal");
	close(pair[0]);
}

/* --- pid file */

static const char *slurp(const char *path)
{
	static char text[64];
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_pid_file(void)
{
	struct error e = {};
	const char *path = fixture_path("pid");

	is_int(pid_file_write(path, 1234, &e), 0, "writes");
	is_str(slurp(path), "1234", "digits alone");
	is_int(pid_file_write(path, 5, &e), 0, "writes over it");
	is_str(slurp(path), "5", "wholly");
	ok(!exists(fixture_path(".pid")), "with nothing beside it");
	is_int(chdir(fixture_dir), 0, "enters");
	is_int(pid_file_write("relative", 8, &e), 0, "writes a relative one");
	is_str(slurp(fixture_path("relative")), "8", "there");
	is_int(pid_file_write(fixture_path("none/pid"), 1, &e), -1, "needs the directory");
	ok(strstr(e.msg, "none/pid") && e.sys == ENOENT, "and names the file");
	mkdir(fixture_path("taken"), 0700);
	is_int(pid_file_write(fixture_path("taken"), 1, &(struct error){}), -1, "cannot replace a directory");
	ok(!exists(fixture_path(".taken")), "and leaves nothing");
}

/* --- the foreground. A "runtime" is forked that starts a "payload" and exits with foreground_wait()'s status. */

struct scene {
	int (*payload)(void);
	int master, slave; /* -1: none */
	int before_wait;   /* a signal that comes between prepare and wait, or 0 */
};

static int go[2]; /* the payload tells when it is ready */

static void ready(void)
{
	if (write(go[1], "r", 1) != 1)
		_exit(99);
}

static void await_ready(void)
{
	char c;

	if (read(go[0], &c, 1) != 1)
		fail("the payload is ready");
}

static void start_payload(const struct scene *s)
{
	sigset_t none;

	sigemptyset(&none);
	setsid();
	if (s->slave >= 0) {
		ioctl(s->slave, TIOCSCTTY, 0);
		for (int i = 0; i < 3; i++)
			dup2(s->slave, i);
		close(s->slave);
		close(s->master);
	}
	sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(s->payload());
}

static void runtime_main(const struct scene *s)
{
	struct error e = {};
	int status = 99;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (foreground_prepare(&e) < 0)
		_exit(98);
	pid_t pid = fork();
	if (pid == 0)
		start_payload(s);
	int pidfd = sys_pidfd_open(pid, 0);
	if (s->slave >= 0)
		close(s->slave);
	if (s->before_wait)
		kill(getpid(), s->before_wait);
	if (foreground_wait(pid, pidfd, s->master, &status, &e) < 0) {
		diag("%s", e.msg);
		_exit(97);
	}
	/* Whatever orphan the payload left was reaped or lives. */
	_exit(status);
}

static pid_t start_runtime(const struct scene *s)
{
	pid_t pid = fork();

	if (pid == 0)
		runtime_main(s);
	return pid;
}

static int payload_exit(void) { return 7; }
static int payload_killed(void) { return kill(getpid(), SIGKILL); }

static volatile sig_atomic_t caught;
static void on_signal(int sig) { caught = sig; }

static int payload_catches(void)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (sig != SIGCHLD)
			sigaction(sig, &(struct sigaction){.sa_handler = on_signal}, NULL);
	ready();
	sigsuspend(&none);
	return caught;
}

static int payload_orphan(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			if (fork() == 0)
				_exit(3);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	usleep(50000);
	/* Our parent reaps them: it has no child but us. */
	char path[64], text[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", getppid(), getppid());
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return 2;
	return atoi(text) == getpid() && strchr(text, ' ') == text + strlen(text) - 1 ? 0 : 1;
}

static void test_foreground(void)
{
	static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGCONT, SIGTSTP, SIGALRM, SIGABRT};
	struct scene s = {.master = -1, .slave = -1, .payload = payload_exit};

	is_int(reap_status(start_runtime(&s)), 7, "exit status");
	s.payload = payload_killed;
	is_int(reap_status(start_runtime(&s)), 137, "128 + signal");
	s.payload = payload_catches;
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++) {
		pid_t pid = start_runtime(&s);
		await_ready();
		kill(pid, SIGWINCH);
		kill(pid, SIGURG);
		kill(pid, forwarded[i]);
		is_int(reap_status(pid), forwarded[i], "forwards signal %d, but not WINCH and URG", forwarded[i]);
	}
	pid_t pid = start_runtime(&s);
	await_ready();
	kill(pid, SIGRTMIN + 3);
	is_int(reap_status(pid), SIGRTMIN + 3, "forwards a realtime signal");
	pid = start_runtime(&s);
	await_ready();
	kill(pid, SIGPIPE);
	is_int(reap_status(pid), SIGPIPE, "forwards SIGPIPE of others");
	s.before_wait = SIGUSR2;
	pid = start_runtime(&s);
	/* If it came before the handler was there the payload is dead by it, which is delivery too. */
	int status = reap_status(pid);
	ok(status == SIGUSR2 || status == 128 + SIGUSR2, "a signal before the wait is not lost");
	s.before_wait = 0;
	if (status == SIGUSR2)
		await_ready();
	s.payload = payload_orphan;
	is_int(reap_status(start_runtime(&s)), 0, "reaps orphans while it waits");
	signal(SIGCHLD, SIG_IGN);
	s.payload = payload_exit;
	pid = start_runtime(&s);
	signal(SIGCHLD, SIG_DFL);
	is_int(reap_status(pid), 7, "exit status though SIGCHLD was ignored");
}

/* --- with a pty; our stdin and stdout are pipes */

struct plumbing {
	int in, out;
	pid_t pid;
};

static struct plumbing start_with_pty(int (*payload)(void))
{
	struct scene s = {.payload = payload};
	struct plumbing p;
	int in[2], out[2];

	if (openpty(&s.master, &s.slave, NULL, NULL, NULL) < 0 || pipe(in) < 0 || pipe(out) < 0) {
		fail("makes a pty and pipes");
		exit(1);
	}
	struct termios t;
	tcgetattr(s.slave, &t);
	t.c_oflag &= (tcflag_t)~ONLCR;
	tcsetattr(s.slave, TCSANOW, &t);
	p.pid = fork();
	if (p.pid == 0) {
		setsid(); /* no terminal but the pty */
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]), close(in[1]), close(out[0]), close(out[1]);
		runtime_main(&s);
	}
	close(s.master), close(s.slave), close(in[0]), close(out[1]);
	fcntl(in[1], F_SETFD, FD_CLOEXEC);
	fcntl(out[0], F_SETFD, FD_CLOEXEC);
	p.in = in[1];
	p.out = out[0];
	return p;
}

#define MUCH (32UL << 20)

static int payload_much(void)
{
	static char block[65536];

	memset(block, 'x', sizeof(block));
	for (size_t done = 0; done < MUCH; done += sizeof(block))
		for (size_t at = 0; at < sizeof(block);) {
			ssize_t n = write(1, block + at, sizeof(block) - at);
			if (n < 0)
				return 1;
			at += (size_t)n;
		}
	return 5;
}

static int payload_bye(void) { return write(1, "bye", 3) == 3 ? 0 : 1; }

static int payload_echo(void)
{
	char line[64];

	/* The terminal echoes and gives a line. */
	ssize_t n = read(0, line, sizeof(line));
	if (n > 0 && write(1, line, (size_t)n) < 0)
		return 1;
	return n == 6 ? 0 : 1;
}

static int payload_leaves(void)
{
	if (fork() == 0) {
		sleep(5); /* holds the pty */
		_exit(0);
	}
	return payload_bye();
}

static size_t read_to_end(int fd, char *text, size_t size)
{
	static char buf[65536];
	size_t total = 0;

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (total + (size_t)i < size - 1)
				text[total + (size_t)i] = buf[i];
		total += (size_t)n;
	}
	text[MIN(total, size - 1)] = '\0';
	return total;
}

static void test_pty(void)
{
	char text[128];
	struct plumbing p = start_with_pty(payload_much);
	size_t total = read_to_end(p.out, text, sizeof(text));

	ok(total == MUCH, "all output comes through: %zu bytes", total);
	struct rusage usage;
	int status = 0;
	wait4(p.pid, &status, 0, &usage);
	is_int(WEXITSTATUS(status), 5, "and the status");
	close(p.in), close(p.out);

	int complete = 0;
	for (int i = 0; i < 50; i++) {
		p = start_with_pty(payload_bye);
		read_to_end(p.out, text, sizeof(text));
		complete += strcmp(text, "bye") == 0 && reap_status(p.pid) == 0;
		close(p.in), close(p.out);
	}
	is_int(complete, 50, "the last words of a process that exits are read");

	p = start_with_pty(payload_echo);
	is_int(write(p.in, "hello\n", 6), 6, "writes to it");
	read_to_end(p.out, text, sizeof(text));
	is_str(text, "hello\nhello\n", "it reads and answers");
	is_int(reap_status(p.pid), 0, "its status");
	close(p.in), close(p.out);

	p = start_with_pty(payload_echo);
	is_int(write(p.in, "hello\n", 6), 6, "writes to it");
	close(p.in);
	is_int(reap_status(p.pid), 0, "the end of our stdin is not the end");
	close(p.out);

	p = start_with_pty(payload_much);
	close(p.out);
	is_int(reap_status(p.pid), 5, "nobody reads our output: the payload is not held up");
	close(p.in);

	p = start_with_pty(payload_leaves);
	read_to_end(p.out, text, sizeof(text));
	is_str(text, "bye", "a process that outlives the payload and holds the pty");
	is_int(reap_status(p.pid), 0, "does not hold us");
	close(p.in), close(p.out);
}

/* --- our own terminal */

__attribute__((noreturn)) static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static int payload_size(void)
{
	struct winsize size = {};
	sigset_t winch;
	int sig;

	sigemptyset(&winch);
	sigaddset(&winch, SIGWINCH);
	sigprocmask(SIG_BLOCK, &winch, NULL);
	ready();
	do
		sigwait(&winch, &sig);
	while (ioctl(0, TIOCGWINSZ, &size) == 0 && size.ws_row != 33);
	ready();
	wait_for_ever();
}

static bool is_raw(int fd)
{
	struct termios t;

	return tcgetattr(fd, &t) == 0 && !(t.c_lflag & (ICANON | ECHO | ISIG)) && (t.c_oflag & OPOST);
}

static void test_tty(void)
{
	struct scene s = {.payload = payload_size};
	int outer, outer_slave;

	if (openpty(&outer, &outer_slave, NULL, NULL, NULL) < 0 || openpty(&s.master, &s.slave, NULL, NULL, NULL) < 0) {
		fail("makes two ptys");
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		ioctl(outer_slave, TIOCSCTTY, 0);
		for (int i = 0; i < 3; i++)
			dup2(outer_slave, i);
		close(outer);
		close(outer_slave);
		runtime_main(&s);
	}
	await_ready();
	close(s.slave);
	for (int i = 0; i < 200 && !is_raw(outer_slave); i++)
		usleep(10000);
	ok(is_raw(outer_slave), "our terminal is raw, with output processing");
	ioctl(outer, TIOCSWINSZ, &(struct winsize){.ws_row = 33, .ws_col = 77});
	await_ready();
	struct winsize size = {};
	ok(ioctl(s.master, TIOCGWINSZ, &size) == 0 && size.ws_row == 33 && size.ws_col == 77, "the pty has its size");
	kill(pid, SIGTERM);
	is_int(reap_status(pid), 128 + SIGTERM, "ends by a signal");
	struct termios t;
	ok(tcgetattr(outer_slave, &t) == 0 && (t.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG),
	   "and our terminal is as it was");
	close(outer), close(outer_slave), close(s.master);
}

/* --- sd_notify */

static void notify(int dirfd, const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/notify/notify.sock", dirfd);
	if (sendto(sock, text, strlen(text), 0, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("notifies");
}

static void test_sdnotify(void)
{
	auto_close int dir = open(fixture_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int host = listen_at(fixture_dir, "host.sock", SOCK_DGRAM);
	char text[64], path[128];
	struct error e = {};
	struct stat st;

	snprintf(path, sizeof(path), "%s/host.sock", fixture_dir);
	int dead = sdnotify_listen(dir, &e);
	ok(dead >= 0, "listens");
	close(dead);
	auto_close int sock = sdnotify_listen(dir, &e);
	ok(sock >= 0, "listens again, over what a dead one left");
	ok(fstatat(dir, "notify/notify.sock", &st, 0) == 0 && (st.st_mode & 07777) == 0777, "for every user of the container");
	pid_t sleeper = spawn_sleeper();
	pid_t pid = fork();
	if (pid == 0)
		_exit(sdnotify_relay(sock, path, 4711, sys_pidfd_open(sleeper, 0), &e) == 0 ? 0 : 1);
	notify(dir, "STATUS=working\n");
	notify(dir, "STATUS=done\nREADY=1\nMAINPID=1\n");
	receive_fd(host, text, sizeof(text));
	is_str(text, "READY=1\n", "READY=1 travels on");
	receive_fd(host, text, sizeof(text));
	is_str(text, "MAINPID=4711\n", "with the pid as the host sees it");
	int barrier = receive_fd(host, text, sizeof(text));
	is_str(text, "BARRIER=1", "and a barrier");
	ok(barrier >= 0, "that is a descriptor");
	close(barrier);
	is_int(reap_status(pid), 0, "which ends the relay");
	pid = fork();
	if (pid == 0)
		_exit(sdnotify_relay(sock, path, 4711, sys_pidfd_open(sleeper, 0), &e) == 0 ? 0 : 1);
	kill(sleeper, SIGKILL);
	is_int(reap_status(pid), 0, "so does the container's end");
	reap_status(sleeper);
	is_int(sdnotify_relay(sock, fixture_path("nobody"), 1, -1, &e), -1, "needs the host's socket");
}

int main(void)
{
	fixture_make();
	if (pipe(go) < 0)
		return 1;
	test_sockets();
	test_pid_file();
	test_foreground();
	test_pty();
	test_tty();
	test_sdnotify();
	fixture_remove();
	return done();
}
