/* SPDX-License-Identifier: Apache-2.0 */
/* What is pinned: names, directories, and whether it is whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "guard/programs.h"

const char *const guard_maps[] = {"containers", "labels", "pidns", "owned", "outside", "records", "counters", "settings", NULL};

const struct guard_program guard_programs[] = {
	{"fork", GUARD_TIER_SAMPLE, "task_newtask", false},
	{"exec", GUARD_TIER_SAMPLE, "sched_process_exec", false},
	{"exits", GUARD_TIER_SAMPLE, "sched_process_exit", false},
	{"switches", GUARD_TIER_SAMPLE, "sched_switch", false},
	{"tick", GUARD_TIER_SAMPLE, "local_timer_entry", true},
	{"tick_hr", GUARD_TIER_SAMPLE, "hrtimer_expire_entry", true},
	{"cgroup_attach", GUARD_TIER_SAMPLE, "cgroup_attach_task", false},
	{"sweep", GUARD_TIER_SWEEP, NULL, false},
	{"sys_exits", GUARD_TIER_SYSCALL, "sys_exit", false},
	{"alloc", GUARD_TIER_LSM, "bpf_lsm_task_alloc", false},
	{"open", GUARD_TIER_LSM, "bpf_lsm_file_open", false},
	{"ptrace", GUARD_TIER_LSM, "bpf_lsm_ptrace_access_check", false},
	{"bpf_call", GUARD_TIER_LSM, "bpf_lsm_bpf", false},
	{"module_request", GUARD_TIER_LSM, "bpf_lsm_kernel_module_request", false},
	{"use_capability", GUARD_TIER_LSM, "bpf_lsm_capable", false},
	{"map_file", GUARD_TIER_LSM, "bpf_lsm_mmap_file", false},
	{"make_file", GUARD_TIER_LSM, "bpf_lsm_inode_create", false},
	{"make_dir", GUARD_TIER_LSM, "bpf_lsm_inode_mkdir", false},
	{"make_node", GUARD_TIER_LSM, "bpf_lsm_inode_mknod", false},
	{"make_link", GUARD_TIER_LSM, "bpf_lsm_inode_link", false},
	{"make_symlink", GUARD_TIER_LSM, "bpf_lsm_inode_symlink", false},
	{"remove_file", GUARD_TIER_LSM, "bpf_lsm_inode_unlink", false},
	{"remove_dir", GUARD_TIER_LSM, "bpf_lsm_inode_rmdir", false},
	{"rename_file", GUARD_TIER_LSM, "bpf_lsm_inode_rename", false},
	{"set_attributes", GUARD_TIER_LSM, "bpf_lsm_inode_setattr", false},
	{"switch_namespaces", GUARD_TIER_LSM, "switch_task_namespaces", false},
	{"credentials", GUARD_TIER_LSM, "commit_creds", false},
	/* The compiler may have left no function of that name. Provenance needs all three. */
	{"make_namespaces", GUARD_TIER_LSM, "create_new_namespaces", true},
	{"make_user", GUARD_TIER_LSM, "create_user_ns", true},
	{"free_inum", GUARD_TIER_LSM, "proc_free_inum", true},
	{NULL, 0, NULL, false},
};

static int obj_get(int pins, const char *dir, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s%s%s", pins, dir ?: "", dir ? "/" : "", name);
	return sys_bpf(BPF_OBJ_GET, &(union bpf_attr){.pathname = (uint64_t)(uintptr_t)path}, sizeof(union bpf_attr));
}

