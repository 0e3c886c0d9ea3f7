/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way kedge makes a process: clone3 and execveat of the sealed kedge-init, sharing our memory until then (CLONE_VM |
 * CLONE_VFORK), so no page table is copied. design.md 4 has the measurements.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct clone_request {
	uint64_t flags;       /* CLONE_NEW* */
	int cgroup_fd;        /* -1: stay in ours */
	int exec_fd;          /* memfd of kedge-init */
	char *const *argv;
	const int *keep;      /* descriptors that init inherits under the same number */
	size_t n_keep;
	uint32_t n_preserve;  /* and 3 .. 3 + n_preserve - 1 */
	bool share_memory;    /* not with a pending change of the time namespace: kernels before 6.3 refuse it */
	/* Namespaces to join before the clone, by an intermediate process that leaves the child to us. */
	const struct clone_join { int fd; int flags; } *joins;
	size_t n_joins;
};

/* *pid and *pidfd (CLOEXEC) of init. */
must_check int clone_init(const struct clone_request *request, pid_t *pid, int *pidfd, struct error *e);
