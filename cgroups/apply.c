/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out the list of writes.c. What depends on the files that this kernel has is decided here. */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
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
