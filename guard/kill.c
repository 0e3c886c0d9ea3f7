/* SPDX-License-Identifier: Apache-2.0 */
/* One write to cgroup.kill; the rest is only measured. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/sys.h"
#include "guard/daemon.h"

#define DYING_MS 5000
#define US_PER_NS 1000

static bool is_populated(int events)
{
	char text[256];
	ssize_t n = pread(events, text, sizeof(text) - 1, 0);

	/* A cgroup that was removed is empty. */
	if (n < 0)
		return errno != ENODEV;
	text[n] = '\0';
	return strstr(text, "populated 1") != NULL;
}

static void end(struct guard_daemon *d, size_t i, uint64_t all_dead_us)
{
	struct guard_dying *dying = &d->dying[i];
	struct guard_container c = {.cookie = dying->cookie, .id = dying->id};
	auto_strbuf struct strbuf line = {};
	struct guard_now now = guard_now();

	guard_audit_killed(&line, &c, all_dead_us, &now);
	guard_audit_write(&d->audit, strbuf_str(&line));
	d->untidy = true;
	close(dying->events);
	*dying = d->dying[--d->n_dying];
}

void guard_dying_look(struct guard_daemon *d)
{
	for (size_t i = d->n_dying; i-- > 0;) {
		const struct guard_dying *dying = &d->dying[i];

		if (!is_populated(dying->events)) {
			struct guard_now now = guard_now();
			end(d, i, MAX((now.boot_ns - dying->boot_ns) / US_PER_NS, (uint64_t)1));
		} else if (guard_ms() >= dying->deadline_ms) {
			end(d, i, 0);
		}
	}
}

static void wait_for(struct guard_daemon *d, const struct guard_armed *armed, const struct cgroup *cg, uint64_t boot_ns)
{
	int events = openat(cg->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (events < 0)
		return;
	if (d->n_dying == GUARD_DYING_MAX)
		end(d, 0, 0);
	struct guard_dying *dying = &d->dying[d->n_dying++];
	*dying = (struct guard_dying){
		.cookie = armed->cookie, .boot_ns = boot_ns, .deadline_ms = guard_ms() + DYING_MS, .events = events};
	snprintf(dying->id, sizeof(dying->id), "%s", armed->id);
}

/* Init alone, where there is no cgroup. */
static int kill_init(const struct guard_daemon *d, const struct guard_armed *armed, struct error *e)
{
	auto_arena struct arena a = {};
	struct guard_fingerprint fp = {};
	struct guard_container c;

	guard_armed_describe(d, armed->cookie, armed, &a, &c);
	int found = c.root ? guard_fingerprint_read(c.root, c.id, &fp, e) : 0;
	if (found <= 0)
		return found;
	auto_close int pidfd = sys_pidfd_open(fp.init, 0);
	if (pidfd < 0 || !guard_fingerprint_is_init(&fp))
		return 0;
	if (sys_pidfd_send_signal(pidfd, SIGKILL) < 0 && errno != ESRCH)
		return error_set(e, ERROR_HOST, errno, "cannot kill process %d", (int)fp.init);
	return 0;
}

static int kill_cgroup(struct guard_daemon *d, const struct guard_armed *armed, uint64_t boot_ns, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1};

	if (cgroup_open(armed->cgroup, &cg, e) < 0)
		return -1;
	if (cg.fd < 0)
		return 0;
	if (write_file_at(cg.fd, "cgroup.kill", "1") < 0 && errno != ENODEV && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "cannot kill cgroup '%s'", armed->cgroup);
	wait_for(d, armed, &cg, boot_ns);
	return 0;
}

void guard_kill_container(struct guard_daemon *d, struct guard_armed *armed, uint64_t boot_ns)
{
	struct error e = {};
	char text[512];

	if (armed->killed)
		return;
	armed->killed = true;
	d->counts.killed++;
	if ((armed->cgroup ? kill_cgroup(d, armed, boot_ns, &e) : kill_init(d, armed, &e)) == 0)
		return;
	/* To be tried again with the next event. */
	armed->killed = false;
	guard_report_event(d, "error", error_text(&e, text, sizeof(text)));
}

void guard_kill_rest(struct guard_daemon *d)
{
	struct guard_entry entry;

	for (size_t i = 0; i < d->armed.n; i++)
		if (guard_armed_entry(d, d->armed.v[i]->cookie, &entry) && entry.state == GUARD_CONDEMNED)
			guard_kill_container(d, d->armed.v[i], guard_now().boot_ns);
}
