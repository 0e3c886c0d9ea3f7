/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/spawn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "base/sys.h"
#include "libcontainer/clone.h"
#include "libcontainer/terminal.h"

extern const char kedge_init_start[], kedge_init_end[];

void spawn_done(struct spawn *spawn)
{
	if (spawn->pidfd >= 0)
		close(spawn->pidfd);
	if (spawn->master >= 0)
		close(spawn->master);
	spawn->pidfd = spawn->master = -1;
	spawn->netdevs = netdevs_free(spawn->netdevs);
}

/* I: neither the program nor the plan can be changed through any descriptor of them (CVE-2019-5736); MFD_EXEC and the exec seal are
 * refused by kernels before 6.3, where every memfd may be executed. */
static int image_create(void)
{
	int fd = memfd_create("kedge-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	return fd < 0 && errno == EINVAL ? memfd_create("kedge-init", MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

/* One file: the program and, from the next page on, its plan. */
static int image_sealed(const struct strbuf *plan, size_t *offset, struct error *e)
{
	int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	size_t size = (size_t)(kedge_init_end - kedge_init_start), page = (size_t)sysconf(_SC_PAGESIZE);
	auto_close int fd = image_create();

	if (fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot create memfd 'kedge-init'");
	*offset = (size + page - 1) / page * page;
	if (write_all(fd, kedge_init_start, size) < 0 || lseek(fd, (off_t)*offset, SEEK_SET) < 0 ||
	    write_all(fd, plan->s, plan->len) < 0 ||
	    (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_EXEC) < 0 && fcntl(fd, F_ADD_SEALS, seals) < 0))
		return error_set(e, ERROR_HOST, errno, "cannot seal memfd 'kedge-init'");
	return TAKE_FD(fd);
}

static int run_side(struct spawn *sp, enum plan_side side, size_t from, size_t to, struct error *e)
{
	for (size_t i = from; i < to; i++) {
		const struct plan_step *s = &sp->plan->steps[i];
		if (s->side != side)
			continue;
		int ret = side == SIDE_PREPARE ? prepare_step(sp, s, e) : parent_step(sp, s, e);
		if (ret < 0)
			return *sp->plan->origins[i] ? error_in(e, "%s", sp->plan->origins[i]) : -1;
	}
	return 0;
}

static size_t collect_joins(const struct plan *plan, bool before_clone, struct clone_join *joins)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n && n < 2 * NS_MAX; i++) {
		const struct plan_step *s = &plan->steps[i];
		if (s->kind != STEP_SETNS || s->side != SIDE_PREPARE)
			continue;
		/* An intermediate process joins the pid namespace itself: cloned into it, it would tell us init's number there. */
		uint64_t ours = CLONE_NEWTIME | (plan->userns_joined ? 0 : CLONE_NEWPID);
		bool parent = (s->num[0] & ~ours) == 0;
		if (parent == before_clone)
			joins[n++] = (struct clone_join){plan->regs[s->reg], (int)s->num[0]};
	}
	return n;
}

/* pid and time namespaces are entered by children only: the parent joins, clones, and goes back. */
struct detour {
	int own_pid, own_time;
};

static int detour_begin(const struct plan *plan, struct detour *d, struct error *e)
{
	struct clone_join joins[2 * NS_MAX];
	size_t n = collect_joins(plan, true, joins);

	*d = (struct detour){-1, -1};
	for (size_t i = 0; i < n; i++) {
		if ((joins[i].flags & CLONE_NEWPID) && d->own_pid < 0)
			d->own_pid = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
		if ((joins[i].flags & CLONE_NEWTIME) && d->own_time < 0)
			d->own_time = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
		if (sys_setns(joins[i].fd, joins[i].flags) < 0)
			return error_set(e, ERROR_HOST, errno, "cannot join namespace");
	}
	return 0;
}

static int detour_end(struct detour *d, struct error *e)
{
	int ret = 0;

	if (d->own_pid >= 0 && sys_setns(d->own_pid, CLONE_NEWPID) < 0)
		ret = error_set(e, ERROR_HOST, errno, "cannot return to the runtime's pid namespace");
	if (d->own_time >= 0 && sys_setns(d->own_time, CLONE_NEWTIME) < 0)
		ret = error_set(e, ERROR_HOST, errno, "cannot return to the runtime's time namespace");
	if (d->own_pid >= 0)
		close(d->own_pid);
	if (d->own_time >= 0)
		close(d->own_time);
	return ret;
}

static bool has_step(const struct plan *plan, enum plan_kind kind)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->steps[i].kind == kind)
			return true;
	return false;
}

