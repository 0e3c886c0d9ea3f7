/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: see guard/daemon.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "guard/daemon.h"

#define WATCHDOG_MS 10000
#define CAME_MS 20
#define DYING_SLICE_MS 1
#define GONE_MS 1000
#define TRIM_MS 1000

/* --- the ring */

static void on_record(void *ctx, const struct guard_record *record)
{
	struct guard_daemon *d = ctx;
	struct guard_now now = guard_now();
	struct guard_armed *armed = guard_armed_find(d, record->cookie);
	struct guard_latency latency = {.record = (now.boot_ns - record->boot_ns) / 1000};
	struct guard_entry entry;

	/* Whether all of the container goes is the kernel program's decision: policy is in one place. */
	if (armed && guard_armed_entry(d, record->cookie, &entry) && entry.state == GUARD_CONDEMNED) {
		guard_kill_container(d, armed, record->boot_ns);
		now = guard_now();
		latency.kill = MAX((now.boot_ns - record->boot_ns) / 1000, (uint64_t)1);
	}
	guard_report_drift(d, armed, record, &latency, &now);
}

/* --- timers */

static void sweep(struct guard_daemon *d, int64_t now)
{
	struct error e = {};
	uint32_t every = 0;

	for (size_t i = 0; i < d->armed.n; i++)
		every = every ? MIN(every, d->armed.v[i]->sweep_ms) : d->armed.v[i]->sweep_ms;
	d->sweep_due_ms = every ? now + every : -1;
	if (!every || guard_sweep(d->bpf, &e) == 0) {
		d->sweep_failed = false;
		return;
	}
	if (!d->sweep_failed)
		guard_report_event(d, "error", e.msg);
	d->sweep_failed = true;
}

static void count_lost(struct guard_daemon *d)
{
	struct error ignored = {};
	uint64_t lost = 0;

	if (guard_counter_read(d->bpf, GUARD_COUNT_LOST, &lost, &ignored) < 0 || lost <= d->counts.lost)
		return;
	d->counts.lost = lost;
	guard_report_event(d, "records-lost", NULL);
	guard_report_counts(d);
	/* Who drifted is dead; the rest of its container may sleep, and nobody told us. */
	guard_kill_rest(d);
}

/* Somebody removed a pin, or the kernel let one go. The child attaches everything anew; the maps are kept if they are there. */
static void watchdog(struct guard_daemon *d, int64_t now)
{
	char broken[64] = "", text[512];
	struct error e = {};

	d->watchdog_due_ms = now + WATCHDOG_MS;
	if (d->bpf < 0 || !guard_has_programs(d))
		return;
	count_lost(d);
	if (guard_links_check(d->bpf, d->facts.tiers, broken, &e) == 0)
		return;
	guard_report_event(d, "link-lost", *broken ? broken : e.msg);
	guard_kernel_close(d);
	e = (struct error){};
	if (guard_facts_renew(d, &e) < 0)
		guard_report_event(d, "reload-failed", error_text(&e, text, sizeof(text)));
	else
		guard_report_event(d, "reloaded", NULL);
	guard_kernel_open(d);
	d->sweep_due_ms = d->armed.n ? now : -1;
}

/* What events need and waiting does not is given back: not at once, because who is waited for pays for it, and what comes next
 * would fetch it anew. */
static int64_t tidy(struct guard_daemon *d, int64_t now, int64_t next)
{
	if (d->untidy && d->trim_due_ms < 0)
		d->trim_due_ms = now + TRIM_MS;
	d->untidy = false;
	if (d->trim_due_ms < 0)
		return next;
	if (now < d->trim_due_ms)
		return MIN(next, d->trim_due_ms);
	d->trim_due_ms = -1;
	guard_trim();
	return next;
}

/* Does what is due; returns how long nothing will be. */
static int timers(struct guard_daemon *d)
{
	int64_t now = guard_ms(), next;

	if (now >= d->watchdog_due_ms) {
		watchdog(d, now);
		d->trim_due_ms = now;
	}
	next = d->watchdog_due_ms;
	if (d->came_due_ms >= 0 && now >= d->came_due_ms) {
		d->came_due_ms = -1;
		guard_armed_came(d);
	}
	if (d->came_due_ms >= 0)
		next = MIN(next, d->came_due_ms);
	if (d->armed.n > 0)
		next = MIN(next, now + GONE_MS);
	if ((d->facts.tiers & GUARD_TIER_SWEEP) && d->sweep_due_ms >= 0) {
		if (now >= d->sweep_due_ms)
			sweep(d, now);
		next = MIN(next, d->sweep_due_ms);
	}
	int64_t polled = guard_poll_due(d, now);
	if (polled >= 0)
		next = MIN(next, polled);
	/* cgroup.events tells at once, but a second change within 10 ms only after them. */
	if (d->n_dying > 0)
		next = MIN(next, now + DYING_SLICE_MS);
	next = tidy(d, now, next);
	int64_t wait = next - guard_ms();
	return (int)MAX(wait, 0);
}

/* --- the loop */

enum { SIGNALS, CAME, RING, DYING, FDS_MAX = DYING + GUARD_DYING_MAX };

int guard_daemon_run(struct guard_daemon *d, struct error *e)
{
	struct pollfd fds[FDS_MAX];

	guard_armed_scan(d);
	guard_kill_rest(d);
	guard_trim();
	/* What they did while nobody looked. */
	d->sweep_due_ms = d->armed.n ? guard_ms() : -1;
	for (;;) {
		fds[SIGNALS] = (struct pollfd){.fd = d->signals, .events = POLLIN};
		int wait = timers(d);
		/* The kernel guards whoever comes; we would only take a processor from the runtime, which uses two. */
		fds[CAME] = (struct pollfd){.fd = d->came_due_ms < 0 ? d->came : -1, .events = POLLIN};
		fds[RING] = (struct pollfd){.fd = d->ring.fd, .events = POLLIN};
		size_t n_dying = d->n_dying;
		for (size_t i = 0; i < n_dying; i++)
			fds[DYING + i] = (struct pollfd){.fd = d->dying[i].events, .events = POLLPRI};
		if (poll(fds, DYING + n_dying, wait) < 0 && errno != EINTR)
			return error_set(e, ERROR_HOST, errno, "cannot wait for events");
		if (fds[RING].revents && guard_ring_read(&d->ring, on_record, d) < 0)
			guard_report_event(d, "error", "the ring is damaged");
		if (n_dying > 0)
			guard_dying_look(d);
		if (fds[CAME].revents)
			d->came_due_ms = guard_ms() + CAME_MS;
		/* Before anything is polled or swept for those who are not there any more. */
		guard_armed_gone(d);
		if (fds[SIGNALS].revents) {
			guard_report_event(d, "stopped", NULL);
			return 0;
		}
	}
}
