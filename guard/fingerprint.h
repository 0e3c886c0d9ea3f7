/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The poll tier's view of a container: what /proc tells of each of its processes, compared with what state.json says of its
 * init. The record was made before the program's execve, so it is the same however often kedge-guard is started. /proc does not
 * tell who made a namespace, and of root and working directory only the mount: this finds less than the kernel programs do.
 */
#pragma once

#include <stdbool.h>

#include "guard/guard.h"

struct guard_fingerprint {
	uint64_t inum[GUARD_OBJECTS_N]; /* 0: not known of init, so never compared */
	pid_t init;
	uint64_t start_time;            /* field 22 of /proc/PID/stat */
};

/* What is compared with: the same for every container of a sweep. */
struct guard_host {
	uint64_t inum[GUARD_OBJECTS_N]; /* of pid 1 */
	uint64_t *mount;                /* ids of its mounts, sorted; read at first use, until guard_host_done() */
	size_t n_mounts;
};
must_check int guard_host_read(struct guard_host *ret, struct error *e);
void guard_host_done(struct guard_host *host); /* forgets the mounts */

/* From <root>/<id>/state.json: 1, or 0 when there is none (yet). */
must_check int guard_fingerprint_read(const char *root, const char *id, struct guard_fingerprint *ret, struct error *e);

/* Whether that init is still alive: the number has not become another's. */
bool guard_fingerprint_is_init(const struct guard_fingerprint *fp);

/* Pure. A namespace of 0 in `now` is one without a process yet (unshare of pid). nested: only what is the host's is wrong. */
uint64_t guard_fingerprint_compare(const struct guard_fingerprint *fp, const uint64_t now[GUARD_OBJECTS_N],
				   const uint64_t host[GUARD_OBJECTS_N], bool nested);
/* Pure: the ids of a mountinfo file, sorted, to be freed. */
must_check int guard_mounts_parse(const char *mountinfo, uint64_t **ret, size_t *n);

/* What is wrong with the process whose /proc/PID is open, all of its threads included: enum guard_drift bits, with hook, tier,
 * ids, comm and inodes in *record. -1 with errno; ESRCH: it is gone, or on its way. */
must_check int guard_process_check(int proc, const struct guard_fingerprint *fp, struct guard_host *host, bool nested,
				   struct guard_record *record);
/* Whether it is the runtime's, on its way into the container: by its executable, which others can imitate. */
bool guard_process_joining(int proc);
