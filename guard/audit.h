/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: one JSON object a line, as docs/guard.md has it, into a file and to journald. */
#pragma once

#include "guard/guard.h"

struct guard_audit {
	int dir;         /* of the log; the file is opened for each line, so that it may be rotated */
	char *name;
	int journal;     /* socket, or -1 */
	uint64_t failed; /* lines that could not be written to the file */
};
#define GUARD_AUDIT_NONE {.dir = -1, .journal = -1}

/* Makes the directory (0700) when it is missing, and the file (0600). */
must_check int guard_audit_open(const char *path, struct guard_audit *ret, struct error *e);
void guard_audit_done(struct guard_audit *audit);
/* line: without a newline. */
void guard_audit_write(struct guard_audit *audit, const char *line);

/* The last line of the file, without its newline, to be freed; NULL: there is none, or it is longer than any of ours. */
char *guard_audit_last(const struct guard_audit *audit);
/* Pure. Whether two lines are about the same cause in the same process: a record that was read twice. */
bool guard_audit_same(const char *a, const char *b);

/* Of a bit of enum guard_drift: "mount", "cwd". */
const char *guard_drift_name(int bit);

/* Microseconds since the kernel, or the poll, saw it; 0: did not happen. */
struct guard_latency {
	uint64_t record, kill;
};

/* Clocks, taken together. */
struct guard_now {
	uint64_t boot_ns, real_ns;
};
struct guard_now guard_now(void);

/* Pure. c: what is known of the container; only the cookie need be. */
void guard_audit_drift(struct strbuf *out, const struct guard_container *c, const struct guard_record *record,
		       const struct guard_latency *latency, const struct guard_now *now);
/* all_dead_us 0: not within the time that is waited. */
void guard_audit_killed(struct strbuf *out, const struct guard_container *c, uint64_t all_dead_us,
			const struct guard_now *now);
/* "armed" with the mode, "disarmed". */
void guard_audit_container(struct strbuf *out, const char *type, const struct guard_container *c,
			   const struct guard_now *now);
/* "started", "stopped", "link-lost", "reload-failed", "records-lost", "error": tiers when not 0, text when not NULL. */
void guard_audit_event(struct strbuf *out, const char *type, uint32_t tiers, const char *text,
		       const struct guard_now *now);
