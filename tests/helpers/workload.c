/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What honest programs do, in the shapes that a guard could take for something else: static, as attacker is.
 *
 *   workload threads N     N threads at once, each opening files        uring        files opened and read by io_uring, its
 *   workload forks N       N children                                                workers and its polling thread
 *   workload execs N       N children that execute                      stdio        stdio and memory files re-opened
 *   workload thread-exec   a thread that is not the first executes      chroot DIR   a root in a root
 *   workload creds N       ids, capabilities and access(2) by turns,    copyup FILE  changes FILE, which lies in a lower layer
 *                          with context switches between                ptrace       traces its child
 *   workload nested        every namespace by unshare and clone, and the way back
 *   workload true                                            ops [N]      prints ns of getpid, read, stat, open+close,
 *                                                                        fork+exec: the tenth percentile of N bursts
 *
 * The exit status is 0 when all of it worked, 77 when the kernel has no such thing, else 1 with a line that says what failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/io_uring.h>

#define BATCH 50
#define STACK_BYTES 65536

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
	_exit(1);
}

#define try(call) ((call) < 0 ? die(#call) : (void)0)

static int number(const char *text)
{
	char *end;
	long n = text ? strtol(text, &end, 10) : -1;

	if (n < 0 || *end || n > INT_MAX) {
		errno = EINVAL;
		die("number");
	}
	return (int)n;
}

static void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "workload: a child ended with status 0x%x\n", (unsigned int)status);
		_exit(1);
	}
}

static void open_and_close(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	close(fd);
}

/* --- threads */

static pthread_barrier_t all_there;

static void *thread(void *arg)
{
	open_and_close("/proc/self/status");
	pthread_barrier_wait(&all_there);
	open_and_close("/");
	sched_yield();
	return arg;
}

static int threads(int n)
{
	pthread_t *ids = calloc((size_t)n, sizeof(*ids));
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_barrier_init(&all_there, NULL, (unsigned int)n + 1);
	for (int i = 0; i < n; i++) {
		errno = pthread_create(&ids[i], &attributes, thread, NULL);
		if (errno)
			die("pthread_create");
	}
	pthread_barrier_wait(&all_there);
	for (int i = 0; i < n; i++)
		pthread_join(ids[i], NULL);
	free(ids);
	return 0;
}

static void *executes(void *arg)
{
	char *argv[] = {(char *)"workload", (char *)"true", NULL};

	execve("/proc/self/exe", argv, environ);
	die("execve");
	return arg;
}

static int thread_exec(void)
{
	pthread_t id;

	errno = pthread_create(&id, NULL, executes, NULL);
	if (errno)
		die("pthread_create");
	pthread_join(id, NULL);
	return 1;
}

/* --- processes */

static int forks(int n)
{
	pid_t pids[BATCH];
	int some;

	for (; n > 0; n -= some) {
		some = n < BATCH ? n : BATCH;
		for (int i = 0; i < some; i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				_exit(getppid() < 0);
			if (pids[i] < 0)
				die("fork");
		}
		for (int i = 0; i < some; i++)
			reap(pids[i]);
	}
	return 0;
}

static int execs(int n)
{
	char *argv[] = {(char *)"workload", (char *)"true", NULL};

	while (n-- > 0) {
		pid_t pid = vfork();

		if (pid == 0) {
			execve("/proc/self/exe", argv, environ);
			_exit(1);
		}
		if (pid < 0)
			die("vfork");
		reap(pid);
	}
	return 0;
}

static int traces(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		try(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		raise(SIGSTOP);
		_exit(0);
	}
	try(pid);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("waitpid of the traced");
	try(ptrace(PTRACE_CONT, pid, NULL, NULL));
	reap(pid);
	return 0;
}

/* --- credentials. access(2) works with credentials of its own for a while: they are no drift, also when it sleeps. */

static void *accesses(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		if (access("/proc/self/status", R_OK) < 0)
			die("access");
		if (i % 50 == 0)
			sched_yield();
	}
	return arg;
}

static void drop_all(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};

	try(syscall(SYS_capset, &header, data));
}

static int creds(int n)
{
	pthread_t ids[4];

	for (int i = 0; i < 4; i++) {
		errno = pthread_create(&ids[i], NULL, accesses, NULL);
		if (errno)
			die("pthread_create");
	}
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			setfsuid(1000);
			setfsuid(0);
			try(syscall(SYS_setresuid, -1, 1000, -1));
			try(syscall(SYS_setresuid, -1, 0, -1));
			try(syscall(SYS_setresgid, 1000, 1000, 1000));
			try(syscall(SYS_setresuid, 1000, 1000, 1000));
			drop_all();
			sched_yield();
			_exit(0);
		}
		try(pid);
		reap(pid);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(ids[i], NULL);
	return 0;
}

