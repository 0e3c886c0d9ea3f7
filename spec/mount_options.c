/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where runc and crun hand mount(2) one word of flags, the new mount interface wants them apart: attributes of the
 * mount (mount_setattr, fsmount) and flags of the superblock (fsconfig). An option that says both, `ro`, is entered in
 * both places, as mount(2) with MS_RDONLY does for a new superblock; for a bind mount only the attribute counts.
 *
 * The access time is one choice of three to the kernel, not a set of bits: attr_clr must name all of MOUNT_ATTR__ATIME
 * when attr_set chooses. The negative words mean mount(8)'s: `atime` and `nostrictatime` undo their opposite and ask
 * for the default, which is relatime; `norelatime` only takes back an earlier `relatime`, since there is nothing else
 * it could choose.
 */
#include "spec/mount_options.h"

#include <string.h>
#include <sys/mount.h>

#include "base/sys.h"

#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

enum option_kind {
	ATTR, /* value: MOUNT_ATTR_*; rec: the whole tree */
	ATTR_CLEAR,
	ATIME,       /* value: the MOUNT_ATTR__ATIME choice */
	ATIME_CLEAR, /* value: the choice that is taken back */
	SUPER,       /* value: MS_* of the superblock */
	SUPER_CLEAR,
	PROPAGATION,
	SWITCH, /* value: offset of a bool */
	NOTHING,
};

struct option {
	const char *name;
	enum option_kind kind;
	bool rec;
	unsigned long value;
};

#define SET(M) SWITCH, false, offsetof(struct mount_options, M)

/* Sorted by name: looked up by bisection, and printed. The recursive words for superblock flags are crun's; there is no
 * tree of superblocks, so they mean the plain word. */
