/* SPDX-License-Identifier: Apache-2.0 */
/* Where linux.cgroupsPath leads. Nothing is made here. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "cgroups/internal.h"
#include "tests/unit/tap.h"

static void normal(const char *path, const char *want)
{
	auto_strbuf struct strbuf b = {};

	if (cgroup_path_normalise(path, &b) < 0)
		is_str("refused", want ?: "refused", "'%s' is refused", path);
	else
		is_str(strbuf_str(&b), want ?: "refused", "'%s' is '%s'", path, strbuf_str(&b));
}

static void test_normalise(void)
{
	char name[NAME_MAX + 2] = "";

	normal("/a/b", "a/b");
	normal("a", "a");
	normal("//a///b//", "a/b");
	normal("./a/./b/.", "a/b");
	normal("/", "");
	normal("", "");
	normal(".", "");
	normal("..a/b..", "..a/b..");
	normal("...", "...");
	normal("..", NULL);
	normal("/a/../b", NULL);
	normal("a/..", NULL);
	normal("\xc3\xa4/b", "\xc3\xa4/b");
	memset(name, 'x', NAME_MAX);
	normal(name, name);
	memset(name, 'x', NAME_MAX + 1);
	normal(name, NULL);
}

static void test_refused_bytes(void)
{
	auto_strbuf struct strbuf path = {};
	auto_strbuf struct strbuf b = {};

	ok(cgroup_path_normalise("a/b\nc", &b) < 0 && errno == EILSEQ, "a newline is refused");
	ok(cgroup_path_normalise("a\x7f", &b) < 0 && errno == EILSEQ, "a control character is refused");
	strbuf_clear(&b);
	while (path.len < PATH_MAX + 10)
		strbuf_adds(&path, "/0123456789");
	ok(cgroup_path_normalise(path.s, &b) < 0 && errno == ENAMETOOLONG, "a path over PATH_MAX is refused");
}

static void test_mountinfo(void)
{
	static const struct {
		const char *line, *want;
	} lines[] = {
		{"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw", "/sys/fs/cgroup/unified"},
		{"41 31 0:38 / /mnt/a\\040b\\134c rw shared:1 master:2 - cgroup2 none rw,nsdelegate", "/mnt/a b\\c"},
		{"41 31 0:38 /user.slice /mnt rw,relatime - cgroup2 cgroup2 rw", NULL},
		{"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu", NULL},
		{"32 31 0:29 / /cgroup2 rw,relatime - ext4 /dev/cgroup2 rw", NULL},
		{"32 31 0:29 / - cgroup2 cgroup2 rw", NULL},
		{" - cgroup2 cgroup2 rw", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		auto_free char *line = strdup(lines[i].line);
		is_str(cgroup_mountinfo_point(line), lines[i].want, "mountinfo: '%s'", lines[i].line);
	}
}

static void refused(const char *path, const char *want)
{
	struct cgroup cg = {};
	struct error e = {};
	int ret = cgroup_place(path, "id", &cg, &e);

	ok(ret < 0 && e.kind == ERROR_CONFIG && strstr(e.msg, want), "refused: %s: %s", path, e.msg);
	if (ret == 0)
		cgroup_done(&cg);
}

static void placed(const char *path, const char *want, unsigned made)
{
	auto_cgroup struct cgroup cg = {};
	struct error e = {};

	if (cgroup_place(path, "kedge-test-id", &cg, &e) < 0) {
		fail("'%s': %s", path ?: "(none)", e.msg);
		return;
	}
	is_str(cg.path, want, "the path of '%s'", path ?: "(none)");
	is_int(cg.fd, -1, "it does not exist yet");
	is_int(cg.made, made, "%u levels are missing", made);
	ok(!cg.created, "nothing was made");
}

/* Paths relative to the caller's cgroup, as the other runtimes have them. */
static void test_relative(void)
{
	auto_strbuf struct strbuf own = {};
	auto_strbuf struct strbuf want = {};

	if (cgroup_of(0, &own) < 0) {
		skip(8, "this process is in no cgroup of v2");
		return;
	}
	const char *slash = own.s ? strrchr(own.s, '/') : NULL;
	if (slash) {
		strbuf_add(&want, own.s, (size_t)(slash - own.s));
		strbuf_addc(&want, '/');
	}
	strbuf_adds(&want, "kedge-test-id");
	placed(NULL, want.s, 1);
	placed("kedge-test-id", want.s, 1);
}

static void test_place(void)
{
	struct cgroup probe = {};
	struct error e = {};

	refused("/a/../../b", "linux.cgroupsPath '/a/../../b': must not contain '..'");
	refused("../b", "linux.cgroupsPath '../b': must not contain '..'");
	refused("/", "linux.cgroupsPath '/': must name a cgroup below the root");
	refused("//.//", "must name a cgroup below the root");
	if (cgroup_place("/kedge-test-place", "id", &probe, &e) < 0) {
		skip(16, "%s", e.msg);
		return;
	}
	cgroup_done(&probe);
	placed("/kedge-test-place", "kedge-test-place", 1);
	placed("//kedge-test-place/./web1/", "kedge-test-place/web1", 2);
	test_relative();
}

static void test_open(void)
{
	auto_cgroup struct cgroup cg = {};
	struct error e = {};

	if (cgroup_open("kedge-test-place/nothing", &cg, &e) < 0)
		skip(1, "%s", e.msg);
	else
		is_int(cg.fd, -1, "a vanished cgroup opens as absent");
	e = (struct error){};
	struct cgroup bad = {};
	ok(cgroup_open("a/../b", &bad, &e) < 0 && e.kind == ERROR_STATE, "a state with '..' in it: %s", e.msg);
	e = (struct error){};
	ok(cgroup_open("", &bad, &e) < 0 && e.kind == ERROR_STATE, "a state without a path: %s", e.msg);
}

/* An object that was never filled owns nothing: least of all stdin. */
static void test_done(void)
{
	struct cgroup cg = {};

	cgroup_done(&cg);
	ok(fcntl(0, F_GETFD) >= 0, "fd 0 survives");
	cgroup_done(&cg);
	pass("twice");
}

int main(void)
{
	test_normalise();
	test_refused_bytes();
	test_mountinfo();
	test_place();
	test_open();
	test_done();
	return done();
}
