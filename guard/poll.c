/* SPDX-License-Identifier: Apache-2.0 */
/*
 * T5: the processes of a container's cgroups, looked at through /proc. Also of a container that the kernel programs do not know,
 * because it was armed before they were there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "guard/daemon.h"

/* kedge's own child is in the cgroup before it is in the namespaces. */
#define JOIN_MS 2000

void guard_poll_done(struct guard_poll *poll)
{
	if (!poll)
		return;
	for (size_t i = 0; i < poll->n; i++)
		macro_close(&poll->member[i].proc);
	free(poll->member);
	cgroup_done(&poll->cg);
	free(poll);
}

static int open_poll(struct guard_daemon *d, struct guard_armed *armed, struct error *e)
{
	auto_arena struct arena a = {};
	struct guard_container c;
	struct guard_poll *poll = calloc(1, sizeof(*poll));

	if (!poll)
		return error_set(e, ERROR_HOST, ENOMEM, "cannot poll container '%s'", armed->id);
	poll->cg = (struct cgroup){.fd = -1, .mount_fd = -1};
	d->untidy = true;
	guard_armed_describe(d, armed->cookie, armed, &a, &c);
	int found = c.root ? guard_fingerprint_read(c.root, c.id, &poll->fp, e) : 0;
	/* No state yet: nothing but kedge-init runs. */
	if (found <= 0 || (armed->cgroup && cgroup_open(armed->cgroup, &poll->cg, e) < 0)) {
		guard_poll_done(poll);
		return found > 0 ? -1 : found;
	}
	armed->poll = poll;
	return 0;
}

static int list_pids(const struct guard_poll *poll, struct arena *a, pid_t **ret, size_t *n, struct error *e)
{
	if (poll->cg.fd >= 0)
		return cgroup_pids(&poll->cg, a, ret, n, e);
	*ret = arena_alloc(a, sizeof(**ret));
	**ret = poll->fp.init;
	*n = guard_fingerprint_is_init(&poll->fp) ? 1 : 0;
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static int open_process(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The new list of members: those that were there keep what is known of them. */
static int update_members(struct guard_poll *poll, pid_t *pids, size_t n, int64_t now_ms)
{
	struct guard_member *next = calloc(MAX(n, (size_t)1), sizeof(*next));
	size_t old = 0, made = 0;

	if (!next)
		return -1;
	qsort(pids, n, sizeof(*pids), compare_pids);
	for (size_t i = 0; i < n; i++) {
		while (old < poll->n && poll->member[old].pid < pids[i])
			macro_close(&poll->member[old++].proc);
		if (old < poll->n && poll->member[old].pid == pids[i]) {
			next[made++] = poll->member[old++];
			continue;
		}
		if (i == 0 || pids[i] != pids[i - 1])
			next[made++] = (struct guard_member){.pid = pids[i], .proc = open_process(pids[i]), .seen_ms = now_ms};
	}
	while (old < poll->n)
		macro_close(&poll->member[old++].proc);
	free(poll->member);
	poll->member = next;
	poll->n = made;
	return 0;
}

static void found(struct guard_daemon *d, struct guard_armed *armed, struct guard_member *m, struct guard_record *record,
		  const struct guard_now *now)
{
	bool enforce = armed->mode == GUARD_ENFORCE;
	struct guard_latency latency = {};

	if (!enforce && !(record->drift & ~m->reported))
		return;
	m->reported |= record->drift;
	m->condemned = enforce;
	record->cookie = armed->cookie;
	record->boot_ns = now->boot_ns;
	record->action = enforce ? GUARD_ACTION_KILLED : GUARD_ACTION_LOGGED;
	if (enforce && (armed->flags & GUARD_PROCESS_SCOPE)) {
		/* The number may be another's by now, but the descriptor is not. */
		auto_close int pidfd = sys_pidfd_open(m->pid, 0);
		struct guard_record again;
		if (pidfd >= 0 && guard_process_check(m->proc, &armed->poll->fp, &d->host, armed->flags & GUARD_NESTED, &again) == 0)
			sys_pidfd_send_signal(pidfd, SIGKILL);
	} else if (enforce) {
		if (!armed->killed)
			guard_report_cause(d, armed, record, now);
		guard_kill_container(d, armed, now->boot_ns);
	}
	struct guard_now after = guard_now();
	latency.record = 0;
	if (enforce)
		latency.kill = MAX((after.boot_ns - now->boot_ns) / 1000, (uint64_t)1);
	guard_report_drift(d, armed, record, &latency, &after);
}

static void check_member(struct guard_daemon *d, struct guard_armed *armed, struct guard_member *m, int64_t now_ms)
{
	struct guard_poll *poll = armed->poll;
	struct guard_record record;
	struct guard_now now = guard_now();

	/* Gone, or to be opened at the next round: descriptors may have been short. */
	if (m->proc < 0)
		m->proc = open_process(m->pid);
	if (m->proc < 0 || m->condemned)
		return;
	/* Asked before it is looked at: afterwards it may have become the program, which is where it belongs. */
	bool joining = !m->matched && now_ms - m->seen_ms < JOIN_MS && guard_process_joining(m->proc);
	if (guard_process_check(m->proc, &poll->fp, &d->host, armed->flags & GUARD_NESTED, &record) < 0) {
		/* The number is a new process's: look at that one next time. */
		if (errno == ESRCH || errno == ENOENT) {
			macro_close(&m->proc);
			*m = (struct guard_member){.pid = m->pid, .proc = -1, .seen_ms = now_ms};
		}
		return;
	}
	if (!record.drift) {
		m->matched = true;
		return;
	}
	if (!joining)
		found(d, armed, m, &record, &now);
}

static void poll_container(struct guard_daemon *d, struct guard_armed *armed, int64_t now_ms)
{
	auto_arena struct arena a = {};
	struct error e = {};
	pid_t *pids = NULL;
	size_t n = 0;

	if (!armed->poll && (open_poll(d, armed, &e) < 0 || !armed->poll)) {
		if (e.kind != ERROR_NONE && !armed->poll_failed)
			guard_report_event(d, "error", e.msg);
		armed->poll_failed = e.kind != ERROR_NONE;
		return;
	}
	armed->poll->due_ms = now_ms + armed->sweep_ms;
	if (list_pids(armed->poll, &a, &pids, &n, &e) < 0 || update_members(armed->poll, pids, n, now_ms) < 0)
		return;
	for (size_t i = 0; i < armed->poll->n && !armed->killed; i++)
		check_member(d, armed, &armed->poll->member[i], now_ms);
}

/* Whether the kernel programs do not watch it: one that was armed while there were none, even when there are now. */
static bool is_polled(const struct guard_daemon *d, struct guard_armed *armed)
{
	struct guard_entry entry;

	if (armed->mode == GUARD_OFF || armed->killed)
		return false;
	if (!armed->entered && guard_has_programs(d))
		armed->entered = guard_armed_entry(d, armed->cookie, &entry);
	return !armed->entered;
}

int64_t guard_poll_due(struct guard_daemon *d, int64_t now_ms)
{
	int64_t next = -1;

	for (size_t i = 0; i < d->armed.n; i++) {
		struct guard_armed *armed = d->armed.v[i];

		if (!is_polled(d, armed))
			continue;
		if (!armed->poll || armed->poll->due_ms <= now_ms)
			poll_container(d, armed, now_ms);
		int64_t due = armed->poll ? armed->poll->due_ms : now_ms + armed->sweep_ms;
		next = next < 0 ? due : MIN(next, due);
	}
	guard_host_done(&d->host);
	return next;
}
