/* SPDX-License-Identifier: Apache-2.0 */
/* linux.intelRdt: classes of service and monitoring groups are directories of the resctrl file system. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "libcontainer/statedir.h"
#include "spec/json.h"
#include "spec/spec.h"

/* The group of a container, by config-linux.md: closID, "/" for the root of the file system, or the container's id. */
const char *rdt_group(const struct spec_rdt *rdt, const char *id);

/* Before any effect: is resctrl mounted, are the groups there that must be, and which are to be made? Fills the rdt_ members
 * of the intent; the strings are those of rdt and id. */
must_check int rdt_place(const struct spec_rdt *rdt, const char *id, struct intent *intent, struct error *e);
/* *existed: it was there before. */
must_check int rdt_make(const char *group, bool *existed, struct error *e);
/* One line of the group's schemata: written, or compared with what is there. */
must_check int rdt_schema(const char *group, const char *line, bool compare, struct error *e);
must_check int rdt_monitor(const char *group, const char *id, struct error *e);
/* pid, as we see it, becomes a task of the group, or of its monitoring group (NULL: none). */
must_check int rdt_join(const char *group, const char *id_or_null, pid_t pid, struct error *e);
/* Descriptors of the file system, and of the group or of its monitoring group (NULL: none). */
must_check int rdt_open(const char *group, const char *id_or_null, int *root, int *dir, struct error *e);
/* A new schema for a group that is there: "L3:0=f", "MB:0=50"; NULL: as it is. *undo gets what rdt_schema() needs to set
 * the old one again, a line for each that was changed. */
must_check int rdt_update(const char *group, const char *l3, const char *mem_bw, struct arena *a,
			  struct spec_strings *undo, struct error *e);
/* rdt_stats.c: the members of runc's intel_rdt in an open object. */
must_check int rdt_stats_print(const struct spec_rdt *rdt, const char *id, struct json_writer *w, struct error *e);
/* What the intent says; absent groups, and an absent resctrl, are success. */
must_check int rdt_remove(const struct intent *intent, const char *id, struct error *e);

/* Whether a line of a schema agrees with the text of a schemata file, which lists more and writes numbers its own way:
 * step is what the kernel rounds bandwidths up to. */
bool rdt_schema_matches(const char *schemata, const char *line, unsigned step);
