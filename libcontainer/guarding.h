/* SPDX-License-Identifier: Apache-2.0 */
/* A container under the drift guard: what is wanted, what is there, and how both are told. */
#pragma once

#include "guard/guard.h"
#include "libcontainer/launch.h"
#include "libcontainer/state.h"

struct guarding {
	struct guard guard;
	struct guard_policy policy;
	uint64_t cookie;     /* 0: not guarded */
	const char *why_not; /* then; in the arena */
};

/* Policy and annotations, before anything is done: guard_policy_read, guard_policy_annotate. A rootless container is not
 * guarded, which is an error only where a tier is required. */
must_check int guarding_decide(struct guarding *g, const struct spec *spec, const struct privileges *p, struct arena *a,
			       struct error *e);
/* Opens the host's guard and takes a cookie, if the policy wants a guard. Without one the container goes on unguarded, and its
 * state says why, unless a tier is required. */
must_check int guarding_open(struct guarding *g, struct arena *a, struct error *e);
/* Enters the container; the cookie must stand in its intent. */
must_check int guarding_arm(const struct guarding *g, const struct spec *spec, const char *id, const char *root,
			    const char *cgroup, struct error *e);
/* What was restored into it, stopped: init, and whatever is in the cgroup. */
must_check int guarding_seal(const struct guarding *g, pid_t init, const struct cgroup *cg, struct error *e);
/* For a process that joins: the guard of the container's state, without which it would be taken for a stranger; cookie 0 where the
 * container has none. */
must_check int guarding_join(struct guarding *g, const struct state_guard *state, struct error *e);
/* As it goes into state.json. */
void guarding_state(const struct guarding *g, struct state_guard *ret);
void guarding_done(struct guarding *g);

/* Says on the log that the guard killed it, if it did: for who waited for a container that a SIGKILL ended. */
void guarding_explain(const struct guarding *g, const char *id);
/* The member "guard" of `kedge state`. */
struct json_writer;
void guarding_print(const struct state *state, struct json_writer *w);
