/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The programs. One object; which of them are loaded is found out by loading (guard/load.c). The name of a program is that of
 * its pin (guard/pins.c).
 */
#include "guard/bpf/lsm.h"

/* --- labels */

static __noinline void not_inherited(struct task_struct *t)
{
	struct event ev = {.hook = GUARD_HOOK_FORK,
			   .tier = GUARD_TIER_SAMPLE,
			   .drift = 1ULL << GUARD_DRIFT_LABEL,
			   .alone = true};
	struct guard_label *l = label_of(t);
	struct guard_entry *e = l ? bpf_map_lookup_elem(&containers, &l->cookie) : NULL;
	struct view v = {};

	if (e)
		caught(t, l, e, &v, &ev);
	else
		bpf_send_signal(SIGKILL);
}

/* clone with CLONE_NEW* or CLONE_INTO_CGROUP: judged before it runs for the first time. The signal goes to the parent, the
 * child is doomed. */
static __noinline void check_child(struct task_struct *child, uint64_t flags)
{
	struct guard_label *l = label_of(child);
	struct nsproxy *ns = child->nsproxy;
	struct guard_entry *e;

	if (!l || l->state != GUARD_LABEL_MEMBER || !ns)
		return;
	e = bpf_map_lookup_elem(&containers, &l->cookie);
	if (!e || e->state != GUARD_SEALED)
		return;
	if (!clean(child, ns, child->real_cred, l, e) &&
	    suspect(child, l, e, GUARD_HOOK_FORK, GUARD_TIER_SAMPLE) < 0)
		l->state = GUARD_LABEL_DOOMED;
	if ((flags & CLONE_INTO_CGROUP) &&
	    moved_out(child, l, e, child->cgroups->dfl_cgrp, GUARD_HOOK_FORK) < 0)
		l->state = GUARD_LABEL_DOOMED;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(fork, struct task_struct *child, uint64_t flags)
{
	struct task_struct *t = bpf_get_current_task_btf();

	if (inherit(child, flags) < 0)
		not_inherited(t);
	check(GUARD_HOOK_FORK, GUARD_TIER_SAMPLE);
	check_child(child, flags);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec, struct task_struct *t)
{
	struct guard_label *l = label_of(t);

	if (l)
		label_exec(t, l);
	check(GUARD_HOOK_EXEC, GUARD_TIER_SAMPLE);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exits, struct task_struct *t)
{
	if (t->thread_pid->level == 0 || t->signal->live.counter != 0)
		return 0;
	struct upid upid = active_pid(t->group_leader);
	if (upid.nr == 1)
		init_exits(t, (uint64_t)upid.ns);
	return 0;
}

/* --- sample */

SEC("tp_btf/sched_switch")
int BPF_PROG(switches, bool preempt, struct task_struct *prev)
{
	check(GUARD_HOOK_SWITCH, GUARD_TIER_SAMPLE);
	return 0;
}

/* The tick of x86; elsewhere that of high resolution timers. */
SEC("tp_btf/local_timer_entry")
int BPF_PROG(tick)
{
	check(GUARD_HOOK_TICK, GUARD_TIER_SAMPLE);
	return 0;
}

SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(tick_hr)
{
	check(GUARD_HOOK_TICK, GUARD_TIER_SAMPLE);
	return 0;
}

/* Only the default hierarchy is judged. A member that is moved by the host takes its bounds with it. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach, struct cgroup *to, const char *path, struct task_struct *t)
{
	struct task_struct *mover = bpf_get_current_task_btf();
	struct guard_label *l = label_of(mover);
	struct guard_entry *e;
	int ret;

	if (to->root->hierarchy_id != 0)
		return 0;
	if (l) {
		e = entry_of(l, true, &ret);
		if (e)
			moved_out(mover, l, e, to, GUARD_HOOK_CGROUP);
		if (l->state != GUARD_LABEL_RUNTIME)
			return 0;
	}
	l = label_of(t);
	e = l ? bpf_map_lookup_elem(&containers, &l->cookie) : NULL;
	if (e && e->state == GUARD_SEALED && e->pid == (uint32_t)t->tgid && !below(to, e->cgroup))
		e->cgroup = cgroup_id(to);
	return 0;
}

/* --- syscall: the only tier that every process of the host pays for */

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exits)
{
	struct task_struct *t = bpf_get_current_task_btf();

	check(GUARD_HOOK_EXIT_SYSCALL, GUARD_TIER_SYSCALL);
	/* Overridden credentials never get as far as here. */
	if (!of_the_host(t) && differs(t->cred, (uint64_t)t->real_cred))
		overridden(t, GUARD_HOOK_EXIT_SYSCALL);
	return 0;
}

/* --- sweep */

SEC("iter/task")
int sweep(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct guard_label *l;
	struct guard_entry *e;
	struct nsproxy *ns;
	int ret;

	if (!t || (t->flags & (PF_EXITING | PF_KTHREAD)))
		return 0;
	l = label_of(t);
	/* The first in the host's pid namespace is no exception yet. */
	if (l && l->state == GUARD_LABEL_RESTORED) {
		label_restored(t, l);
		return 0;
	}
	if (of_the_host(t))
		return 0;
	if (!l) {
		orphan(t, GUARD_HOOK_SWEEP, GUARD_TIER_SWEEP);
		return 0;
	}
	e = entry_of(l, false, &ret);
	ns = t->nsproxy;
	if (e && ns && !clean(t, ns, t->real_cred, l, e))
		suspect(t, l, e, GUARD_HOOK_SWEEP, GUARD_TIER_SWEEP);
	return 0;
}

/* What the kernel is told: the helpers that are used are for programs under its own licence. */
char guard_license[] SEC("license") = "GPL";
