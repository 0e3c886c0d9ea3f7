/* SPDX-License-Identifier: Apache-2.0 */
/* The mount options of config.md (and crun's extras) as one table: used by the planner and `features`. */
#pragma once

#include "base/arena.h"
#include "spec/spec.h"

struct mount_options {
	/* per-mount attributes: what mount_setattr(2) takes */
	uint64_t attr_set, attr_clr;         /* this mount only */
	uint64_t rec_attr_set, rec_attr_clr; /* r-variants: the whole tree */
	/* superblock flags, as MS_SYNCHRONOUS, MS_DIRSYNC, MS_MANDLOCK, MS_LAZYTIME, MS_SILENT, MS_I_VERSION, MS_RDONLY */
	unsigned long sb_set, sb_clr;
	unsigned long propagation; /* MS_PRIVATE..., MS_REC; 0: not given */
	bool bind, rec;            /* bind, rbind */
	bool remount;
	bool idmap, ridmap;
	bool tmpcopyup, copy_symlink, src_nofollow, dest_nofollow;
	char *idmap_uids, *idmap_gids; /* crun's idmap=uids=0-1-10;gids=0-1-10, raw text; NULL: absent */
	struct spec_map data; /* everything else: fsconfig key[=value]; value NULL: flag */
};

/* Never fails on unknown words: they are filesystem data (config.md). */
void mount_options_parse(struct arena *a, const struct spec_strings *options, struct mount_options *ret);
/* Every word the table knows, sorted, for features.mountOptions; ends with NULL. */
const char *const *mount_option_names(void);
