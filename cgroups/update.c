/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New limits for a cgroup with processes in it. v1 took some limits by themselves that v2 has only together with another;
 * that other one is looked up. A failure puts back what was there, so that a container has the old limits or the new ones.
 */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"
#include "cgroups/internal.h"

static int read_text(int dirfd, const char *file, struct strbuf *ret)
{
	if (read_file_at(dirfd, file, CGROUP_FILE_MAX, ret) < 0)
		return -1;
	if (ret->len && ret->s[ret->len - 1] == '\n')
		ret->s[--ret->len] = '\0';
	return 0;
}

/* false too for "max". */
static bool read_number(int dirfd, const char *file, uint64_t *ret)
{
	auto_strbuf struct strbuf text = {};

	return read_text(dirfd, file, &text) == 0 && parse_u64(strbuf_str(&text), INT64_MAX, ret) == 0;
}

/* --- what was left open */

static bool given(struct opt_i64 v)
{
	return v.set && v.v != 0;
}

/* memory.swap.max is the total less the memory: whichever of the two is new, the other one counts. */
static void complete_memory(const struct cgroup *cg, struct spec_resources *r, int64_t memory_swap)
{
	uint64_t limit;

	if (given(r->memory.swap) && r->memory.swap.v > 0 && !given(r->memory.limit) &&
	    read_number(cg->fd, "memory.max", &limit))
		r->memory.limit = (struct opt_i64){true, (int64_t)limit};
	if (given(r->memory.limit) && r->memory.limit.v > 0 && !given(r->memory.swap) && memory_swap > 0)
		r->memory.swap = (struct opt_i64){true, memory_swap};
}

/* A period is written together with the quota. */
static void complete_cpu(const struct cgroup *cg, struct spec_resources *r)
{
	auto_strbuf struct strbuf text = {};
	uint64_t quota;

	if (!r->cpu.period.set || !r->cpu.period.v || given(r->cpu.quota) ||
	    read_text(cg->fd, "cpu.max", &text) < 0 || !text.len)
		return;
	text.s[strcspn(text.s, " ")] = '\0';
	if (parse_u64(text.s, INT64_MAX, &quota) == 0)
		r->cpu.quota = (struct opt_i64){true, (int64_t)quota};
}

/* A weight is for a cgroup that is not idle; so does systemd understand it. */
static void complete_idle(const struct cgroup *cg, struct spec_resources *r)
{
	bool weight = r->cpu.shares.set && r->cpu.shares.v;
	uint64_t idle;

	for (size_t i = 0; i < r->unified.n; i++) {
		if (strcmp(r->unified.v[i].key, "cpu.idle") == 0)
			return;
		weight |= strcmp(r->unified.v[i].key, "cpu.weight") == 0;
	}
	if (weight && !r->cpu.idle.set && read_number(cg->fd, "cpu.idle", &idle) && idle)
		r->cpu.idle = (struct opt_i64){true, 0};
}

/* config-linux.md: with checkBeforeUpdate a limit below the usage is rejected, where the kernel would kill. */
static int check_usage(const struct cgroup *cg, const struct spec_resources *r, struct error *e)
{
	uint64_t usage;

	if (!r->memory.check_before_update.set || !r->memory.check_before_update.v ||
	    !read_number(cg->fd, "memory.current", &usage))
		return 0;
	if (r->memory.swap.set && r->memory.swap.v > 0 && (uint64_t)r->memory.swap.v <= usage)
		return error_set(e, ERROR_STATE, 0,
				 "linux.resources.memory.swap: rejecting memory+swap limit %jd <= usage %ju",
				 (intmax_t)r->memory.swap.v, (uintmax_t)usage);
	if (r->memory.limit.set && r->memory.limit.v > 0 && (uint64_t)r->memory.limit.v <= usage)
		return error_set(e, ERROR_STATE, 0,
				 "linux.resources.memory.limit: rejecting memory limit %jd <= usage %ju",
				 (intmax_t)r->memory.limit.v, (uintmax_t)usage);
	return 0;
}