static const struct option options[] = {
	{"async", SUPER_CLEAR, false, MS_SYNCHRONOUS},
	{"atime", ATIME_CLEAR, false, MOUNT_ATTR_NOATIME},
	{"bind", SET(bind)},
	{"copy-symlink", SET(copy_symlink)},
	{"defaults", NOTHING, false, 0},
	{"dest-nofollow", SET(dest_nofollow)},
	{"dev", ATTR_CLEAR, false, MOUNT_ATTR_NODEV},
	{"diratime", ATTR_CLEAR, false, MOUNT_ATTR_NODIRATIME},
	{"dirsync", SUPER, false, MS_DIRSYNC},
	{"exec", ATTR_CLEAR, false, MOUNT_ATTR_NOEXEC},
	{"idmap", SET(idmap)},
	{"iversion", SUPER, false, MS_I_VERSION},
	{"lazytime", SUPER, false, MS_LAZYTIME},
	{"loud", SUPER_CLEAR, false, MS_SILENT},
	{"mand", SUPER, false, MS_MANDLOCK},
	{"noatime", ATIME, false, MOUNT_ATTR_NOATIME},
	{"nodev", ATTR, false, MOUNT_ATTR_NODEV},
	{"nodiratime", ATTR, false, MOUNT_ATTR_NODIRATIME},
	{"noexec", ATTR, false, MOUNT_ATTR_NOEXEC},
	{"noiversion", SUPER_CLEAR, false, MS_I_VERSION},
	{"nolazytime", SUPER_CLEAR, false, MS_LAZYTIME},
	{"nomand", SUPER_CLEAR, false, MS_MANDLOCK},
	{"norelatime", ATIME_CLEAR, false, MOUNT_ATTR_RELATIME},
	{"nostrictatime", ATIME_CLEAR, false, MOUNT_ATTR_STRICTATIME},
	{"nosuid", ATTR, false, MOUNT_ATTR_NOSUID},
	{"nosymfollow", ATTR, false, MOUNT_ATTR_NOSYMFOLLOW},
	{"private", PROPAGATION, false, MS_PRIVATE},
	{"rasync", SUPER_CLEAR, false, MS_SYNCHRONOUS},
	{"ratime", ATIME_CLEAR, true, MOUNT_ATTR_NOATIME},
	{"rbind", SET(rec)},
	{"rdev", ATTR_CLEAR, true, MOUNT_ATTR_NODEV},
	{"rdiratime", ATTR_CLEAR, true, MOUNT_ATTR_NODIRATIME},
	{"rdirsync", SUPER, false, MS_DIRSYNC},
	{"relatime", ATIME, false, MOUNT_ATTR_RELATIME},
	{"remount", SET(remount)},
	{"rexec", ATTR_CLEAR, true, MOUNT_ATTR_NOEXEC},
	{"ridmap", SET(ridmap)},
	{"rmand", SUPER, false, MS_MANDLOCK},
	{"rnoatime", ATIME, true, MOUNT_ATTR_NOATIME},
	{"rnodev", ATTR, true, MOUNT_ATTR_NODEV},
	{"rnodiratime", ATTR, true, MOUNT_ATTR_NODIRATIME},
	{"rnoexec", ATTR, true, MOUNT_ATTR_NOEXEC},
	{"rnomand", SUPER_CLEAR, false, MS_MANDLOCK},
	{"rnorelatime", ATIME_CLEAR, true, MOUNT_ATTR_RELATIME},
	{"rnostrictatime", ATIME_CLEAR, true, MOUNT_ATTR_STRICTATIME},
	{"rnosuid", ATTR, true, MOUNT_ATTR_NOSUID},
	{"rnosymfollow", ATTR, true, MOUNT_ATTR_NOSYMFOLLOW},
	{"ro", ATTR, false, MOUNT_ATTR_RDONLY},
	{"rprivate", PROPAGATION, false, MS_PRIVATE | MS_REC},
	{"rrelatime", ATIME, true, MOUNT_ATTR_RELATIME},
	{"rro", ATTR, true, MOUNT_ATTR_RDONLY},
	{"rrw", ATTR_CLEAR, true, MOUNT_ATTR_RDONLY},
	{"rshared", PROPAGATION, false, MS_SHARED | MS_REC},
	{"rslave", PROPAGATION, false, MS_SLAVE | MS_REC},
	{"rstrictatime", ATIME, true, MOUNT_ATTR_STRICTATIME},
	{"rsuid", ATTR_CLEAR, true, MOUNT_ATTR_NOSUID},
	{"rsymfollow", ATTR_CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW},
	{"rsync", SUPER, false, MS_SYNCHRONOUS},
	{"runbindable", PROPAGATION, false, MS_UNBINDABLE | MS_REC},
	{"rw", ATTR_CLEAR, false, MOUNT_ATTR_RDONLY},
	{"shared", PROPAGATION, false, MS_SHARED},
	{"silent", SUPER, false, MS_SILENT},
	{"slave", PROPAGATION, false, MS_SLAVE},
	{"src-nofollow", SET(src_nofollow)},
	{"strictatime", ATIME, false, MOUNT_ATTR_STRICTATIME},
	{"suid", ATTR_CLEAR, false, MOUNT_ATTR_NOSUID},
	{"symfollow", ATTR_CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW},
	{"sync", SUPER, false, MS_SYNCHRONOUS},
	{"tmpcopyup", SET(tmpcopyup)},
	{"unbindable", PROPAGATION, false, MS_UNBINDABLE},
};

static int compare_name(const void *key, const void *option)
{
	return strcmp(key, ((const struct option *)option)->name);
}

static void set_attr(const struct option *o, struct mount_options *ret)
{
	uint64_t *set = o->rec ? &ret->rec_attr_set : &ret->attr_set;
	uint64_t *clear = o->rec ? &ret->rec_attr_clr : &ret->attr_clr;

	if (o->kind == ATTR) {
		*set |= o->value;
		*clear &= ~(uint64_t)o->value;
	} else {
		*set &= ~(uint64_t)o->value;
		*clear |= o->value;
	}
	if (o->value != MOUNT_ATTR_RDONLY || o->rec)
		return;
	if (o->kind == ATTR) {
		ret->sb_set |= MS_RDONLY;
		ret->sb_clr &= ~(unsigned long)MS_RDONLY;
	} else {
		ret->sb_set &= ~(unsigned long)MS_RDONLY;
		ret->sb_clr |= MS_RDONLY;
	}
}

