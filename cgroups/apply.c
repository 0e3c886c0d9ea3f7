/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out the list of writes.c. What depends on the files that this kernel has is decided here. */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"
#include "cgroups/internal.h"

static int write_one(const struct cgroup *cg, const struct cgroup_write *w)
{
	if (write_file_at(cg->fd, w->file, w->value) == 0)
		return 0;
	if (errno == ENOENT && w->else_file && write_file_at(cg->fd, w->else_file, w->else_value) == 0)
		return 0;
	return errno == ENOENT && w->optional ? 0 : -1;
}

static int write_failed(const struct cgroup *cg, const struct cgroup_write *w, int sys, struct error *e)
{
	return error_set(e, ERROR_HOST, sys, "%s: cannot write '%s' to '%s' of cgroup '%s'", w->property, w->value,
			 w->file, cg->path);
}

int cgroup_apply(const struct cgroup *cg, const struct cgroup_writes *writes, struct error *e)
{
	const struct cgroup_write *later = NULL;

	for (size_t i = 0; i < writes->n; i++) {
		const struct cgroup_write *w = &writes->v[i];
		if (write_one(cg, w) < 0) {
			if (errno != EINVAL || !w->retry || later)
				return write_failed(cg, w, errno, e);
			later = w;
			continue;
		}
		if (!later)
			continue;
		if (write_one(cg, later) < 0)
			return write_failed(cg, later, errno, e);
		later = NULL;
	}
	return later ? write_failed(cg, later, EINVAL, e) : 0;
}

/* --- update */

static int read_number(int dirfd, const char *file, uint64_t *ret)
{
	auto_strbuf struct strbuf text = {};

	if (read_file_at(dirfd, file, CGROUP_FILE_MAX, &text) < 0 || !text.len)
		return -1;
	text.s[strcspn(text.s, "\n")] = '\0';
	return parse_u64(text.s, UINT64_MAX, ret);
}

/* config-linux.md: with checkBeforeUpdate a limit below the usage is rejected, where the kernel would kill. */
static int check_usage(const struct cgroup *cg, const struct spec_resources *r, struct error *e)
{
	uint64_t usage;

	if (!r->memory.check_before_update.set || !r->memory.check_before_update.v ||
	    read_number(cg->fd, "memory.current", &usage) < 0)
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

int cgroup_update(const struct cgroup *cg, const struct spec_resources *resources, struct error *e)
{
	auto_arena struct arena a = {};
	struct cgroup_writes writes = {};

	if (cg->fd < 0)
		return error_set(e, ERROR_HOST, ENOENT, "cannot open cgroup '%s'", cg->path);
	if (cgroup_writes(resources, &a, &writes, e) < 0)
		return -1;
	if (!writes.n)
		return 0;
	if (check_usage(cg, resources, e) < 0 || cgroup_controllers_enable(cg, &writes, e) < 0)
		return -1;
	/* systemd first: what its rounding loses the files have. */
	if (cgroup_update_unit(cg, &writes, e) < 0)
		return -1;
	return cgroup_apply(cg, &writes, e);
}
