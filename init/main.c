/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/socket.h>
#include <linux/uio.h>

#include "init/init.h"

#define SOL_SOCKET_ 1
#define SCM_RIGHTS_ 1
#define MSG_NOSIGNAL_ 0x4000

struct message {
	void *name;
	int name_len;
	struct iovec *iov;
	size_t iov_len;
	void *control;
	size_t control_len;
	unsigned flags;
};
struct fd_control {
	size_t len;
	int level, type;
	int fd;
};

/* Writes with write(2) where no fd travels: after seccomp a profile may know no sendmsg. */
int init_send(struct init *i, uint32_t type, int fd)
{
	struct iovec iov = {.iov_base = &i->record, .iov_len = sizeof(i->record)};
	struct fd_control control = {
		.len = sizeof(size_t) + 3 * sizeof(int), .level = SOL_SOCKET_, .type = SCM_RIGHTS_, .fd = fd};
	struct message msg = {.iov = &iov, .iov_len = 1, .control = &control, .control_len = sizeof(control)};
	int to = i->sock >= 0 ? i->sock : i->result;
	long n;

	i->record.type = type;
	if (fd >= 0)
		n = sys3(__NR_sendmsg, to, &msg, MSG_NOSIGNAL_);
	else
		n = sys3(__NR_write, to, &i->record, sizeof(i->record));
	return n < 0 ? (int)n : 0;
}

void init_note(struct init *i, const char *text)
{
	size_t len = strlen(text);

	if (len > sizeof(i->record.text))
		len = sizeof(i->record.text);
	memcpy(i->record.text, text, len);
	i->record.text_len = (uint32_t)len;
}

static int init_step(struct init *i, const struct plan_step *s)
{
	switch (s->kind) {
#define X(kind, name)                                                                                                  \
	case STEP_##kind:                                                                                              \
		return do_##kind(i, s);
		PLAN_INIT_STEPS(X)
#undef X
	default:
		return -EINVAL;
	}
}

static _Noreturn void init_exit(int status)
{
	for (;;) {
		sys1(__NR_exit_group, status);
		__builtin_trap(); /* a seccomp profile may deny even this */
	}
}

static const struct plan_step *init_steps(const struct init *i)
{
	return (const void *)((const char *)i->plan + i->plan->steps);
}

int do_DONE(struct init *i, const struct plan_step *s)
{
	(void)s;
	return init_send(i, RECORD_EXEC, -1);
}

/* All of the mounts that a running container is to get, or none. */
static void undo_mounts(struct init *i, uint32_t n)
{
	const struct plan_step *steps = init_steps(i);

	if (steps[i->plan->n_steps - 1].kind != STEP_DONE)
		return;
	while (n-- > 0) {
		struct plan_step undo = {.str = steps[n].str};
		if (steps[n].kind == STEP_PLACE)
			do_UNMOUNT(i, &undo);
	}
}

static int init_run(struct init *i)
{
	const struct plan_step *steps = init_steps(i);

	i->exec_env = steps[i->plan->n_steps - 1].list2;
	for (uint32_t n = 0; n < i->plan->n_steps; n++) {
		if (steps[n].side != SIDE_CHILD)
			continue;
		i->record.step = n;
		i->record.text_len = 0;
		int ret = init_step(i, &steps[n]);
		if (ret < 0) {
			i->record.err = -ret;
			i->record.value = steps[n].kind;
			if (steps[n].kind == STEP_CONTAINER_HOOK) /* start has no plan to look the number up in */
				i->record.value |= (uint32_t)steps[n].num[2] << 16;
			undo_mounts(i, n);
			init_send(i, RECORD_FAILED, -1);
			return 1;
		}
	}
	return 1;
}

static int number(const char *s)
{
	int v = 0;

	for (; *s; s++)
		v = v * 10 + (*s - '0');
	return v;
}

/* argv: kedge-init FD OFFSET SIZE SOCKET_FD; the plan is where FD, our own file, goes on. Everything else is in it. */
__attribute__((used, noreturn)) void init_start(const long *stack);
void init_start(const long *stack)
{
	static struct init init; /* too large for the stack of a container with little memory to touch it all */
	const char *const *argv = (const char *const *)(stack + 1);
	struct init *i = &init;

	if (stack[0] != 5)
		init_exit(127);
	int fd = number(argv[1]);
	size_t size = (size_t)number(argv[3]);
	long image = sys6(__NR_mmap, 0, (long)size, PROT_READ, MAP_PRIVATE, fd, number(argv[2]));
	if (image < 0 && image > -4096)
		init_exit(126);
	closed(fd, 0);
	i->plan = (const void *)image;
	i->sock = number(argv[4]);
	i->result = i->mask_dir = i->devnull = i->parent = -1;
	if (i->plan->magic != PLAN_MAGIC || i->plan->size != size || i->plan->n_regs > PLAN_REGS_MAX)
		init_exit(125);
	const int32_t *regs = (const void *)((const char *)i->plan + i->plan->regs);
	for (uint32_t n = 0; n < i->plan->n_regs; n++)
		i->reg[n] = regs[n];
	init_exit(init_run(i));
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall init_start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl init_start\n");
#endif