/* --- files */

static void reopen(int fd, int flags)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	if (again < 0)
		die(path);
	if ((flags & O_ACCMODE) == O_WRONLY && write(again, "again\n", 6) != 6)
		die("write");
	close(again);
}

static int stdio(void)
{
	int memory = memfd_create("workload", MFD_CLOEXEC), pipes[2];

	try(memory);
	try(pipe2(pipes, O_CLOEXEC));
	reopen(STDIN_FILENO, O_RDONLY);
	reopen(STDOUT_FILENO, O_WRONLY | O_APPEND);
	reopen(STDERR_FILENO, O_WRONLY | O_APPEND);
	open_and_close("/dev/stdin");
	open_and_close("/dev/fd/0");
	reopen(memory, O_RDONLY);
	reopen(memory, O_WRONLY);
	reopen(pipes[1], O_WRONLY);
	return 0;
}

static int chroots(const char *dir)
{
	pid_t pid = fork();

	if (pid == 0) {
		try(chroot(dir));
		try(chdir("/"));
		open_and_close("/");
		forks(20);
		_exit(0);
	}
	try(pid);
	reap(pid);
	return 0;
}

static int copyup(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	try(fd);
	if (write(fd, "\n", 1) != 1)
		die("write");
	close(fd);
	try(chmod(path, 0600));
	open_and_close(path);
	return 0;
}

/* --- io_uring */

struct uring {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array, *sq_flags, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void *map(int fd, size_t size, off_t at)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, at);

	if (p == MAP_FAILED)
		die("mmap of the ring");
	return p;
}

