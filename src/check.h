/* SPDX-License-Identifier: Apache-2.0 */
/* What `kedge check` looks at: one row a question about the host, one function an answer. */
#pragma once

#include <stdbool.h>

#include "cgroups/cgroup.h"
#include "guard/status.h"
#include "src/options.h"

enum check_result {
	CHECK_NONE,    /* nothing to look at here */
	CHECK_OK,
	CHECK_LIMITED, /* containers run, some of what they may ask for does not work */
	CHECK_MISSING,
};

enum check_need { NEED_NONE, NEED_ROOT /* of root alone */, NEED_USER /* of anybody else alone */, NEED_ALL };

/* The host as far as more than one answer needs it. */
struct check_host {
	struct arena *arena;
	const struct options *options;
	bool root;              /* with the rights of the host's root: not in a user namespace */
	struct cgroup cgroup;   /* where a container would be; mountpoint NULL: nowhere */
	struct error no_cgroup; /* why */
	bool guard_known;       /* `guard` could be asked for; else no_guard says why not */
	struct guard_status guard;
	struct error no_guard;
};

struct check_row;
/* An answer: `detail` is in the arena or static. */
struct check {
	enum check_result result;
	const char *detail;
	const char *hint; /* NULL: that of the row */
};

struct check_row {
	const char *name;
	enum check_need need;
	void (*look)(struct check_host *host, const struct check_row *row, struct check *ret);
	const char *hint;     /* when the result is not CHECK_OK; or NULL */
	const char *argument; /* of the function */
};

/* check_kernel.c */
void check_kernel(struct check_host *host, const struct check_row *row, struct check *ret);
void check_syscalls(struct check_host *host, const struct check_row *row, struct check *ret);
void check_namespaces(struct check_host *host, const struct check_row *row, struct check *ret);
void check_userns(struct check_host *host, const struct check_row *row, struct check *ret);
void check_seccomp(struct check_host *host, const struct check_row *row, struct check *ret);
void check_idmap(struct check_host *host, const struct check_row *row, struct check *ret);
void check_landlock(struct check_host *host, const struct check_row *row, struct check *ret);
void check_lsm(struct check_host *host, const struct check_row *row, struct check *ret);
void check_devices(struct check_host *host, const struct check_row *row, struct check *ret);
void check_btf(struct check_host *host, const struct check_row *row, struct check *ret);

/* check_host.c */
void check_privileges(struct check_host *host, const struct check_row *row, struct check *ret);
void check_cgroup(struct check_host *host, const struct check_row *row, struct check *ret);
void check_controllers(struct check_host *host, const struct check_row *row, struct check *ret);
void check_delegation(struct check_host *host, const struct check_row *row, struct check *ret);
void check_systemd(struct check_host *host, const struct check_row *row, struct check *ret);
void check_root(struct check_host *host, const struct check_row *row, struct check *ret);
void check_guard(struct check_host *host, const struct check_row *row, struct check *ret);
void check_tier(struct check_host *host, const struct check_row *row, struct check *ret);   /* argument: its name */

/* check_engines.c */
void check_mapper(struct check_host *host, const struct check_row *row, struct check *ret); /* argument: the program */
void check_ids(struct check_host *host, const struct check_row *row, struct check *ret);    /* argument: the file */
void check_engine(struct check_host *host, const struct check_row *row, struct check *ret); /* argument: its name */
