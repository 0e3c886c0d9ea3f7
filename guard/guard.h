/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drift guard as the runtime sees it. One guard serves the host: programs in the kernel, pinned below GUARD_DIR/bpf, and
 * kedge-guard, which reads what they find. The runtime only
 *
 *   guard_policy_read, guard_policy_annotate   what is wanted
 *   guard_open                                 what is there (started when nobody runs it)
 *   guard_arm                                  before the clone: the entry and the record of a container
 *   guard_adopt, guard_release                 around the clone: init is born with its label
 *   guard_seal                                 restored: what has no execve before it
 *   guard_disarm                               when the container is gone
 *
 * The fingerprint itself is taken by the kernel at the program's execve.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "guard/abi.h"
#include "spec/spec.h"

/*
 * 0700, root's, on a tmpfs:
 *   lock             locked (fcntl F_OFD_SETLK, F_WRLCK) by kedge-guard while it is ready; its pid as text. Others only ask
 *                    (F_OFD_GETLK), so that nobody's asking keeps a starting one out
 *   only             locked in the same way from its first step on: one a host
 *   counts.json      what kedge-guard counts (guard/report.c)
 *   facts.json       what the loader found out: struct guard_facts
 *   bpf/             a bpffs of its own, in the mount namespace of pid 1; devices/ in it has the runtime's device programs
 *   armed/COOKIE     one per container, JSON on one line: struct guard_container; COOKIE is 16 hexadecimal digits
 *   past/COOKIE      the same after it has gone, until kedge-guard has read that
 *   drift/COOKIE     why kedge-guard killed it: the audit record, JSON on one line
 */
#define GUARD_DIR "/run/kedge-guard"
#define GUARD_ANNOTATION "org.kedge.guard."

/* Each from the loosest to the strictest: what may only tighten is compared as a number. */
enum guard_require { GUARD_REQUIRE_NONE, GUARD_REQUIRE_SAMPLE, GUARD_REQUIRE_LSM, GUARD_REQUIRE_SYSCALL };
enum guard_nesting { GUARD_NESTING_AUTO, GUARD_NESTING_NESTED, GUARD_NESTING_STRICT };
enum guard_foreign { GUARD_FOREIGN_OFF, GUARD_FOREIGN_MOUNTS_DENY, GUARD_FOREIGN_MOUNTS_KILL };
enum guard_joiners { GUARD_JOINERS_ANY, GUARD_JOINERS_REGISTERED };
enum guard_scope { GUARD_SCOPE_PROCESS, GUARD_SCOPE_CONTAINER };

struct guard_policy {
	uint32_t mode;        /* enum guard_mode */
	uint32_t require;
	uint32_t nesting;     /* AUTO, in the host's policy alone: by what the config grants */
	uint32_t foreign_mounts, joiners, scope;
	uint32_t sweep_ms;    /* GUARD_SWEEP_MIN .. GUARD_SWEEP_MAX; of T4 and T5 */
	bool syscall_tier;    /* the host asks for T3 */
	char *log;            /* audit log, absolute; in the arena */
};
#define GUARD_SWEEP_MIN 10
#define GUARD_SWEEP_MAX 60000

/* The defaults, changed by POLICY_FILE where there is one, which must be root's and not writable by others. An unknown
 * member is an error. */
must_check int guard_policy_read(struct arena *a, struct guard_policy *ret, struct error *e);
must_check int guard_policy_parse(struct arena *a, const char *text, size_t size, struct guard_policy *ret,
				  struct error *e);
/* What the config's annotations and its nature add: they only tighten; ERROR_CONFIG naming the annotation otherwise. */
must_check int guard_policy_annotate(struct guard_policy *p, const struct spec *spec, struct error *e);
/* enum guard_flag for a container's entry. */
uint32_t guard_policy_flags(const struct guard_policy *p);
/* Full names of the annotations, NULL at the end. */
extern const char *const guard_annotations[];
const char *guard_require_name(uint32_t require);
extern const struct spec_name guard_mode_names[];

