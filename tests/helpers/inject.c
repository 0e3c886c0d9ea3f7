/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command and all that it starts under ptrace, numbers the system calls that change something (or, with -f, all that
 * can fail), and interferes with one of them:
 *
 *   inject [-f] [-l LOG] [-p PID] [-k N | -K N | -e N [-v VARIANT] | -s N -a PATH -b PATH [-r CALLS]] -- COMMAND...
 *
 *   -k N   kills the process that is about to make call N
 *   -K N   kills every process that is followed then
 *   -e N   call N is not made and fails, with the VARIANT-th (from 0) of the errnos that fit the call
 *   -s N   the paths of -a and -b are exchanged before call N, and exchanged back CALLS calls later
 *   -p PID follows this process, too: a container's init, whose next steps are those of `start`
 *
 * A process is left alone from the moment it executes what is neither the command nor kedge-init: the payload, hooks. The
 * log has a line "N PID CALL [ERRNO]" for each call and "pid PID" for each process. The exit status is the command's, 128 +
 * signal when it was killed, 125 when something is wrong here, 126 when there is no such point or variant.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define FOLLOWED_MAX 64
#define IDLE_MS 15
#define OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)

static const struct call {
	long nr;
	const char *name;
	bool changes; /* else it only can fail */
	int errnos[3];
} calls[] = {
#define C(name, ...) {SYS_##name, #name, true, {__VA_ARGS__}}
#define F(name, ...) {SYS_##name, #name, false, {__VA_ARGS__}}
	C(write, ENOSPC, EIO, EINTR), C(pwrite64, ENOSPC, EIO), C(writev, ENOSPC, EIO), C(ftruncate, ENOSPC),
	C(fsync, EIO, ENOSPC), C(fdatasync, EIO), C(fchmod, EPERM), C(fchmodat, EPERM), C(fchownat, EPERM), C(fchown, EPERM),
	C(mkdirat, ENOSPC, EIO), C(mknodat, ENOSPC, EPERM), C(symlinkat, ENOSPC), C(linkat, ENOSPC), C(unlinkat, EBUSY, EIO),
	C(renameat, ENOSPC, EIO), C(renameat2, ENOSPC, EIO), C(bpf, EPERM, ENOMEM), C(clone, EAGAIN, ENOMEM),
	C(clone3, EAGAIN, ENOMEM), C(execve, ENOMEM), C(execveat, ENOMEM), C(unshare, ENOSPC, EPERM), C(setns, EPERM, ENOMEM),
	C(mount, ENOMEM), C(umount2, EBUSY, ENOMEM), C(pivot_root, EBUSY), C(chroot, EPERM), C(chdir, ENOMEM),
	C(fchdir, ENOMEM), C(fsopen, EMFILE, ENOMEM), C(fsconfig, ENOMEM), C(fsmount, EMFILE, ENOMEM),
	C(open_tree, EMFILE, ENOMEM), C(move_mount, ENOMEM), C(mount_setattr, ENOMEM, EPERM), C(memfd_create, EMFILE, ENOMEM),
	C(prctl, EPERM), C(capset, EPERM), C(seccomp, EPERM, ENOMEM), C(setresuid, EAGAIN, EPERM), C(setresgid, EPERM),
	C(setgroups, ENOMEM, EPERM), C(setsid, EPERM), C(keyctl, EDQUOT), C(sethostname, EPERM), C(setdomainname, EPERM),
	C(personality, EINVAL), C(umask), C(sched_setaffinity, EPERM), C(sched_setattr, EPERM), C(ioprio_set, EPERM),
	C(kill, EPERM), C(pidfd_send_signal, EPERM), C(sendmsg, ENOMEM, EINTR), C(sendto, ENOMEM, EINTR), C(connect, EAGAIN),
	C(bind, ENOSPC), C(ioctl, EIO, ENOMEM), C(flock, ENOLCK, EINTR), C(close_range, ENOMEM), C(dup3, EMFILE),
	C(exit_group), C(set_mempolicy, ENOMEM), C(prlimit64, EPERM), C(add_key, EDQUOT),
	F(openat, EMFILE, ENOMEM, EIO), F(openat2, EMFILE, ENOMEM), F(read, EIO, EINTR), F(pread64, EIO), F(socket, EMFILE),
	F(socketpair, EMFILE), F(pipe2, EMFILE), F(dup, EMFILE), F(fcntl, EMFILE), F(epoll_create1, EMFILE), F(eventfd2, EMFILE),
	F(signalfd4, EMFILE), F(timerfd_create, EMFILE), F(pidfd_open, EMFILE), F(pidfd_getfd, EMFILE), F(recvmsg, EIO, EINTR),
	F(recvfrom, EIO, EINTR), F(ppoll, EINTR, ENOMEM), F(epoll_pwait, EINTR), F(waitid, EINTR), F(wait4, EINTR),
	F(mmap, ENOMEM), F(newfstatat, ENOMEM), F(fstat, EIO), F(statx, ENOMEM), F(fstatfs, EIO), F(statfs, EIO),
	F(readlinkat, ENOMEM), F(getdents64, EIO), F(faccessat, EIO), F(faccessat2, EIO), F(getcwd, ENOMEM),
	F(nanosleep, EINTR), F(clock_nanosleep, EINTR),
#ifdef __x86_64__
	C(mkdir, ENOSPC, EIO), C(rmdir, EBUSY, EIO), C(unlink, EBUSY, EIO), C(rename, ENOSPC, EIO), C(dup2, EMFILE),
	C(fork, EAGAIN), C(vfork, EAGAIN), F(open, EMFILE, EIO), F(poll, EINTR, ENOMEM), F(epoll_wait, EINTR), F(stat, ENOMEM),
	F(readlink, ENOMEM), F(access, EIO),
#endif
#undef C
#undef F
};

