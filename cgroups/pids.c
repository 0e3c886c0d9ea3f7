/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a cgroup and of every cgroup below it. */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/num.h"
#include "base/sys.h"
#include "cgroups/internal.h"

#define PIDS_MAX (4U << 20)
#define SIGNAL_ROUNDS 16
#define SIGNAL_BATCH 64 /* pidfds open at a time */

struct pid_list {
	pid_t *v;
	size_t n, size;
};

static void pid_list_done(struct pid_list *l)
{
	free(l->v);
}
#define auto_pids auto_with(pid_list_done)

static int pid_add(struct pid_list *l, pid_t pid)
{
	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 64;
		pid_t *v = size > PIDS_MAX ? NULL : reallocarray(l->v, size, sizeof(*v));
		if (!v) {
			errno = ENOMEM;
			return -1;
		}
		l->v = v;
		l->size = size;
	}
	l->v[l->n++] = pid;
	return 0;
}

/* One cgroup's own processes. A threaded one has none to show: they are listed by its domain. */
static int add_procs(int dirfd, struct pid_list *l)
{
	auto_strbuf struct strbuf text = {};
	char *save = NULL;

	if (read_file_at(dirfd, "cgroup.procs", CGROUP_FILE_MAX * 16, &text) < 0)
		return errno == EOPNOTSUPP || errno == ENOENT || errno == ENODEV ? 0 : -1;
	for (char *line = text.s ? strtok_r(text.s, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		uint64_t pid;
		/* 0: a process of another pid namespace than ours. */
		if (parse_u64(line, INT32_MAX, &pid) < 0 || pid == 0)
			continue;
		if (pid_add(l, (pid_t)pid) < 0)
			return -1;
	}
	return 0;
}

/* Paths of the children of `path` (relative to top, "." for top itself), pushed to the stack. */
static int push_children(int fd, const char *path, struct arena *a, struct spec_strings *stack, size_t *size)
{
	auto_children DIR *dir = cgroup_children_open(fd);
	const char *name;

	if (!dir)
		return -1;
	while ((name = cgroup_children_next(dir))) {
		if (stack->n == *size) {
			char **v = arena_array(a, *size * 2, sizeof(*v));
			memcpy(v, stack->v, stack->n * sizeof(*v));
			stack->v = v;
			*size *= 2;
		}
		stack->v[stack->n++] = arena_printf(a, "%s/%s", path, name);
	}
	return errno ? -1 : 0;
}

static int collect(int top, struct pid_list *l)
{
	auto_arena struct arena a = {};
	size_t size = 32;
	struct spec_strings stack = {.n = 1, .v = arena_array(&a, size, sizeof(char *))};

	stack.v[0] = arena_strdup(&a, ".");
	while (stack.n > 0) {
		const char *path = stack.v[--stack.n];
		auto_close int fd = cgroup_open_dir(top, path, O_PATH);
		struct stat st;

		if (fd < 0 && (errno == ENOENT || errno == ENODEV))
			continue;
		if (fd < 0 || add_procs(fd, l) < 0)
			return -1;
		/* A cgroup's link count tells its children: most have none and are not listed at all. */
		if (fstat(fd, &st) == 0 && st.st_nlink <= 2)
			continue;
		if (push_children(fd, path, &a, &stack, &size) < 0 && errno != ENOENT && errno != ENODEV)
			return -1;
	}
	return 0;
}

int cgroup_pids(const struct cgroup *cg, struct arena *a, pid_t **ret, size_t *n, struct error *e)
{
	auto_pids struct pid_list l = {};

	if (cg->fd >= 0 && collect(cg->fd, &l) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot list the processes of cgroup '%s'", cg->path);
	*ret = arena_array(a, MAX(l.n, (size_t)1), sizeof(pid_t));
	if (l.n)
		memcpy(*ret, l.v, l.n * sizeof(pid_t));
	*n = l.n;
	return 0;
}

/* --- signals */

static int pid_compare(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static bool pid_in(const pid_t *sorted, size_t n, pid_t pid)
{
	return n && bsearch(&pid, sorted, n, sizeof(pid), pid_compare);
}

static void pid_sort(struct pid_list *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(pid_t), pid_compare);
}

struct pidfds {
	size_t n;
	struct {
		pid_t pid;
		int fd;
	} v[SIGNAL_BATCH];
};

static void pidfds_done(struct pidfds *p)
{
	for (size_t i = 0; i < p->n; i++)
		close(p->v[i].fd);
	p->n = 0;
}

/* A number read from cgroup.procs may be another process's by the time it is opened. The pidfd fixes who is meant;
 * a second look at cgroup.procs then tells whether that one is a member. */
static int signal_batch(const struct cgroup *cg, const struct pidfds *p, int sig)
{
	auto_pids struct pid_list again = {};

	if (p->n == 0)
		return 0;
	if (collect(cg->fd, &again) < 0)
		return -1;
	pid_sort(&again);
	for (size_t i = 0; i < p->n; i++) {
		if (pid_in(again.v, again.n, p->v[i].pid) && sys_pidfd_send_signal(p->v[i].fd, sig) < 0 &&
		    errno != ESRCH)
			return -1;
	}
	return 0;
}

/* Signals those of the list that are not among the first `known` of done, and adds them there. */
static int signal_new(const struct cgroup *cg, const struct pid_list *l, struct pid_list *done, size_t known, int sig)
{
	auto_with(pidfds_done) struct pidfds p = {};

	for (size_t i = 0; i < l->n; i++) {
		if (pid_in(done->v, known, l->v[i]))
			continue;
		if (pid_add(done, l->v[i]) < 0)
			return -1;
		int fd = sys_pidfd_open(l->v[i], 0);
		if (fd < 0 && errno == ESRCH)
			continue;
		if (fd < 0)
			return -1;
		p.v[p.n].pid = l->v[i];
		p.v[p.n++].fd = fd;
		if (p.n < SIGNAL_BATCH)
			continue;
		if (signal_batch(cg, &p, sig) < 0)
			return -1;
		pidfds_done(&p);
	}
	return signal_batch(cg, &p, sig);
}

int cgroup_signal(const struct cgroup *cg, int sig, struct error *e)
{
	auto_pids struct pid_list done = {};

	/* Processes forked meanwhile are found by the next round; it ends when there are none. */
	for (int round = 0; cg->fd >= 0 && round < SIGNAL_ROUNDS; round++) {
		auto_pids struct pid_list l = {};
		size_t known = done.n;

		if (collect(cg->fd, &l) < 0 || signal_new(cg, &l, &done, known, sig) < 0)
			return error_set(e, ERROR_HOST, errno, "cannot signal the processes of cgroup '%s'", cg->path);
		if (done.n == known)
			return 0;
		pid_sort(&done);
	}
	return 0;
}
