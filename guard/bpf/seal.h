/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* A label's way from the runtime to the program: inherited at fork, counted down at execve, sealed or matched at the last. */
#pragma once

#include "guard/bpf/check.h"

#define ANCESTORS_MAX 64

/*
 * What the runtime itself is in may be neither the initial namespaces nor a container's: where it runs in a sandbox. The children's
 * pid and time namespaces may be the container's already.
 */
static __noinline void outside_learn(struct task_struct *t)
{
	struct guard_settings *s = host_settings();
	struct view v = {};
	uint32_t one = 1;

	if (provenance || !s || !t->nsproxy)
		return;
	view_take(&v, t, t->nsproxy, t->real_cred);
#pragma unroll
	for (uint32_t i = 0; i < GUARD_OBJECTS_N; i++) {
		if (i == GUARD_PID_CHILDREN || i == GUARD_TIME_CHILDREN || v.object[i] == s->host[i])
			continue;
		uint64_t id = identity_of(i, v.object[i]);
		if (id)
			bpf_map_update_elem(&outside, &id, &one, BPF_ANY);
	}
}

/* Without a label a child in the same, registered pid namespace is an orphan until it is taken in: at its next event. */
static __always_inline bool is_found_later(uint64_t flags)
{
	struct task_struct *t = bpf_get_current_task_btf();
	uint64_t ns = (uint64_t)active_pid(t).ns;
	struct nsproxy *proxy = t->nsproxy;

	return !(flags & CLONE_NEWPID) && proxy && !differs(proxy->pid_ns_for_children, ns) &&
	       bpf_map_lookup_elem(&pidns, &ns);
}

/* The label is there before the child is: without it the child would be nobody's. */
static __noinline int inherit(struct task_struct *child, uint64_t flags)
{
	struct guard_label *parent = label_of(bpf_get_current_task_btf()), *l;

	if (!parent || !parent->cookie)
		return 0;
	if (parent->state == GUARD_LABEL_RUNTIME)
		outside_learn(bpf_get_current_task_btf());
	l = bpf_task_storage_get(&labels, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!l)
		return is_found_later(flags) ? 0 : -EAGAIN;
	if (!l->cookie)
		label_inherit(l, parent, flags);
	return 0;
}

/* Regular files, pipes, terminals: never a directory, which would be a way to all below it. */
static __noinline void label_stdio(struct task_struct *t, struct guard_label *l)
{
	struct file **fds = BPF_CORE_READ(t, files, fdt, fd), *file;
	uint32_t n = BPF_CORE_READ(t, files, fdt, max_fds);

	for (uint32_t i = 0; i < 3; i++) {
		struct inode *inode = NULL;

		file = NULL;
		if (i < n && bpf_probe_read_kernel(&file, sizeof(file), fds + i) == 0 && file)
			inode = BPF_CORE_READ(file, f_inode);
		if (inode && (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFDIR)
			inode = NULL;
		l->stdio[i] = (uint64_t)inode;
	}
}

/* Those of pid 1, the last ancestor of everybody: of the thread that is the parent. */
static __noinline void host_learn(struct task_struct *t, struct guard_settings *s)
{
	for (int i = 0; i < ANCESTORS_MAX && t && t->tgid != 1; i++)
		t = t->real_parent;
	if (!t || t->tgid != 1)
		return;
	s->host[GUARD_MOUNT] = (uint64_t)BPF_CORE_READ(t, nsproxy, mnt_ns);
	s->host[GUARD_UTS] = (uint64_t)BPF_CORE_READ(t, nsproxy, uts_ns);
	s->host[GUARD_IPC] = (uint64_t)BPF_CORE_READ(t, nsproxy, ipc_ns);
	s->host[GUARD_NETWORK] = (uint64_t)BPF_CORE_READ(t, nsproxy, net_ns);
	s->host[GUARD_PID] = s->host[GUARD_PID_CHILDREN] = (uint64_t)BPF_CORE_READ(t, nsproxy, pid_ns_for_children);
	s->host[GUARD_CGROUP] = (uint64_t)BPF_CORE_READ(t, nsproxy, cgroup_ns);
	s->host[GUARD_TIME] = s->host[GUARD_TIME_CHILDREN] = (uint64_t)BPF_CORE_READ(t, nsproxy, time_ns);
	s->host[GUARD_USER] = (uint64_t)BPF_CORE_READ(t, real_cred, user_ns);
}

static __always_inline uint64_t cgroup_id(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, kn, id);
}

/* The root of its own cgroup namespace, or where it is: what is below is its to arrange. */
static __always_inline uint64_t cgroup_of(struct task_struct *t, const struct guard_settings *s)
{
	struct cgroup_namespace *ns = BPF_CORE_READ(t, nsproxy, cgroup_ns);

	if (s && (uint64_t)ns != s->host[GUARD_CGROUP])
		return BPF_CORE_READ(ns, root_cset, dfl_cgrp, kn, id);
	return BPF_CORE_READ(t, cgroups, dfl_cgrp, kn, id);
}

