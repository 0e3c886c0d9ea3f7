/* SPDX-License-Identifier: Apache-2.0 */
/* What `kedge guard` asks of a guard that runs, and how it ends one. */
#pragma once

#include "guard/guard.h"

struct guard_counts {
	uint64_t drift, killed; /* since the host started */
	uint64_t lost;          /* records that the ring had no room for */
	uint64_t audit_failed;  /* lines that could not be written */
};

struct guard_status {
	pid_t pid;              /* of kedge-guard; 0: none is ready */
	uint64_t rss_kb;
	struct guard_facts facts;
	struct guard_counts counts;
	uint64_t sealed;        /* containers sealed by the kernel programs; 0 without */
	bool pinned;            /* programs of this build's ABI are in the kernel */
	size_t n_armed;
};

/* In the arena. No guard at all is no error: pid is 0. */
must_check int guard_status_read(struct arena *a, struct guard_status *ret, struct error *e);
/* Records of containers, in the arena. */
must_check int guard_armed_list(struct arena *a, struct guard_container **ret, size_t *n, struct error *e);
/* The daemon's own counts alone. */
must_check int guard_status_counts(int dir, struct guard_status *ret, struct error *e);
/* Ends kedge-guard and takes the programs out of the kernel. Refused while containers are armed, unless forced. */
must_check int guard_stop(bool force, struct error *e);