static void set_atime(const struct option *o, struct mount_options *ret)
{
	uint64_t *set = o->rec ? &ret->rec_attr_set : &ret->attr_set;
	uint64_t *clear = o->rec ? &ret->rec_attr_clr : &ret->attr_clr;
	bool chosen = *clear & MOUNT_ATTR__ATIME;

	if (o->kind == ATIME_CLEAR) {
		if (chosen && (*set & MOUNT_ATTR__ATIME) != o->value)
			return;
		if (o->value == MOUNT_ATTR_RELATIME) {
			*clear &= ~(uint64_t)MOUNT_ATTR__ATIME;
			return;
		}
	}
	*clear |= MOUNT_ATTR__ATIME;
	*set &= ~(uint64_t)MOUNT_ATTR__ATIME;
	if (o->kind == ATIME)
		*set |= o->value;
}

static void apply(const struct option *o, struct mount_options *ret)
{
	switch (o->kind) {
	case ATTR:
	case ATTR_CLEAR: set_attr(o, ret); return;
	case ATIME:
	case ATIME_CLEAR: set_atime(o, ret); return;
	case SUPER:
		ret->sb_set |= o->value;
		ret->sb_clr &= ~o->value;
		return;
	case SUPER_CLEAR:
		ret->sb_set &= ~o->value;
		ret->sb_clr |= o->value;
		return;
	case PROPAGATION: ret->propagation = o->value; return;
	case SWITCH: *(bool *)((char *)ret + o->value) = true; return;
	case NOTHING: return;
	}
}

/* crun's "idmap=uids=0-1-10#10-11-10;gids=0-1-10"; the ranges are read where mappings are made. */
static bool idmap_ranges(struct arena *a, const char *word, struct mount_options *ret)
{
	bool rec = strncmp(word, "ridmap=", 7) == 0;

	if (!rec && strncmp(word, "idmap=", 6) != 0)
		return false;
	*(rec ? &ret->ridmap : &ret->idmap) = true;
	for (const char *p = strchr(word, '='); p; p = strchr(p, ';')) {
		size_t n = strcspn(++p, ";");
		if (strncmp(p, "uids=", 5) == 0)
			ret->idmap_uids = arena_strndup(a, p + 5, n - 5);
		else if (strncmp(p, "gids=", 5) == 0)
			ret->idmap_gids = arena_strndup(a, p + 5, n - 5);
	}
	return true;
}

static size_t data_length(const char *p)
{
	bool quoted = false;
	size_t n;

	for (n = 0; p[n] && (p[n] != ',' || quoted); n++) {
		if (p[n] == '"')
			quoted = !quoted;
		if (p[n] == '\\' && p[n + 1])
			n++;
	}
	return n;
}

/* One word can hold several options: mount(2) took the words joined by commas. A comma in quotes (SELinux contexts) or
 * behind a backslash (overlay) belongs to the value. */
static void add_data(struct arena *a, const char *word, struct spec_map *data)
{
	while (*word) {
		size_t n = data_length(word);
		char *key = n ? arena_strndup(a, word, n) : NULL;
		word += n + (word[n] == ',');
		if (!key)
			continue;
		if (data->n == 0 || (data->n >= 16 && (data->n & (data->n - 1)) == 0)) {
			struct spec_pair *more = arena_array(a, MAX(16UL, 2 * data->n), sizeof(*more));
			if (data->n)
				memcpy(more, data->v, data->n * sizeof(*more));
			data->v = more;
		}
		char *value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		data->v[data->n++] = (struct spec_pair){.key = key, .value = value};
	}
}

void mount_options_parse(struct arena *a, const struct spec_strings *words, struct mount_options *ret)
{
	*ret = (struct mount_options){0};
	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->v[i];
		const struct option *o = bsearch(word, options, ARRAY_SIZE(options), sizeof(options[0]), compare_name);
		if (o)
			apply(o, ret);
		else if (!idmap_ranges(a, word, ret))
			add_data(a, word, &ret->data);
	}
	if (ret->rec)
		ret->bind = true;
}

const char *const *mount_option_names(void)
{
	static const char *names[ARRAY_SIZE(options) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		names[i] = options[i].name;
	return names;
}
