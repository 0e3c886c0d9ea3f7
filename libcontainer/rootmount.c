/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rootmount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/sys.h"

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000U
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

/* Since Linux 6.8 an id is never given out again. Before, it may be, but hardly to a mount at the same path. */
static int mount_id(int fd, uint64_t *ret)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE | STATX_MNT_ID, &st) < 0)
		return -1;
	if (!(st.stx_mask & (STATX_MNT_ID_UNIQUE | STATX_MNT_ID))) {
		errno = EOPNOTSUPP;
		return -1;
	}
	*ret = st.stx_mnt_id;
	return 0;
}

int root_mount_id(int fd, uint64_t *ret, struct error *e)
{
	if (mount_id(fd, ret) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot tell the id of the root's mount");
	return 0;
}

int root_mount_remove(const struct intent *intent, struct error *e)
{
	char path[64];
	uint64_t id;

	if (!intent->root_path)
		return 0;
	auto_close int fd = open(intent->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || mount_id(fd, &id) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot look at the root '%s'", intent->root_path);
	if (id != intent->root_mount)
		return 0;
	/* By the descriptor: the path may lead elsewhere by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (umount2(path, MNT_DETACH) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot unmount the root '%s'", intent->root_path);
	return 0;
}
