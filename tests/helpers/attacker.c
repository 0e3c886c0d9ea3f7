/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that leaves its container, and then does what it came for until it is stopped: static, so that it runs in any
 * root file system.
 *
 *   attacker [-o OUTCOME] [-f FILE] [-s SECRET] [-t MS] [-c] ATTACK [ARGUMENT...]
 *   attacker show OUTCOME
 *
 *   setns TYPE FD    joins the namespace that FD names          chroot FD   makes the directory FD its root
 *   unshare TYPE     makes a namespace                          cwd FD      makes it its working directory
 *   clone TYPE       makes a child in a new one                 openat FD   opens files below it
 *   kernel N         has /dev/evil run payload N                cgroup FD   writes its pid to the cgroup.procs FD
 *   none             attacks nothing
 *
 * Then it creates FILE (whose name means something on the host only; below FD for cwd and openat), reads SECRET and makes
 * system calls for MS milliseconds. With -c a child does all that. OUTCOME is a file of the host that it maps: how far it
 * got, whatever became of it. The exit status is 0 when nothing stopped it, 3 when the attack itself was refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/sched.h>

#define PAYLOAD_LATER 10  /* strikes while the caller is in user mode */
#define PAYLOAD_OF_INIT 4 /* changes the container's init: its namespaces are to be joined */

struct outcome {
	volatile uint64_t begun_ns, last_ns; /* CLOCK_MONOTONIC: the attack's call, the last call that ended */
	volatile uint64_t returned;          /* the attack's call ended */
	volatile uint64_t calls;             /* that ended after it */
	volatile int64_t error;              /* of the attack's call */
	volatile int64_t created, read;      /* 1, or -errno; 0: not reached */
	volatile uint64_t survived;
};

static struct outcome private_outcome, *outcome = &private_outcome;
static const char *file, *secret;
static int base_fd = AT_FDCWD;
static int64_t run_ms = 400;

static const struct {
	const char *name;
	uint64_t flag;
} types[] = {
	{"mnt", CLONE_NEWNS}, {"uts", CLONE_NEWUTS}, {"ipc", CLONE_NEWIPC}, {"net", CLONE_NEWNET}, {"pid", CLONE_NEWPID},
	{"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME}, {"user", CLONE_NEWUSER},
};

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "attacker: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t type_of(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].flag;
	errno = EINVAL;
	die(name);
}

static int number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || n < 0 || n > INT_MAX) {
		errno = EINVAL;
		die(text);
	}
	return (int)n;
}

static void map_outcome(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0 || ((flags & O_ACCMODE) == O_RDWR && ftruncate(fd, sizeof(*outcome)) < 0))
		die(path);
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | ((flags & O_ACCMODE) == O_RDWR ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (outcome == MAP_FAILED)
		die(path);
	close(fd);
}

static int show(const char *path)
{
	map_outcome(path, O_RDONLY);
	printf("returned=%d calls=%llu created=%lld read=%lld error=%lld survived=%d us=%llu\n", (int)outcome->returned,
	       (unsigned long long)outcome->calls, (long long)outcome->created, (long long)outcome->read,
	       (long long)outcome->error, (int)outcome->survived,
	       (unsigned long long)(outcome->last_ns > outcome->begun_ns ? outcome->last_ns - outcome->begun_ns : 0) / 1000);
	return 0;
}

/* Every call here is one that the guard let happen. */
static long counted(long result)
{
	int error = errno;

	outcome->calls++;
	outcome->last_ns = now();
	errno = error;
	return result;
}

static void after(void)
{
	uint64_t until = now() + (uint64_t)run_ms * 1000000;
	char byte;
	long fd;

	outcome->returned = 1;
	outcome->last_ns = now();
	if (file) {
		fd = counted(syscall(SYS_openat, base_fd, file, O_CREAT | O_WRONLY, 0600));
		outcome->created = fd < 0 ? -errno : 1;
	}
	if (secret) {
		fd = counted(syscall(SYS_openat, base_fd, secret, O_RDONLY));
		outcome->read = fd < 0 ? -errno : counted(syscall(SYS_read, fd, &byte, 1)) == 1 ? 1 : -EIO;
	}
	while (now() < until)
		for (int i = 0; i < 16; i++)
			counted(syscall(SYS_getpid));
	outcome->survived = 1;
}

