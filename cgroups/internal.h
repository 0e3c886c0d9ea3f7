/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this directory share. */
#pragma once

#include <dirent.h>
#include <linux/bpf.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "cgroups/cgroup.h"

#define CGROUP_FILE_MAX (1U << 20) /* bytes of an interface file; cgroup.procs is the longest */
#define CGROUP_DEPTH_TRIES 16      /* times a path is walked again because a level vanished meanwhile */

/* place.c: "a/b", 2 -> "b", 1. Components are non-empty and never "." or "..". */
const char *cgroup_path_next(const char **rest, size_t *len);
/* "//a/./b/" -> "a/b" appended to out; errno is EINVAL for "..", EILSEQ for control
 * characters, ENAMETOOLONG. */
must_check int cgroup_path_normalise(const char *path, struct strbuf *out);
char *cgroup_mountinfo_point(char *line); /* the mount point of a line about a whole cgroup2, else NULL; edits it */
must_check int cgroup_open_dir(int dirfd, const char *path, int flags);
must_check int cgroup_of(pid_t pid, struct strbuf *ret); /* 0: the caller's; errno, ENOENT: not in cgroup v2 */

/* controllers.c: enables every available controller for the cgroup; one that `writes` needs and is not there: error. */
must_check int cgroup_controllers_enable(const struct cgroup *cg, const struct cgroup_writes *writes, struct error *e);

/* events.c: cgroup.events. A removed cgroup is neither populated nor frozen. errno. */
struct events { bool populated, frozen; };
must_check int cgroup_events_get(int dirfd, struct events *ret);
enum events_wanted { EVENTS_EMPTY, EVENTS_FROZEN, EVENTS_THAWED };
/* 0, 1 after timeout_ms, -1 with errno. */
must_check int cgroup_events_wait(int dirfd, enum events_wanted wanted, int timeout_ms);
int64_t cgroup_now_ms(void); /* CLOCK_MONOTONIC */

/* remove.c: a listing of the directory, NULL with errno. */
DIR *cgroup_children_open(int fd);
const char *cgroup_children_next(DIR *dir); /* name of a cgroup below; NULL: no more, errno 0, or errno */
static inline void children_close(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define auto_children auto_with(children_close)

/* rmdir of name below parent_fd with everything in it, until the deadline of cgroup_now_ms(). errno. */
must_check int cgroup_remove_tree(int parent_fd, const char *name, int64_t deadline);
/* rmdir of the last `levels` levels of the path, deepest first; stops at the first that is in use. */
void cgroup_remove_levels(int mount_fd, const char *path, unsigned levels);

/* weight.c: cpu.weight of v1's shares; 0 for 0. */
uint64_t cgroup_weight_of_shares(uint64_t shares);

/* fs.c: controllers, limits and the device program of a cgroup that is open. */
must_check int cgroup_equip(struct cgroup *cg, const struct spec_resources *resources, const struct cgroup_writes *writes,
			    bool devices, struct error *e);

/* systemd.c: the period of cpu.max, in µs; 0: unknown. */
uint64_t cgroup_period(const struct cgroup *cg);
/* Both nothing but for a scope. */
must_check int cgroup_attach_unit(const struct cgroup *cg, pid_t pid, struct error *e);
must_check int cgroup_update_unit(const struct cgroup *cg, const struct cgroup_writes *writes, struct error *e);

/* place.c */
void cgroup_take(struct cgroup *ret, struct cgroup *cg); /* moves the contents */

/* apply.c */
must_check int cgroup_apply(const struct cgroup *cg, const struct cgroup_writes *writes, struct error *e);

/* update.c: what to write to `file` to undo the writing of `value`, from what the file had: NULL when that is unknown.
 * Arena owned. */
const char *cgroup_undo_value(const char *file, const char *value, const char *had, struct arena *a);

/* devices.c: the program for `resources` (NULL: none) and the default devices. *n 0: everything is allowed, nothing is
 * to be attached. Arena owned. */
must_check int cgroup_device_program(const struct spec_resources *resources, struct arena *a, struct bpf_insn **ret,
				     size_t *n, struct error *e);
/* devices_bpf.c: attaches it, replacing what is there unless the cgroup is fresh. */
must_check int cgroup_device_attach(const struct cgroup *cg, const struct bpf_insn *insns, size_t n, bool fresh,
				    const char *shared, struct error *e);
