/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup v2 only. The cgroup2 mount is found in mountinfo wherever it is, so a hybrid host works with the controllers
 * that v2 has there; a limit whose controller is bound to v1 is an error that says so.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "spec/spec.h"

/* A place in the hierarchy: where a container is or will be. */
struct cgroup {
	char *mountpoint; /* of cgroup2, e.g. /sys/fs/cgroup */
	char *path;       /* relative to the mount, normalised, no leading slash, e.g. "user/web1" */
	int fd;           /* O_DIRECTORY of the directory, after cgroup_create() O_RDONLY, else O_PATH; -1 while it does not exist */
	bool created;     /* by this process: only then is it removed on failure */
	int mount_fd;     /* O_PATH|O_DIRECTORY of the mount; every path is resolved below it */
	/* Levels at the end of the path that are this container's own and go when it goes: after cgroup_place() those
	 * that are missing, after cgroup_create() those it made. Belongs into the state, to be set again after
	 * cgroup_open(). */
	unsigned made;
	/* The scope of systemd that it is; NULL: none. Belongs into the state, to be set again by cgroup_set_unit(). */
	char *unit;
	bool user;          /* of the caller's own systemd, not of the host's */
	char *slice, *title; /* while it is made */
	struct bus *bus;
	pid_t holder;       /* the process that the scope was started with; 0: none */
	bool one_task;      /* pids.max is to be 1 without it */
};

/* Decides the path from linux.cgroupsPath (absolute: below the mount; relative or absent: below the parent of the
 * caller's own cgroup, as runc does; absent: id) and refuses ".." and the root. No side effect. */
must_check int cgroup_place(const char *cgroups_path, const char *id, struct cgroup *ret, struct error *e);
/* An existing cgroup as recorded in the state (path as above). A vanished one gives fd -1 and 0. */
must_check int cgroup_open(const char *path, struct cgroup *ret, struct error *e);
/* mkdir -p, enabling in every ancestor the controllers that `resources` needs and, refusals ignored, every other that
 * is available (resources NULL: none is touched), then writes the limits and attaches the device program. The leaf must
 * be new, or empty ("container's cgroup is not empty") and not frozen ("container's cgroup unexpectedly frozen"). On
 * failure everything made is removed again. devices: attach the device program, default-deny even without rules (false
 * in user namespaces that the caller does not control); a kernel that refuses it is an error. */
must_check int cgroup_create(struct cgroup *cg, const struct spec_resources *resources, bool devices, struct error *e);
/* The device program for a cgroup that was created without; processes may be in it already. shared: a directory in a bpffs of
 * root's alone, made when it is missing, for programs of equal rules; NULL: none. */
must_check int cgroup_create_devices(const struct cgroup *cg, const struct spec_resources *resources, const char *shared,
				     struct error *e);
/* --- the same with systemd: the cgroup is a scope of its own. Afterwards everything works alike, apart from what is here. */
bool cgroup_has_systemd(void); /* in this build */
/* Decides unit and path from linux.cgroupsPath "slice:prefix:name" (absent: the default slice, "kedge", id) and connects
 * to systemd, user: to the caller's own. No side effect. */
must_check int cgroup_place_systemd(const char *cgroups_path, const char *id, bool user, struct cgroup *ret,
				    struct error *e);
/* As cgroup_create(): starts the scope, every limit being a property of it that systemd has one for, then writes the files.
 * annotations: org.systemd.property.NAME. Until cgroup_release() a process of this one's is in it. */
must_check int cgroup_create_systemd(struct cgroup *cg, const struct spec_resources *resources, bool devices,
				     const struct spec_map *annotations, struct error *e);
void cgroup_release(struct cgroup *cg); /* without a word, on failure; nothing when cg is no scope */
/* Init is there: releases, and sets what there was no room for. */
must_check int cgroup_settle(struct cgroup *cg, struct error *e);
/* After cgroup_open(), what the state has. unit NULL: none. */
must_check int cgroup_set_unit(struct cgroup *cg, const char *unit, bool user, struct error *e);
/* Makes systemd forget the unit, whose processes should be dead; absent, and no unit at all, is success. */
must_check int cgroup_stop_unit(struct cgroup *cg, struct error *e);
/* config-linux.md "Cgroup ownership": chowns the directory and the files of /sys/kernel/cgroup/delegate. */
must_check int cgroup_delegate(const struct cgroup *cg, uid_t uid, struct error *e);
/* Writes limits to an existing cgroup (update). Never touches device rules, never freezes. What `resources` leaves open
 * and a written value depends on is that of the cgroup; memory_swap: the total of memory and swap that was asked for last
 * (0: none). On failure the old values are back.
 * A scope of systemd (cgroup_set_unit() first) is told, too. */
must_check int cgroup_update(const struct cgroup *cg, const struct spec_resources *resources, int64_t memory_swap,
			     struct error *e);
/* A directory fd (O_RDONLY|O_CLOEXEC) for CLONE_INTO_CGROUP; sub: exec --cgroup's path below it ("" or NULL: itself;
 * ".." refused: "bad sub cgroup path"). When the cgroup has enabled controllers for children (no internal processes),
 * falls back to the cgroup that `init` (0: none) is in now. */
must_check int cgroup_join_fd(const struct cgroup *cg, const char *sub, pid_t init, struct error *e);
/* Moves a process by cgroup.procs: milliseconds, so only where CLONE_INTO_CGROUP is refused (EAGAIN: pids.max counts
 * the clone, though not a move). Where the caller may not and it is a scope, systemd does it: it may move a user's
 * processes across what the user does not own, from a login to a scope. */
