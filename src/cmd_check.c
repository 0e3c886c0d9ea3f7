/* SPDX-License-Identifier: Apache-2.0 */
/* `kedge check`: what this host can do for containers. It changes nothing and starts nothing. */
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "spec/json.h"
#include "src/check.h"
#include "src/commands.h"

static const struct check_row rows[] = {
	{"kernel", NEED_ALL, check_kernel, "kedge needs Linux 5.14 or newer; Debian 12 has 6.1", NULL},
	{"system calls", NEED_ALL, check_syscalls, "in a container: its seccomp profile is older than these calls", NULL},
	{"namespaces", NEED_ALL, check_namespaces, "the kernel was built without them (CONFIG_*_NS)", NULL},
	{"user namespaces", NEED_USER, check_userns, NULL, NULL},
	{"privileges", NEED_ROOT, check_privileges, "in a container: it must be privileged", NULL},
	{"cgroup v2", NEED_ALL, check_cgroup, "mount -t cgroup2 cgroup2 /sys/fs/cgroup; cgroup v1 alone is not supported", NULL},
	{"controllers", NEED_NONE, check_controllers,
	 "not in the kernel, or of cgroup v1: boot with cgroup_no_v1=all (or systemd.unified_cgroup_hierarchy=1)", NULL},
	{"cgroups", NEED_ROOT, check_delegation, "/sys/fs/cgroup must be writable", NULL},
	{"systemd cgroups", NEED_NONE, check_systemd, NULL, NULL},
	{"device rules", NEED_ROOT, check_devices, "the kernel must have CONFIG_CGROUP_BPF and allow bpf(2)", NULL},
	{"state directory", NEED_NONE, check_root, "--root should be on a tmpfs: it must be empty after a reboot", NULL},
	{"seccomp", NEED_NONE, check_seccomp, "the kernel must have CONFIG_SECCOMP_FILTER; libseccomp comes with libseccomp2", NULL},
	{"idmapped mounts", NEED_NONE, check_idmap, NULL, NULL},
	{"Landlock", NEED_NONE, check_landlock,
	 "for the annotation org.kedge.landlock: Linux 6.2, CONFIG_SECURITY_LANDLOCK, and landlock among the words of lsm= at boot", NULL},
	{"security modules", NEED_NONE, check_lsm, "labels and profiles in a configuration are refused", NULL},
	{"drift guard", NEED_NONE, check_guard, "kedge guard start, or systemctl enable --now kedge-guard", NULL},
	{"tier lsm", NEED_NONE, check_tier, "boot with lsm=...,bpf to have it", "lsm"},
	{"tier sample", NEED_NONE, check_tier, NULL, "sample"},
	{"tier sweep", NEED_NONE, check_tier, NULL, "sweep"},
	{"tier syscall", NEED_NONE, check_tier, NULL, "syscall"},
	{"kernel types", NEED_NONE, check_btf, "the guard's programs need them: CONFIG_DEBUG_INFO_BTF", NULL},
	{"newuidmap", NEED_NONE, check_mapper, "for rootless containers with many ids: apt-get install uidmap", "/usr/bin/newuidmap"},
	{"newgidmap", NEED_NONE, check_mapper, "for rootless containers with many ids: apt-get install uidmap", "/usr/bin/newgidmap"},
	{"subuid", NEED_NONE, check_ids, "usermod --add-subuids 100000-165535 USER", "/etc/subuid"},
	{"subgid", NEED_NONE, check_ids, "usermod --add-subgids 100000-165535 USER", "/etc/subgid"},
	{"Podman", NEED_NONE, check_engine, "ln -s " ENGINESDIR "/podman.conf /etc/containers/containers.conf.d/kedge.conf", "podman"},
	{"containerd", NEED_NONE, check_engine,
	 "for Kubernetes: append " ENGINESDIR "/containerd-v3.toml (1.x: v2) to /etc/containerd/config.toml", "containerd"},
	{"CRI-O", NEED_NONE, check_engine, "ln -s " ENGINESDIR "/crio.conf /etc/crio/crio.conf.d/10-kedge.conf", "crio"},
	{"Docker", NEED_NONE, check_engine, "add " ENGINESDIR "/docker.json to /etc/docker/daemon.json", "dockerd"},
};

