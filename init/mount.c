/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "init/init.h"

#define MNT_DETACH_  2
#define UMOUNT_NOFOLLOW_ 8
#define CLONE_NEWNS_ 0x00020000

static int statx_of(int fd, const char *path, struct statx *st)
{
	return (int)sys5(__NR_statx, fd, path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_MODE, st);
}

static int set_attr(int fd, const char *path, const struct plan_step *s)
{
	struct mount_attr attr = {.attr_set = s->num[0], .attr_clr = s->num[1], .propagation = s->num[2]};

	return (int)sys5(__NR_mount_setattr, fd, path, s->num[3] | (*path ? 0 : AT_EMPTY_PATH), &attr, sizeof(attr));
}

int do_MOUNT_ATTR(struct init *i, const struct plan_step *s)
{
	if (s->reg2 == REG_NONE)
		return set_attr(i->reg[s->reg], "", s);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (__u64)i->reg[s->reg2]};
	return (int)sys5(__NR_mount_setattr, i->reg[s->reg], "", s->num[3] | AT_EMPTY_PATH, &attr, sizeof(attr));
}

/* The root of the mount namespace itself, which setns goes to, whatever root we were given. */
static int namespace_root(void)
{
	int ns = (int)sys4(__NR_openat, AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC, 0);

	return ns < 0 ? ns : closed(ns, (int)sys2(__NR_setns, ns, CLONE_NEWNS_));
}

static int root_identity(int fd, struct statx *st)
{
	return (int)sys5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, st);
}

/* A runtime in a chroot: paths of its own go on to be seen from there, but the namespace has another root, to be changed and left. */
int do_PROPAGATION(struct init *i, const struct plan_step *s)
{
	struct mount_attr attr = {.propagation = s->num[0]};
	struct statx ours, real;
	int root = (int)sys4(__NR_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int ret = root < 0 ? root : root_identity(root, &ours);

	if (ret >= 0)
		ret = namespace_root();
	if (ret >= 0)
		ret = (int)sys5(__NR_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr));
	if (ret >= 0)
		ret = (int)sys5(__NR_statx, AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &real);
	if (ret >= 0 && (ours.stx_mnt_id != real.stx_mnt_id || ours.stx_ino != real.stx_ino)) {
		i->chrooted = 1;
		ret = (int)sys1(__NR_fchdir, root);
		if (ret >= 0)
			ret = (int)sys1(__NR_chroot, ".");
	}
	return closed(root, ret);
}