must_check int cgroup_attach(const struct cgroup *cg, pid_t pid, struct error *e);
/* Moves a process from there to where the caller is. */
must_check int cgroup_take_back(const struct cgroup *cg, pid_t pid, struct error *e);
/* *ret: of the directory, which no later one has; 0: there is none. */
must_check int cgroup_inode(const struct cgroup *cg, uint64_t *ret, struct error *e);
/* Words why clone3 with CLONE_INTO_CGROUP failed with `sys` (threaded type, controllers enabled for children). -1. */
int cgroup_explain(const struct cgroup *cg, int sys, struct error *e);
/* cgroup.freeze and waits for cgroup.events "frozen" by poll, bounded. */
must_check int cgroup_freeze(const struct cgroup *cg, bool frozen, struct error *e);
must_check int cgroup_is_frozen(const struct cgroup *cg, bool *ret, struct error *e);
/* cgroup.kill on the whole subtree (frozen processes die too), waits for cgroup.events "populated 0" by poll, at most
 * timeout_ms; names a remaining pid in the error. */
must_check int cgroup_kill(const struct cgroup *cg, int timeout_ms, struct error *e);
must_check int cgroup_signal(const struct cgroup *cg, int sig, struct error *e); /* every process, by pidfd */
/* Every pid of the subtree, appended; arena owned. */
must_check int cgroup_pids(const struct cgroup *cg, struct arena *a, pid_t **ret, size_t *n, struct error *e);
/* rmdir depth first, bounded retries on EBUSY; absent is success. Then the ancestors that `made` counts, unless others
 * use them by now. */
must_check int cgroup_remove(struct cgroup *cg, struct error *e);
/* The same in one call where nothing is in it, most of the time. false: nothing was done. */
bool cgroup_remove_empty(struct cgroup *cg);
void cgroup_done(struct cgroup *cg); /* frees, closes */
#define auto_cgroup auto_with(cgroup_done)

/* memory.events oom_kill counter; -1 when there is no memory controller. */
int64_t cgroup_oom_kills(const struct cgroup *cg);

/* What the controllers have counted; a controller that is not there has counted nothing. */
#define CGROUP_UNLIMITED UINT64_MAX
struct cgroup_usage { uint64_t limit, usage, peak, failures; };
struct cgroup_pressure {
	bool set;
	/* avg: of the last 10, 60 and 300 seconds, in hundredths of a percent; total: microseconds */
	struct cgroup_stall { uint32_t avg[3]; uint64_t total; } some, full;
};
struct cgroup_io { uint32_t major, minor; const char *op; uint64_t value; };
struct cgroup_ios { size_t n; struct cgroup_io *v; };
struct cgroup_stats {
	struct { uint64_t total, user, system, periods, throttled, throttled_time; /* ns */ } cpu;
	const char *cpus, *mems; /* lists such as "0-3,7"; NULL: no cpuset */
	struct {
		struct cgroup_usage memory, with_swap; /* bytes */
		size_t n_stat;
		struct cgroup_stat { const char *key; uint64_t value; } *stat;
	} memory;
	struct { uint64_t current, limit; /* 0: none */ } pids;
	struct { struct cgroup_ios bytes, operations; } io;
	struct { size_t n; struct cgroup_hugetlb { const char *size; uint64_t usage, failures; } *v; } hugetlb;
	struct cgroup_pressure cpu_pressure, memory_pressure, io_pressure;
};
must_check int cgroup_stats(const struct cgroup *cg, struct arena *a, struct cgroup_stats *ret, struct error *e);
/* The members cpu, cpuset, memory, pids, blkio and hugetlb of an open object, as runc's `events` has them. */
struct json_writer;
void cgroup_stats_print(const struct cgroup_stats *stats, struct json_writer *w);
/* Waits for news, at most until `deadline` (CLOCK_MONOTONIC, ns) or until nobody reads reader_fd (-1: none).
 * The first call of a watch only looks; cgroup_watch_open() has read everything once. */
struct cgroup_watch { int memory_fd, events_fd; int64_t oom_kills; };
enum cgroup_news { CGROUP_NEWS_NONE /* the deadline */, CGROUP_NEWS_OOM, CGROUP_NEWS_EMPTY, CGROUP_NEWS_NO_READER };
must_check int cgroup_watch_open(const struct cgroup *cg, struct cgroup_watch *ret, struct error *e);
must_check int cgroup_watch_wait(struct cgroup_watch *watch, uint64_t deadline, int reader_fd, struct error *e);
void cgroup_watch_done(struct cgroup_watch *watch);
#define auto_cgroup_watch auto_with(cgroup_watch_done)

/* Pure: resources -> {file, value} in the order to write; golden-tested, used by create and update alike. Values of ""
 * are never produced. v1-only properties that cannot be converted are ERROR_CONFIG naming the property. */
struct cgroup_write {
	const char *file, *value;
	const char *property;               /* JSON path, for messages and `kedge plan` */
	const char *else_file, *else_value; /* written instead where this kernel has no `file`; NULL: none */
	bool optional;                      /* neither is there: done all the same, it lifts a limit or repeats one */
	bool retry;                         /* EINVAL: once more after the next one, which may make room for it */
};
struct cgroup_writes { size_t n; struct cgroup_write *v; };
must_check int cgroup_writes(const struct spec_resources *resources, struct arena *a, struct cgroup_writes *ret,
			     struct error *e);
/* A quota of CPU that systemd could not keep becomes the next one that it can, in whole per cents, so that the file has
 * what systemd would write. period: of cpu.max now, in µs, to be kept when only the quota is new; 0: the default. */
void cgroup_writes_for_unit(struct cgroup_writes *writes, uint64_t period, struct arena *a);
/* The properties for these and the annotations, a line each after the prefix. Pure. */
must_check int cgroup_print_properties(const struct cgroup_writes *writes, const struct spec_map *annotations,
				       const char *prefix, struct strbuf *out, struct error *e);
