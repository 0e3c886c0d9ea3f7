/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* What one kind of event adds to the check, whichever tier sees it. */
#pragma once

#include "guard/bpf/seal.h"

#define CGROUP_DEPTH_MAX 64

/* Not static: the verifier walks this loop once a program, not once a call. It takes numbers alone, so css is one that was read. */
__noinline int ancestors_have(uint64_t css, uint64_t id)
{
	/* self is the first member: a css of the default hierarchy is its cgroup. */
	for (int i = 0; i < CGROUP_DEPTH_MAX && css; i++) {
		if (BPF_CORE_READ((struct cgroup *)css, kn, id) == id)
			return 1;
		css = (uint64_t)BPF_CORE_READ((struct cgroup_subsys_state *)css, parent);
	}
	return 0;
}

static __always_inline bool below(struct cgroup *cgroup, uint64_t id)
{
	return BPF_CORE_READ(cgroup, kn, id) == id || ancestors_have((uint64_t)BPF_CORE_READ(cgroup, self.parent), id);
}

/* By a member: out of what is its container's. */
static __noinline int moved_out(struct task_struct *t, struct guard_label *l, struct guard_entry *e, struct cgroup *to,
				uint32_t hook)
{
	struct event ev = {.hook = hook, .tier = GUARD_TIER_SAMPLE, .drift = 1ULL << GUARD_DRIFT_CGROUP};
	struct view v = {};

	if (!t->nsproxy || below(to, e->cgroup))
		return 0;
	view_take(&v, t, t->nsproxy, t->real_cred);
	return caught(t, l, e, &v, &ev);
}

static __noinline void overridden(struct task_struct *t, uint32_t hook)
{
	struct event ev = {.hook = hook, .tier = GUARD_TIER_SYSCALL, .drift = 1ULL << GUARD_DRIFT_CRED};
	struct guard_label *l = label_of(t);
	struct guard_entry *e = NULL;
	struct view v = {};
	int ret;

	if (l)
		e = entry_of(l, true, &ret);
	if (!e || !t->nsproxy)
		return;
	view_take(&v, t, t->nsproxy, t->cred);
	caught(t, l, e, &v, &ev);
}
