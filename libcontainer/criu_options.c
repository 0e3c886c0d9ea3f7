/* SPDX-License-Identifier: Apache-2.0 */
/* Our options and the configuration in criu's words. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/num.h"
#include "base/path.h"
#include "base/sys.h"
#include "libcontainer/criu.h"
#include "libcontainer/plan.h"

#define CONFIG_FILE "/etc/criu/kedge.conf"
#define CONFIG_FILE_RUNC "/etc/criu/runc.conf"

static const struct spec_name cgroup_modes[] = {{"ignore", 0}, {"soft", 3}, {"full", 4}, {"strict", 5}, {}};
#define CGROUP_MODE_DEFAULT 6
static const struct spec_name lock_methods[] = {{"iptables", 1}, {"nftables", 2}, {"skip", 3}, {}};

static int add_page_server(struct strbuf *out, const char *text, struct error *e)
{
	const char *colon = strrchr(text, ':');
	auto_strbuf struct strbuf host = {}, server = {};
	uint32_t port;

	if (!colon || colon == text || !colon[1])
		return error_set(e, ERROR_USAGE, 0, "Use --page-server ADDRESS:PORT to specify page server");
	if (parse_u32(colon + 1, 65535, &port) < 0 || port == 0)
		return error_set(e, ERROR_USAGE, 0, "option --page-server: invalid port '%s'", colon + 1);
	bool brackets = text[0] == '[' && colon[-1] == ']';
	strbuf_add(&host, text + brackets, (size_t)(colon - text) - (brackets ? 2U : 0U));
	wire_str(&server, 1, strbuf_str(&host));
	wire_uint(&server, 2, port);
	wire_bytes(out, CRIU_PAGE_SERVER, server.s, server.len);
	return 0;
}

static int add_named(struct strbuf *out, unsigned field, const struct spec_name *names, const char *name,
		     const char *option, struct error *e)
{
	int64_t value;

	if (!name)
		return 0;
	if (!name_to_value(names, name, &value))
		return error_set(e, ERROR_USAGE, 0, "option --%s: invalid value '%s'", option, name);
	wire_uint(out, field, (uint64_t)value);
	return 0;
}

/* The network belongs to who called us: its devices and addresses are never part of a checkpoint. */
static int add_empty_namespaces(struct strbuf *out, const struct criu_options *o, struct error *e)
{
	for (size_t i = 0; i < o->n_empty_ns; i++)
		if (strcmp(o->empty_ns[i], "network") != 0)
			return error_set(e, ERROR_USAGE, 0, "option --empty-ns: namespace '%s' is not supported",
					 o->empty_ns[i]);
	wire_uint(out, CRIU_EMPTY_NS, CLONE_NEWNET);
	return 0;
}

/* An annotation without a value: no file at all. criu passes over one that is not there. */
static void add_config_file(struct strbuf *out, const struct spec *spec)
{
	const char *file = spec_annotation(spec, "org.criu.config");

	if (!file)
		file = faccessat(AT_FDCWD, CONFIG_FILE, F_OK, 0) == 0 ? CONFIG_FILE : CONFIG_FILE_RUNC;
	if (*file)
		wire_str(out, CRIU_CONFIG_FILE, file);
}

