/* SPDX-License-Identifier: Apache-2.0 */
/* --no-pivot: for hosts whose root cannot be pivoted away from (an initramfs). The old root stays in the mount namespace, out of sight. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "init/init.h"

#define MOUNTINFO_MAX (256 << 10)
#define MNT_DETACH_   2

/* The n-th blank-separated word of a line, NUL-terminated in place when `cut`. */
static char *word(char *line, int n)
{
	while (n-- > 0) {
		while (*line && *line != ' ')
			line++;
		while (*line == ' ')
			line++;
	}
	return line;
}

static void cut(char *s)
{
	while (*s && *s != ' ')
		s++;
	*s = '\0';
}

static int cover(const char *path)
{
	int fs = (int)sys2(__NR_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	long ret = fs < 0 ? fs : sys5(__NR_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	if (ret >= 0)
		ret = sys3(__NR_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	closed(fs, 0);
	if (ret < 0)
		return (int)ret;
	return closed((int)ret, (int)sys5(__NR_move_mount, ret, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
}

/* "36 35 98:0 /root /mountpoint opts... - fstype source options": a whole procfs or sysfs outside of the container's root goes. */
static int hide_line(char *line, const char *rootfs)
{
	char *root = word(line, 3), *point = word(line, 4), *type = line;

	while (*type && memcmp(type, " - ", 3) != 0)
		type++;
	if (!*type)
		return 0;
	type += 3;
	cut(type);
	cut(point);
	cut(root);
	if (!streq(root, "/") || (!streq(type, "proc") && !streq(type, "sysfs")))
		return 0;
	size_t len = strlen(rootfs);
	if (strlen(point) > len && memcmp(point, rootfs, len) == 0 && point[len] == '/')
		return 0;
	long ret = sys2(__NR_umount2, point, MNT_DETACH_);
	return ret == -EINVAL || ret == -EPERM ? cover(point) : (int)ret;
}

/* I: a container that may mount gets a new procfs only if all of one is visible in its mount namespace, and the host's, though out of reach
 * behind the moved root, would count. */
static int hide_kernel_mounts(const char *rootfs)
{
	static char buf[MOUNTINFO_MAX];
	long fd = sys4(__NR_openat, AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC, 0);
	long n, got = 0;
	int ret = 0;

	if (fd < 0)
		return (int)fd;
	while (got < MOUNTINFO_MAX - 4 && (n = sys3(__NR_read, fd, buf + got, MOUNTINFO_MAX - 4 - (size_t)got)) > 0)
		got += n;
	closed((int)fd, 0);
	if (got >= MOUNTINFO_MAX - 4)
		return -E2BIG;
	memset(buf + got, 0, 4);
	for (char *line = buf, *end; *line && ret >= 0; line = end) {
		for (end = line; *end && *end != '\n'; end++)
			;
		if (*end)
			*end++ = '\0';
		ret = hide_line(line, rootfs);
	}
	return ret;
}

int do_CHROOT(struct init *i, const struct plan_step *s)
{
	int ret = (int)sys1(__NR_fchdir, i->reg[s->reg]);

	if (ret >= 0)
		ret = (int)sys1(__NR_chroot, ".");
	return ret < 0 ? ret : (int)sys1(__NR_chdir, "/");
}

int do_MOVE_ROOT(struct init *i, const struct plan_step *s)
{
	/* Behind a root that is only moved, a chroot's own way out would stay. */
	if (i->chrooted) {
		init_note(i, "kedge runs in a chroot");
		return -EOPNOTSUPP;
	}
	int ret = hide_kernel_mounts(init_str(i, s->str));
	int root = (int)sys4(__NR_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (ret >= 0)
		ret = root < 0 ? root
			       : (int)sys5(__NR_move_mount, i->reg[s->reg], "", root, "",
					   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	closed(root, 0);
	return ret < 0 ? ret : do_CHROOT(i, s);
}
