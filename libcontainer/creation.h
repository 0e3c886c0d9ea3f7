/* SPDX-License-Identifier: Apache-2.0 */
/* A container in the making: what create, run and restore share. */
#pragma once

#include <sys/resource.h>

#include "libcontainer/guarding.h"
#include "libcontainer/launch.h"
#include "libcontainer/spawn.h"
#include "libcontainer/state.h"
#include "spec/policy.h"

enum creation_mode { CREATE, RUN_DETACHED, RUN_FOREGROUND };

struct creation {
	const struct runtime *rt;
	const struct create_options *o;
	enum creation_mode mode;
	struct arena arena;
	struct privileges privileges;
	struct spec *spec;
	char *bundle, *rootfs;
	struct statedir dir;
	struct intent intent;
	struct cgroup cgroup;
	bool has_cgroup;
	struct guarding guarding;
	struct policy policy; /* of the host */
	struct state state;
	bool committed;
	bool devices_done; /* the device program is attached */
	uint64_t late_namespaces; /* that init enters by itself: only at the end is it known which they are */
	int notify; /* socket for sd_notify; -1 */
	struct rlimit nofile;
	bool nofile_raised;
};

/* The bundle and what was asked for, before any effect; fields of the request are set. creation_done() in every case. */
must_check int creation_begin(struct creation *c, struct error *e);
void creation_done(struct creation *c);
/* Everything on disk and in cgroups that must be there before the first process. */
must_check int creation_prepare(struct creation *c, struct error *e);
/* The guard's entry and record: before the program, since what is looked up by the label is sealed at its execve. */
must_check int creation_arm(const struct creation *c, struct error *e);
must_check int creation_fill_state(struct creation *c, struct error *e);
/* The state document for hooks; in the arena. */
const char *creation_json(struct creation *c, enum status status, pid_t pid);
/* Hands out what belongs to the caller and writes the state: now the container exists. ctx: the creation. */
must_check int creation_commit(void *ctx, const struct spawn *sp, struct error *e);
/* After a failure. */
void creation_undo(struct creation *c);
/* Waits for the end of init, then removes the container. */
must_check int creation_foreground(struct creation *c, struct spawn *sp, bool keep, int *exit_status, struct error *e);