int criu_common(struct strbuf *out, const struct criu_options *o, const struct spec *spec, struct error *e)
{
	const struct { unsigned field; bool on; } switches[] = {
		{CRIU_TCP_ESTABLISHED, o->tcp_established}, {CRIU_TCP_SKIP_IN_FLIGHT, o->tcp_skip_in_flight},
		{CRIU_TCP_CLOSE, o->tcp_close}, {CRIU_EXT_UNIX_SK, o->ext_unix_sk}, {CRIU_SHELL_JOB, o->shell_job},
		{CRIU_FILE_LOCKS, o->file_locks}, {CRIU_LINK_REMAP, o->link_remap}, {CRIU_AUTO_DEDUP, o->auto_dedup},
		{CRIU_LAZY_PAGES, o->lazy_pages}, {CRIU_LEAVE_RUNNING, o->leave_running},
		/* Of the container's pty the runtime or its caller has the master end. */
		{CRIU_ORPHAN_PTS_MASTER, true}, {CRIU_NOTIFY_SCRIPTS, true}, {CRIU_MANAGE_CGROUPS, true},
		/* Mounts of the container are slaves of the host's. */
		{CRIU_EXT_SHARING, true}, {CRIU_EXT_MASTERS, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if (switches[i].on)
			wire_uint(out, switches[i].field, true);
	wire_uint(out, CRIU_IMAGES_DIR_FD, CRIU_IMAGE_FD);
	wire_uint(out, CRIU_WORK_DIR_FD, CRIU_WORK_FD);
	wire_uint(out, CRIU_LOG_LEVEL, 4);
	if (!o->manage_cgroups_mode)
		wire_uint(out, CRIU_MANAGE_CGROUPS_MODE, CGROUP_MODE_DEFAULT);
	if (add_named(out, CRIU_MANAGE_CGROUPS_MODE, cgroup_modes, o->manage_cgroups_mode, "manage-cgroups-mode", e) < 0 ||
	    add_named(out, CRIU_NETWORK_LOCK, lock_methods, o->network_lock, "network-lock", e) < 0 ||
	    (o->page_server && add_page_server(out, o->page_server, e) < 0) || add_empty_namespaces(out, o, e) < 0)
		return -1;
	if (o->parent_path) {
		wire_str(out, CRIU_PARENT_IMG, o->parent_path);
		wire_uint(out, CRIU_TRACK_MEM, true);
	}
	wire_str(out, CRIU_LSM_PROFILE, o->lsm_profile);
	wire_str(out, CRIU_LSM_MOUNT_CONTEXT, o->lsm_mount_context);
	add_config_file(out, spec);
	return 0;
}

static char *link_of(struct arena *a, int fd)
{
	char name[32], target[4096];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ssize_t n = readlinkat(AT_FDCWD, name, target, sizeof(target) - 1);
	return n < 0 ? NULL : arena_strndup(a, target, (size_t)n);
}

char *criu_mount_point(struct arena *a, int root, const char *destination)
{
	auto_close int fd = sys_openat2(root, destination, O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	const char *base = fd < 0 ? NULL : link_of(a, root);
	char *path = fd < 0 ? NULL : link_of(a, fd);
	size_t len = base ? strlen(base) : 0;

	/* It is made only later, by criu: on a tmpfs that comes with the images. */
	if (!base || !path)
		return arena_strdup(a, destination);
	if (len > 1 && strncmp(path, base, len) == 0 && path[len] == '/')
		return path + len;
	return path;
}

/* A directory is masked by a tmpfs, which is in the images. */
static bool is_directory(int root, const char *path)
{
	struct stat st;
	auto_close int fd = sys_openat2(root, path, O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

void criu_add_host_nodes(struct strbuf *out, struct arena *a, int root, const struct spec *spec, bool restore)
{
	const struct spec_linux *l = &spec->linux_;

	if (!l->namespaces[NS_USER].set)
		return;
	for (size_t i = 0; i < PLAN_DEFAULT_DEVICES; i++)
		wire_pair(out, CRIU_EXT_MNT, plan_default_devices[i].path, plan_default_devices[i].path);
	for (size_t i = 0; i < l->devices.n; i++) {
		const char *path = path_clean(a, l->devices.v[i].path);
		wire_pair(out, CRIU_EXT_MNT, path, path);
	}
	for (size_t i = 0; i < l->masked_paths.n; i++) {
		if (!restore && is_directory(root, l->masked_paths.v[i]))
			continue;
		const char *point = criu_mount_point(a, root, l->masked_paths.v[i]);
		wire_pair(out, CRIU_EXT_MNT, point, restore ? "/dev/null" : point);
	}
}

const char *criu_namespace_key(struct arena *a, enum spec_ns_type type)
{
	const char *name = ns_info[type].proc;

	return arena_printf(a, "extRoot%c%sNS", toupper(name[0]), name + 1);
}