enum action { NOTHING, KILL_ONE, KILL_ALL, FAIL, SWAP };

struct process {
	pid_t pid;
	bool in_call; /* the next system call stop is an exit */
	int fail;     /* what that exit shall return */
};

static struct process followed[FOLLOWED_MAX];
static enum action action;
static unsigned long target, counted, back; /* back: calls after the target; 0: never */
static const char *path_a, *path_b;
static unsigned variant;
static bool all_that_fail, reached;
static FILE *log_file;
static char command_path[PATH_MAX];

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	for (size_t i = 0; i < FOLLOWED_MAX; i++)
		if (followed[i].pid > 0)
			kill(followed[i].pid, SIGKILL);
	exit(125);
}

static struct process *find(pid_t pid)
{
	for (size_t i = 0; i < FOLLOWED_MAX; i++)
		if (followed[i].pid == pid)
			return &followed[i];
	return NULL;
}

static struct process *follow(pid_t pid)
{
	struct process *p = find(pid) ?: find(0);

	if (!p) {
		errno = EAGAIN;
		die("too many processes");
	}
	if (p->pid != pid)
		fprintf(log_file, "pid %d\n", pid);
	*p = (struct process){.pid = pid};
	return p;
}

static size_t n_followed(void)
{
	size_t n = 0;

	for (size_t i = 0; i < FOLLOWED_MAX; i++)
		n += followed[i].pid > 0;
	return n;
}

static void forget(pid_t pid)
{
	struct process *p = find(pid);

	if (p)
		*p = (struct process){0};
}

/* In place of the call the kernel gets a number that is none. */
static int suppress(pid_t pid)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;
	struct iovec iov = {&regs, sizeof(regs)};

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		return -1;
	regs.orig_rax = (unsigned long long)-1;
	return (int)ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov);
#elif defined(__aarch64__)
	int nr = -1;
	struct iovec iov = {&nr, sizeof(nr)};

	return (int)ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov);
#else
#error "no way to suppress a system call on this architecture"
#endif
}

static int set_result(pid_t pid, int err)
{
	struct user_regs_struct regs;
	struct iovec iov = {&regs, sizeof(regs)};

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov) < 0)
		return -1;
#if defined(__x86_64__)
	regs.rax = (unsigned long long)-err;
#else
	regs.regs[0] = (unsigned long long)-err;
#endif
	return (int)ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov);
}

static const struct call *call_of(const struct ptrace_syscall_info *info)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		const struct call *c = &calls[i];
		if (info->entry.nr != (uint64_t)c->nr)
			continue;
		/* What is only read, and what cannot fail. */
		bool creates = c->nr == SYS_openat && (info->entry.args[2] & (O_CREAT | O_TRUNC | O_ACCMODE));
		return all_that_fail ? (c->errnos[0] ? c : NULL) : c->changes || creates ? c : NULL;
	}
	return NULL;
}

static void exchange(void)
{
	if (renameat2(AT_FDCWD, path_a, AT_FDCWD, path_b, RENAME_EXCHANGE) < 0)
		die("cannot exchange the paths");
	fprintf(log_file, "exchanged\n");
}

static void act(struct process *p, const struct call *c)
{
	reached = true;
	switch (action) {
	case KILL_ONE:
		kill(p->pid, SIGKILL);
		break;
	case KILL_ALL:
		for (size_t i = 0; i < FOLLOWED_MAX; i++)
			if (followed[i].pid > 0)
				kill(followed[i].pid, SIGKILL);
		break;
	case FAIL:
		if (variant >= sizeof(c->errnos) / sizeof(*c->errnos) || !c->errnos[variant]) {
			reached = false;
			break;
		}
		if (suppress(p->pid) < 0)
			die("cannot suppress a call");
		p->fail = c->errnos[variant];
		fprintf(log_file, "fails with %s\n", strerrorname_np(p->fail));
		break;
	case SWAP:
		exchange();
		break;
	default:
		break;
	}
}

