/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drift guard as the runtime sees it. One guard serves the host: programs in the kernel, pinned below GUARD_DIR/bpf, and
 * kedge-guard, which reads what they find. The runtime only
 *
 *   guard_policy_read, guard_policy_annotate   what is wanted
 *   guard_open                                 what is there (started when nobody runs it)
 *   guard_arm                                  before the clone: the entry and the record of a container
 *   guard_adopt, guard_release                 around the clone: init is born with its label
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
 *   lock             held exclusively (flock) by kedge-guard while it lives; its pid as text
 *   facts.json       what the loader found out: struct guard_facts
 *   bpf/             a bpffs of its own, in the mount namespace of pid 1
 *   armed/COOKIE     one per container, JSON on one line: struct guard_container; COOKIE is 16 hexadecimal digits
 *   drift/COOKIE     why kedge-guard killed it: the audit record, JSON on one line
 */
#define GUARD_DIR "/run/kedge-guard"
#define GUARD_POLICY_FILE "/etc/kedge/policy.json"
#define GUARD_ANNOTATION "org.kedge.guard."

enum guard_require { GUARD_REQUIRE_NONE, GUARD_REQUIRE_SAMPLE, GUARD_REQUIRE_LSM, GUARD_REQUIRE_SYSCALL };

struct guard_policy {
	enum guard_mode mode;
	enum guard_require require;
	uint32_t flags;       /* enum guard_flag, without HOST_PID */
	uint32_t sweep_ms;    /* 10 .. 60000 */
	bool syscall_tier;    /* the host asks for T3 */
	char *log;            /* audit log; in the arena */
};

/* The defaults, changed by GUARD_POLICY_FILE where there is one: must be root's and not writable by others. */
must_check int guard_policy_read(struct arena *a, struct guard_policy *ret, struct error *e);
/* What the config's annotations and its nature add: they only tighten; ERROR_CONFIG naming the annotation otherwise. */
must_check int guard_policy_annotate(struct guard_policy *p, const struct spec *spec, struct error *e);
extern const char *const guard_annotations[]; /* full names, NULL at the end */

/* A handle on what is pinned. All -1 where there is no BPF: the poll tier. */
struct guard {
	int dir;                 /* GUARD_DIR */
	int containers, labels;  /* maps */
	uint32_t tiers;          /* enum guard_tier bits that are on */
};
#define GUARD_NONE {.dir = -1, .containers = -1, .labels = -1}

/* Opens the host's guard; starts kedge-guard when its lock is free. ERROR_HOST, with the reason, when what policy->require
 * names is not there; any other trouble is a warning and leaves tiers at 0. */
must_check int guard_open(struct guard *g, const struct guard_policy *policy, struct error *e);
void guard_done(struct guard *g);
#define auto_guard auto_with(guard_done)

/* What kedge-guard and `kedge guard` must know of a container. */
struct guard_container {
	uint64_t cookie;
	char *id, *root;         /* container id, state root */
	char *cgroup;            /* below the cgroup2 mount; NULL: none */
	char *image;             /* annotation, or NULL */
	struct guard_policy policy;
	bool host_pid;
};

/* Never 0. */
must_check int guard_cookie(uint64_t *ret, struct error *e);
must_check int guard_arm(const struct guard *g, const struct guard_container *c, struct error *e);
/* Labels the calling thread, so that what it clones is labelled from its first instruction. caps_bound: what the program
 * may have at most. */
must_check int guard_adopt(const struct guard *g, uint64_t cookie, uint64_t caps_bound, struct error *e);
void guard_release(const struct guard *g);
/* No entry, no record: what is gone already is success. Works without guard_open, by GUARD_DIR alone. */
must_check int guard_disarm(uint64_t cookie, struct error *e);
/* The audit record for which a container was killed; NULL when there is none. */
must_check int guard_drift_of(uint64_t cookie, struct arena *a, char **ret, struct error *e);

/* guard/record.c: armed/COOKIE as text and back. */
void guard_container_print(const struct guard_container *c, struct strbuf *out);
must_check int guard_container_parse(struct arena *a, const char *name, const char *text, size_t n,
				     struct guard_container *ret, struct error *e);