static int attach(int mount, int target)
{
	return (int)sys5(__NR_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* I: whoever enters the container's mount namespace, by setns or exec, arrives in the container's root: the root of the namespace is what is
 * replaced, not the root of a chroot that the runtime runs in. */
static int leave_chroot(struct init *i, int mount)
{
	if (!i->chrooted)
		return 0;
	int ret = namespace_root();
	if (ret < 0)
		return ret;
	int target = (int)sys4(__NR_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	return target < 0 ? target : closed(target, attach(mount, target));
}

/* A clone of what fd shows, to be attached elsewhere. */
static int clone_tree(int fd, unsigned flags)
{
	return (int)sys3(__NR_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | flags);
}

int do_OPEN_TREE(struct init *i, const struct plan_step *s)
{
	if (s->num[1]) {
		int fd = root_open(i, init_str(i, s->str), O_PATH, 0);
		i->reg[s->reg] = fd < 0 ? fd : closed(fd, clone_tree(fd, s->num[0] & AT_RECURSIVE));
		return i->reg[s->reg] < 0 ? i->reg[s->reg] : 0;
	}
	i->reg[s->reg] = (int)sys3(__NR_open_tree, AT_FDCWD, init_str(i, s->str), s->num[0] | OPEN_TREE_CLOEXEC);
	return i->reg[s->reg] < 0 ? i->reg[s->reg] : 0;
}

int do_ROOT_ATTACH(struct init *i, const struct plan_step *s)
{
	int target = (int)sys4(__NR_openat, AT_FDCWD, init_str(i, s->str), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	if (target < 0)
		return target;
	return closed(target, attach(i->reg[s->reg], target));
}

int do_ROOT_OPEN(struct init *i, const struct plan_step *s)
{
	i->reg[s->reg] = (int)sys4(__NR_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	return i->reg[s->reg] < 0 ? i->reg[s->reg] : 0;
}

/* The kernel explains mount failures on the fsopen fd, one line a read: "e tmpfs: Unknown parameter 'x'". */
static int explained(struct init *i, int fd, int err)
{
	long n = sys3(__NR_read, fd, i->record.text, sizeof(i->record.text));

	i->record.text_len = n > 0 ? (uint32_t)n : 0;
	return err;
}

int do_FSOPEN(struct init *i, const struct plan_step *s)
{
	i->reg[s->reg] = (int)sys2(__NR_fsopen, init_str(i, s->str), FSOPEN_CLOEXEC);
	return i->reg[s->reg] < 0 ? i->reg[s->reg] : 0;
}

int do_FSCONFIG(struct init *i, const struct plan_step *s)
{
	int fd = i->reg[s->reg];
	const char *value = s->str2 ? init_str(i, s->str2) : NULL;
	long ret =
		sys5(__NR_fsconfig, fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, init_str(i, s->str), value, 0);

	if (ret == -EINVAL && (s->flags & PLAN_OPTIONAL))
		return 0;
	return ret < 0 ? explained(i, fd, (int)ret) : 0;
}

/* As runc: a tmpfs over a directory of the image keeps that directory's mode. */
int do_FSMODE(struct init *i, const struct plan_step *s)
{
	struct statx st;
	char mode[8];
	int fd = root_open(i, init_str(i, s->str), O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	int ret = closed(fd, statx_of(fd, "", &st));
	if (ret < 0)
		return ret;
	for (int digit = 0; digit < 4; digit++)
		mode[digit] = (char)('0' + (st.stx_mode >> (9 - 3 * digit) & 7));
	mode[4] = '\0';
	long done = sys5(__NR_fsconfig, i->reg[s->reg], FSCONFIG_SET_STRING, "mode", mode, 0);
	return done < 0 ? explained(i, i->reg[s->reg], (int)done) : 0;
}

int do_FSMOUNT(struct init *i, const struct plan_step *s)
{
	int fd = i->reg[s->reg];
	long ret = sys5(__NR_fsconfig, fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	if (ret >= 0)
		ret = sys3(__NR_fsmount, fd, FSMOUNT_CLOEXEC, s->num[0]);
	if (ret < 0)
		return explained(i, fd, (int)ret);
	i->reg[s->reg] = (int)ret;
	return closed(fd, 0);
}

int do_PLACE(struct init *i, const struct plan_step *s)
{
	const char *path = init_str(i, s->str);
	enum plan_place what = (enum plan_place)s->num[0];
	struct statx st;

	if (what == PLACE_LIKE_SOURCE) {
		int ret = statx_of(i->reg[s->reg], "", &st);
		if (ret < 0)
			return ret;
		what = (st.stx_mode & 0170000) == 0040000 ? PLACE_DIR : PLACE_FILE;
	}
	int target = root_make(i, path, what, s->flags & PLAN_NOSYMLINKS ? RESOLVE_NO_SYMLINKS : 0);
	if (target < 0)
		return target;
	root_parent_forget(i); /* it may be what is covered now */
	int ret = attach(i->reg[s->reg], target);
	closed(target, 0);
	if (ret < 0 || (s->flags & (PLAN_KEEP | PLAN_HOLD)))
		return ret < 0 ? ret : 0;

	closed(i->reg[s->reg], 0);
	i->reg[s->reg] = -1;
	return 0;
}

int do_RETUNE(struct init *i, const struct plan_step *s)
{
	int fd = root_open(i, init_str(i, s->str), O_PATH, s->flags & PLAN_NOSYMLINKS ? RESOLVE_NO_SYMLINKS : 0);

	return fd < 0 ? fd : closed(fd, set_attr(fd, "", s));
}

/* Whether something is mounted at name in dir. */
static int is_mounted(int dir, const char *name)
{
	struct statx st;
	int ret = (int)sys5(__NR_statx, dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st);

	return ret < 0 ? ret : st.stx_attributes & STATX_ATTR_MOUNT_ROOT ? 0 : -EINVAL;
}

/* I: programs of the container may exchange what stands in the path meanwhile: no symlink is followed, and what is taken off is found
 * in a directory that is held open. What is mounted somewhere cannot be renamed. */
int do_UNMOUNT(struct init *i, const struct plan_step *s)
{
	const char *path = init_str(i, s->str), *name = path;
	char parent[4096];

	for (const char *p = path; *p; p++)
		if (*p == '/')
			name = p + 1;
	if ((size_t)(name - path) >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, (size_t)(name - path));
	parent[name - path] = '\0';
	int dir = root_open(i, parent, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (dir < 0)
		return dir;
	int ret = is_mounted(dir, name);
	if (ret >= 0 && !s->num[0])
		ret = (int)sys1(__NR_fchdir, dir);
	if (ret >= 0 && !s->num[0])
		ret = (int)sys2(__NR_umount2, name, MNT_DETACH_ | UMOUNT_NOFOLLOW_);
	return closed(dir, ret);
}

int do_READONLY_PATH(struct init *i, const struct plan_step *s)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	int target = hidden_open(i, s);

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	int tree = clone_tree(target, AT_RECURSIVE);
	if (tree < 0)
		return closed(target, tree);
	int ret = (int)sys5(__NR_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr));
	if (ret >= 0)
		ret = attach(tree, target);
	closed(tree, 0);
	return closed(target, ret);
}

/* I: the source of a mask is the character device 1:3, whatever stands at /dev/null (CVE-2025-31133). */
static int mask_source(struct init *i)
{
	struct statx st;

	if (i->devnull >= 0)
		return i->devnull;
	int fd = root_open(i, "/dev/null", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	if (fd < 0)
		return fd;
	int ret = statx_of(fd, "", &st);
	if (ret < 0 || (st.stx_mode & 0170000) != 0020000 || st.stx_rdev_major != 1 || st.stx_rdev_minor != 3) {
		init_note(i, "/dev/null is not the null device");
		return closed(fd, ret < 0 ? ret : -ENXIO);
	}
	return i->devnull = fd;
}

static int mask_tmpfs(void)
{
	int fs = (int)sys2(__NR_fsopen, "tmpfs", FSOPEN_CLOEXEC);

	if (fs < 0)
		return fs;
	long ret = sys5(__NR_fsconfig, fs, FSCONFIG_SET_STRING, "nr_inodes", "2", 0);
	if (ret >= 0)
		ret = sys5(__NR_fsconfig, fs, FSCONFIG_SET_STRING, "size", "4096", 0);
	if (ret >= 0)
		ret = sys5(__NR_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (ret >= 0)
		ret = sys3(__NR_fsmount, fs, FSMOUNT_CLOEXEC,
			   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return closed(fs, (int)ret);
}

static int mask_directory(struct init *i, int target)
{
	/* One superblock for all: 512 CPUs' thermal_throttle directories must not make 512 of them. */
	int tree = i->mask_dir < 0 ? mask_tmpfs() : clone_tree(i->mask_dir, 0);

	if (tree < 0)
		return tree;
	int ret = attach(tree, target);
	if (ret >= 0 && i->mask_dir < 0) {
		i->mask_dir = tree;
		return 0;
	}
	return closed(tree, ret);
}

int do_MASK_PATH(struct init *i, const struct plan_step *s)
{
	struct statx st;
	int target = hidden_open(i, s);

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	int ret = statx_of(target, "", &st);
	if (ret >= 0 && (st.stx_mode & 0170000) == 0040000) {
		ret = mask_directory(i, target);
	} else if (ret >= 0) {
		int null = mask_source(i);
		int tree = null < 0 ? null : clone_tree(null, 0);
		ret = tree < 0 ? tree : closed(tree, attach(tree, target));
	}
	return closed(target, ret);
}

static int enter_root(struct init *i, const struct plan_step *s)
{
	return (int)sys1(__NR_fchdir, i->reg[s->reg]);
}

int do_PIVOT(struct init *i, const struct plan_step *s)
{
	struct mount_attr attr = {.propagation = MS_SLAVE};
	int ret = leave_chroot(i, i->reg[s->reg]);
	int old = ret < 0 ? ret : (int)sys4(__NR_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	ret = old < 0 ? old : enter_root(i, s);

	/* "." over ".": the old root ends up on top of the new one, to be taken off; no directory is needed for it. */
	if (ret >= 0)
		ret = (int)sys2(__NR_pivot_root, ".", ".");
	/* Slave first: the unmount must not travel to the host. */
	if (ret >= 0)
		ret = (int)sys5(__NR_mount_setattr, old, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr));
	closed(old, 0);
	if (ret >= 0)
		ret = (int)sys2(__NR_umount2, ".", MNT_DETACH_);
	if (ret >= 0)
		ret = (int)sys1(__NR_chdir, "/");
	return ret;
}
