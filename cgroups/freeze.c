/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>

#include "base/io.h"
#include "cgroups/internal.h"

#define FREEZE_TIMEOUT_MS 10000
#define THAW_TIMEOUT_MS 2000

int cgroup_freeze(const struct cgroup *cg, bool frozen, struct error *e)
{
	const char *verb = frozen ? "freeze" : "thaw";

	if (cg->fd < 0)
		return error_set(e, ERROR_HOST, ENOENT, "cannot %s cgroup '%s'", verb, cg->path);
	if (write_file_at(cg->fd, "cgroup.freeze", frozen ? "1" : "0") < 0)
		return error_set(e, ERROR_HOST, errno, "cannot %s cgroup '%s'", verb, cg->path);
	int waited = frozen ? cgroup_events_wait(cg->fd, EVENTS_FROZEN, FREEZE_TIMEOUT_MS)
			    : cgroup_events_wait(cg->fd, EVENTS_THAWED, THAW_TIMEOUT_MS);
	if (waited == 0)
		return 0;
	if (waited < 0)
		return error_set(e, ERROR_HOST, errno, "cannot %s cgroup '%s'", verb, cg->path);
	if (!frozen) {
		error_set(e, ERROR_HOST, ETIMEDOUT, "cannot thaw cgroup '%s'", cg->path);
		return error_hint(e, "a cgroup above it is frozen");
	}
	/* Half frozen is no state that any command could go on from. */
	if (write_file_at(cg->fd, "cgroup.freeze", "0") < 0)
		return error_set(e, ERROR_HOST, errno, "cannot freeze cgroup '%s' within %d ms, nor thaw it again",
				 cg->path, FREEZE_TIMEOUT_MS);
	error_set(e, ERROR_HOST, ETIMEDOUT, "cannot freeze cgroup '%s'", cg->path);
	return error_hint(e, "a process in uninterruptible sleep cannot be frozen");
}

int cgroup_is_frozen(const struct cgroup *cg, bool *ret, struct error *e)
{
	auto_strbuf struct strbuf text = {};

	*ret = false;
	if (cg->fd < 0)
		return 0;
	/* What was asked of this cgroup, not whether one above it is frozen too: resume could not undo that. */
	if (read_file_at(cg->fd, "cgroup.freeze", CGROUP_FILE_MAX, &text) < 0) {
		if (errno == ENOENT || errno == ENODEV)
			return 0;
		return error_set(e, ERROR_HOST, errno, "cannot read 'cgroup.freeze' of cgroup '%s'", cg->path);
	}
	*ret = strbuf_str(&text)[0] == '1';
	return 0;
}