/* Whether it is no harm that init starts before it is moved: it makes no cgroup namespace, or waits for its ids before that. */
static bool may_start_outside(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->steps[i].kind == STEP_UNSHARE && (plan->steps[i].num[0] & CLONE_NEWCGROUP))
			return plan->clone_flags & CLONE_NEWUSER;
	return true;
}

static int move_into(struct spawn *sp, int cgroup_fd, struct error *e)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", sp->pid);
	if (write_file_at(cgroup_fd, "cgroup.procs", pid) == 0)
		return 0;
	if (sp->cgroup && sp->cgroup->unit)
		return cgroup_attach(sp->cgroup, sp->pid, e);
	return error_set(e, ERROR_HOST, errno, "cannot move the process into the container's cgroup");
}

/* A clone counts against pids.max, a move does not: exec works in a container that has room for no more processes. And between
 * scopes of a user processes are moved by systemd alone. Slow, so only then. */
static int clone_into(struct spawn *sp, struct clone_request *request, struct error *e)
{
	struct error why = {};

	if (clone_init(request, &sp->pid, &sp->pidfd, &why) == 0)
		return 0;
	if (request->cgroup_fd >= 0 && (why.sys == EBUSY || why.sys == EOPNOTSUPP) && sp->cgroup)
		return cgroup_explain(sp->cgroup, why.sys, e);
	bool foreign = why.sys == EACCES && sp->cgroup && sp->cgroup->unit && may_start_outside(sp->plan);
	if ((why.sys != EAGAIN && !foreign) || request->cgroup_fd < 0) {
		*e = why;
		return -1;
	}
	int cgroup_fd = request->cgroup_fd;
	request->cgroup_fd = -1;
	return clone_init(request, &sp->pid, &sp->pidfd, e) < 0 ? -1 : move_into(sp, cgroup_fd, e);
}

/* The capabilities that the program is to have at most stand in the plan, once. */
static uint64_t caps_bound(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->steps[i].kind == STEP_BOUNDING)
			return plan->steps[i].num[0];
	return UINT64_MAX;
}

static int clone_labelled(struct spawn *sp, struct clone_request *request, struct error *e)
{
	if (!sp->guard)
		return clone_into(sp, request, e);
	if (guard_adopt(sp->guard, sp->guard_cookie, caps_bound(sp->plan), e) < 0)
		return -1;
	int ret = clone_into(sp, request, e);
	guard_release(sp->guard);
	return ret;
}

static int clone_with(struct spawn *sp, int image_fd, size_t offset, size_t size, int sock, struct error *e)
{
	struct plan *plan = sp->plan;
	char numbers[4][16];
	char *argv[] = {(char *)"kedge-init", numbers[0], numbers[1], numbers[2], numbers[3], NULL};
	int *keep = arena_array(&plan->arena, plan->n_regs + 2, sizeof(*keep));
	struct clone_join joins[2 * NS_MAX];
	struct detour detour;
	bool offsets = has_step(plan, STEP_TIME_OFFSETS);

	snprintf(numbers[0], sizeof(numbers[0]), "%d", image_fd);
	snprintf(numbers[1], sizeof(numbers[1]), "%zu", offset);
	snprintf(numbers[2], sizeof(numbers[2]), "%zu", size);
	snprintf(numbers[3], sizeof(numbers[3]), "%d", sock);
	for (size_t i = 0; i < plan->n_regs; i++)
		keep[i] = plan->regs[i];
	keep[plan->n_regs] = image_fd;
	keep[plan->n_regs + 1] = sock;
	size_t n_joins = collect_joins(plan, false, joins);
	struct clone_request request = {
		.flags = plan->clone_flags,
		.cgroup_fd = sp->cgroup_fd,
		.exec_fd = image_fd,
		.argv = argv,
		.keep = keep,
		.n_keep = plan->n_regs + 2,
		.n_preserve = plan->preserve_fds,
		.share_memory = !offsets && !(plan->clone_flags & CLONE_NEWTIME),
		.joins = joins,
		.n_joins = n_joins,
	};
	int ret = detour_begin(plan, &detour, e);
	/* The way back is open to one user of our memory alone, and a child that has just executed may still count (EUSERS). */
	if (detour.own_time >= 0)
		request.share_memory = false;
	if (ret == 0)
		ret = clone_labelled(sp, &request, e);
	if (ret == 0 && sp->cgroup)
		ret = cgroup_settle(sp->cgroup, e);
	if (detour_end(&detour, e) < 0)
		ret = -1;
	if (offsets) {
		auto_close int own = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
		if (sys_setns(own, CLONE_NEWTIME) < 0)
			ret = error_set(e, ERROR_HOST, errno, "cannot return to the runtime's time namespace");
	}
	return ret;
}

