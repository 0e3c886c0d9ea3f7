/* SPDX-License-Identifier: Apache-2.0 */
#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <linux/termios.h>

#include "init/init.h"

int do_MKDIR(struct init *i, const struct plan_step *s)
{
	int fd = root_make(i, init_str(i, s->str), PLACE_DIR, 0);

	return fd < 0 ? fd : closed(fd, 0);
}

/* An existing node must be the one asked for (config-linux.md: otherwise an error MUST be generated). */
static int same_node(int dir, const char *name, const struct plan_step *s)
{
	struct statx st;
	int ret = (int)sys5(__NR_statx, dir, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_MODE, &st);

	if (ret < 0)
		return ret;
	if ((st.stx_mode & 0170000) != (s->num[0] & 0170000))
		return -EEXIST;
	if ((st.stx_mode & 0170000) == 0010000)
		return 0;
	return st.stx_rdev_major == s->num[1] && st.stx_rdev_minor == s->num[2] ? 0 : -EEXIST;
}

static uint64_t device_number(uint64_t major, uint64_t minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffULL) << 12);
}

int do_MKNOD(struct init *i, const struct plan_step *s)
{
	const char *name;
	int dir = root_parent_kept(i, init_str(i, s->str), &name);

	if (dir < 0)
		return dir;
	int ret = (int)sys4(__NR_mknodat, dir, name, s->num[0], device_number(s->num[1], s->num[2]));
	if (ret == -EEXIST)
		ret = same_node(dir, name, s);
	else if (ret >= 0 && s->num[3])
		ret = (int)sys5(__NR_fchownat, dir, name, s->num[3] >> 32, s->num[3] & 0xffffffff, AT_SYMLINK_NOFOLLOW);
	return ret;
}

int do_SYMLINK(struct init *i, const struct plan_step *s)
{
	const char *name;
	int dir = root_parent_kept(i, init_str(i, s->str), &name);

	if (dir < 0)
		return dir;
	int ret = (int)sys3(__NR_symlinkat, init_str(i, s->str2), dir, name);
	return ret == -EEXIST ? 0 : ret;
}

/* The slave comes from the master itself, never from a path that the container could exchange (CVE-2025-52565). */
static int open_slave(int master, const struct plan_step *s)
{
	struct winsize size = {.ws_row = (unsigned short)(s->num[0] >> 16), .ws_col = (unsigned short)s->num[0]};
	struct ktermios_ {
		unsigned iflag, oflag, cflag, lflag;
		unsigned char line, cc[19];
	} termios;
	int unlock = 0;
	long ret = sys3(__NR_ioctl, master, TIOCSPTLCK, &unlock);

	if (ret >= 0 && s->num[0])
		ret = sys3(__NR_ioctl, master, TIOCSWINSZ, &size);
	if (ret < 0)
		return (int)ret;
	int slave = (int)sys3(__NR_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return slave;
	/* As runc: "\n" stays "\n" on the wire. */
	ret = sys3(__NR_ioctl, slave, TCGETS, &termios);
	if (ret >= 0) {
		termios.oflag &= ~4u; /* ONLCR */
		ret = sys3(__NR_ioctl, slave, TCSETS, &termios);
	}
	return ret < 0 ? closed(slave, (int)ret) : slave;
}

static int bind_console(struct init *i, int slave, const char *path)
{
	int target = root_make(i, path, PLACE_FILE, RESOLVE_NO_SYMLINKS);

	if (target < 0)
		return target;
	int tree = (int)sys3(__NR_open_tree, slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	int ret = tree < 0 ? tree
			   : (int)sys5(__NR_move_mount, tree, "", target, "",
				       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	closed(tree, 0);
	return closed(target, ret);
}

int do_CONSOLE(struct init *i, const struct plan_step *s)
{
	int master = root_open(i, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS);

	if (master < 0)
		return master;
	int slave = open_slave(master, s);
	int ret = slave;
	if (ret >= 0 && s->str)
		ret = bind_console(i, slave, init_str(i, s->str));
	if (ret >= 0)
		ret = init_send(i, RECORD_FD, master);
	closed(master, 0);
	for (int fd = 0; fd <= 2 && ret >= 0; fd++)
		ret = (int)sys3(__NR_dup3, slave, fd, 0);
	closed(slave, 0);
	if (ret >= 0)
		ret = (int)sys3(__NR_ioctl, 0, TIOCSCTTY, 0);
	return ret < 0 ? ret : 0;
}

int do_STDIO_OWNER(struct init *i, const struct plan_step *s)
{
	struct statx st;

	(void)i;
	for (int fd = 0; fd <= 2; fd++) {
		if (sys5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_UID, &st) < 0 || st.stx_uid == s->num[0])
			continue;
		/* Not the shared null device: the owner of the host's would change. */
		if ((st.stx_mode & 0170000) == 0020000 && st.stx_rdev_major == 1 && st.stx_rdev_minor == 3)
			continue;
		long ret = sys5(__NR_fchownat, fd, "", s->num[0], -1, AT_EMPTY_PATH);
		/* Unmapped owners, sockets and read-only files keep theirs; programs cope with that. */
		if (ret < 0 && ret != -EINVAL && ret != -EPERM && ret != -EROFS)
			return (int)ret;
	}
	return 0;
}
