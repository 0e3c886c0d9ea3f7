/* SPDX-License-Identifier: Apache-2.0 */
/* What create, run, exec and plan decide alike. */
#pragma once

#include "cgroups/cgroup.h"
#include "libcontainer/plan.h"

/* Whether we have the host's privileges; rootless: cgroup and device refusals are to be expected. */
struct privileges {
	bool privileged; /* may clone mounts, map any id */
	bool rootless;
	bool nested;     /* in a user namespace ourselves */
	uint64_t caps;   /* what a container without a user namespace can be given */
};
must_check int privileges_read(const struct runtime *rt, struct privileges *ret, struct error *e);

/* The checks on terminal, console socket and detaching with runc's words. */
must_check int terminal_check(bool terminal, bool detach, const char *console_socket, struct error *e);
/* Descriptors 3 .. 3 + n - 1 must be open: "unable to stat preserved-fd 1 (of 2)". */
must_check int preserved_check(uint32_t n, struct error *e);
/* LISTEN_FDS of our environment when it is meant for us; 0 otherwise. */
uint32_t listen_fds(void);
/* Compiled through the cache below the state root; own is NULL without linux.seccomp, floor without one in the host's policy. */
struct filters {
	const struct seccomp_program *own, *floor;
};
must_check int seccomp_filters(const struct spec *spec, const struct policy *policy, int root_fd, struct arena *a,
			       struct filters *ret, struct error *e);
/* linux.resources and all: capability set of a container in a new or joined user namespace or in ours. */
uint64_t caps_available(const struct spec *spec, const struct privileges *p);
/* CLONE_NEW* of every namespace of the container that is not the host's. */
uint64_t namespaces_of(const struct spec *spec);