int guard_pins_dir(int bpf_dir, bool make)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", GUARD_ABI);
	if (make && mkdirat(bpf_dir, name, 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(bpf_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static DIR *open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

static bool is_build(const struct dirent *d)
{
	return d->d_type == DT_DIR && d->d_name[0] != '.' && strlen(d->d_name) <= GUARD_BUILD_LEN;
}

int guard_pins_build(int pins, char build[GUARD_BUILD_LEN + 1])
{
	struct timespec newest = {};
	struct dirent *d;
	DIR *dir = open_dir(pins, ".");
	struct stat st;
	int found = 0;

	if (!dir)
		return -1;
	while ((d = readdir(dir))) {
		if (!is_build(d) || strcmp(d->d_name, GUARD_LOADING) == 0 ||
		    fstatat(pins, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (found && (st.st_mtim.tv_sec < newest.tv_sec ||
			      (st.st_mtim.tv_sec == newest.tv_sec && st.st_mtim.tv_nsec < newest.tv_nsec)))
			continue;
		newest = st.st_mtim;
		snprintf(build, GUARD_BUILD_LEN + 1, "%.*s", GUARD_BUILD_LEN, d->d_name);
		found = 1;
	}
	closedir(dir);
	return found;
}

int guard_pins_remove(int pins, const char *name)
{
	DIR *dir = open_dir(pins, name);
	struct dirent *d;
	int ret = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -1;
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.' && unlinkat(dirfd(dir), d->d_name, 0) < 0 && errno != ENOENT)
			ret = -1;
	int sys = errno;
	closedir(dir);
	errno = sys;
	return ret < 0 ? -1 : unlinkat(pins, name, AT_REMOVEDIR);
}

int guard_pins_remove_others(int pins, const char *keep)
{
	DIR *dir = open_dir(pins, ".");
	struct dirent *d;
	int ret = 0;

	if (!dir)
		return -1;
	while ((d = readdir(dir)))
		if (d->d_type == DT_DIR && d->d_name[0] != '.' && strcmp(d->d_name, keep) != 0 &&
		    guard_pins_remove(pins, d->d_name) < 0)
			ret = -1;
	closedir(dir);
	return ret;
}

uint32_t guard_pins_tiers(int pins, const char *build)
{
	uint32_t tiers = 0, incomplete = 0;

	for (const struct guard_program *p = guard_programs; p->name; p++) {
		auto_close int fd = obj_get(pins, build, p->name);
		if (fd >= 0)
			tiers |= p->tier;
		else if (!p->optional)
			incomplete |= p->tier;
	}
	return tiers & ~incomplete;
}

int guard_pin_open(int bpf_dir, const char *name)
{
	char build[GUARD_BUILD_LEN + 1];

	auto_close int pins = guard_pins_dir(bpf_dir, false);
	if (pins < 0)
		return -1;
	int fd = obj_get(pins, NULL, name);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	int found = guard_pins_build(pins, build);
	if (found == 0)
		errno = ENOENT;
	return found <= 0 ? -1 : obj_get(pins, build, name);
}

int guard_links_check(int bpf_dir, uint32_t tiers, char broken[64], struct error *e)
{
	char build[GUARD_BUILD_LEN + 1];

	auto_close int pins = guard_pins_dir(bpf_dir, false);
	int found = pins < 0 ? -1 : guard_pins_build(pins, build);
	if (found <= 0) {
		snprintf(broken, 64, "fork");
		return error_set(e, ERROR_HOST, found < 0 ? errno : 0, "drift guard: nothing is attached");
	}
	/* Labels come from the first tier, whatever else there is. */
	tiers |= GUARD_TIER_SAMPLE;
	for (const struct guard_program *p = guard_programs; p->name; p++) {
		struct bpf_link_info info = {};
		union bpf_attr attr = {.info = {.info_len = sizeof(info), .info = (uint64_t)(uintptr_t)&info}};

		if (p->optional || !(p->tier & tiers))
			continue;
		auto_close int fd = obj_get(pins, build, p->name);
		attr.info.bpf_fd = (uint32_t)fd;
		if (fd >= 0 && sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) == 0 && info.prog_id != 0)
			continue;
		snprintf(broken, 64, "%s", p->name);
		return error_set(e, ERROR_HOST, fd < 0 ? errno : 0, "drift guard: program '%s' is not attached", p->name);
	}
	return 0;
}

int guard_unload(int bpf_dir, struct error *e)
{
	if (guard_pins_remove(bpf_dir, GUARD_DEVICES) < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot remove the device programs");
	auto_close int pins = guard_pins_dir(bpf_dir, false);
	if (pins < 0 && errno == ENOENT)
		return 0;
	if (pins < 0 || guard_pins_remove_others(pins, "") < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot detach the programs");
	for (const char *const *map = guard_maps; *map; map++)
		if (unlinkat(pins, *map, 0) < 0 && errno != ENOENT)
			return error_set(e, ERROR_HOST, errno, "drift guard: cannot remove map '%s'", *map);
	return 0;
}