static __noinline void seal(struct task_struct *t, struct guard_label *l, struct guard_entry *e, const struct view *v)
{
	struct guard_settings *s = host_settings();

	if (s && !s->host[GUARD_PID])
		host_learn(t, s);
	/* Its processes cannot be told from those of the host by the level of their pid namespace. */
	if (s && (e->flags & GUARD_HOST_PID))
		s->host_pid_members = 1;
#pragma unroll
	for (int i = 0; i < GUARD_OBJECTS_N; i++) {
		e->object[i] = v->object[i];
		e->inum[i] = v->inum[i];
		if (s && v->object[i] != s->host[i])
			bpf_map_update_elem(&owned, &v->inum[i], &l->cookie, BPF_ANY);
	}
	e->root_mount = v->root;
	e->cgroup = cgroup_of(t, s);
	e->sealed_ns = bpf_ktime_get_boot_ns();
	e->pid = (uint32_t)t->tgid;
	e->state = GUARD_SEALED;
	count(GUARD_COUNT_SEALED);
}

/* Restored, it was made by nobody, so what it has of its own is taken for what a member made. */
static __noinline void own_restored(const struct guard_label *l, const struct guard_entry *e, const struct view *v)
{
	struct guard_settings *s = host_settings();

	if (!s || !(e->flags & GUARD_NESTED))
		return;
#pragma unroll
	for (int i = 0; i < GUARD_OBJECTS_N; i++)
		if (v->object[i] != e->object[i] && v->object[i] != s->host[i])
			bpf_map_update_elem(&owned, &v->inum[i], &l->cookie, BPF_NOEXIST);
}

/* Stopped until all of them are members: nothing can happen in between. */
static __noinline void label_restored(struct task_struct *t, struct guard_label *l)
{
	struct guard_entry *e = bpf_map_lookup_elem(&containers, &l->cookie);
	struct event ev = {.hook = GUARD_HOOK_SWEEP, .tier = GUARD_TIER_SWEEP};
	struct upid upid = active_pid(t);
	struct view v = {};
	uint64_t ns = (uint64_t)upid.ns;

	if (!e || !t->nsproxy || (e->state == GUARD_SETUP && l->seal_after != 1))
		return;
	l->state = GUARD_LABEL_MEMBER;
	view_take(&v, t, t->nsproxy, t->real_cred);
	label_stdio(t, l);
	l->seccomp = v.seccomp;
	l->nnp = v.nnp;
	if (e->state == GUARD_SETUP)
		seal(t, l, e, &v);
	else
		own_restored(l, e, &v);
	if (upid.nr == 1)
		bpf_map_update_elem(&pidns, &ns, &l->cookie, BPF_ANY);
	l->caps_bound &= v.caps | v.bset;
	ev.drift = judge(t, &v, l, e, slot_of(GUARD_HOOK_SWEEP));
	if (ev.drift)
		caught(t, l, e, &v, &ev);
}

/* The program's execve: of a container's init, which is sealed, or of a process of exec, which must match. */
static __noinline void label_arrive(struct task_struct *t, struct guard_label *l)
{
	struct guard_entry *e = bpf_map_lookup_elem(&containers, &l->cookie);
	struct event ev = {.hook = GUARD_HOOK_EXEC, .tier = GUARD_TIER_SAMPLE, .alone = true};
	struct upid upid = active_pid(t);
	struct view v = {};
	uint64_t ns = (uint64_t)upid.ns;

	l->state = GUARD_LABEL_MEMBER;
	if (!e || !t->nsproxy) {
		/* Disarmed while it was on its way: it was not to live. */
		l->state = GUARD_LABEL_DOOMED;
		bpf_send_signal(SIGKILL);
		return;
	}
	view_take(&v, t, t->nsproxy, t->real_cred);
	label_stdio(t, l);
	l->seccomp = v.seccomp;
	l->nnp = v.nnp;
	if (e->state == GUARD_SETUP)
		seal(t, l, e, &v);
	if (upid.nr == 1)
		bpf_map_update_elem(&pidns, &ns, &l->cookie, BPF_ANY);
	ev.drift = judge(t, &v, l, e, slot_of(GUARD_HOOK_EXEC));
	l->caps_bound &= v.caps | v.bset;
	if (ev.drift)
		caught(t, l, e, &v, &ev);
}

/* Every execve of a labelled task. */
static __always_inline void label_exec(struct task_struct *t, struct guard_label *l)
{
	if (l->state != GUARD_LABEL_CHILD || l->exec_id == t->self_exec_id)
		return;
	l->exec_id = t->self_exec_id;
	if (l->seal_after > 1)
		l->seal_after--;
	else
		label_arrive(t, l);
}

/* A pid namespace ends with its init, and so does what is known of its address; members of other namespaces may live on. */
static __noinline void init_exits(struct task_struct *t, uint64_t ns)
{
	struct guard_label *l = label_of(t);
	struct guard_entry *e;

	bpf_map_delete_elem(&pidns, &ns);
	e = l ? bpf_map_lookup_elem(&containers, &l->cookie) : NULL;
	if (!e || e->pid != (uint32_t)t->tgid)
		return;
	for (int i = 0; i < GUARD_OBJECTS_N; i++) {
		uint64_t *owner = bpf_map_lookup_elem(&owned, &e->inum[i]);

		if (owner && *owner == l->cookie)
			bpf_map_delete_elem(&owned, &e->inum[i]);
	}
	if (e->state == GUARD_SEALED)
		e->state = GUARD_ENDED;
}
