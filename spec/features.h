/* SPDX-License-Identifier: Apache-2.0 */
/* The document of the `features` command (features.md, features-linux.md of the runtime specification). */
#pragma once

#include "spec/spec.h"

struct features_facts {
	struct spec_map annotations;           /* version, commit, versions of libraries */
	const char *const *unsafe_annotations; /* annotations of config.json that change what the runtime does on the
						* host; a name, or a prefix ending with "."; ends with NULL */
	bool systemd, systemd_user;            /* cgroup managers of this build */
	bool rdma;
	bool seccomp;           /* this build can compile filters */
	uint32_t seccomp_flags; /* SECCOMP_FILTER_FLAG_* that the running kernel and the library take */
	bool apparmor, selinux;
	bool intel_rdt, intel_rdt_schemata, intel_rdt_monitoring;
	bool memory_policy;
	bool idmap_mounts;
	bool net_devices;
};

void features_print(struct strbuf *out, const struct features_facts *facts);