static bool uring_open(struct uring *u, unsigned int flags)
{
	struct io_uring_params p = {.flags = flags, .sq_thread_idle = 50};
	char *sq, *cq;

	u->fd = (int)syscall(SYS_io_uring_setup, 8, &p);
	if (u->fd < 0) {
		if (errno == ENOSYS || errno == EPERM)
			return false;
		die("io_uring_setup");
	}
	sq = map(u->fd, p.sq_off.array + p.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	cq = map(u->fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	u->sqes = map(u->fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	u->sq_tail = (unsigned int *)(sq + p.sq_off.tail);
	u->sq_mask = (unsigned int *)(sq + p.sq_off.ring_mask);
	u->sq_array = (unsigned int *)(sq + p.sq_off.array);
	u->sq_flags = (unsigned int *)(sq + p.sq_off.flags);
	u->cq_head = (unsigned int *)(cq + p.cq_off.head);
	u->cq_tail = (unsigned int *)(cq + p.cq_off.tail);
	u->cq_mask = (unsigned int *)(cq + p.cq_off.ring_mask);
	u->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	return true;
}

/* Submits one and waits for it. */
static int uring_do(struct uring *u, const struct io_uring_sqe *sqe, bool polled)
{
	unsigned int tail = *u->sq_tail, at = tail & *u->sq_mask, head = *u->cq_head;
	int result;

	u->sqes[at] = *sqe;
	u->sq_array[at] = at;
	__atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_SEQ_CST);
	if (!polled || __atomic_load_n(u->sq_flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP)
		try(syscall(SYS_io_uring_enter, u->fd, 1, 0, polled ? IORING_ENTER_SQ_WAKEUP : 0, NULL, 0));
	while (__atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE) == head)
		try(syscall(SYS_io_uring_enter, u->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	result = u->cqes[head & *u->cq_mask].res;
	__atomic_store_n(u->cq_head, head + 1, __ATOMIC_RELEASE);
	return result;
}

static void uring_read_file(struct uring *u, uint8_t flags, bool polled)
{
	char buffer[64];
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_OPENAT, .flags = flags, .fd = AT_FDCWD, .addr = (uintptr_t)"/proc/self/status",
		.open_flags = O_RDONLY | O_CLOEXEC,
	};
	int fd = uring_do(u, &sqe, polled), got;

	if (fd < 0) {
		errno = -fd;
		die("openat by io_uring");
	}
	sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_READ, .flags = flags, .fd = fd, .addr = (uintptr_t)buffer, .len = sizeof(buffer),
	};
	got = uring_do(u, &sqe, polled);
	if (got <= 0) {
		errno = -got;
		die("read by io_uring");
	}
	close(fd);
}

static int uring(void)
{
	struct uring u;

	if (!uring_open(&u, 0)) {
		fprintf(stderr, "workload: io_uring_setup: %s\n", strerror(errno));
		return 77;
	}
	for (int i = 0; i < 100; i++)
		uring_read_file(&u, i % 2 ? IOSQE_ASYNC : 0, false);
	close(u.fd);
	if (!uring_open(&u, IORING_SETUP_SQPOLL))
		die("io_uring_setup with a polling thread");
	for (int i = 0; i < 50; i++)
		uring_read_file(&u, 0, true);
	close(u.fd);
	return 0;
}

/* --- containers in the container */

/* The first child after unshare(CLONE_NEWPID) is an init: it is the one that forks. */
static void forks_below(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		forks(3);
		_exit(0);
	}
	try(pid);
	reap(pid);
}

static void nested_unshare(int flags)
{
	int home = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	pid_t pid = fork();

	if (pid == 0) {
		try(unshare(flags));
		forks_below();
		open_and_close("/proc/self/status");
		if (flags & CLONE_NEWNS) {
			try(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
			try(mount("none", "/tmp", "tmpfs", 0, NULL));
			try(chdir("/tmp"));
			open_and_close(".");
			try(chroot("."));
		}
		if (flags == CLONE_NEWUTS)
			try(setns(home, CLONE_NEWUTS));
		if (!(flags & CLONE_NEWPID))
			forks(3);
		_exit(0);
	}
	try(pid);
	reap(pid);
	close(home);
}

static int nested(void)
{
	static const int each[] = {
		CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWCGROUP, CLONE_NEWTIME, CLONE_NEWUSER,
		CLONE_NEWUSER | CLONE_NEWNS, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
	};
	int status;

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		nested_unshare(each[i]);
	for (size_t i = 0; i < 6; i++) {
		long pid = syscall(SYS_clone, each[i] | SIGCHLD, NULL, NULL, NULL, NULL);

		if (pid == 0) {
			open_and_close("/proc");
			_exit(0);
		}
		try(pid);
		if (waitpid((pid_t)pid, &status, 0) != pid || status != 0)
			die("clone's child");
	}
	return 0;
}

/* --- what operations cost */

#define BURSTS 400

static void op_getpid(void) { syscall(SYS_getpid); }
static int zero;

static void op_read(void)
{
	char byte;

	if (read(zero, &byte, 1) != 1)
		die("read");
}

static void op_stat(void)
{
	struct stat st;

	try(stat("/bin", &st));
}

static void op_open(void) { open_and_close("/bin"); }
static void op_exec(void) { execs(1); }

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int ops(int bursts)
{
	static const struct {
		void (*function)(void);
		int burst;
	} each[] = {{op_getpid, 2000}, {op_read, 2000}, {op_stat, 500}, {op_open, 200}, {op_exec, 1}};
	uint64_t ns[BURSTS];

	if (bursts < 1 || bursts > BURSTS) {
		errno = ERANGE;
		die("ops");
	}
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	try(zero);
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		for (int burst = 0; burst < bursts; burst++) {
			uint64_t begin = now();

			for (int n = 0; n < each[i].burst; n++)
				each[i].function();
			ns[burst] = (now() - begin) / (uint64_t)each[i].burst;
		}
		qsort(ns, (size_t)bursts, sizeof(ns[0]), compare);
		printf("%llu%c", (unsigned long long)ns[bursts / 10], i + 1 < sizeof(each) / sizeof(each[0]) ? ' ' : '\n');
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const char *argument = argc > 2 ? argv[2] : NULL;

#define WITH_NUMBER(text, function) if (strcmp(name, text) == 0) return function(number(argument))
#define WITH_TEXT(text, function) if (strcmp(name, text) == 0 && argument) return function(argument)
#define ALONE(text, function) if (strcmp(name, text) == 0) return function()
	WITH_NUMBER("threads", threads);
	WITH_NUMBER("forks", forks);
	WITH_NUMBER("execs", execs);
	WITH_NUMBER("creds", creds);
	WITH_TEXT("chroot", chroots);
	WITH_TEXT("copyup", copyup);
	ALONE("thread-exec", thread_exec);
	ALONE("ptrace", traces);
	ALONE("stdio", stdio);
	ALONE("uring", uring);
	ALONE("nested", nested);
	if (strcmp(name, "ops") == 0)
		return ops(argument ? number(argument) : BURSTS);
	if (strcmp(name, "true") == 0)
		return 0;
	fprintf(stderr, "workload: no '%s'\n", name);
	return 1;
}
