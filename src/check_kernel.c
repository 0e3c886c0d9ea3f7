/* SPDX-License-Identifier: Apache-2.0 */
/* `kedge check`: what the kernel has. Calls are made with arguments that no kernel takes: one that knows the call says so. */
#include "src/check.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/io.h"
#include "base/num.h"
#include "base/sys.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"

#define KERNEL_MIN 514 /* cgroup.kill */
#define TEXT_MAX 65536

void check_kernel(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	struct utsname uts;
	char *end;
	uint32_t major = 0, minor = 0;

	if (uname(&uts) < 0) {
		ret->result = CHECK_MISSING;
		ret->detail = strerror(errno);
		return;
	}
	ret->detail = arena_printf(host->arena, "%s, %s", uts.release, uts.machine);
	end = uts.release + strspn(uts.release, "0123456789");
	if (*end == '.') {
		*end++ = '\0';
		end[strspn(end, "0123456789")] = '\0';
		if (parse_u32(uts.release, 1000, &major) < 0 || parse_u32(end, 99, &minor) < 0)
			major = 0;
	}
	ret->result = major * 100 + minor >= KERNEL_MIN ? CHECK_OK : CHECK_MISSING;
}

static const struct {
	const char *name;
	long number, arguments[5];
} calls[] = {
	{"clone3", SYS_clone3, {0, 0}},
	{"openat2", SYS_openat2, {-1, 0, 0, 0}},
	{"execveat", SYS_execveat, {-1, 0, 0, 0, -1}},
	{"memfd_create", SYS_memfd_create, {0, -1}},
	{"close_range", SYS_close_range, {1, 0, 0}},
	{"pidfd_open", SYS_pidfd_open, {0, -1}},
	{"pidfd_send_signal", SYS_pidfd_send_signal, {-1, 0, 0, -1}},
	{"open_tree", SYS_open_tree, {-1, 0, -1}},
	{"mount_setattr", SYS_mount_setattr, {-1, 0, 0, 0, 0}},
	{"move_mount", SYS_move_mount, {-1, 0, -1, 0, -1}},
	{"fsopen", SYS_fsopen, {0, -1}},
	{"fsmount", SYS_fsmount, {-1, -1, 0}},
};

/* Without the right to mount, the kernel refuses these with EPERM before it looks at anything. */
static bool call_missing(size_t i, bool root)
{
	const long *a = calls[i].arguments;

	if (syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4]) >= 0)
		return false;
	return errno == ENOSYS || (root && errno == EPERM);
}

void check_syscalls(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	auto_strbuf struct strbuf missing = {};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (call_missing(i, host->root))
			strbuf_addf(&missing, "%s%s", missing.len ? ", " : "not there, or refused: ", calls[i].name);
	ret->result = missing.len ? CHECK_MISSING : CHECK_OK;
	ret->detail = missing.len ? arena_strdup(host->arena, missing.s)
				  : arena_printf(host->arena, "all %zu that older kernels lack", ARRAY_SIZE(calls));
}

void check_namespaces(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	static const struct {
		const char *name;
		bool required;
	} namespaces[] = {{"mnt", true}, {"pid", true},    {"net", true},   {"ipc", true},
			  {"uts", true}, {"cgroup", true}, {"user", false}, {"time", false}};
	auto_strbuf struct strbuf have = {};
	auto_strbuf struct strbuf missing = {};

	ret->result = CHECK_OK;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		bool there = access(arena_printf(host->arena, "/proc/self/ns/%s", namespaces[i].name), F_OK) == 0;
		struct strbuf *list = there ? &have : &missing;

		strbuf_addf(list, "%s%s", list->len ? ", " : "", namespaces[i].name);
		if (!there)
			ret->result = MAX(ret->result, namespaces[i].required ? CHECK_MISSING : CHECK_LIMITED);
	}
	ret->detail = missing.len ? arena_printf(host->arena, "%s; not %s", strbuf_str(&have), missing.s)
				  : arena_strdup(host->arena, strbuf_str(&have));
}

/* The first number in a file of /proc; false: there is no such file. */
static bool number_in(const char *file, uint64_t *ret)
{
	auto_strbuf struct strbuf text = {};

	return read_file_at(AT_FDCWD, file, TEXT_MAX, &text) == 0 && parse_columns(strbuf_str(&text), ret, 1) == 0;
}