static void at_call(struct process *p)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		if (p->fail && set_result(p->pid, p->fail) < 0)
			die("cannot set a result");
		p->fail = 0;
		return;
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	const struct call *c = call_of(&info);
	if (!c)
		return;
	fprintf(log_file, "%lu %d %s\n", ++counted, p->pid, c->name);
	if (counted == target)
		act(p, c);
	else if (action == SWAP && back && counted == target + back)
		exchange();
}

/* The payload is none of ours; nor are hooks and helpers. */
static bool is_kedge(pid_t pid)
{
	char link[64], path[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strcmp(path, command_path) == 0 || strncmp(path, "/memfd:kedge-init", 17) == 0;
}

static void resume(struct process *p, int sig)
{
	/* ESRCH: killed meanwhile, its end is still to be waited for. */
	if (ptrace(PTRACE_SYSCALL, p->pid, NULL, (void *)(intptr_t)sig) < 0 && errno != ESRCH)
		die("cannot resume");
}

static void stopped(pid_t pid, int status)
{
	struct process *p = find(pid) ?: follow(pid);
	int sig = WSTOPSIG(status), event = status >> 16;

	if (sig == (SIGTRAP | 0x80)) {
		at_call(p);
		resume(p, 0);
	} else if (event == PTRACE_EVENT_EXEC && !is_kedge(pid)) {
		forget(pid);
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	} else if (event == PTRACE_EVENT_STOP && (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)) {
		if (ptrace(PTRACE_LISTEN, pid, NULL, NULL) < 0)
			resume(p, 0);
	} else {
		resume(p, event ? 0 : sig);
	}
}

/* Until the command has ended and whatever it left has ended or has nothing more to do. */
static int observe(pid_t command)
{
	int status, ret = -1, idle = 0;

	while (n_followed() > 0 && (ret < 0 || idle < IDLE_MS)) {
		pid_t pid = waitpid(-1, &status, __WALL | (ret < 0 ? 0 : WNOHANG));
		if (pid < 0 && errno == ECHILD)
			break;
		if (pid < 0 && errno != EINTR)
			die("cannot wait");
		if (pid <= 0) {
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
			idle++;
			continue;
		}
		idle = 0;
		if (WIFSTOPPED(status)) {
			stopped(pid, status);
			continue;
		}
		forget(pid);
		if (pid == command)
			ret = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return ret;
}

static pid_t start(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		raise(SIGSTOP);
		execv(argv[0], argv);
		die(argv[0]);
	}
	if (waitpid(pid, &status, WUNTRACED) < 0 || !WIFSTOPPED(status))
		die("the command does not start");
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(uintptr_t)OPTIONS) < 0)
		die("cannot trace");
	follow(pid);
	kill(pid, SIGCONT);
	/* Everything up to the execve is this program. */
	for (;;) {
		if (waitpid(pid, &status, __WALL) < 0 || !WIFSTOPPED(status))
			die("the command ended early");
		int event = status >> 16;
		ptrace(event == PTRACE_EVENT_EXEC ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, NULL);
		if (event == PTRACE_EVENT_EXEC)
			return pid;
	}
}

static void attach(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(uintptr_t)OPTIONS) < 0 || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		die("cannot attach");
	follow(pid);
}

int main(int argc, char **argv)
{
	pid_t also = 0;
	int opt;

	log_file = fopen("/dev/null", "we");
	while ((opt = getopt(argc, argv, "+fl:p:k:K:e:v:s:a:b:r:")) != -1) {
		switch (opt) {
		case 'f':
			all_that_fail = true;
			break;
		case 'l':
			log_file = fopen(optarg, "we");
			break;
		case 'p':
			also = (pid_t)strtol(optarg, NULL, 10);
			break;
		case 'v':
			variant = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'a':
			path_a = optarg;
			break;
		case 'b':
			path_b = optarg;
			break;
		case 'r':
			back = strtoul(optarg, NULL, 10);
			break;
		case '?':
			return 125;
		default:
			action = opt == 'k' ? KILL_ONE : opt == 'K' ? KILL_ALL : opt == 's' ? SWAP : FAIL;
			target = strtoul(optarg, NULL, 10);
		}
	}
	if (action == SWAP && (!path_a || !path_b))
		die("two paths are needed");
	if (optind == argc || !log_file || !realpath(argv[optind], command_path))
		die(optind == argc ? "no command" : "cannot begin");
	if (also)
		attach(also);
	int ret = observe(start(argv + optind));
	fclose(log_file);
	return target && !reached ? 126 : ret < 0 ? 125 : ret;
}