static int launch(struct spawn *sp, int sock, struct error *e)
{
	auto_strbuf struct strbuf image = {};
	size_t offset = 0;

	plan_image(sp->plan, &image);
	auto_close int fd = image_sealed(&image, &offset, e);
	return fd < 0 ? -1 : clone_with(sp, fd, offset, image.len, sock, e);
}

static int receive(int sock, struct plan_record *record, int *fd)
{
	ssize_t n = socket_receive(sock, record, sizeof(*record), fd);

	if (n > 0 && n != sizeof(*record)) {
		errno = EPROTO;
		return -1;
	}
	return n < 0 ? -1 : n > 0;
}

int spawn_failed_exec(const struct plan_record *record, const char *args0, struct error *e)
{
	if (record->value == STEP_EXEC) /* the interpreter or the format, not the file itself */
		return error_set(e, ERROR_EXECVE, record->err, "exec %s", args0);
	/* An entry of PATH may be no directory. */
	if ((record->err == ENOENT || record->err == ENOTDIR) && !strchr(args0, '/'))
		return error_set(e, ERROR_PAYLOAD, 0, "exec: \"%s\": executable file not found in $PATH", args0);
	if (record->err == ENOENT)
		return error_set(e, ERROR_PAYLOAD, ENOENT, "exec: \"%s\": stat %s", args0, args0);
	/* Podman knows status 126 by what execve says of it, Docker by what runc says. */
	if (record->err == EISDIR)
		return error_set(e, ERROR_PAYLOAD, EACCES, "exec: \"%s\": is a directory", args0);
	return error_set(e, ERROR_PAYLOAD, record->err, "exec: \"%s\"", args0);
}

int spawn_failed_hook(const struct plan_record *record, const char *kind, size_t index, struct error *e)
{
	int len = (int)MIN(record->text_len, sizeof(record->text));

	while (len > 0 && record->text[len - 1] == '\n')
		len--;
	if (record->extra == -1 || record->err == ETIMEDOUT)
		return error_set(e, ERROR_HOST, 0, "error running %s hook #%zu: timed out, output: %.*s", kind, index,
				 len, record->text);
	if (record->err != ECHILD)
		return error_set(e, ERROR_HOST, record->err, "error running %s hook #%zu", kind, index);
	if (WIFSIGNALED(record->extra)) {
		char signal[64]; /* "bad system call", in the case of Go's messages */
		snprintf(signal, sizeof(signal), "%s", sigdescr_np(WTERMSIG(record->extra)) ?: "unknown signal");
		signal[0] = (char)(signal[0] | 0x20);
		return error_set(e, ERROR_HOST, 0, "error running %s hook #%zu: signal: %s, output: %.*s", kind, index,
				 signal, len, record->text);
	}
	return error_set(e, ERROR_HOST, 0, "error running %s hook #%zu: exit status %d, output: %.*s", kind, index,
			 WEXITSTATUS(record->extra), len, record->text);
}

static int failed(const struct spawn *sp, const struct plan_record *record, struct error *e)
{
	const struct plan *plan = sp->plan;
	auto_strbuf struct strbuf what = {};

	if (record->step >= plan->n)
		return error_set(e, ERROR_BUG, EPROTO, "kedge-init failed at an unknown step");
	const struct plan_step *s = &plan->steps[record->step];
	if (s->kind == STEP_EXEC || s->kind == STEP_FIND_EXEC) {
		const struct plan_step *exec = &plan->steps[plan->n - 1];
		const uint32_t *argv = (const uint32_t *)(const void *)plan_at(plan, exec->list);
		return spawn_failed_exec(record, plan_at(plan, argv[1]), e);
	}
	if (s->kind == STEP_CONTAINER_HOOK)
		return spawn_failed_hook(record, value_to_name(names_hooks, (int64_t)s->num[1]), s->num[2], e);
	plan_describe(plan, record->step, &what);
	size_t len = MIN(record->text_len, sizeof(record->text));
	while (len > 0 && (record->text[len - 1] == '\n' || !record->text[len - 1]))
		len--;
	if (len)
		strbuf_addf(&what, ": %.*s", (int)len, record->text);
	if (s->kind == STEP_UNMOUNT && record->err == EINVAL)
		return error_set(e, ERROR_HOST, 0, "%s: nothing is mounted there", strbuf_str(&what));
	if (s->kind == STEP_PLACE && (s->flags & PLAN_NOSYMLINKS) && record->err == ELOOP)
		strbuf_adds(&what, ": must be mounted on ordinary directory");
	if (s->kind == STEP_FSOPEN && record->err == ENODEV)
		error_hint(e, "the kernel has no such file system");
	return error_set(e, ERROR_HOST, record->err, "%s", strbuf_str(&what));
}

