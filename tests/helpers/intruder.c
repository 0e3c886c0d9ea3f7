/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of a container that looks at what is not its own; static, so that it runs in any root file system.
 *
 *   intruder watch PREFIX    tries to look into every process that comes, until it is killed. One line for each that it could look
 *                            into while its program was none below PREFIX: "hit PID WHAT PROGRAM"; "denied" for the first that it
 *                            could not
 *   intruder hold PID MS     traces it to its end, and sees that only MS milliseconds later
 *   intruder tiocsti FD [HIGH]  types a letter into the terminal FD, HIGH in the upper half of the request; prints "typed", or why not
 *   intruder call NAME...    makes each system call of the table below; prints "NAME errno" for each
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW 8 /* pids that are tried on both sides of the newest */

static char program[4096];

/* What /proc/PID/exe says: 1 with `program`, 0 when there is none, -1 when it may not be known. */
static int program_of(int pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	ssize_t n = readlink(path, program, sizeof(program) - 1);
	if (n < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	program[n] = '\0';
	return 1;
}

static bool can_open(int pid, const char *what, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	int fd = open(path, flags | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool can_trace(int pid)
{
	return ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
}

static const char *intrude(int pid)
{
	static const char *const directories[] = {"cwd", "root", "fd/0", "fd/1", "fd/3", "fd/4", "fd/5", "fd/6", "fd/7", "fd/8"};

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		if (can_open(pid, directories[i], O_RDONLY | O_NONBLOCK))
			return directories[i];
	if (can_open(pid, "exe", O_RDONLY))
		return "exe";
	if (can_open(pid, "mem", O_RDWR))
		return "mem";
	return can_trace(pid) ? "ptrace" : NULL;
}

static int look_at(int pid, const char *prefix, bool *denied)
{
	int known = program_of(pid);

	if (known == 0)
		return 0;
	if (known > 0 && strncmp(program, prefix, strlen(prefix)) == 0)
		return 1;
	const char *what = known > 0 ? "program" : intrude(pid);
	/* Whatever was possible may have been with the program that came meanwhile: then nothing is known. */
	int after = what ? program_of(pid) : 0;
	if (after < 0 || (after > 0 && strncmp(program, prefix, strlen(prefix)) != 0))
		printf("hit %d %s %s\n", pid, what, known > 0 ? program : "?");
	else if (!what && !*denied)
		*denied = printf("denied\n") > 0;
	return 1;
}

__attribute__((noreturn)) static void watch(const char *prefix)
{
	int newest = getpid();
	bool denied = false;

	setvbuf(stdout, NULL, _IONBF, 0);
	printf("watching\n");
	for (;;) {
		int from = newest > WINDOW ? newest - WINDOW : 1;
		for (int pid = from; pid < from + 2 * WINDOW; pid++)
			if (pid != getpid() && look_at(pid, prefix, &denied) && pid > newest)
				newest = pid;
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
	}
}

static int hold(int pid, int ms)
{
	siginfo_t info;

	if (!can_trace(pid)) {
		perror("intruder");
		return 1;
	}
	puts("held");
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	usleep((useconds_t)ms * 1000);
	return 0;
}

static int tiocsti(int fd, unsigned long high)
{
	char letter = 'x';
	/* The kernel looks at 32 bits of the request, a filter at 64. */
	long ret = syscall(SYS_ioctl, fd, TIOCSTI | high << 32, &letter);

	puts(ret == 0 ? "typed" : strerror(errno));
	return 0;
}

/* With arguments that an allowed call refuses: nothing here may have an effect. */
static const struct {
	const char *name;
	long number;
	unsigned long arguments[5];
} calls[] = {
	{"init_module", SYS_init_module, {0}},
	{"finit_module", SYS_finit_module, {-1UL, 0}},
	{"delete_module", SYS_delete_module, {0}},
	{"kexec_load", SYS_kexec_load, {0, 100, 0, 0}},
	{"kexec_file_load", SYS_kexec_file_load, {-1UL, -1UL}},
	{"swapon", SYS_swapon, {0}},
	{"swapoff", SYS_swapoff, {0}},
	{"reboot", SYS_reboot, {0}},
	{"open_by_handle_at", SYS_open_by_handle_at, {-1UL, 0, 0}},
	{"bpf", SYS_bpf, {-1UL, 0, 0}},
	{"userfaultfd", SYS_userfaultfd, {-1UL}},
	{"perf_event_open", SYS_perf_event_open, {0}},
	{"add_key", SYS_add_key, {0}},
	{"request_key", SYS_request_key, {0}},
	{"keyctl", SYS_keyctl, {-1UL}},
	{"io_uring_setup", SYS_io_uring_setup, {0}},
	{"process_vm_readv", SYS_process_vm_readv, {0, 0, 0, -1UL, 0}},
	{"process_vm_writev", SYS_process_vm_writev, {0, 0, 0, -1UL, 0}},
	{"acct", SYS_acct, {1}},
	{"quotactl", SYS_quotactl, {-1UL}},
	{"syslog", SYS_syslog, {-1UL}},
	{"clone3", SYS_clone3, {0}},
	{"unshare-user", SYS_unshare, {CLONE_NEWUSER}},
	{"unshare-user-high", SYS_unshare, {CLONE_NEWUSER | 1UL << 40}},
	{"unshare-fs", SYS_unshare, {CLONE_FS}},
	{"clone-user", SYS_clone, {CLONE_NEWUSER | CLONE_FS}},
	{"setns", SYS_setns, {-1UL, 0}},
	{"socket-alg", SYS_socket, {38 /* AF_ALG */, SOCK_SEQPACKET, 0}},
	{"socket-vsock", SYS_socket, {40 /* AF_VSOCK */, SOCK_STREAM, 0}},
	{"socket-packet", SYS_socket, {17 /* AF_PACKET */, SOCK_RAW, 0}},
	{"socket-unix", SYS_socket, {1 /* AF_UNIX */, SOCK_STREAM, 0}},
	{"mount", SYS_mount, {0}},
	{"umount2", SYS_umount2, {0, -1UL}},
	{"open_tree", SYS_open_tree, {-1UL, 0, 0}},
	{"fsopen", SYS_fsopen, {0, 0}},
#ifdef SYS_iopl
	{"iopl", SYS_iopl, {4}},
	{"ioperm", SYS_ioperm, {-1UL, 1, 1}},
#endif
	{"tioclinux", SYS_ioctl, {-1UL, TIOCLINUX}},
	{"tiocsti", SYS_ioctl, {-1UL, TIOCSTI}},
	{"tiocsti-high", SYS_ioctl, {-1UL, TIOCSTI | 1UL << 32}},
	{"tcgets", SYS_ioctl, {-1UL, TCGETS}},
	{"memfd-exec", SYS_memfd_create, {0, 0x10 /* MFD_EXEC */}},
	{"memfd-noexec", SYS_memfd_create, {0, 0x8 /* MFD_NOEXEC_SEAL */}},
	{"getpid", SYS_getpid, {0}},
};

static int make_call(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const unsigned long *a = calls[i].arguments;
		if (strcmp(calls[i].name, name) != 0)
			continue;
		long ret = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4]);
		printf("%s %s\n", name, ret < 0 ? strerrorname_np(errno) : "0");
		if (calls[i].number == SYS_clone && ret == 0)
			_exit(0);
		return 0;
	}
	fprintf(stderr, "intruder: no call '%s'\n", name);
	return 125;
}

int main(int argc, char **argv)
{
	int ret = 0;

	if (argc == 3 && strcmp(argv[1], "watch") == 0)
		watch(argv[2]);
	if (argc >= 3 && strcmp(argv[1], "tiocsti") == 0)
		return tiocsti(atoi(argv[2]), argc > 3 ? strtoul(argv[3], NULL, 0) : 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && strcmp(argv[1], "hold") == 0)
		return hold(atoi(argv[2]), atoi(argv[3]));
	for (int i = 2; argc > 2 && strcmp(argv[1], "call") == 0 && i < argc && ret == 0; i++)
		ret = make_call(argv[i]);
	return argc > 2 ? ret : 125;
}
