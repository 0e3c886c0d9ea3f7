/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resctrl file system for machines whose processor has none, to be preloaded into kedge: the tree at $FAKE_RESCTRL is
 * taken for a mount of it. A new group has the files that the kernel would put there, a removed one loses them. With the
 * file info/full no more groups can be made.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RDTGROUP_SUPER_MAGIC 0x7655821

static int is_inside(int fd)
{
	const char *top = getenv("FAKE_RESCTRL");
	char link[64], path[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	return top && n > 0 && strncmp(path, top, strlen(top)) == 0;
}

static void put(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

struct mntent *getmntent(FILE *stream)
{
	static struct mntent entry = {.mnt_fsname = "resctrl", .mnt_type = "resctrl", .mnt_opts = "rw"};

	(void)stream;
	entry.mnt_dir = getenv("FAKE_RESCTRL");
	return entry.mnt_dir ? &entry : NULL;
}

int fstatfs(int fd, struct statfs *fs)
{
	if (syscall(SYS_fstatfs, fd, fs) < 0)
		return -1;
	if (is_inside(fd))
		fs->f_type = RDTGROUP_SUPER_MAGIC;
	return 0;
}

int mkdirat(int dir, const char *name, mode_t mode)
{
	const char *top = getenv("FAKE_RESCTRL");
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/info/full", top ? top : "");
	if (is_inside(dir) && faccessat(dir, name, F_OK, 0) < 0 && access(full, F_OK) == 0) {
		errno = ENOSPC;
		return -1;
	}
	if (syscall(SYS_mkdirat, dir, name, mode) < 0)
		return -1;
	if (!is_inside(dir))
		return 0;
	int group = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(group, "tasks", "");
	put(group, "schemata", "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n");
	syscall(SYS_mkdirat, group, "mon_groups", 0755);
	close(group);
	return 0;
}

static void empty(int group)
{
	static const char *const files[] = {"tasks", "schemata"};
	int monitors = openat(group, "mon_groups", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		syscall(SYS_unlinkat, group, files[i], 0);
	if (monitors < 0)
		return;
	unlinkat(monitors, "c1", AT_REMOVEDIR);
	close(monitors);
	syscall(SYS_unlinkat, group, "mon_groups", AT_REMOVEDIR);
}

int unlinkat(int dir, const char *name, int flags)
{
	int group = flags & AT_REMOVEDIR && is_inside(dir) ? openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (group >= 0) {
		empty(group);
		close(group);
	}
	return (int)syscall(SYS_unlinkat, dir, name, flags);
}
