/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a plan. Planners are pure: spec in, steps out; they open nothing and change nothing, so the whole set-up can be printed and
 * compared as text without privileges. One planner a concern; create and exec differ in which of them run.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "libcontainer/container.h"
#include "libcontainer/plan_abi.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"

#define PLAN_STEPS_LIMIT 100000
#define PLAN_PID_MARK "2147483647"

struct plan {
	struct arena arena;
	struct strbuf pool;     /* image: head, then strings, lists, blobs */
	struct plan_step *steps;
	const char **origins;   /* config property of each step */
	size_t n, cap;
	int32_t *regs;
	size_t n_regs, cap_regs;
	uint16_t root_reg;
	uint16_t procfs;        /* register of the private procfs; REG_NONE */
	uint64_t clone_flags;
	uint32_t preserve_fds;
	bool userns_joined;     /* an intermediate process joins namespaces before the clone */
	bool host_mounts;       /* root_reg is attached in the runtime's mount namespace: the container has none of its own */
	const char *origin;     /* of the steps being added; plan_origin() */
};

/* What the planners read. */
struct plan_input {
	const struct spec *spec;
	const struct spec_process *process;
	const char *id, *bundle, *rootfs; /* absolute; rootfs NULL for exec */
	const char *cgroup_dir;           /* absolute path of the container's cgroup, for a cgroup mount without cgroup namespace */
	bool privileged;     /* the parent may clone mounts of the host */
	bool userns;         /* the container has a user namespace, new or joined */
	bool nested;         /* we are in one */
	bool no_pivot, no_new_keyring;
	bool waits_for_start; /* create: two fifos; otherwise the parent starts at once */
	const struct seccomp_program *seccomp; /* NULL: none */
	const struct seccomp_program *floor;   /* the host's, below it; NULL: none */
	const char *notify_dir;                /* host directory bound on /run/notify; NULL: none */
	uint32_t listen_fds;
	const char *hook_json; /* the state for hooks inside the container; the pid is PLAN_PID_MARK */
	uint64_t caps_available; /* what the caller could give */
	bool live;           /* programs of the container run already, and may be in the way of what is done to it */
	uint64_t join;           /* exec: CLONE_NEW* of the namespaces of init that differ from ours */
};

/* -- builder ------------------------------------------------------------------------------------------------------- */
void plan_init(struct plan *plan);
void plan_done(struct plan *plan);
#define auto_plan auto_with(plan_done)
/* Sets the property that the following steps come from, e.g. "mounts[3]". */
void plan_origin(struct plan *plan, const char *fmt, ...) printf_like(2, 3);
/* The step is valid until the next call. Registers are REG_NONE, everything else zero. */
struct plan_step *plan_add(struct plan *plan, enum plan_side side, enum plan_kind kind);
uint32_t plan_str(struct plan *plan, const char *s);
uint32_t plan_list(struct plan *plan, const struct spec_strings *list);
uint32_t plan_blob(struct plan *plan, const void *data, size_t n);
uint16_t plan_reg(struct plan *plan);
const char *plan_at(const struct plan *plan, uint32_t off); /* string at an offset */
/* head, pool, steps, registers as one image. */
void plan_image(struct plan *plan, struct strbuf *ret);
/* One line a step: "12  place      /proc nosymlinks   # mounts[0]". */
void plan_print(const struct plan *plan, struct strbuf *out);
/* "cannot mount at '/proc'": what a failed step was doing, for messages. */
void plan_describe(const struct plan *plan, size_t step, struct strbuf *out);

/* -- planners ------------------------------------------------------------------------------------------------------ */
must_check int plan_create(struct plan *plan, const struct plan_input *in, struct error *e);
must_check int plan_exec(struct plan *plan, const struct plan_input *in, struct error *e);
/* Mounts for a container that runs, in->spec having nothing but them: all or none. Removed from the last one on. */
must_check int plan_mounts_add(struct plan *plan, const struct plan_input *in, struct error *e);
must_check int plan_mounts_remove(struct plan *plan, const struct plan_input *in, struct error *e);
/* Puts the steps into the order in which they happen; the last thing to do to a plan. */
void plan_sort(struct plan *plan);

void plan_enter(struct plan *plan, const struct plan_input *in); /* into the namespaces and the root of in->join */
void plan_namespaces(struct plan *plan, const struct plan_input *in);
must_check int plan_mounts(struct plan *plan, const struct plan_input *in, struct error *e);
void plan_mounts_readonly(struct plan *plan); /* those that had to be writable until now */
enum { PLAN_DEFAULT_DEVICES = 6 };
extern const struct spec_device plan_default_devices[PLAN_DEFAULT_DEVICES];
must_check int plan_devices(struct plan *plan, const struct plan_input *in, struct error *e);
/* The procfs that labels and sysctls are written through. Must come before /proc is hidden: in a user namespace the kernel
 * gives a procfs only to whom a whole one is visible. */
void plan_procfs(struct plan *plan, const struct plan_input *in, bool sysctl);
void plan_session(struct plan *plan, const struct plan_input *in);       /* setsid and keyring */
void plan_root(struct plan *plan, const struct plan_input *in);         /* open and attach the root file system */
void plan_ns_root(struct plan *plan, const struct plan_input *in);      /* ids 0:0 of the user namespace */
void plan_hide(struct plan *plan, const struct plan_input *in);         /* read-only and masked paths */
/* *ret: the register of the rules, which are to be applied; REG_NONE: none are asked for. */
must_check int plan_landlock(struct plan *plan, const struct plan_input *in, uint16_t *ret, struct error *e);
void plan_rdt(struct plan *plan, const struct plan_input *in);      /* make the groups of resctrl */
void plan_rdt_join(struct plan *plan, const struct plan_input *in); /* after BARRIER_READY */
void plan_oom_score(struct plan *plan, const struct plan_input *in);
/* env: the list that hooks without an environment of their own get; 0: none. */
void plan_container_hooks(struct plan *plan, const struct plan_input *in, enum spec_hook_kind kind, uint32_t env);
void plan_console(struct plan *plan, const struct plan_input *in, const char *bind_at);
must_check int plan_process(struct plan *plan, const struct plan_input *in, struct error *e); /* everything after the mounts, to EXEC */

extern const struct ns_info { const char *name, *proc; uint64_t flag; } ns_info[NS_MAX];