static void begin(void)
{
	outcome->begun_ns = now();
}

/* What the attack's call came to: it goes on only when it did what it should. */
static int end(long result)
{
	if (result < 0) {
		outcome->error = errno;
		return 3;
	}
	after();
	return 0;
}

static int attack_clone(uint64_t flag)
{
	struct clone_args args = {.flags = flag, .exit_signal = SIGCHLD};
	int status;
	long pid;

	begin();
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		after();
		_exit(0);
	}
	if (pid < 0)
		return end(pid);
	if (waitpid((pid_t)pid, &status, 0) != pid)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int attack_chroot(int fd)
{
	if (fchdir(fd) < 0)
		die("fchdir");
	begin();
	return end(syscall(SYS_chroot, "."));
}

static int attack_cgroup(int fd)
{
	begin();
	return end(syscall(SYS_write, fd, "0", 1));
}

static int attack_kernel(unsigned int payload)
{
	int fd = open("/dev/evil", O_RDWR | O_CLOEXEC), ns;
	volatile uint64_t *shared;
	long result;

	if (fd < 0)
		die("/dev/evil");
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	begin();
	result = syscall(SYS_ioctl, fd, _IO('E', payload));
	if (result < 0)
		return end(result);
	if (payload == PAYLOAD_LATER) {
		while (!*shared)
			;
		begin();
	}
	if (payload == PAYLOAD_OF_INIT) {
		outcome->returned = 1;
		ns = (int)counted(syscall(SYS_openat, AT_FDCWD, "/proc/1/ns/mnt", O_RDONLY));
		if (ns >= 0)
			counted(syscall(SYS_setns, ns, CLONE_NEWNS));
	}
	after();
	return 0;
}

static int attack(const char *name, char **arguments, int n)
{
	if (strcmp(name, "none") == 0) {
		begin();
		return end(0);
	}
	if (n < 1) {
		errno = EINVAL;
		die(name);
	}
	if (strcmp(name, "setns") == 0 && n == 2) {
		begin();
		return end(syscall(SYS_setns, number(arguments[1]), type_of(arguments[0])));
	}
	if (strcmp(name, "unshare") == 0) {
		begin();
		return end(syscall(SYS_unshare, type_of(arguments[0])));
	}
	if (strcmp(name, "clone") == 0)
		return attack_clone(type_of(arguments[0]));
	if (strcmp(name, "kernel") == 0)
		return attack_kernel((unsigned int)number(arguments[0]));
	base_fd = number(arguments[0]);
	if (strcmp(name, "openat") == 0) {
		begin();
		return end(0);
	}
	if (strcmp(name, "cwd") == 0) {
		int fd = base_fd;

		base_fd = AT_FDCWD;
		begin();
		return end(syscall(SYS_fchdir, fd));
	}
	base_fd = AT_FDCWD;
	if (strcmp(name, "chroot") == 0)
		return attack_chroot(number(arguments[0]));
	if (strcmp(name, "cgroup") == 0)
		return attack_cgroup(number(arguments[0]));
	errno = EINVAL;
	die(name);
}

static int in_child(const char *name, char **arguments, int n)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(attack(name, arguments, n));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("fork");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	bool child = false;
	int option;

	while ((option = getopt(argc, argv, "+o:f:s:t:c")) != -1) {
		switch (option) {
		case 'o': map_outcome(optarg, O_RDWR); break;
		case 'f': file = optarg; break;
		case 's': secret = optarg; break;
		case 't': run_ms = number(optarg); break;
		case 'c': child = true; break;
		default: return 125;
		}
	}
	if (optind == argc) {
		fprintf(stderr, "attacker: no attack\n");
		return 125;
	}
	argv += optind;
	argc -= optind;
	if (strcmp(argv[0], "show") == 0 && argc == 2)
		return show(argv[1]);
	return child ? in_child(argv[0], argv + 1, argc - 1) : attack(argv[0], argv + 1, argc - 1);
}
