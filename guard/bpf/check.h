/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The check. What every event pays is a comparison with what was sealed (check, clean); who differs is judged (judge), and
 * who is found guilty is reported once a cause and killed at every event until it is dead (caught).
 */
#pragma once

#include "guard/bpf/view.h"

struct event {
	uint32_t hook, tier;
	uint64_t drift;
	bool deny;  /* the operation is refused, nobody dies */
	bool alone; /* an offence of one process: the container lives */
};

/* Findings go into memory: as a number in a register they would be as many paths for the verifier as there are subsets. A
 * check by interrupt may come into the middle of another one, and one of the sweep beside both. */
static __always_inline uint32_t slot_of(uint32_t hook)
{
	return hook == GUARD_HOOK_SWEEP ? 2 : hook == GUARD_HOOK_TICK || hook == GUARD_HOOK_SWITCH;
}

static __noinline void report(struct task_struct *t, uint64_t cookie, const struct guard_entry *e, const struct view *v,
			      const struct event *ev)
{
	struct guard_record *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);

	count(GUARD_COUNT_DRIFT);
	if (!r) {
		count(GUARD_COUNT_LOST);
		return;
	}
	r->cookie = cookie;
	r->boot_ns = bpf_ktime_get_boot_ns();
	r->pid = (uint32_t)t->tgid;
	r->tid = (uint32_t)t->pid;
	r->uid = BPF_CORE_READ(t, real_cred, uid.val);
	r->hook = ev->hook;
	r->tier = ev->tier;
	r->action = e->mode != GUARD_ENFORCE ? GUARD_ACTION_LOGGED : ev->deny ? GUARD_ACTION_DENIED : GUARD_ACTION_KILLED;
	r->drift = ev->drift;
	r->caps = v->caps;
#pragma unroll
	for (int i = 0; i < GUARD_OBJECTS_N; i++) {
		r->old_inum[i] = e->inum[i];
		r->new_inum[i] = v->inum[i];
	}
	bpf_probe_read_kernel(r->comm, sizeof(r->comm), t->comm);
	bpf_ringbuf_submit(r, 0);
}

/* What a hook returns. The signal goes to the current task only: others are doomed, and die at their next event. */
static __noinline int caught(struct task_struct *t, struct guard_label *l, struct guard_entry *e, const struct view *v,
			     struct event *ev)
{
	uint64_t fresh = ev->drift & ~l->reported;

	if (fresh) {
		l->reported |= fresh;
		__sync_fetch_and_add(&e->hits, 1);
		report(t, l->cookie, e, v, ev);
	}
	if (e->mode != GUARD_ENFORCE)
		return 0;
	if (ev->deny)
		return -EPERM;
	if (ev->alone || (e->flags & GUARD_PROCESS_SCOPE))
		l->state = GUARD_LABEL_DOOMED;
	else
		e->state = GUARD_CONDEMNED;
	if (ev->hook != GUARD_HOOK_SWEEP)
		bpf_send_signal(SIGKILL);
	return -EPERM;
}

#define NS_ID_AT(type) (bpf_core_field_offset(struct type, ns) + bpf_core_field_offset(struct ns_common___id, ns_id))
#define READ_ID(to, object, at) bpf_probe_read_kernel(to, sizeof(*(to)), (void *)(object) + (at))

static __always_inline uint64_t ns_id_at(uint32_t kind)
{
	switch (kind) {
	case GUARD_MOUNT:
		return NS_ID_AT(mnt_namespace);
	case GUARD_UTS:
		return NS_ID_AT(uts_namespace);
	case GUARD_IPC:
		return NS_ID_AT(ipc_namespace);
	case GUARD_NETWORK:
		return NS_ID_AT(net);
	case GUARD_CGROUP:
		return NS_ID_AT(cgroup_namespace);
	case GUARD_USER:
		return NS_ID_AT(user_namespace);
	case GUARD_PID:
	case GUARD_PID_CHILDREN:
		return NS_ID_AT(pid_namespace);
	default:
		return NS_ID_AT(time_namespace);
	}
}

