/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host allows of containers: the member `containers` of its policy, the rest of which is the guard's. Annotations come from
 * whoever writes a pod or an image, so they may only add to it. Which configuration a rule refuses is not known here.
 */
#pragma once

#include "spec/spec.h"

#define POLICY_FILE "/etc/kedge/policy.json"
#define POLICY_ANNOTATION "org.kedge.policy."

/* How much of the seccomp floor a container gets. */
enum policy_floor { POLICY_FLOOR_OFF, POLICY_FLOOR_CAPABILITIES, POLICY_FLOOR_ALL };
extern const struct spec_name policy_floor_names[];

/* n_host of the words are the host's, the others came with annotations. */
struct policy_list { bool set; size_t n_host; struct spec_strings words; };

struct policy {
	bool set; /* somebody has said something */
	struct spec *owner; /* of the strings */
	struct policy_list require, no_host_namespaces, no_capabilities; /* words of policy_*_names */
	struct { bool v, annotated; } no_devices, no_shared_mounts, no_user_namespaces, nosymfollow;
	/* Prefixes of paths; nothing is allowed but what is below one, where the list is set. The host's alone. */
	struct policy_list root_paths, mount_sources, trusted_sources, hook_paths;
	uint32_t seccomp_floor; /* enum policy_floor */
	char *audit;            /* file; NULL: none. The host's alone */
};
extern const struct spec_name policy_require_names[], policy_namespace_names[];

/* The host's policy as text. A file that others may write, or that is no file, is an error; none: *found is false. */
must_check int policy_file_read(struct strbuf *text, bool *found, struct error *e);
/* policy_done() in every case. ERROR_CONFIG. */
must_check int policy_parse(const char *text, size_t size, struct policy *ret, struct error *e);
must_check int policy_read(struct policy *ret, struct error *e);
must_check int policy_annotate(struct policy *p, const struct spec *spec, struct error *e);
void policy_done(struct policy *p);
#define auto_policy auto_with(policy_done)
