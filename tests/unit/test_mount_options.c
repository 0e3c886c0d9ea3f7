/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/mount_options.h"

#include <string.h>
#include <sys/mount.h>

#include "base/sys.h"
#include "tests/unit/tap.h"

static struct arena arena;

#define options(...) parse((const char *const[]){__VA_ARGS__, NULL})

static struct mount_options parse(const char *const *words)
{
	static char *v[64];
	struct spec_strings list = {0, v};
	struct mount_options o;

	for (; words[list.n]; list.n++)
		v[list.n] = arena_strdup(&arena, words[list.n]);
	mount_options_parse(&arena, &list, &o);
	return o;
}

static const char *data_text(const struct mount_options *o)
{
	static char text[512];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < o->data.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "<%s|%s>", o->data.v[i].key,
				      o->data.v[i].value ?: "-");
	return text;
}

static void test_attributes(void)
{
	struct mount_options o = options("ro", "nosuid", "noexec", "nodev", "nodiratime", "nosymfollow");

	is_int(o.attr_set,
	       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV | MOUNT_ATTR_NODIRATIME |
		       MOUNT_ATTR_NOSYMFOLLOW,
	       "attributes are set");
	is_int(o.attr_clr, 0, "none cleared");
	is_int(o.sb_set, MS_RDONLY, "ro is the superblock's as well");
	o = options("ro", "rw", "nosuid", "suid");
	is_int(o.attr_set, 0, "the last word wins");
	is_int(o.attr_clr, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, "and clears");
	ok(o.sb_set == 0 && o.sb_clr == MS_RDONLY, "the superblock's too");
	o = options("rro", "rnosuid", "nodev", "rexec");
	is_int(o.rec_attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, "recursive words are kept apart");
	is_int(o.rec_attr_clr, MOUNT_ATTR_NOEXEC, "cleared ones too");
	is_int(o.attr_set, MOUNT_ATTR_NODEV, "from the plain ones");
	is_int(o.sb_set, 0, "and are no superblock's");
}

static void atime(const struct mount_options *o, uint64_t set, uint64_t clear, const char *what)
{
	if (o->attr_set != set || o->attr_clr != clear)
		diag("set %#jx clear %#jx", (uintmax_t)o->attr_set, (uintmax_t)o->attr_clr);
	ok(o->attr_set == set && o->attr_clr == clear, "%s", what);
}

static void test_atime(void)
{
	struct mount_options o = options("noatime");

	atime(&o, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, "noatime");
	o = options("strictatime");
	atime(&o, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, "strictatime");
	o = options("relatime");
	atime(&o, 0, MOUNT_ATTR__ATIME, "relatime");
	o = options("noatime", "relatime");
	atime(&o, 0, MOUNT_ATTR__ATIME, "noatime,relatime is one choice");
	o = options("noatime", "strictatime");
	atime(&o, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, "noatime,strictatime too");
	o = options("noatime", "atime");
	atime(&o, 0, MOUNT_ATTR__ATIME, "atime takes noatime back");
	o = options("strictatime", "atime");
	atime(&o, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, "and leaves strictatime");
	o = options("atime");
	atime(&o, 0, MOUNT_ATTR__ATIME, "alone it is the default");
	o = options("strictatime", "nostrictatime");
	atime(&o, 0, MOUNT_ATTR__ATIME, "nostrictatime is the default");
	o = options("relatime", "norelatime");
	atime(&o, 0, 0, "norelatime takes relatime back");
	o = options("noatime", "norelatime");
	atime(&o, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, "and nothing else");
	o = options("nodiratime", "noatime");
	atime(&o, MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME, MOUNT_ATTR__ATIME, "nodiratime is a bit of its own");
	o = options("rnoatime", "relatime");
	ok(o.rec_attr_set == MOUNT_ATTR_NOATIME && o.rec_attr_clr == MOUNT_ATTR__ATIME && o.attr_set == 0,
	   "the tree's choice is another");
}