#define GUARD_PREFIX_MAX 48
/* A handle on what is pinned. All -1 where there is no BPF: the poll tier. */
struct guard {
	int dir;                 /* GUARD_DIR */
	int containers, labels;  /* maps */
	int self;                /* a pidfd of the caller, while it has a label */
	char prefix[GUARD_PREFIX_MAX]; /* where the maps were: the root directory that leads to them */
};
#define GUARD_NONE {.dir = -1, .containers = -1, .labels = -1, .self = -1}

/* Opens the host's guard; starts kedge-guard when its lock is free. Without BPF only `dir` is open. ERROR_HOST when there is no
 * guard, or not what policy->require names; whether that ends the caller's work is his to say. */
must_check int guard_open(struct guard *g, const struct guard_policy *policy, struct error *e);
/* guard/start.c: kedge-guard runs and is ready when this returns; makes GUARD_DIR. */
must_check int guard_start(struct error *e);
void guard_done(struct guard *g);
/* A directory in the guard's bpffs for device programs, which may be missing; NULL: there is no bpffs. */
#define GUARD_DEVICES "devices"
#define GUARD_DEVICES_MAX (GUARD_PREFIX_MAX + sizeof(GUARD_DIR "/bpf/" GUARD_DEVICES))
const char *guard_devices(const struct guard *g, char path[GUARD_DEVICES_MAX]);
#define auto_guard auto_with(guard_done)

/* What kedge-guard and `kedge guard` must know of a container. */
struct guard_container {
	uint64_t cookie;
	char *id, *root;         /* container id, state root */
	char *cgroup;            /* below the cgroup2 mount; NULL: none */
	char *image;             /* annotation, or NULL */
	uint32_t mode, flags;    /* enum guard_mode, guard_flag */
	uint32_t sweep_ms;
};

/* Never 0. */
must_check int guard_cookie(uint64_t *ret, struct error *e);
must_check int guard_arm(const struct guard *g, const struct guard_container *c, struct error *e);
/* Labels the calling thread, so that what it clones is labelled from its first instruction. caps_bound: what the program
 * may have at most. */
must_check int guard_adopt(struct guard *g, uint64_t cookie, uint64_t caps_bound, struct error *e);
void guard_release(struct guard *g);
/* Processes that were restored and are stopped, init the first of them: the kernel takes their fingerprints as they are. ERROR_HOST
 * when init is not sealed after that. Nothing without programs in the kernel. */
must_check int guard_seal(const struct guard *g, uint64_t cookie, const pid_t *pids, size_t n, struct error *e);
/* Whether the kernel found it drifted and ends all of its processes. */
bool guard_condemned(const struct guard *g, uint64_t cookie);
/* No entry, no record: what is gone already is success. g: what guard_open gave; NULL: GUARD_DIR alone is enough. */
must_check int guard_disarm(const struct guard *g, uint64_t cookie, struct error *e);
/* The audit record for which a container was killed; NULL when there is none. */
must_check int guard_drift_of(uint64_t cookie, struct arena *a, char **ret, struct error *e);

/* guard/record.c: armed/COOKIE as text and back; the name is 16 hexadecimal digits. */
#define GUARD_COOKIE_LEN 16
void guard_cookie_text(uint64_t cookie, char text[GUARD_COOKIE_LEN + 1]);
must_check int guard_cookie_parse(const char *text, uint64_t *ret); /* 0, or -1 */
void guard_container_print(const struct guard_container *c, struct strbuf *out);
must_check int guard_container_parse(struct arena *a, const char *name, const char *text, size_t n,
				     struct guard_container *ret, struct error *e);

/* guard/facts.c: what the loader found out, by loading; facts.json. Reasons are NULL where a tier is on. */
struct guard_facts {
	uint32_t tiers;          /* enum guard_tier bits */
	char *no_sample, *no_sweep, *no_lsm, *no_syscall; /* why not: "the kernel refuses LSM programs (EPERM)" */
	char *kernel;            /* uname -r */
	char *build;             /* of the object that is attached */
	uint32_t load_ms;
};
extern const struct spec_name guard_tier_names[]; /* bits of enum guard_tier, strongest first */
void guard_facts_print(const struct guard_facts *facts, struct strbuf *out);
/* Of the running guard: ERROR_NOENT when there is none. */
must_check int guard_facts_read(struct arena *a, struct guard_facts *ret, struct error *e);
