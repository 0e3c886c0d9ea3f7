/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts add and remove: a process on its way into the container, as that of exec, which mounts and is gone. So sources are opened
 * where the runtime is, file systems are those of the container's namespaces, and the drift guard knows who comes.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/sys.h"
#include "libcontainer/gate.h"
#include "libcontainer/guarding.h"
#include "libcontainer/launch.h"
#include "libcontainer/spawn.h"
#include "libcontainer/state.h"

struct remounting {
	struct arena arena;
	struct statedir dir;
	struct state state;
	struct spec *spec;
	struct spec only; /* the container's, with other mounts */
	struct guarding guarding;
	int init; /* pidfd */
};

static void remounting_done(struct remounting *m)
{
	if (m->init >= 0)
		close(m->init);
	guarding_done(&m->guarding);
	spec_free(m->spec);
	statedir_done(&m->dir);
	arena_done(&m->arena);
}

static int ask_policy(const struct remounting *m, struct error *e)
{
	auto_policy struct policy policy = {};

	if (gate_read(m->spec, &policy, e) < 0)
		return -1;
	return gate_create(&policy, &m->only, m->state.bundle, m->state.rootfs, e);
}

static int load(struct remounting *m, const struct runtime *rt, const char *id, const struct mounts_options *o,
		struct error *e)
{
	/* Locked: of two of these the second one finds what the first one left. */
	if (statedir_open(rt, id, STATEDIR_LOCKED, &m->dir, e) < 0 || state_read(&m->dir, &m->arena, &m->state, e) < 0 ||
	    state_open_init(&m->state, &m->init, e) < 0)
		return -1;
	if (m->init < 0)
		return error_set(e, ERROR_STATE, 0, "container not running");
	if (spec_load(m->dir.fd, "config.json", &m->spec, e) < 0)
		return -1;
	if (!m->spec->linux_.namespaces[NS_MOUNT].set)
		return error_set(e, ERROR_STATE, 0, "cannot change the mounts of container '%s': they are the host's", id);
	m->only = *m->spec;
	if (spec_parse_mounts(m->spec, o->name, o->text, o->size, !o->add, &m->only.mounts, e) < 0)
		return -1;
	return o->add ? ask_policy(m, e) : 0;
}

static int carry_out(struct remounting *m, const struct runtime *rt, bool add, struct error *e)
{
	auto_spawn struct spawn sp = {.pidfd = -1, .master = -1};
	const struct spec_process nothing = {};
	struct privileges privileges;
	auto_plan struct plan plan;

	plan_init(&plan);
	if (privileges_read(rt, &privileges, e) < 0)
		return -1;
	struct plan_input in = {
		.spec = &m->only,
		.process = &nothing,
		.id = m->state.id,
		.bundle = m->state.bundle,
		.rootfs = m->state.rootfs,
		.cgroup_dir = "/sys/fs/cgroup",
		.privileged = privileges.privileged,
		.userns = m->spec->linux_.namespaces[NS_USER].set,
		.nested = privileges.nested,
		.no_new_keyring = true,
		.live = true,
		.join = namespaces_of(m->spec) | (m->state.own_time_ns ? CLONE_NEWTIME : 0),
	};
	if ((add ? plan_mounts_add(&plan, &in, e) : plan_mounts_remove(&plan, &in, e)) < 0 ||
	    guarding_join(&m->guarding, &m->state.guard, e) < 0)
		return -1;
	plan.regs[0] = fcntl(m->init, F_DUPFD_CLOEXEC, 3);
	sp = (struct spawn){.plan = &plan,
			    .spec = &m->only,
			    .cgroup_fd = -1,
			    .privileged = privileges.privileged,
			    .guard = m->guarding.cookie ? &m->guarding.guard : NULL,
			    .guard_cookie = m->guarding.cookie,
			    .pidfd = -1,
			    .master = -1};
	return spawn_run(&sp, e);
}

int container_mounts(const struct runtime *rt, const char *id, const struct mounts_options *o, struct error *e)
{
	auto_with(remounting_done) struct remounting m = {
		.dir = STATEDIR_NONE, .init = -1, .guarding = {.guard = GUARD_NONE}};

	if (load(&m, rt, id, o, e) < 0)
		return -1;
	return m.only.mounts.n ? carry_out(&m, rt, o->add, e) : 0;
}