/* Tells it from all that were and will be: inode numbers and addresses are used again at once. 0: the kernel has none. */
static __always_inline uint64_t identity_of(uint32_t kind, uint64_t object)
{
	uint64_t id = 0;

	if (bpf_core_field_exists(struct ns_common___id, ns_id))
		return READ_ID(&id, object, ns_id_at(kind)) < 0 ? 0 : id;
	if (kind == GUARD_MOUNT && bpf_core_field_exists(struct mnt_namespace___seq, seq))
		return READ_ID(&id, object, bpf_core_field_offset(struct mnt_namespace___seq, seq)) < 0 ? 0 : id;
	/* Two counters: the highest bit keeps them apart. */
	if (kind == GUARD_NETWORK && bpf_core_field_exists(struct net___cookie, net_cookie))
		return READ_ID(&id, object, bpf_core_field_offset(struct net___cookie, net_cookie)) < 0 ? 0 : id | 1ULL << 63;
	return 0;
}

static __always_inline bool is_outside(uint32_t kind, uint64_t object)
{
	uint64_t id = identity_of(kind, object);

	return bpf_map_lookup_elem(&outside, &id);
}

/* Whether a namespace that is not a sealed one is the container's all the same. */
static __always_inline bool owns(const struct guard_entry *e, uint64_t cookie, uint32_t id, uint64_t object, uint32_t inum)
{
	struct guard_settings *s = host_settings();
	uint64_t *owner;

	if (!(e->flags & GUARD_NESTED) || !s || id >= GUARD_OBJECTS_N)
		return false;
	owner = bpf_map_lookup_elem(&owned, &inum);
	if (owner)
		return *owner == cookie;
	/* Who made it is known where functions can be traced; elsewhere it must at least be nobody else's, and no runtime's. */
	return !provenance && object != s->host[id] && !is_outside(id, object);
}

/* mount: of a root, a cwd or a file; mnt_ns: the task's. */
static __noinline bool mount_is_ours(const struct guard_entry *e, uint64_t cookie, uint64_t mnt_ns, uint64_t mount)
{
	struct mount *m = (void *)(mount - bpf_core_field_offset(struct mount, mnt));
	uint64_t ns = 1;

	if (!mount || bpf_probe_read_kernel(&ns, sizeof(ns), (void *)m + bpf_core_field_offset(struct mount, mnt_ns)) < 0)
		return false;
	/* MNT_NS_INTERNAL: pipes, memfds, layers of overlays. */
	if (ns == mnt_ns || ns == e->object[GUARD_MOUNT] || ns == (uint64_t)-EINVAL)
		return true;
	if (!(e->flags & GUARD_NESTED))
		return false;
	if (!ns)
		return true;
	uint32_t inum = BPF_CORE_READ((struct mnt_namespace *)ns, ns.inum);
	return inum == 0 || inum == MNT_NS_ANON_INO || owns(e, cookie, GUARD_MOUNT, ns, inum);
}

static __always_inline bool clean_namespaces(const struct nsproxy *ns, const struct guard_entry *e)
{
	return !(differs(ns->mnt_ns, e->object[GUARD_MOUNT]) || differs(ns->uts_ns, e->object[GUARD_UTS]) ||
		 differs(ns->ipc_ns, e->object[GUARD_IPC]) || differs(ns->net_ns, e->object[GUARD_NETWORK]) ||
		 differs(ns->pid_ns_for_children, e->object[GUARD_PID_CHILDREN]) ||
		 differs(ns->cgroup_ns, e->object[GUARD_CGROUP]) || differs(ns->time_ns, e->object[GUARD_TIME]) ||
		 differs(ns->time_ns_for_children, e->object[GUARD_TIME_CHILDREN]));
}

static __always_inline bool clean_cred(const struct cred *cred, const struct guard_label *l, const struct guard_entry *e)
{
	return !differs(cred->user_ns, e->object[GUARD_USER]) && !(caps_of(cred) & ~l->caps_bound);
}

static __always_inline bool clean(struct task_struct *t, const struct nsproxy *ns, const struct cred *cred,
				  const struct guard_label *l, const struct guard_entry *e)
{
	struct fs_struct *fs = t->fs;

	if (!clean_namespaces(ns, e) || !clean_cred(cred, l, e))
		return false;
	if (fs && (differs(fs->root.mnt, e->root_mount) ||
		   (differs(fs->pwd.mnt, l->good_mount) && differs(fs->pwd.mnt, e->root_mount))))
		return false;
	return seccomp_of(t) >= l->seccomp && no_new_privs_of(t) >= l->nnp;
}

