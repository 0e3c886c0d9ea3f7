/* SPDX-License-Identifier: Apache-2.0 */
/* CRI-O reads stdout and stderr together, so nothing here may log. */
#include "cgroups/cgroup.h"
#include "commit.h"
#include "guard/guard.h"
#include "libcontainer/container.h"
#include "seccomp/seccomp.h"
#include "spec/features.h"
#include "spec/landlock.h"
#include "spec/policy.h"
#include "src/commands.h"

static const char *const own_annotations[] = {POLICY_ANNOTATION, "org.criu.config", "org.systemd.property.",
					       ANNOTATION_CORE_SCHEDULING, LANDLOCK_ANNOTATION, "run.oci.keep_original_groups",
					       "run.oci.mount_context_type", NULL};

static size_t add_names(const char **to, size_t n, const char *const *names)
{
	while (*names)
		to[n++] = *names++;
	return n;
}

static size_t count_names(const char *const *names)
{
	size_t n = 0;

	while (names[n])
		n++;
	return n;
}

/* With NULL at the end. */
static const char **unsafe_annotations(struct arena *a)
{
	const char **all = arena_array(a, count_names(guard_annotations) + ARRAY_SIZE(own_annotations), sizeof(*all));

	add_names(all, add_names(all, 0, guard_annotations), own_annotations);
	return all;
}

static uint32_t supported_seccomp_flags(void)
{
	uint32_t flags = 0;

	for (const struct spec_name *flag = names_seccomp_flags; flag->name; flag++)
		if (seccomp_flag_supported((unsigned)flag->value))
			flags |= (uint32_t)flag->value;
	return flags;
}

int cmd_features(const struct options *o unused_arg, struct error *e)
{
	static char version[] = PACKAGE_VERSION, commit[] = KEDGE_COMMIT, yes[] = "true";
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf out = {};
	char *seccomp = arena_strdup(&a, seccomp_library_version());
	struct spec_pair annotations[5];
	auto_policy struct policy policy = {};
	size_t n = 0;

	annotations[n++] = (struct spec_pair){arena_strdup(&a, "org.kedge.version"), version};
	if (*commit)
		annotations[n++] = (struct spec_pair){arena_strdup(&a, "org.kedge.commit"), commit};
	if (*seccomp)
		annotations[n++] = (struct spec_pair){arena_strdup(&a, "io.github.seccomp.libseccomp.version"), seccomp};
	/* That of features.md's example: other runtimes have it, too, and callers look for it by this name. */
	annotations[n++] = (struct spec_pair){arena_strdup(&a, "org.opencontainers.runc.checkpoint.enabled"), yes};
	/* Of this host, and not of the program: with a policy that cannot be read no container is made. */
	if (policy_read(&policy, e) < 0)
		return -1;
	const char *floor = value_to_name(policy_floor_names, policy.seccomp_floor);
	annotations[n++] = (struct spec_pair){arena_strdup(&a, POLICY_ANNOTATION "seccomp-floor"), arena_strdup(&a, floor)};
	/* What the program can do; features.md asks for that, not for what this host allows. */
	features_print(&out, &(struct features_facts){
				     .annotations = {n, annotations},
				     .unsafe_annotations = unsafe_annotations(&a),
				     .systemd = cgroup_has_systemd(),
				     .systemd_user = cgroup_has_systemd(),
				     .rdma = true,
				     .seccomp = *seccomp != '\0',
				     .seccomp_flags = *seccomp ? supported_seccomp_flags() : 0,
				     .apparmor = true,
				     .selinux = true,
				     .memory_policy = true,
				     .idmap_mounts = true,
				     .intel_rdt = true,
				     .intel_rdt_schemata = true,
				     .intel_rdt_monitoring = true,
#ifdef HAVE_LIBMNL
				     .net_devices = true,
#endif
			     });
	return print_out(&out, e);
}
