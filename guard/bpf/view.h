/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What a task is in now: taken only when it is sealed, or when the quick comparison found something. */
#pragma once

#include "guard/bpf/maps.h"

struct view {
	uint64_t object[GUARD_OBJECTS_N];
	uint64_t caps, bset;
	uint64_t root, cwd; /* mounts */
	uint32_t inum[GUARD_OBJECTS_N];
	uint32_t seccomp, nnp;
};

static __always_inline uint32_t seccomp_of(struct task_struct *t)
{
	/* Where the entry code is the generic one, its bit decides whether the filter is asked at all. */
	if (bpf_core_field_exists(t->thread_info.syscall_work) && !(t->thread_info.syscall_work & 1))
		return 0;
	return (uint32_t)t->seccomp.mode;
}

static __always_inline uint32_t no_new_privs_of(struct task_struct *t)
{
	return t->atomic_flags & 1;
}

/* All that a process can make use of. */
static __always_inline uint64_t caps_of(const struct cred *cred)
{
	uint64_t caps[5];

	if (bpf_core_field_exists(cred->cap_permitted.val))
		return cred->cap_inheritable.val | cred->cap_permitted.val | cred->cap_effective.val |
		       cred->cap_ambient.val;
	/* Pairs of 32 bits: five sets, one after the other, in one read. */
	if (bpf_probe_read_kernel(caps, sizeof(caps), &cred->cap_inheritable) < 0)
		return ~0ULL;
	return caps[0] | caps[1] | caps[2] | caps[4];
}

static __always_inline uint64_t bset_of(const struct cred *cred)
{
	uint64_t bset;

	return bpf_probe_read_kernel(&bset, sizeof(bset), &cred->cap_bset) < 0 ? 0 : bset;
}

static __always_inline struct upid active_pid(struct task_struct *t)
{
	struct upid upid = {};
	/* Read, not followed: an index of a variable may not be added to a pointer that was. */
	struct pid *pid = BPF_CORE_READ(t, thread_pid);

	if (pid)
		bpf_probe_read_kernel(&upid, sizeof(upid),
				      (void *)pid + bpf_core_field_offset(pid->numbers) +
					      BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid));
	return upid;
}

#define VIEW_NAMESPACE(v, id, pointer)                                                             \
	do {                                                                                       \
		(v)->object[id] = (uint64_t)(pointer);                                             \
		(v)->inum[id] = BPF_CORE_READ(pointer, ns.inum);                                   \
	} while (0)

static __noinline void view_namespaces(struct view *v, const struct nsproxy *ns)
{
	VIEW_NAMESPACE(v, GUARD_MOUNT, ns->mnt_ns);
	VIEW_NAMESPACE(v, GUARD_UTS, ns->uts_ns);
	VIEW_NAMESPACE(v, GUARD_IPC, ns->ipc_ns);
	VIEW_NAMESPACE(v, GUARD_NETWORK, ns->net_ns);
	VIEW_NAMESPACE(v, GUARD_PID_CHILDREN, ns->pid_ns_for_children);
	VIEW_NAMESPACE(v, GUARD_CGROUP, ns->cgroup_ns);
	VIEW_NAMESPACE(v, GUARD_TIME, ns->time_ns);
	VIEW_NAMESPACE(v, GUARD_TIME_CHILDREN, ns->time_ns_for_children);
}

static __always_inline void view_cred(struct view *v, const struct cred *cred)
{
	VIEW_NAMESPACE(v, GUARD_USER, cred->user_ns);
	v->caps = caps_of(cred);
	v->bset = bset_of(cred);
}

/* ns and cred may be those that it is about to get. */
static __noinline void view_take(struct view *v, struct task_struct *t, const struct nsproxy *ns, const struct cred *cred)
{
	struct upid upid = active_pid(t);

	view_namespaces(v, ns);
	view_cred(v, cred);
	VIEW_NAMESPACE(v, GUARD_PID, upid.ns);
	v->root = (uint64_t)BPF_CORE_READ(t, fs, root.mnt);
	v->cwd = (uint64_t)BPF_CORE_READ(t, fs, pwd.mnt);
	v->seccomp = seccomp_of(t);
	v->nnp = no_new_privs_of(t);
}
