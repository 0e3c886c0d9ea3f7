/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the programs read of the kernel: names and types only, the loader finds the offsets in the running kernel's BTF
 * (CO-RE). A field that kernels since 5.14 name or shape differently has a flavour (___new).
 */
#pragma once

typedef unsigned char __u8, uint8_t;
typedef unsigned short __u16, uint16_t;
typedef unsigned int __u32, uint32_t;
typedef unsigned long long __u64, uint64_t;
typedef signed int __s32;
typedef signed long long __s64, int64_t;
typedef __u16 __be16;
typedef __u32 __be32, __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* enum bpf_map_type and flags of <linux/bpf.h>, which needs the headers of a C library */
#define BPF_MAP_TYPE_HASH 1
#define BPF_MAP_TYPE_ARRAY 2
#define BPF_MAP_TYPE_PERCPU_ARRAY 6
#define BPF_MAP_TYPE_LRU_HASH 9
#define BPF_MAP_TYPE_RINGBUF 27
#define BPF_MAP_TYPE_TASK_STORAGE 29
#define BPF_F_NO_PREALLOC 1
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1
#define BPF_ANY 0
#define BPF_NOEXIST 1

#define EPERM 1
#define EAGAIN 11
#define EINVAL 22
#define SIGKILL 9
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define CLONE_THREAD 0x00010000
#define CLONE_NEWPID 0x20000000
#define CLONE_INTO_CGROUP 0x200000000ULL
#define S_IFMT 0170000
#define S_IFDIR 0040000
#define PTRACE_MODE_ATTACH 0x02
/* is_anon_ns(): 0 until 6.17 */
#define MNT_NS_ANON_INO 0xEFFFFFF7U

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};
struct uts_namespace {
	struct ns_common ns;
};
struct ipc_namespace {
	struct ns_common ns;
};
struct mnt_namespace {
	struct ns_common ns;
};
struct pid_namespace {
	struct ns_common ns;
};
struct net {
	struct ns_common ns;
};
struct time_namespace {
	struct ns_common ns;
};
struct user_namespace {
	struct ns_common ns;
};
struct css_set;
struct cgroup_namespace {
	struct ns_common ns;
	struct css_set *root_cset;
};
/* Since 6.18 every namespace has a number that is never given twice; until then those of mounts and networks alone. */
struct ns_common___id {
	__u64 ns_id;
};
struct mnt_namespace___seq {
	__u64 seq;
};
struct net___cookie {
	__u64 net_cookie;
};
struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct vfsmount {
	int mnt_flags;
};
struct mount {
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};
struct path {
	struct vfsmount *mnt;
};
struct fs_struct {
	struct path root;
	struct path pwd;
};
struct inode {
	unsigned short i_mode;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};

typedef struct {
	unsigned int val;
} kuid_t;
/* __u32 cap[2] until 6.2; eight bytes in all of them */
typedef struct {
	__u64 val;
} kernel_cap_t;
struct cred {
	kuid_t uid;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	kernel_cap_t cap_bset;
	kernel_cap_t cap_ambient;
	struct user_namespace *user_ns;
};

struct kernfs_node {
	__u64 id;
};
struct cgroup_root {
	int hierarchy_id;
};
struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
};
struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
struct css_set {
	struct cgroup *dfl_cgrp;
};

struct seccomp {
	int mode;
};
struct thread_info {
	unsigned long syscall_work;
};
typedef struct {
	int counter;
} atomic_t;
struct signal_struct {
	atomic_t live;
};
struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	int pid, tgid;
	unsigned long atomic_flags;
	struct task_struct *real_parent, *group_leader;
	struct pid *thread_pid;
	const struct cred *real_cred, *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct seccomp seccomp;
	struct css_set *cgroups;
	__u64 self_exec_id;
};

struct bpf_iter_meta;
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

struct pt_regs;
/* Of user space: the same on all kernels. */
union bpf_attr {
	struct {
		__u32 prog_type;
	};
};
