/* SPDX-License-Identifier: Apache-2.0 */
/* state.json: what later commands need and cannot derive. Written once, when the container is complete. */
#pragma once

#include <time.h>

#include "base/arena.h"
#include "guard/guard.h"
#include "libcontainer/statedir.h"
#include "spec/spec.h"

/* The drift guard of a container. */
struct state_guard {
	uint64_t cookie;  /* 0: not guarded */
	uint32_t mode;    /* enum guard_mode */
	uint32_t require; /* enum guard_require */
	char *why_not;    /* NULL: it is guarded */
};

struct state {
	char *id, *bundle, *rootfs, *oci_version;
	char *created;       /* RFC 3339 with nanoseconds, UTC */
	pid_t pid;           /* of init, in the runtime's pid namespace */
	uint64_t start_time; /* field 22 of /proc/PID/stat: tells a reused pid */
	char *cgroup;        /* path below the cgroup2 mount; NULL: none (rootless without delegation) */
	bool cgroup_existed;
	uint64_t cgroup_ino; /* of its directory: a later one of the same path is another container's; 0: unknown */
	char *unit;          /* of systemd, which the cgroup is then; NULL: none */
	bool user_unit;
	bool rootless;
	bool no_new_keyring;
	bool own_pid_ns;     /* init's death ends every process */
	bool own_time_ns;    /* that the configuration does not have: criu restores into one */
	struct spec_map annotations;
	uint64_t ns_ino[NS_MAX]; /* namespace inode numbers of init at creation */
	uint64_t ns_dev;         /* and the device they all are of */
	struct state_guard guard;
};

must_check int state_write(const struct statedir *dir, const struct state *state, struct error *e);
/* ERROR_NOENT with "container does not exist" when there is no state.json (create has not committed). In the arena. */
must_check int state_read(const struct statedir *dir, struct arena *a, struct state *ret, struct error *e);

/* A pidfd of init, checked against start_time: 0 with -1 in *pidfd when it is gone or a zombie. */
must_check int state_open_init(const struct state *state, int *pidfd, struct error *e);
/* created: exec.fifo has a reader; paused: its cgroup is frozen. */
must_check int state_status(const struct statedir *dir, const struct state *state, enum status *ret, struct error *e);
/* The state document: pretty for `kedge state` (with rootfs, created, owner), plain OCI fields for hooks and seccomp agents. */
void state_print(const struct state *state, enum status status, struct strbuf *out);
void state_print_oci(const struct state *state, enum status status, pid_t pid, struct strbuf *out);

/* The present time as `created` is written, and any other after 1970. */
char *state_timestamp(struct arena *a);
char *state_time_text(struct arena *a, struct timespec t);

must_check int proc_start_time(pid_t pid, uint64_t *ret, struct error *e);
/* Reads pid, start time and the inodes of these namespaces (CLONE_NEW*) into state. */
must_check int state_observe_init(struct state *state, pid_t pid, uint64_t namespaces, struct error *e);