/* --- putting back */

/* The line of `had` that begins with these bytes. */
static const char *line_of(const char *had, const char *key, size_t len, struct arena *a)
{
	for (; *had; had += strcspn(had, "\n"), had += *had == '\n')
		if (strncmp(had, key, len) == 0)
			return arena_strndup(a, had, strcspn(had, "\n"));
	return NULL;
}

const char *cgroup_undo_value(const char *file, const char *value, const char *had, struct arena *a)
{
	const char *space = strchr(value, ' '), *line;
	size_t key = space ? (size_t)(space - value) + 1 : 0;
	bool device = space && memchr(value, ':', key);

	/* "8:0 rbps=1000": a line each. */
	if (device) {
		line = line_of(had, value, key, a);
		if (line)
			return line;
		if (strcmp(file, "io.max") == 0)
			return arena_printf(a, "%.*srbps=max wbps=max riops=max wiops=max", (int)key, value);
		if (strcmp(file, "io.weight") == 0 || strcmp(file, "io.bfq.weight") == 0)
			return arena_printf(a, "%.*sdefault", (int)key, value);
		return NULL;
	}
	line = line_of(had, "default ", 8, a);
	if (line)
		return line;
	/* "mlx5_1 hca_handle=2": named devices, all of which are listed. */
	if (strcmp(file, "rdma.max") == 0)
		return key ? line_of(had, value, key, a) : NULL;
	if (strchr(had, '\n'))
		return NULL;
	return *had ? had : "\n";
}

struct undo { const char *file, *value; };

static void remember(const struct cgroup *cg, const struct cgroup_writes *w, struct undo *undo, struct arena *a)
{
	for (size_t i = 0; i < w->n; i++) {
		auto_strbuf struct strbuf had = {};
		const char *file = w->v[i].file, *value = w->v[i].value;

		if (read_text(cg->fd, file, &had) < 0) {
			file = w->v[i].else_file;
			value = w->v[i].else_value;
			if (!file || read_text(cg->fd, file, &had) < 0)
				continue;
		}
		value = cgroup_undo_value(file, value, arena_strdup(a, strbuf_str(&had)), a);
		undo[i] = (struct undo){value ? file : NULL, value};
	}
}

/* Backwards, and twice: cpu.max and cpu.max.burst bound each other. */
static void put_back(const struct cgroup *cg, const struct undo *undo, size_t n, struct error *e)
{
	size_t failed = 0;

	for (int pass = 0; pass < 2; pass++) {
		failed = 0;
		for (size_t i = n; i-- > 0;)
			failed += undo[i].file && write_file_at(cg->fd, undo[i].file, undo[i].value) < 0;
		if (!failed)
			return;
	}
	error_hint(e, "some of the limits that were changed before it could not be put back");
}

int cgroup_update(const struct cgroup *cg, const struct spec_resources *resources, int64_t memory_swap, struct error *e)
{
	auto_arena struct arena a = {};
	struct spec_resources r = *resources;
	struct cgroup_writes writes = {};

	if (cg->fd < 0)
		return error_set(e, ERROR_HOST, ENOENT, "cannot open cgroup '%s'", cg->path);
	complete_memory(cg, &r, memory_swap);
	complete_cpu(cg, &r);
	complete_idle(cg, &r);
	if (cgroup_writes(&r, &a, &writes, e) < 0)
		return -1;
	if (!writes.n)
		return 0;
	if (cg->unit)
		cgroup_writes_for_unit(&writes, cgroup_period(cg), &a);
	if (check_usage(cg, &r, e) < 0 || cgroup_controllers_enable(cg, &writes, e) < 0)
		return -1;
	struct undo *undo = arena_array(&a, writes.n, sizeof(*undo));
	remember(cg, &writes, undo, &a);
	/* systemd first: what it has no property for, or cannot keep, the files have. */
	if (cgroup_update_unit(cg, &writes, e) == 0 && cgroup_apply(cg, &writes, e) == 0)
		return 0;
	put_back(cg, undo, writes.n, e);
	return -1;
}
