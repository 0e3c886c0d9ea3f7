/* SPDX-License-Identifier: Apache-2.0 */
/* Carries a plan out: prepares, clones, talks with init at its barriers, words its failures. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "cgroups/cgroup.h"
#include "guard/guard.h"
#include "libcontainer/netdev.h"
#include "libcontainer/plan.h"

struct spawn {
	struct plan *plan;
	const struct spec *spec;
	int cgroup_fd;       /* -1: the caller's */
	struct cgroup *cgroup; /* that it belongs to; NULL: none */
	bool privileged;
	struct guard *guard; /* NULL: init is born without a label */
	uint64_t guard_cookie;
	/* Called at BARRIER_HOOKS and for the seccomp listener: the state document for a pid; result in the arena of plan. */
	const char *(*state_json)(void *ctx, pid_t pid, bool for_hooks);
	/* Called when everything is prepared, before init exists. May be NULL. */
	int (*prepared)(void *ctx, const struct spawn *spawn, struct error *e);
	/* Called once init exists and sets itself up, before it is listened to: what must be done before the program runs but not
	 * before init does costs no time here. May be NULL. */
	int (*cloned)(void *ctx, const struct spawn *spawn, struct error *e);
	/* Called when init is complete and verified, before it may go on: commit here. */
	int (*ready)(void *ctx, const struct spawn *spawn, struct error *e);
	void *ctx;
	pid_t init;               /* exec: of the container */
	bool rdt_existed;         /* the resctrl group was there before */
	int mount_fd;             /* that init sent to BARRIER_MOUNT; -1 */
	int killed;               /* by this signal, without a word */
	struct netdevs *netdevs; /* that were moved, until the container is ready; NULL: none */
	/* out; owned by the caller after success */
	pid_t pid;
	int pidfd;
	int master; /* of the terminal; -1: none */
};

/* Returns when the payload runs (no WAIT_START in the plan) or init waits for start. On failure init is dead and reaped. */
must_check int spawn_run(struct spawn *spawn, struct error *e);
void spawn_done(struct spawn *spawn);
#define auto_spawn auto_with(spawn_done)

/* The words for a record of init, as create and start tell them. args0: process.args[0]. */
int spawn_failed_exec(const struct plan_record *record, const char *args0, struct error *e);
int spawn_failed_hook(const struct plan_record *record, const char *kind, size_t index, struct error *e);

/* spawn_prepare.c, spawn_parent.c: one step each */
must_check int prepare_step(struct spawn *spawn, const struct plan_step *s, struct error *e);
must_check int parent_step(struct spawn *spawn, const struct plan_step *s, struct error *e);
/* A descriptor of a user namespace with these maps; the process that made it is gone. */
must_check int userns_with_maps(const struct spec_idmap *uid, size_t n_uid, const struct spec_idmap *gid, size_t n_gid,
				struct error *e);
must_check int write_id_map(pid_t pid, const char *file, const char *text, struct error *e);
