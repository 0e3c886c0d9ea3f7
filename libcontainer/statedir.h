/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <root>/<id>/, mode 0700: every trace of a container that is not a process or a cgroup.
 *
 *   intent        first file written, before any effect outside this directory: what delete must undo
 *   state.json    complete and final: the container exists (see state.h)
 *   config.json   the checked spec, byte for byte; exec and hooks use this copy, never the bundle's again
 *   resources.json  what an update must remember (see update.c)
 *   exec.fifo     init waits here for start; a reader exists exactly while the container is "created"
 *   result.fifo   what became of the execve, from init to start
 *
 * Locking: flock(2) on the directory itself. create, start, delete, pause, resume and update hold it exclusively; state,
 * list, ps, kill and exec take none (state.json is replaced atomically), so that hooks may call them. After the lock is
 * had the directory must still be the one that the name leads to: delete may have won.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "libcontainer/container.h"

struct statedir {
	int root_fd; /* <root> */
	int fd;      /* <root>/<id>, O_RDONLY|O_DIRECTORY|O_NOFOLLOW, carries the lock */
	const char *id; /* borrowed */
};
#define STATEDIR_NONE {.root_fd = -1, .fd = -1}

/* Creates <root> (0700, parents 0755) and <root>/<id>, and locks it. ERROR_EXISTS: "container with given ID already exists". */
must_check int statedir_create(const struct runtime *rt, const char *id, struct statedir *ret, struct error *e);
enum statedir_lock { STATEDIR_SHARED /* no lock */, STATEDIR_LOCKED };
/* ERROR_NOENT: "container does not exist". */
must_check int statedir_open(const struct runtime *rt, const char *id, enum statedir_lock lock, struct statedir *ret,
			     struct error *e);
/* The fd of <root>, after the same checks; -1 in *ret when there is no such directory. */
must_check int statedir_open_root(const struct runtime *rt, int *ret, struct error *e);
/* Removes every file and the directory; what is already gone is success. Needs the lock. Being killed in between leaves a
 * directory that delete accepts: config.json goes first (no config.json: poststop hooks were run), state.json last. */
must_check int statedir_remove(struct statedir *dir, struct error *e);
void statedir_done(struct statedir *dir); /* closes, unlocks */
/* For others to work on the container meanwhile. statedir_relock: 1 when it is gone by then, and only after 0 is it locked. */
void statedir_unlock(const struct statedir *dir);
must_check int statedir_relock(const struct statedir *dir, struct error *e);
#define auto_statedir auto_with(statedir_done)

/* What must be undone if everything else is lost. Strings may be NULL. */
struct intent {
	const char *cgroup;       /* path below the cgroup2 mount */
	bool cgroup_existed;      /* not ours to remove */
	unsigned cgroup_made;     /* how many levels of the path create makes (struct cgroup) */
	uint64_t guard_cookie;    /* entry and record of the drift guard; 0: none */
	const char *rdt_clos;     /* resctrl group that create makes */
	bool rdt_keep;            /* it has a name of its own: it stays when a complete container is deleted */
	const char *rdt_mon;      /* resctrl group below which create makes a monitoring group, named by the id */
	const char *unit;         /* of systemd, which the cgroup is then */
	bool user_unit;           /* of the user's own systemd */
	const char *root_path;    /* where a mount of ours is in the runtime's mount namespace; NULL: nowhere */
	uint64_t root_mount;      /* its id */
	uint64_t cgroup_ino;      /* of the state, in memory alone; 0: whatever is there */
};
must_check int intent_write(const struct statedir *dir, const struct intent *intent, struct error *e);
/* 0 with *found false when there is none (killed even before). Strings in the arena. */
struct arena;
must_check int intent_read(const struct statedir *dir, struct arena *a, struct intent *ret, bool *found, struct error *e);
