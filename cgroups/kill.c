/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One write to cgroup.kill ends every process of the subtree, frozen ones and those being forked included; the kernel
 * tells by cgroup.events when the last has gone.
 */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"
#include "base/sys.h"
#include "cgroups/internal.h"

/* 'R', 'D', 'Z' …; '?' when it has gone. */
static char process_state(pid_t pid)
{
	auto_strbuf struct strbuf text = {};
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	if (read_file_at(AT_FDCWD, name, CGROUP_FILE_MAX, &text) < 0)
		return '?';
	const char *paren = text.s ? strrchr(text.s, ')') : NULL;
	return paren && paren[1] == ' ' && paren[2] ? paren[2] : '?';
}

static int remaining(const struct cgroup *cg, int timeout_ms, struct error *e)
{
	auto_arena struct arena a = {};
	struct error ignored = {};
	pid_t *pids;
	size_t n = 0;

	if (cgroup_pids(cg, &a, &pids, &n, &ignored) < 0 || n == 0)
		return error_set(e, ERROR_HOST, ETIMEDOUT, "cannot kill cgroup '%s' within %d ms", cg->path,
				 timeout_ms);
	error_set(e, ERROR_HOST, ETIMEDOUT,
		  "cannot kill cgroup '%s' within %d ms: %zu process(es) left, among them %d in "
		  "state '%c'",
		  cg->path, timeout_ms, n, pids[0], process_state(pids[0]));
	return error_hint(e, "a process in uninterruptible sleep (D) dies when the kernel lets it go");
}

int cgroup_kill(const struct cgroup *cg, int timeout_ms, struct error *e)
{
	struct events now;

	if (cg->fd < 0)
		return 0;
	if (cgroup_events_get(cg->fd, &now) == 0 && !now.populated)
		return 0;
	if (write_file_at(cg->fd, "cgroup.kill", "1") < 0 && errno != ENODEV) {
		int saved = errno;
		error_set(e, ERROR_HOST, saved, "cannot kill cgroup '%s'", cg->path);
		return saved == ENOENT ? error_hint(e, "cgroup.kill needs Linux 5.14") : -1;
	}
	int waited = cgroup_events_wait(cg->fd, EVENTS_EMPTY, timeout_ms);
	if (waited < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read 'cgroup.events' of cgroup '%s'", cg->path);
	return waited ? remaining(cg, timeout_ms, e) : 0;
}

int64_t cgroup_oom_kills(const struct cgroup *cg)
{
	auto_strbuf struct strbuf text = {};
	uint64_t n;

	if (cg->fd < 0 || read_file_at(cg->fd, "memory.events", CGROUP_FILE_MAX, &text) < 0)
		return -1;
	const char *p = text.s ? strstr(text.s, "oom_kill ") : NULL;
	if (!p)
		return -1;
	p += sizeof("oom_kill ") - 1;
	auto_free char *value = strndup(p, strcspn(p, "\n"));
	return value && parse_u64(value, INT64_MAX, &n) == 0 ? (int64_t)n : -1;
}
