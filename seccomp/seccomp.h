/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp -> a BPF program ready for seccomp(2). libseccomp (dlopen'ed) compiles; the result is cached. */
#pragma once

#include <linux/filter.h>

#include "spec/policy.h"
#include "spec/spec.h"

struct seccomp_program {
	struct sock_filter *insns; /* in the arena given */
	size_t n;
	unsigned flags;  /* SECCOMP_FILTER_FLAG_*: what the profile asks and the kernel knows, plus NEW_LISTENER when notifying */
	bool notify;     /* some rule says SCMP_ACT_NOTIFY */
	bool from_cache;
};

/* cache_dirfd: directory (0700, ours) of the cache, created by the caller; -1: do not cache. Refused with ERROR_CONFIG:
 * unknown syscalls are skipped (as runc and libseccomp do), NOTIFY on write or as default action, errnoRet without an
 * action that has one, flags the kernel does not know. */
must_check int seccomp_compile(const struct spec_seccomp *profile, int cache_dirfd, struct arena *arena,
			       struct seccomp_program *ret, struct error *e);

/* The profile of the filter below the container's own, which the host's policy asks for: false without one. caps: what the
 * configuration grants, so that with `capabilities` a call stays for whom it is meant. */
bool seccomp_floor(const struct policy *policy, uint64_t caps, struct arena *a, struct spec_seccomp *ret);

/* Hands the listener to the agent at profile->listener_path: one sendmsg with SCM_RIGHTS and the container process state
 * (config-linux.md: {ociVersion, fds:["seccompFd"], pid, metadata, state}); state_json is the state document. */
must_check int seccomp_send_listener(const struct spec_seccomp *profile, int listener_fd, pid_t pid,
				     const char *state_json, struct error *e);

/* For `features` and --version; empty string when libseccomp cannot be loaded. */
const char *seccomp_library_version(void);
/* Whether the running kernel accepts a SECCOMP_FILTER_FLAG_*. */
bool seccomp_flag_supported(unsigned flag);
