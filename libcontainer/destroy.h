/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cgroups/cgroup.h"
#include "guard/guard.h"
#include "libcontainer/statedir.h"
#include "spec/spec.h"

struct state;

/* The end of `run`, whose init is dead and reaped: what delete does, by what the creator still knows and has open. Needs the lock. */
must_check int container_finish(struct statedir *dir, const struct state *state, const struct intent *intent, const struct spec *spec,
				struct cgroup *cgroup, const struct guard *guard, struct error *e);

/* Undoes a create, complete or not: ends what is in a cgroup of ours, removes cgroup and resctrl directory, runs poststop hooks
 * if spec and state_json are given (the container was complete), and removes the state directory last. Needs the lock. May be
 * repeated after a failure. A process in a cgroup that existed before is the caller's to end.
 * A create that failed before it made its cgroup must set cgroup_existed: what is there then belongs to others. */
must_check int container_destroy(struct statedir *dir, const struct intent *intent, const struct spec *spec_or_null,
				 const char *state_json_or_null, struct error *e);
