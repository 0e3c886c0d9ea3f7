/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge-init: the process inside the container until the payload's execve. It walks the plan and decides nothing.
 * A handler returns 0 or -errno; what else the parent should know goes into init->record.
 */
#pragma once

#include "init/sys.h"
#include "libcontainer/plan_abi.h"

struct init {
	const struct plan_head *plan;
	int sock;                 /* to the parent; -1 once closed */
	int result;               /* result.fifo after WAIT_START, else -1 */
	int reg[PLAN_REGS_MAX];
	int cwd_done;
	int chrooted;             /* our root is not that of the mount namespace */
	int mask_dir;             /* the shared empty read-only tmpfs, once attached */
	int devnull;              /* verified /dev/null of the container */
	int parent;               /* kept by root_parent_kept(): the directory of parent_path's first parent_len bytes */
	size_t parent_len;
	const char *parent_path;
	const char *exec_path;    /* from FIND_EXEC */
	uint32_t exec_env;        /* list of EXEC */
	char home[512];           /* "HOME=..." from HOME, or empty */
	struct plan_record record;
};

#define init_str(i, off) ((const char *)(i)->plan + (off))

static inline const uint32_t *init_list(const struct init *i, uint32_t off)
{
	return (const uint32_t *)(const void *)((const char *)i->plan + off);
}

typedef int step_handler(struct init *i, const struct plan_step *s);

/* main.c */
int init_send(struct init *i, uint32_t type, int fd);
void init_note(struct init *i, const char *text);
/* path.c: below the container's root, never out of it, never through a magic link; bounded retries on races */
int root_open(const struct init *i, const char *path, uint64_t flags, uint64_t resolve);
/* What a step hides or verifies, O_PATH: below its mount where the plan says so. */
int hidden_open(const struct init *i, const struct plan_step *s);
/* Opens the place for a mount or a node, creating missing parents (0755): directory for PLACE_DIR, empty file otherwise. */
int root_make(const struct init *i, const char *path, enum plan_place what, uint64_t resolve);
/* Opens the parent directory of path, creating it; *name is the last component inside path. */
int root_parent(const struct init *i, const char *path, const char **name);
/* The same, but the descriptor is kept for the next call until something is mounted: not to be closed. */
int root_parent_kept(struct init *i, const char *path, const char **name);
void root_parent_forget(struct init *i);
/* I: nothing that is mounted over a file of procfs is ever reached (CVE-2025-52881). */
int proc_open(int proc, const char *path, uint64_t flags);
int proc_write(int proc, const char *path, const char *text);
int closed(int fd, int ret); /* closes fd and returns ret */

#define X(kind, name) step_handler do_##kind;
PLAN_INIT_STEPS(X)
#undef X
