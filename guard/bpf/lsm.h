/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Programs at functions of the kernel, where trampolines may be made: hooks that refuse, tripwires at the two functions that
 * every public exploit calls, and the provenance of namespaces.
 */
#pragma once

#include "guard/bpf/events.h"

#define BPF_PROG_LOAD 5
#define BPF_PROG_ATTACH 8
#define BPF_PROG_DETACH 9
#define BPF_PROG_GET_FD_BY_ID 13
#define BPF_OBJ_GET_INFO_BY_FD 15
#define BPF_PROG_QUERY 16
#define BPF_PROG_TYPE_CGROUP_SKB 8
#define BPF_PROG_TYPE_CGROUP_DEVICE 15

/* The entry of the current task, if it is a member that is to be checked and passed; *ret as for check(). */
static __always_inline struct guard_entry *member(uint32_t hook, struct guard_label **ret_label, int *ret)
{
	struct task_struct *t = bpf_get_current_task_btf();

	*ret = check(hook, GUARD_TIER_LSM);
	if (*ret < 0 || of_the_host(t) || (t->flags & (PF_EXITING | PF_KTHREAD)))
		return NULL;
	*ret_label = label_of(t);
	return *ret_label ? entry_of(*ret_label, false, ret) : NULL;
}

/* Refuses, or in an audit records. */
static __noinline int refuse(struct guard_label *l, struct guard_entry *e, uint32_t hook, uint64_t drift, bool deny)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct event ev = {.hook = hook, .tier = GUARD_TIER_LSM, .drift = drift, .deny = deny};
	struct view v = {};

	if (t->nsproxy)
		view_take(&v, t, t->nsproxy, t->real_cred);
	return caught(t, l, e, &v, &ev);
}

static __noinline int open_foreign(struct guard_label *l, struct guard_entry *e, struct file *file)
{
	struct task_struct *t = bpf_get_current_task_btf();
	uint64_t inode = (uint64_t)BPF_CORE_READ(file, f_inode);

	if (mount_is_ours(e, l->cookie, (uint64_t)BPF_CORE_READ(t, nsproxy, mnt_ns), (uint64_t)BPF_CORE_READ(file, f_path.mnt)))
		return 0;
	if (inode == l->stdio[0] || inode == l->stdio[1] || inode == l->stdio[2])
		return 0;
	return refuse(l, e, GUARD_HOOK_OPEN, 1ULL << GUARD_DRIFT_FILE, !(e->flags & GUARD_FOREIGN_KILL));
}

SEC("lsm/file_open")
int BPF_PROG(open, struct file *file)
{
	struct guard_label *l;
	struct guard_entry *e;
	int ret;

	e = member(GUARD_HOOK_OPEN, &l, &ret);
	if (!e || !(e->flags & (GUARD_FOREIGN_DENY | GUARD_FOREIGN_KILL)))
		return ret;
	if (!differs(file->f_path.mnt, e->root_mount))
		return 0;
	return open_foreign(l, e, file);
}

/* Only of who is not in the same container. Looking at others is a matter of the pid namespace; taking hold of them is not. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(ptrace, struct task_struct *target, unsigned int mode)
{
	struct guard_label *l, *other;
	struct guard_entry *e;
	int ret;

	e = member(GUARD_HOOK_PTRACE, &l, &ret);
	if (!e || !(mode & PTRACE_MODE_ATTACH))
		return ret;
	other = label_of(target);
	if (other && other->cookie == l->cookie && other->state == GUARD_LABEL_MEMBER)
		return 0;
	return refuse(l, e, GUARD_HOOK_PTRACE, 1ULL << GUARD_DRIFT_DENIED, true);
}

/* A runtime that is nested makes programs for the devices of its cgroups: those see no kernel memory. */
static __always_inline bool is_bpf_of_nested(int cmd, union bpf_attr *attr)
{
	if (cmd == BPF_PROG_LOAD) {
		uint32_t type = 0;

		bpf_probe_read_kernel(&type, sizeof(type), attr);
		return type == BPF_PROG_TYPE_CGROUP_DEVICE || type == BPF_PROG_TYPE_CGROUP_SKB;
	}
	return cmd == BPF_PROG_ATTACH || cmd == BPF_PROG_DETACH || cmd == BPF_PROG_QUERY || cmd == BPF_PROG_GET_FD_BY_ID ||
	       cmd == BPF_OBJ_GET_INFO_BY_FD;
}

SEC("lsm/bpf")
int BPF_PROG(bpf_call, int cmd, union bpf_attr *attr)
{
	struct guard_label *l;
	struct guard_entry *e;
	int ret;

	e = member(GUARD_HOOK_BPF, &l, &ret);
	if (!e || ((e->flags & GUARD_NESTED) && is_bpf_of_nested(cmd, attr)))
		return ret;
	return refuse(l, e, GUARD_HOOK_BPF, 1ULL << GUARD_DRIFT_DENIED, true);
}

/* Nested containers need modules of file systems and of the network; nobody needs those of unknown programs, which is how a
 * changed modprobe_path is made use of. */
