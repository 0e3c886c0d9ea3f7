/* SPDX-License-Identifier: Apache-2.0 */
/* What the tables of the decoder know is listed from them, so that `features` cannot promise anything else. */
#include "spec/features.h"

#include "spec/json.h"
#include "spec/mount_options.h"

static void write_names(struct json_writer *w, const char *key, const struct spec_name *names)
{
	jw_array(w, key);
	for (; names->name; names++)
		jw_str(w, NULL, names->name);
	jw_end(w, ']');
}

static void write_words(struct json_writer *w, const char *key, const char *const *words)
{
	jw_array(w, key);
	for (; words && *words; words++)
		jw_str(w, NULL, *words);
	jw_end(w, ']');
}

static void write_enabled(struct json_writer *w, const char *key, bool enabled)
{
	jw_object(w, key);
	jw_bool(w, "enabled", enabled);
	jw_end(w, '}');
}

static void write_cgroup(struct json_writer *w, const struct features_facts *facts)
{
	jw_object(w, "cgroup");
	jw_bool(w, "v1", false);
	jw_bool(w, "v2", true);
	jw_bool(w, "systemd", facts->systemd);
	jw_bool(w, "systemdUser", facts->systemd_user);
	jw_bool(w, "rdma", facts->rdma);
	jw_end(w, '}');
}

static void write_seccomp(struct json_writer *w, const struct features_facts *facts)
{
	jw_object(w, "seccomp");
	jw_bool(w, "enabled", facts->seccomp);
	if (facts->seccomp) {
		write_names(w, "actions", names_seccomp_actions);
		write_names(w, "operators", names_seccomp_ops);
		write_names(w, "archs", names_seccomp_archs);
		write_names(w, "knownFlags", names_seccomp_flags);
		jw_array(w, "supportedFlags");
		for (const struct spec_name *flag = names_seccomp_flags; flag->name; flag++)
			if (facts->seccomp_flags & (uint64_t)flag->value)
				jw_str(w, NULL, flag->name);
		jw_end(w, ']');
	}
	jw_end(w, '}');
}

static void write_intel_rdt(struct json_writer *w, const struct features_facts *facts)
{
	jw_object(w, "intelRdt");
	jw_bool(w, "enabled", facts->intel_rdt);
	jw_bool(w, "schemata", facts->intel_rdt_schemata);
	jw_bool(w, "monitoring", facts->intel_rdt_monitoring);
	jw_end(w, '}');
}

static void write_memory_policy(struct json_writer *w, const struct features_facts *facts)
{
	static const struct spec_name none[] = {{NULL, 0}};

	jw_object(w, "memoryPolicy");
	write_names(w, "modes", facts->memory_policy ? names_mpol_modes : none);
	write_names(w, "flags", facts->memory_policy ? names_mpol_flags : none);
	jw_end(w, '}');
}

static void write_linux(struct json_writer *w, const struct features_facts *facts)
{
	jw_object(w, "linux");
	write_names(w, "namespaces", names_namespaces);
	write_names(w, "capabilities", names_caps);
	write_cgroup(w, facts);
	write_seccomp(w, facts);
	write_enabled(w, "apparmor", facts->apparmor);
	write_enabled(w, "selinux", facts->selinux);
	write_intel_rdt(w, facts);
	write_memory_policy(w, facts);
	jw_object(w, "mountExtensions");
	write_enabled(w, "idmap", facts->idmap_mounts);
	jw_end(w, '}');
	write_enabled(w, "netDevices", facts->net_devices);
	jw_end(w, '}');
}

void features_print(struct strbuf *out, const struct features_facts *facts)
{
	struct json_writer w;

	jw_begin(&w, out, true);
	jw_object(&w, NULL);
	jw_str(&w, "ociVersionMin", SPEC_VERSION_MIN);
	jw_str(&w, "ociVersionMax", SPEC_VERSION);
	write_names(&w, "hooks", names_hooks);
	write_words(&w, "mountOptions", mount_option_names());
	write_linux(&w, facts);
	jw_map(&w, "annotations", &facts->annotations);
	write_words(&w, "potentiallyUnsafeConfigAnnotations", facts->unsafe_annotations);
	jw_end(&w, '}');
	strbuf_addc(out, '\n');
}