static __noinline void judge_mounts(struct task_struct *t, const struct view *v, struct guard_label *l,
				    const struct guard_entry *e, uint64_t *found)
{
	if (v->root != e->root_mount && !mount_is_ours(e, l->cookie, v->object[GUARD_MOUNT], v->root))
		*found |= 1ULL << GUARD_DRIFT_ROOT;
	if (v->cwd == l->good_mount || v->cwd == e->root_mount)
		return;
	/* One that was taken away from under the cwd stays a good one: it is the last that was. */
	if (mount_is_ours(e, l->cookie, v->object[GUARD_MOUNT], v->cwd))
		l->good_mount = v->cwd;
	else
		*found |= 1ULL << GUARD_DRIFT_CWD;
}

/* The bits of what drifted, in l->found[slot]. */
static __noinline uint64_t judge(struct task_struct *t, const struct view *v, struct guard_label *l,
				 const struct guard_entry *e, uint32_t slot)
{
	uint64_t *found;

	asm volatile("" : "+r"(slot));
	found = &l->found[slot & 3];
	*found = 0;
#pragma unroll
	for (uint32_t i = 0; i < GUARD_OBJECTS_N; i++)
		if (v->object[i] != e->object[i] && !owns(e, l->cookie, i, v->object[i], v->inum[i]))
			*found |= 1ULL << i;
	/* In a user namespace that it made a member has all capabilities, over nothing that is not its own. */
	if (v->object[GUARD_USER] == e->object[GUARD_USER] && (v->caps & ~l->caps_bound))
		*found |= 1ULL << GUARD_DRIFT_CAPS;
	if (v->seccomp < l->seccomp)
		*found |= 1ULL << GUARD_DRIFT_SECCOMP;
	if (v->nnp < l->nnp)
		*found |= 1ULL << GUARD_DRIFT_NNP;
	judge_mounts(t, v, l, e, found);
	return *found;
}

/* What a view was taken of may have been replaced, and freed, by another task while it was read. */
static __always_inline bool view_is_stale(struct task_struct *t, const struct nsproxy *ns, const struct cred *cred,
					  const struct view *v)
{
	return differs(t->nsproxy, (uint64_t)ns) || differs(t->real_cred, (uint64_t)cred) || (t->flags & PF_EXITING) ||
	       (uint64_t)BPF_CORE_READ(t, fs, root.mnt) != v->root || (uint64_t)BPF_CORE_READ(t, fs, pwd.mnt) != v->cwd;
}

static __noinline int suspect(struct task_struct *t, struct guard_label *l, struct guard_entry *e, uint32_t hook,
			      uint32_t tier)
{
	struct nsproxy *ns = t->nsproxy;
	const struct cred *cred = t->real_cred;
	struct event ev = {.hook = hook, .tier = tier};
	struct view v = {};

	if (!ns)
		return 0;
	view_take(&v, t, ns, cred);
	ev.drift = judge(t, &v, l, e, slot_of(hook));
	if (!ev.drift || view_is_stale(t, ns, cred, &v))
		return 0;
	return caught(t, l, e, &v, &ev);
}

static __always_inline void label_inherit(struct guard_label *child, const struct guard_label *parent, uint64_t flags)
{
	bool hook = parent->state == GUARD_LABEL_CHILD && parent->seal_after < 2;

	/* A thread of the runtime is the runtime. */
	if (parent->state == GUARD_LABEL_RUNTIME && (flags & CLONE_THREAD))
		return;
	child->seal_after = hook ? 0 : parent->seal_after;
	/* What kedge-init starts before the program has the rights that kedge-init still has. */
	child->caps_bound = hook ? ~0ULL : parent->caps_bound;
	child->seccomp = parent->seccomp;
	child->nnp = parent->nnp;
	child->good_mount = parent->good_mount;
	child->reported = parent->reported;
	for (int i = 0; i < 3; i++)
		child->stdio[i] = parent->stdio[i];
	child->state = hook ? GUARD_LABEL_MEMBER
		       : parent->state == GUARD_LABEL_RUNTIME ? GUARD_LABEL_CHILD : parent->state;
	child->cookie = parent->cookie;
}