SEC("lsm/kernel_module_request")
int BPF_PROG(module_request, char *name)
{
	struct guard_label *l;
	struct guard_entry *e;
	char start[7] = {};
	int ret;

	e = member(GUARD_HOOK_MODULE, &l, &ret);
	if (!e)
		return ret;
	bpf_probe_read_kernel(start, sizeof(start), name);
	if ((e->flags & GUARD_NESTED) && !(start[0] == 'b' && start[1] == 'i' && start[2] == 'n' && start[3] == 'f'))
		return 0;
	return refuse(l, e, GUARD_HOOK_MODULE, 1ULL << GUARD_DRIFT_DENIED, true);
}

SEC("lsm/capable")
int BPF_PROG(use_capability)
{
	return check(GUARD_HOOK_CAPABLE, GUARD_TIER_LSM);
}

SEC("lsm/mmap_file")
int BPF_PROG(map_file)
{
	return check(GUARD_HOOK_MMAP, GUARD_TIER_LSM);
}

/* A file is made, and others are changed, before there is anything that is opened. */
#define CHANGE(name, at)                                                                           \
	SEC("lsm/" #at)                                                                            \
	int BPF_PROG(name)                                                                         \
	{                                                                                          \
		return check(GUARD_HOOK_INODE, GUARD_TIER_LSM);                                    \
	}
CHANGE(make_file, inode_create)
CHANGE(make_dir, inode_mkdir)
CHANGE(make_node, inode_mknod)
CHANGE(make_link, inode_link)
CHANGE(make_symlink, inode_symlink)
CHANGE(remove_file, inode_unlink)
CHANGE(remove_dir, inode_rmdir)
CHANGE(rename_file, inode_rename)
CHANGE(set_attributes, inode_setattr)

/* Before the child has namespaces: a fork whose label cannot be made fails, and nobody need die. */
SEC("lsm/task_alloc")
int BPF_PROG(alloc, struct task_struct *child, unsigned long flags)
{
	return inherit(child, flags);
}

/* --- tripwires: what is about to be put in place is judged, the signal is there before the function's first line */

static __noinline void trip(struct task_struct *t, const struct nsproxy *ns, const struct cred *cred, uint32_t hook)
{
	struct event ev = {.hook = hook, .tier = GUARD_TIER_LSM};
	struct guard_label *l = label_of(t);
	struct guard_entry *e = NULL;
	struct view v = {};
	int ret;

	if (l)
		e = entry_of(l, true, &ret);
	if (!e || !ns || !cred)
		return;
	view_take(&v, t, ns, cred);
	ev.drift = judge(t, &v, l, e, slot_of(hook));
	if (ev.drift)
		caught(t, l, e, &v, &ev);
}

SEC("fentry/switch_task_namespaces")
int BPF_PROG(switch_namespaces, struct task_struct *p, struct nsproxy *new)
{
	struct task_struct *t = bpf_get_current_task_btf();

	/* At exit there are none. */
	if (new && !of_the_host(t) && p->pid == t->pid)
		trip(t, new, t->real_cred, GUARD_HOOK_SWITCH_NAMESPACES);
	return 0;
}

SEC("fentry/commit_creds")
int BPF_PROG(credentials, struct cred *new)
{
	struct task_struct *t = bpf_get_current_task_btf();

	if (!of_the_host(t) && t->nsproxy)
		trip(t, t->nsproxy, new, GUARD_HOOK_COMMIT_CREDS);
	return 0;
}

/* --- provenance: who made a namespace, for as long as it is there */

static __always_inline void made(struct guard_label *l, uint64_t old, uint64_t new, uint32_t inum)
{
	if (new && new != old)
		bpf_map_update_elem(&owned, &inum, &l->cookie, BPF_ANY);
}

#define MADE(field)                                                                                \
	made(l, (uint64_t)BPF_CORE_READ(t, nsproxy, field), (uint64_t)BPF_CORE_READ(new, field),      \
	     BPF_CORE_READ(new, field, ns.inum))

static __noinline void made_namespaces(struct task_struct *t, struct guard_label *l, struct nsproxy *new)
{
	MADE(mnt_ns);
	MADE(uts_ns);
	MADE(ipc_ns);
	MADE(net_ns);
	MADE(cgroup_ns);
	MADE(pid_ns_for_children);
	MADE(time_ns_for_children);
}

/* flags: 0 for setns, where nothing is made. */
SEC("fexit/create_new_namespaces")
int BPF_PROG(make_namespaces, uint64_t flags, struct task_struct *t, struct user_namespace *user, void *fs,
	     struct nsproxy *new)
{
	struct guard_label *l = label_of(bpf_get_current_task_btf());

	if (!flags || !l || l->state != GUARD_LABEL_MEMBER || (uint64_t)new >= (uint64_t)-4095)
		return 0;
	made_namespaces(bpf_get_current_task_btf(), l, new);
	return 0;
}

SEC("fexit/create_user_ns")
int BPF_PROG(make_user, struct cred *new, int ret)
{
	struct guard_label *l = label_of(bpf_get_current_task_btf());

	if (!ret && l && l->state == GUARD_LABEL_MEMBER)
		made(l, 0, (uint64_t)new->user_ns, BPF_CORE_READ(new, user_ns, ns.inum));
	return 0;
}

SEC("fentry/proc_free_inum")
int BPF_PROG(free_inum, unsigned int inum)
{
	bpf_map_delete_elem(&owned, &inum);
	return 0;
}

/* Whether hooks are called at all: loading and attaching also succeed where bpf is not among the modules that are on. */
SEC("lsm/file_open")
int BPF_PROG(probe_open, struct file *file)
{
	lsm_alive = true;
	return 0;
}