static void test_rest(void)
{
	struct mount_options o = options("rbind", "rprivate", "tmpcopyup", "copy-symlink", "src-nofollow",
					 "dest-nofollow", "defaults", "remount");

	ok(o.bind && o.rec && o.remount, "rbind, remount");
	is_int(o.propagation, MS_PRIVATE | MS_REC, "rprivate");
	ok(o.tmpcopyup && o.copy_symlink && o.src_nofollow && o.dest_nofollow, "crun's words");
	is_int(o.data.n, 0, "defaults is nothing");
	o = options("bind", "shared", "slave");
	ok(o.bind && !o.rec && o.propagation == MS_SLAVE, "the last propagation");
	o = options("sync", "dirsync", "lazytime", "mand", "silent", "iversion", "async", "loud");
	is_int(o.sb_set, MS_DIRSYNC | (1 << 25) | MS_MANDLOCK | MS_I_VERSION, "superblock flags");
	is_int(o.sb_clr, MS_SYNCHRONOUS | MS_SILENT, "and cleared ones");
	o = options("idmap");
	ok(o.idmap && !o.ridmap && !o.idmap_uids, "idmap");
	o = options("ridmap=uids=0-1-10#10-11-10;gids=0-1-10");
	ok(o.ridmap && !o.idmap, "ridmap with ranges");
	is_str(o.idmap_uids, "0-1-10#10-11-10", "of user ids");
	is_str(o.idmap_gids, "0-1-10", "of group ids");
	is_int(o.data.n, 0, "is no data");
	o = options("mode=755", "size=65536k,newinstance", "", "context=\"a:b,c\"", "lowerdir=/a\\,b:/c", "x=", ",,");
	is_str(data_text(&o), "<mode|755><size|65536k><newinstance|-><context|\"a:b,c\"><lowerdir|/a\\,b:/c><x|>",
	       "unknown words are the file system's");
	const char *many[50];
	for (int i = 0; i < 49; i++)
		many[i] = "k=v";
	many[49] = NULL;
	o = parse(many);
	is_int(o.data.n, 49, "many of them");
}

static void test_names(void)
{
	const char *const *names = mount_option_names();
	static const char *const must[] = {"async",
					   "atime",
					   "bind",
					   "defaults",
					   "dev",
					   "diratime",
					   "dirsync",
					   "exec",
					   "iversion",
					   "lazytime",
					   "loud",
					   "mand",
					   "noatime",
					   "nodev",
					   "nodiratime",
					   "noexec",
					   "noiversion",
					   "nolazytime",
					   "nomand",
					   "norelatime",
					   "nostrictatime",
					   "nosuid",
					   "nosymfollow",
					   "private",
					   "ratime",
					   "rbind",
					   "rdev",
					   "rdiratime",
					   "relatime",
					   "remount",
					   "rexec",
					   "rnoatime",
					   "rnodev",
					   "rnodiratime",
					   "rnoexec",
					   "rnorelatime",
					   "rnostrictatime",
					   "rnosuid",
					   "rnosymfollow",
					   "ro",
					   "rprivate",
					   "rrelatime",
					   "rro",
					   "rrw",
					   "rshared",
					   "rslave",
					   "rstrictatime",
					   "rsuid",
					   "rsymfollow",
					   "runbindable",
					   "rw",
					   "shared",
					   "silent",
					   "slave",
					   "strictatime",
					   "suid",
					   "symfollow",
					   "sync",
					   "tmpcopyup",
					   "unbindable",
					   "idmap",
					   "ridmap"};
	size_t found = 0;

	for (size_t i = 0; names[i]; i++) {
		if (i && strcmp(names[i - 1], names[i]) >= 0)
			fail("%s stands before %s", names[i - 1], names[i]);
		struct mount_options o = options(names[i]);
		if (o.data.n)
			fail("%s is not found in its own table", names[i]);
		for (size_t j = 0; j < ARRAY_SIZE(must); j++)
			found += strcmp(names[i], must[j]) == 0;
	}
	pass("the table is sorted and finds itself");
	is_int(found, ARRAY_SIZE(must), "every option of the specification is in it");
}

int main(void)
{
	test_attributes();
	test_atime();
	test_rest();
	test_names();
	arena_done(&arena);
	return done();
}
