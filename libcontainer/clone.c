/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything between clone3 and execveat runs on a small stack of its own in memory shared with the suspended parent: system calls
 * only, no library state but errno.
 */
#include "libcontainer/clone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/sys.h"

#define STACK_SIZE   16384
#define no_sanitizer __attribute__((no_sanitize("address", "undefined"), no_stack_protector))
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

/* What the children tell the parent, in shared memory. */
struct clone_report {
	const char *what; /* NULL: nothing failed */
	int err;
	pid_t pid;
	int pidfd;
};

struct clone_task {
	const struct clone_request *request;
	struct clone_report *report;
	char *stack; /* of the child; the intermediate's follows */
};

typedef int clone_function(struct clone_task *task);

#if defined(__x86_64__)
static long clone3_on(struct clone_args *args, clone_function *function, struct clone_task *task)
{
	register long ret __asm__("rax") = SYS_clone3;
	register clone_function *f __asm__("rdx") = function;
	register struct clone_task *t __asm__("r8") = task;

	__asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\tmov %%r8, %%rdi\n\tcall *%%rdx\n\t"
			 "mov %%eax, %%edi\n\tmov %[exit], %%eax\n\tsyscall\n\thlt\n1:"
			 : "+a"(ret)
			 : "D"(args), "S"(sizeof(*args)), "r"(f), "r"(t), [exit] "i"(SYS_exit_group)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static long clone3_on(struct clone_args *args, clone_function *function, struct clone_task *task)
{
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	register clone_function *x2 __asm__("x2") = function;
	register struct clone_task *x3 __asm__("x3") = task;

	__asm__ volatile("svc 0\n\tcbnz x0, 1f\n\tmov x29, xzr\n\tmov x0, x3\n\tblr x2\n\t"
			 "mov x8, %[exit]\n\tsvc 0\n1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), [exit] "i"(SYS_exit_group)
			 : "memory", "cc");
	return x0;
}
#else
#error "no clone3 stub for this architecture"
#endif

no_sanitizer static int report(struct clone_task *task, const char *what)
{
	task->report->what = what;
	task->report->err = errno;
	return 1;
}

/* In a user namespace where no id is mapped yet execve takes every capability away, but for the ambient ones. */
no_sanitizer static int keep_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return -1;
	data[0].inheritable = data[0].permitted;
	data[1].inheritable = data[1].permitted;
	if (syscall(SYS_capset, &head, data) < 0)
		return -1;
	for (int cap = 0; cap < 64; cap++) {
		uint32_t set = data[cap / 32].permitted;
		if ((set >> (cap % 32) & 1) && syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -1;
	}
	return 0;
}

no_sanitizer static int child(struct clone_task *task)
{
	const struct clone_request *r = task->request;
	static char *const env[] = {NULL};

	for (size_t i = 0; i < r->n_keep; i++)
		if (r->keep[i] >= 0 && syscall(SYS_fcntl, r->keep[i], F_SETFD, 0) < 0)
			return report(task, "keep descriptor");
	for (uint32_t i = 0; i < r->n_preserve; i++)
		if (syscall(SYS_fcntl, 3 + i, F_SETFD, 0) < 0)
			return report(task, "preserve descriptor");
	if (((r->flags & CLONE_NEWUSER) || r->n_joins) && keep_capabilities() < 0)
		return report(task, "keep capabilities");
	syscall(SYS_execveat, r->exec_fd, "", r->argv, env, AT_EMPTY_PATH);
	return report(task, "execute kedge-init");
}

no_sanitizer static long clone_child(struct clone_task *task, uint64_t more)
{
	const struct clone_request *r = task->request;
	struct clone_args args = {
		.flags = r->flags | CLONE_PIDFD | CLONE_VFORK | CLONE_CLEAR_SIGHAND | more |
			 (r->share_memory ? CLONE_VM : 0) | (r->cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)&task->report->pidfd,
		.exit_signal = more & CLONE_PARENT ? 0 : SIGCHLD,
		.stack = (uint64_t)(uintptr_t)task->stack,
		.stack_size = STACK_SIZE,
		.cgroup = r->cgroup_fd >= 0 ? (unsigned)r->cgroup_fd : 0,
	};
	long pid = clone3_on(&args, child, task);

	if (pid < 0)
		errno = (int)-pid;
	return pid;
}

/* Others' namespaces first, as who we are; what is refused then is tried again as a member of the user namespace. */
no_sanitizer static int intermediate(struct clone_task *task)
{
	const struct clone_request *r = task->request;

	for (size_t i = 0; i < r->n_joins; i++) {
		if (syscall(SYS_setns, r->joins[i].fd, r->joins[i].flags) == 0)
			continue;
		if (errno != EPERM || (r->joins[i].flags & CLONE_NEWUSER))
			return report(task, "join namespace");
		if (syscall(SYS_setns, r->joins[r->n_joins - 1].fd, CLONE_NEWUSER) < 0 ||
		    syscall(SYS_setns, r->joins[i].fd, r->joins[i].flags) < 0)
			return report(task, "join namespace");
	}
	long pid = clone_child(task, CLONE_PARENT);
	if (pid < 0)
		return report(task, "clone");
	task->report->pid = (pid_t)pid;
	return 0;
}

static int run_intermediate(struct clone_task *task)
{
	/* CLONE_FILES: the pidfd of the child must end up in our table. */
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES,
		.exit_signal = SIGCHLD,
		.stack = (uint64_t)(uintptr_t)(task->stack + STACK_SIZE),
		.stack_size = STACK_SIZE,
	};
	long pid = clone3_on(&args, intermediate, task);
	int status;

	if (pid < 0) {
		errno = (int)-pid;
		return report(task, "clone");
	}
	while (waitpid((pid_t)pid, &status, 0) < 0 && errno == EINTR)
		;
	return task->report->what ? -1 : 0;
}

int clone_init(const struct clone_request *request, pid_t *pid, int *pidfd, struct error *e)
{
	static char stacks[2 * STACK_SIZE] __attribute__((aligned(16)));
	struct clone_report own, *shared = &own;
	struct clone_task task = {.request = request, .stack = stacks};
	sigset_t all, old;
	int status;

	if (!request->share_memory)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return error_set(e, ERROR_HOST, errno, "cannot map memory");
	*shared = (struct clone_report){.pidfd = -1};
	task.report = shared;
	/* Nothing may interrupt a process that shares our memory; init restores the empty mask. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	if (request->n_joins) {
		run_intermediate(&task);
	} else {
		long n = clone_child(&task, 0);
		if (n < 0)
			report(&task, "clone");
		else
			shared->pid = (pid_t)n;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	struct clone_report r = *shared;
	if (shared != &own)
		munmap(shared, sizeof(*shared));
	if (r.what && r.pid > 0)
		while (waitpid(r.pid, &status, 0) < 0 && errno == EINTR)
			;
	if (r.what) {
		if (r.pidfd >= 0)
			close(r.pidfd);
		return error_set(e, ERROR_HOST, r.err, "cannot %s for the container's first process", r.what);
	}
	*pid = r.pid;
	*pidfd = r.pidfd;
	return 0;
}
