/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every system call that glibc 2.36 does not wrap, and every constant its headers lack or get wrong.
 * <sys/mount.h> and <linux/mount.h> clash there, so nobody else includes <linux/mount.h>.
 * All functions return what the kernel does, -1 with errno on error.
 */
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/types.h>

#include "base/macro.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

/* <linux/sched/types.h> and <sched.h> define struct sched_param both. */
struct sys_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int sys_open_tree(int dirfd, const char *path, unsigned flags);
int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int sys_fsopen(const char *fstype, unsigned flags);
int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux);
int sys_fsmount(int fd, unsigned flags, unsigned attr);
int sys_mount_setattr(int fd, const char *path, unsigned flags, struct mount_attr *attr);
int sys_pidfd_open(pid_t pid, unsigned flags);
int sys_pidfd_send_signal(int pidfd, int sig);
int sys_pidfd_getfd(int pidfd, int fd);
int sys_close_range(unsigned first, unsigned last, unsigned flags);
int sys_pivot_root(const char *new_root, const char *put_old);
int sys_setns(int fd, int flags);
int sys_bpf(int cmd, void *attr, size_t size);
int sys_seccomp(unsigned op, unsigned flags, void *args);
long sys_keyctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int sys_ioprio_set(int which, int who, int ioprio);
int sys_sched_setattr(pid_t pid, const void *attr, unsigned flags);
