/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge-guard. One thread in one loop: the ring of the kernel programs, the records of containers that come and go, the deaths
 * that are waited for, and three timers (sweep, poll, watchdog). Nothing in it waits: a kill is one write, and the last death is
 * told by cgroup.events. What it knows is in the kernel's maps, in GUARD_DIR and in the state directories, so that it may be
 * killed at any time and started again.
 */
#pragma once

#include "cgroups/cgroup.h"
#include "guard/audit.h"
#include "guard/fingerprint.h"
#include "guard/internal.h"
#include "guard/kernel.h"
#include "guard/status.h"

/* A process that is polled: by a kept descriptor, which never leads to a later process of that number. */
struct guard_member {
	pid_t pid;
	int proc;          /* O_PATH of /proc/PID */
	bool matched;      /* was in the container once, so anything else is drift */
	bool condemned;    /* reported and not to be looked at again */
	int64_t seen_ms;   /* first */
	uint64_t reported; /* enum guard_drift bits, where it is only logged */
};

struct guard_poll {
	struct cgroup cg;
	struct guard_fingerprint fp;
	struct guard_member *member; /* sorted by pid */
	size_t n;
	int64_t due_ms;
};

/* A container: what is needed at once. Its record has the rest. */
struct guard_armed {
	uint64_t cookie;
	uint32_t mode, flags, sweep_ms;
	bool seen;               /* by this look at the directory */
	bool past;               /* had gone when it was read */
	bool entered;            /* the kernel programs know it */
	bool killed;
	bool poll_failed;        /* said so already */
	struct guard_poll *poll; /* NULL: not polled yet */
	char *cgroup, *id;       /* in text; cgroup may be NULL */
	char text[];
};

struct guard_armed_set {
	struct guard_armed **v;
	size_t n, size;
};

/* Killed, and not yet known to be dead. */
#define GUARD_DYING_MAX 16
struct guard_dying {
	uint64_t cookie;
	uint64_t boot_ns;    /* of the event */
	int64_t deadline_ms;
	int events;          /* cgroup.events */
	char id[64];         /* for a record that is gone by then */
};

struct guard_daemon {
	int dir, armed_dir, past_dir, drift_dir, bpf; /* directories; bpf -1: no bpffs */
	int no_bpffs;            /* errno for which there is none */
	int loader, no_loader;   /* O_PATH of the program: found before its name leads elsewhere; errno */
	int only, lock;          /* files that carry the locks */
	int containers;          /* map, or -1 */
	int came, gone;          /* inotify of armed/: only the first wakes us */
	int signals;
	struct arena arena;
	struct guard_policy policy;
	struct guard_facts facts;
	struct guard_audit audit;
	char *last;              /* line of the guard before us, until there is one of ours */
	struct guard_ring ring;
	struct guard_host host;
	struct guard_armed_set armed;
	struct guard_dying dying[GUARD_DYING_MAX];
	size_t n_dying;
	struct guard_counts counts;
	int64_t sweep_due_ms, watchdog_due_ms, trim_due_ms, came_due_ms; /* -1: never */
	bool untidy;             /* has done more than wait and sweep */
	bool sweep_failed;       /* the same */
};

/* Whether there are programs in the kernel: the poll tier is named beside them too. */
static inline bool guard_has_programs(const struct guard_daemon *d)
{
	return d->facts.tiers & ~(uint32_t)GUARD_TIER_POLL;
}

enum guard_daemon_start { GUARD_DAEMON_SERVICE, GUARD_DAEMON_DETACHED };
/* Takes everything it needs; afterwards it guards. 1: another one does. DETACHED: leaves the caller's terminal, cgroup
 * and mount namespace first. */
must_check int guard_daemon_open(struct guard_daemon *d, enum guard_daemon_start start, struct error *e);
/* Until SIGTERM. */
must_check int guard_daemon_run(struct guard_daemon *d, struct error *e);
void guard_daemon_done(struct guard_daemon *d);

/* guard/confine.c: gives up what is not needed any more. */
must_check int guard_confine(struct error *e);
void guard_split(void); /* first of all: has less of the program become resident */
void guard_trim(void);  /* gives back the memory that starting, or an event, took */

/* guard/facts_renew.c: (re)loads in a child and reads what it found out; never fails for want of BPF: the poll tier is left. */
must_check int guard_facts_renew(struct guard_daemon *d, struct error *e);
must_check int guard_facts_write(int dir, const struct guard_facts *facts, struct error *e);
must_check int guard_loader_open(struct guard_daemon *d, struct error *e);
void guard_kernel_open(struct guard_daemon *d);  /* ring and map, where there are any */
void guard_kernel_close(struct guard_daemon *d);

/* guard/armed.c */
must_check int guard_armed_watch(struct guard_daemon *d, struct error *e);
void guard_armed_scan(struct guard_daemon *d);     /* the whole directory */
void guard_armed_came(struct guard_daemon *d);     /* what inotify has */
void guard_armed_gone(struct guard_daemon *d);
struct guard_armed *guard_armed_find(struct guard_daemon *d, uint64_t cookie); /* looks at the directory too */
/* The record again, with all strings. When it is gone: what is in *armed. */
void guard_armed_describe(const struct guard_daemon *d, uint64_t cookie, const struct guard_armed *armed, struct arena *a,
			  struct guard_container *ret);
void guard_armed_done(struct guard_daemon *d);
/* The entry in the kernel; false: there is none. */
bool guard_armed_entry(const struct guard_daemon *d, uint64_t cookie, struct guard_entry *ret);

/* guard/kill.c */
void guard_kill_container(struct guard_daemon *d, struct guard_armed *armed, uint64_t boot_ns);
void guard_kill_rest(struct guard_daemon *d);      /* condemned by the kernel while nobody listened */
void guard_dying_look(struct guard_daemon *d);

/* guard/report.c: audit line, drift/COOKIE, counts. */
/* For who waits, before the kill: no kernel tells him that there will be a reason. */
void guard_report_cause(struct guard_daemon *d, const struct guard_armed *armed, const struct guard_record *record,
			const struct guard_now *now);
void guard_report_drift(struct guard_daemon *d, const struct guard_armed *armed, const struct guard_record *record,
			const struct guard_latency *latency, const struct guard_now *now);
void guard_report_container(struct guard_daemon *d, const char *type, const struct guard_container *c);
void guard_report_event(struct guard_daemon *d, const char *type, const char *text);
void guard_report_counts(struct guard_daemon *d);

/* guard/poll.c: T5 of the containers that are due; returns when the next one is, -1: none is polled. */
int64_t guard_poll_due(struct guard_daemon *d, int64_t now_ms);
void guard_poll_done(struct guard_poll *poll);