void check_userns(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	static const struct {
		const char *file, *why, *hint;
		uint64_t refuses;
		bool root;
	} settings[] = {
		{"/proc/sys/user/max_user_namespaces", "none is allowed", "sysctl user.max_user_namespaces=65536", 0, true},
		{"/proc/sys/kernel/unprivileged_userns_clone", "for root alone", "sysctl kernel.unprivileged_userns_clone=1", 0,
		 false},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "AppArmor restricts them",
		 "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile for kedge that has userns", 1, false},
	};
	uint64_t value;

	if (access("/proc/self/ns/user", F_OK) < 0) {
		*ret = (struct check){CHECK_MISSING, "the kernel has none", "CONFIG_USER_NS"};
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if ((host->root && !settings[i].root) || !number_in(settings[i].file, &value) || value != settings[i].refuses)
			continue;
		*ret = (struct check){CHECK_MISSING, settings[i].why, settings[i].hint};
		return;
	}
	ret->result = CHECK_OK;
	ret->detail = host->root ? "allowed" : "allowed without privileges";
}

void check_seccomp(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	auto_strbuf struct strbuf actions = {};
	const char *version = seccomp_library_version();
	size_t known = 0, n = 0;
	bool notify;

	if (read_file_at(AT_FDCWD, "/proc/sys/kernel/seccomp/actions_avail", TEXT_MAX, &actions) < 0) {
		*ret = (struct check){CHECK_MISSING, "the kernel has no filters", NULL};
		return;
	}
	for (const struct spec_name *flag = names_seccomp_flags; flag->name; flag++, n++)
		known += seccomp_flag_supported((unsigned)flag->value);
	notify = strstr(strbuf_str(&actions), "user_notif") != NULL;
	ret->result = *version && notify ? CHECK_OK : CHECK_LIMITED;
	ret->detail = arena_printf(host->arena, "%s%s, %zu of %zu flags, %s notification", *version ? "libseccomp " : "no libseccomp",
				   version, known, n, notify ? "with" : "no");
}

void check_idmap(struct check_host *host unused_arg, const struct check_row *row unused_arg, struct check *ret)
{
	/* A descriptor that nobody has: EBADF is the answer of a kernel that knows what it is for. */
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = 0x7fffffff};
	int sys;

	sys = sys_mount_setattr(-1, "", AT_EMPTY_PATH, &attr) < 0 ? errno : 0;
	if (sys == EBADF)
		*ret = (struct check){CHECK_OK, "known; each file system has to know them too", NULL};
	else if (sys == EPERM)
		*ret = (struct check){CHECK_LIMITED, "need privileges", "root may make them"};
	else
		*ret = (struct check){CHECK_MISSING, "the kernel has none", "Linux 5.12 with CONFIG_USER_NS"};
}

void check_lsm(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	auto_strbuf struct strbuf list = {};
	bool labels;

	if (read_file_at(AT_FDCWD, "/sys/kernel/security/lsm", TEXT_MAX, &list) < 0) {
		ret->result = CHECK_LIMITED;
		ret->detail = arena_printf(host->arena, "unknown: /sys/kernel/security/lsm: %s", strerror(errno));
		ret->hint = "mount -t securityfs securityfs /sys/kernel/security";
		return;
	}
	labels = strstr(strbuf_str(&list), "apparmor") || strstr(strbuf_str(&list), "selinux");
	ret->result = labels ? CHECK_OK : CHECK_LIMITED;
	ret->detail = arena_printf(host->arena, "%s%s", strbuf_str(&list), labels ? "" : "; neither AppArmor nor SELinux");
}

void check_landlock(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	enum { WRITES = 3 }; /* plan_landlock.c */
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	ret->result = abi >= WRITES ? CHECK_OK : CHECK_LIMITED;
	if (abi < 0)
		ret->detail = errno == ENOSYS ? "the kernel has none" : "it is off";
	else
		ret->detail = arena_printf(host->arena, "version %ld%s", abi, abi < WRITES ? "; writing takes 3" : "");
}

void check_devices(struct check_host *host, const struct check_row *row unused_arg, struct check *ret)
{
	const struct bpf_insn allow[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
					 {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {};

	if (!host->root) {
		*ret = (struct check){CHECK_NONE, "not applied by containers of a user", NULL};
		return;
	}
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)allow;
	attr.insn_cnt = ARRAY_SIZE(allow);
	attr.license = (uintptr_t)"Apache-2.0";
	auto_close int fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	ret->result = fd >= 0 ? CHECK_OK : CHECK_MISSING;
	ret->detail = fd >= 0 ? "the kernel takes device programs"
			      : arena_printf(host->arena, "the kernel refuses device programs: %s", strerror(errno));
}

void check_btf(struct check_host *host unused_arg, const struct check_row *row unused_arg, struct check *ret)
{
	static const char file[] = "/sys/kernel/btf/vmlinux";

	ret->result = access(file, R_OK) == 0 ? CHECK_OK : CHECK_LIMITED;
	ret->detail = ret->result == CHECK_OK ? file : "no /sys/kernel/btf/vmlinux";
}