static const char *const result_names[] = {
	[CHECK_NONE] = "-", [CHECK_OK] = "ok", [CHECK_LIMITED] = "limited", [CHECK_MISSING] = "missing",
};

static bool needed(const struct check_host *host, const struct check_row *row)
{
	return row->need == NEED_ALL || row->need == (host->root ? NEED_ROOT : NEED_USER);
}

static const char *hint_of(const struct check_row *row, const struct check *c)
{
	if (c->result < CHECK_LIMITED)
		return NULL;
	return c->hint ? c->hint : row->hint;
}

static void print_rows(const struct check *checks, struct arena *a, struct strbuf *out)
{
	const char **cells = arena_array(a, (ARRAY_SIZE(rows) + 1) * 3, sizeof(*cells));
	const char *head = "\nHints:\n";
	size_t n = 0;

	cells[n++] = "CHECK";
	cells[n++] = "RESULT";
	cells[n++] = "DETAIL";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cells[n++] = rows[i].name;
		cells[n++] = result_names[checks[i].result];
		cells[n++] = checks[i].detail;
	}
	print_table(cells, n / 3, 3, out);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *hint = hint_of(&rows[i], &checks[i]);

		if (!hint)
			continue;
		strbuf_addf(out, "%s  %s: %s\n", head, rows[i].name, hint);
		head = "";
	}
}

/* What keeps containers from running, with ", " between. */
static void print_missing(const struct check_host *host, const struct check *checks, struct strbuf *out)
{
	const char *between = "\nContainers cannot run: ";

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (checks[i].result != CHECK_MISSING || !needed(host, &rows[i]))
			continue;
		strbuf_addf(out, "%s%s", between, rows[i].name);
		between = ", ";
	}
	strbuf_adds(out, *between == ',' ? "\n" : "\nContainers can run.\n");
}

static void print_json(const struct check_host *host, const struct check *checks, bool can_run, struct strbuf *out)
{
	struct json_writer w;

	jw_begin(&w, out, true);
	jw_object(&w, NULL);
	jw_bool(&w, "canRun", can_run);
	jw_bool(&w, "rootless", !host->root);
	jw_array(&w, "checks");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *hint = hint_of(&rows[i], &checks[i]);

		jw_object(&w, NULL);
		jw_str(&w, "name", rows[i].name);
		jw_str(&w, "result", result_names[checks[i].result]);
		jw_bool(&w, "required", needed(host, &rows[i]));
		jw_str(&w, "detail", checks[i].detail);
		if (hint)
			jw_str(&w, "hint", hint);
		jw_end(&w, '}');
	}
	jw_end(&w, ']');
	jw_end(&w, '}');
	strbuf_addc(out, '\n');
}

/* In a user namespace uid 0 has no rights over the host. */
static bool is_host_root(void)
{
	auto_strbuf struct strbuf map = {};

	if (geteuid() != 0)
		return false;
	return read_file_at(AT_FDCWD, "/proc/self/uid_map", 4096, &map) < 0 ||
	       strcmp(strbuf_str(&map), "         0          0 4294967295\n") == 0;
}

static void cgroup_forget(struct check_host *host)
{
	cgroup_done(&host->cgroup);
}

int cmd_check(const struct options *o, struct error *e)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf out = {};
	struct check checks[ARRAY_SIZE(rows)] = {};
	bool can_run = true;
	auto_with(cgroup_forget) struct check_host host = {
		.arena = &a, .options = o, .root = is_host_root(), .cgroup = {.fd = -1, .mount_fd = -1}};

	/* Each says itself what it could not find. */
	if (cgroup_place(NULL, "kedge-check", &host.cgroup, &host.no_cgroup) < 0)
		host.cgroup.mountpoint = NULL;
	host.guard_known = guard_status_read(&a, &host.guard, &host.no_guard) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i].look(&host, &rows[i], &checks[i]);
		if (checks[i].result == CHECK_MISSING && needed(&host, &rows[i]))
			can_run = false;
	}
	if (o->json) {
		print_json(&host, checks, can_run, &out);
	} else {
		print_rows(checks, &a, &out);
		print_missing(&host, checks, &out);
	}
	if (print_out(&out, e) < 0)
		return -1;
	return can_run ? EXIT_SUCCESS : EXIT_FAILURE;
}