/* Init is gone without a word: by a signal, most likely the kernel's for want of memory. */
static int vanished(struct spawn *sp, struct error *e)
{
	siginfo_t info = {};

	if (waitid(P_PIDFD, (id_t)sp->pidfd, &info, WEXITED) < 0)
		return error_set(e, ERROR_HOST, errno, "container init ended without a message");
	sp->pid = 0;
	if (info.si_code == CLD_EXITED)
		return error_set(e, ERROR_HOST, 0, "container init ended with status %d", info.si_status);
	sp->killed = info.si_status;
	error_set(e, ERROR_HOST, 0, "container init was killed by signal %d%s", info.si_status,
		  info.si_status == SIGKILL ? " (OOM-killed, memory limit too low?)" : "");
	return -1;
}

static int listener(struct spawn *sp, int number, struct error *e)
{
	auto_close int fd = sys_pidfd_getfd(sp->pidfd, number);

	if (fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot take the seccomp listener from init");
	return seccomp_send_listener(&sp->spec->linux_.seccomp, fd, sp->pid, sp->state_json(sp->ctx, sp->pid, false), e);
}

/* The runtime's steps follow the barrier they belong to in the plan. */
static int at_barrier(struct spawn *sp, const struct plan_record *record, struct error *e)
{
	size_t end = record->step + 1;

	while (end < sp->plan->n && sp->plan->steps[end].side == SIDE_PARENT)
		end++;
	if (record->step >= sp->plan->n || run_side(sp, SIDE_PARENT, record->step, end, e) < 0)
		return -1;
	if (record->value == BARRIER_SECCOMP)
		return listener(sp, record->extra, e);
	if (record->value == BARRIER_READY && sp->ready)
		return sp->ready(sp->ctx, sp, e);
	return 0;
}

static int converse(struct spawn *sp, int sock, struct error *e)
{
	struct plan_record record, go = {.type = RECORD_GO};
	/* create ends with init waiting, run and exec with a program that runs. */
	bool waits = has_step(sp->plan, STEP_WAIT_START), is_ready = false;
	int fd, n;

	while ((n = receive(sock, &record, &fd)) > 0) {
		switch (record.type) {
		case RECORD_FD: sp->master = fd; continue;
		case RECORD_READY:
			sp->mount_fd = fd;
			n = at_barrier(sp, &record, e);
			if (fd >= 0)
				close(fd);
			if (n < 0)
				return -1;
			is_ready = waits && record.value == BARRIER_READY;
			if (send(sock, &go, sizeof(go), MSG_NOSIGNAL) == sizeof(go))
				continue;
			/* Gone while we were busy: what it had to say comes next, or nothing, and then it was not ready. */
			if (errno != EPIPE)
				return error_set(e, ERROR_HOST, errno, "cannot answer container init");
			is_ready = false;
			continue;
		case RECORD_FAILED: return failed(sp, &record, e);
		case RECORD_EXEC: is_ready = true; continue;
		default: return error_set(e, ERROR_BUG, EPROTO, "unknown message from container init");
		}
	}
	if (n < 0)
		return error_set(e, ERROR_HOST, errno, "cannot hear container init");
	return is_ready ? 0 : vanished(sp, e);
}

int spawn_run(struct spawn *sp, struct error *e)
{
	struct plan *plan = sp->plan;
	int pair[2];

	sp->pid = 0;
	sp->pidfd = sp->master = sp->mount_fd = -1;
	if (run_side(sp, SIDE_PREPARE, 0, plan->n, e) < 0 || (sp->prepared && sp->prepared(sp->ctx, sp, e) < 0))
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot create a socket pair");
	auto_close int ours = pair[0];
	int ret = launch(sp, pair[1], e);
	close(pair[1]);
	for (size_t i = 0; i < plan->n_regs; i++)
		if (plan->regs[i] >= 0) {
			close(plan->regs[i]);
			plan->regs[i] = -1;
		}
	if (ret == 0 && sp->cloned)
		ret = sp->cloned(sp->ctx, sp, e);
	if (ret == 0)
		ret = converse(sp, ours, e);
	if (ret < 0 && sp->pid > 0) {
		siginfo_t info;
		sys_pidfd_send_signal(sp->pidfd, SIGKILL);
		while (waitid(P_PIDFD, (id_t)sp->pidfd, &info, WEXITED) < 0 && errno == EINTR)
			;
		sp->pid = 0;
	}
	if (ret < 0 && sp->netdevs)
		netdevs_undo(sp->netdevs);
	sp->netdevs = netdevs_free(sp->netdevs);
	return ret;
}