/*
 * The label of whom it descends from, in the same container. A child has its label before it runs, but the sweep may see it
 * before that, and none can be made while another look-up of the same CPU is under way: both are no joiners.
 */
static __noinline struct guard_label *kin_of(struct task_struct *t, uint64_t cookie)
{
	struct guard_label *l = label_of(t->group_leader);

	if (!l || l->cookie != cookie)
		l = label_of(t->real_parent);
	if (!l || l->cookie != cookie || l->state == GUARD_LABEL_JOINER)
		return NULL;
	return l;
}

static __noinline int joined(struct task_struct *t, struct guard_label *l, struct guard_entry *e, uint32_t hook, uint32_t tier)
{
	struct event ev = {.hook = hook, .tier = tier, .drift = 1ULL << GUARD_DRIFT_JOINER, .alone = true};
	struct view v = {};

	if (!t->nsproxy)
		return 0;
	view_take(&v, t, t->nsproxy, t->real_cred);
	return caught(t, l, e, &v, &ev);
}

/* The entry of a member that is to be checked; else what the hook returns is in *ret. */
static __always_inline struct guard_entry *entry_of(struct guard_label *l, bool signal, int *ret)
{
	struct guard_entry *e;

	*ret = 0;
	if (l->state == GUARD_LABEL_MEMBER) {
		e = bpf_map_lookup_elem(&containers, &l->cookie);
		if (!e || e->state == GUARD_SEALED)
			return e;
		if (e->state != GUARD_CONDEMNED)
			return NULL;
	} else if (l->state != GUARD_LABEL_DOOMED) {
		return NULL;
	}
	if (signal)
		bpf_send_signal(SIGKILL);
	*ret = -EPERM;
	return NULL;
}

/*
 * Nobody labelled it, but it is in the pid namespace of a container. A label is made for it, which also tells it from one
 * whose label could not be looked up: kernels before 6.2 find none while another look-up of this CPU is under way.
 */
static __noinline int orphan(struct task_struct *t, uint32_t hook, uint32_t tier)
{
	uint64_t ns = (uint64_t)active_pid(t).ns;
	uint64_t *cookie = bpf_map_lookup_elem(&pidns, &ns);
	struct guard_label *l, *kin;
	struct guard_entry *e;
	int ret;

	/* The run queue is locked: nothing may be allocated. */
	if (!cookie || hook == GUARD_HOOK_SWITCH)
		return 0;
	e = bpf_map_lookup_elem(&containers, cookie);
	if (!e || (e->state != GUARD_SEALED && e->state != GUARD_CONDEMNED))
		return 0;
	kin = kin_of(t, *cookie);
	if (!kin && (e->flags & GUARD_ANY_JOINER))
		return 0;
	l = bpf_task_storage_get(&labels, t, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!l)
		return -EPERM;
	/* An interrupt has come in between, and judged it already. */
	if (l->cookie) {
		e = entry_of(l, true, &ret);
		return e ? suspect(t, l, e, hook, tier) : ret;
	}
	if (!kin) {
		l->cookie = *cookie;
		l->state = GUARD_LABEL_JOINER;
		return joined(t, l, e, hook, tier);
	}
	label_inherit(l, kin, 0);
	/* It may as well have got rid of its label to do what it does now. */
	return l->state == GUARD_LABEL_MEMBER && e->state == GUARD_SEALED ? suspect(t, l, e, hook, tier) : 0;
}

/* Those of the host leave here: what has no pid namespace of its own is in no container, unless one shares the host's. */
static __always_inline bool of_the_host(struct task_struct *t)
{
	struct guard_settings *s;

	if (t->thread_pid->level != 0)
		return false;
	s = host_settings();
	return !s || !s->host_pid_members;
}

/* Of the current task: 0, or what a hook that can refuse returns. */
static __always_inline int check(uint32_t hook, uint32_t tier)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct guard_label *l;
	struct guard_entry *e;
	struct nsproxy *ns;
	int ret;

	if (of_the_host(t) || (t->flags & (PF_EXITING | PF_KTHREAD)))
		return 0;
	l = label_of(t);
	if (!l)
		return orphan(t, hook, tier);
	e = entry_of(l, true, &ret);
	ns = t->nsproxy;
	if (!e || !ns)
		return ret;
	return clean(t, ns, t->real_cred, l, e) ? 0 : suspect(t, l, e, hook, tier);
}
