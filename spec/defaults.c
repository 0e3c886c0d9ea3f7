/* SPDX-License-Identifier: Apache-2.0 */
/* The template of the `spec` command: a container as runc's template makes it, with a cgroup namespace always. */
#include <string.h>

#include "spec/json.h"
#include "spec/spec.h"

static const char *const caps[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL};

static const char *const masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/proc/sched_debug",
	"/sys/firmware",
	"/proc/scsi",
	NULL,
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static const struct template_mount {
	const char *destination, *type, *source;
	const char *options[8];
} mounts[] = {
	{"/proc", "proc", "proc", {NULL}},
	{"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
	{"/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
	{"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
	{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
	{"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
	{"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
};

/* A new network namespace's owner may mount sysfs, and only him: without one, the host's is shown. */
static const struct template_mount rootless_sys = {
	"/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}};

static void write_strings(struct json_writer *w, const char *key, const char *const *v)
{
	jw_array(w, key);
	for (; *v; v++)
		jw_str(w, NULL, *v);
	jw_end(w, ']');
}

static void write_process(struct json_writer *w)
{
	static const char *const args[] = {"sh", NULL};
	static const char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					  "TERM=xterm", NULL};

	jw_object(w, "process");
	jw_bool(w, "terminal", true);
	jw_object(w, "user");
	jw_int(w, "uid", 0);
	jw_int(w, "gid", 0);
	jw_end(w, '}');
	write_strings(w, "args", args);
	write_strings(w, "env", env);
	jw_str(w, "cwd", "/");
	jw_object(w, "capabilities");
	write_strings(w, "bounding", caps);
	write_strings(w, "effective", caps);
	write_strings(w, "permitted", caps);
	jw_end(w, '}');
	jw_array(w, "rlimits");
	jw_object(w, NULL);
	jw_str(w, "type", "RLIMIT_NOFILE");
	jw_int(w, "hard", 1024);
	jw_int(w, "soft", 1024);
	jw_end(w, '}');
	jw_end(w, ']');
	jw_bool(w, "noNewPrivileges", true);
	jw_end(w, '}');
}

static void write_mount(struct json_writer *w, const struct template_mount *m, bool rootless)
{
	jw_object(w, NULL);
	jw_str(w, "destination", m->destination);
	jw_str(w, "type", m->type);
	jw_str(w, "source", m->source);
	if (m->options[0])
		jw_array(w, "options");
	for (const char *const *o = m->options; *o; o++)
		if (!rootless || strncmp(*o, "gid=", 4) != 0) /* the group is not mapped */
			jw_str(w, NULL, *o);
	if (m->options[0])
		jw_end(w, ']');
	jw_end(w, '}');
}

static void write_mounts(struct json_writer *w, bool rootless)
{
	jw_array(w, "mounts");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		bool sys = strcmp(mounts[i].destination, "/sys") == 0;
		write_mount(w, rootless && sys ? &rootless_sys : &mounts[i], rootless);
	}
	jw_end(w, ']');
}

static void write_mapping(struct json_writer *w, const char *key, uint32_t id)
{
	jw_array(w, key);
	jw_object(w, NULL);
	jw_int(w, "containerID", 0);
	jw_uint(w, "hostID", id);
	jw_int(w, "size", 1);
	jw_end(w, '}');
	jw_end(w, ']');
}

static void write_namespaces(struct json_writer *w, bool rootless)
{
	static const char *const rootful[] = {"pid", "network", "ipc", "uts", "mount", "cgroup", NULL};
	static const char *const unprivileged[] = {"pid", "ipc", "uts", "mount", "cgroup", "user", NULL};

	jw_array(w, "namespaces");
	for (const char *const *type = rootless ? unprivileged : rootful; *type; type++) {
		jw_object(w, NULL);
		jw_str(w, "type", *type);
		jw_end(w, '}');
	}
	jw_end(w, ']');
}

static void write_linux(struct json_writer *w, bool rootless, uint32_t uid, uint32_t gid)
{
	jw_object(w, "linux");
	if (rootless) {
		write_mapping(w, "uidMappings", uid);
		write_mapping(w, "gidMappings", gid);
	} else {
		jw_object(w, "resources");
		jw_array(w, "devices");
		jw_object(w, NULL);
		jw_bool(w, "allow", false);
		jw_str(w, "access", "rwm");
		jw_end(w, '}');
		jw_end(w, ']');
		jw_end(w, '}');
	}
	write_namespaces(w, rootless);
	write_strings(w, "maskedPaths", masked_paths);
	write_strings(w, "readonlyPaths", readonly_paths);
	jw_end(w, '}');
}

void spec_default(struct strbuf *out, bool rootless, uint32_t uid, uint32_t gid)
{
	struct json_writer w;

	jw_begin(&w, out, true);
	jw_object(&w, NULL);
	jw_str(&w, "ociVersion", SPEC_VERSION);
	write_process(&w);
	jw_object(&w, "root");
	jw_str(&w, "path", "rootfs");
	jw_bool(&w, "readonly", true);
	jw_end(&w, '}');
	jw_str(&w, "hostname", "kedge");
	write_mounts(&w, rootless);
	write_linux(&w, rootless, uid, gid);
	jw_end(&w, '}');
	strbuf_addc(out, '\n');
}
