/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics from recorded files of a cgroup, from some of them, and from ones that no kernel writes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "cgroups/internal.h"
#include "spec/json.h"
#include "tests/unit/fixture.h"

static struct arena arena;

static const char *document(const struct cgroup_stats *stats)
{
	auto_strbuf struct strbuf out = {};
	struct json_writer w;

	jw_begin(&w, &out, false);
	jw_object(&w, NULL);
	cgroup_stats_print(stats, &w);
	jw_end(&w, '}');
	return arena_strdup(&arena, strbuf_str(&out));
}

static int read_stats(const char *path, struct cgroup_stats *ret, struct error *e)
{
	char name[] = "test", mount[] = "/";
	struct cgroup cg = {.path = name, .mountpoint = mount, .mount_fd = -1};
	auto_close int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	cg.fd = fd;
	return cgroup_stats(&cg, &arena, ret, e);
}

static const char *data(const char *name)
{
	return arena_printf(&arena, "%s/tests/unit/data/%s", getenv("top_srcdir") ?: ".", name);
}

static void test_recorded(void)
{
	auto_strbuf struct strbuf want = {};
	struct cgroup_stats stats;
	struct error e = {};

	is_int(read_stats(data("cgroup"), &stats, &e), 0, "files of Linux 6.18: %s", e.msg);
	ok(read_file_at(AT_FDCWD, data("cgroup-stats.json"), CGROUP_FILE_MAX, &want) == 0 && want.len, "the document");
	want.s[strcspn(want.s, "\n")] = '\0';
	is_str(document(&stats), want.s, "is what runc prints, with the cpuset's lists and the huge pages' failures");
}

/* --- a cgroup of the test's own */

static const char *own(void)
{
	return fixture_path("cgroup");
}

static void put(const char *file, const char *text)
{
	put_file(arena_printf(&arena, "%s/%s", own(), file), text);
}

static const char *print_own(void)
{
	struct cgroup_stats stats;
	struct error e = {};

	return read_stats(own(), &stats, &e) < 0 ? arena_strdup(&arena, e.msg) : document(&stats);
}

#define NO_CPUSET                                                                                                   \
	"\"cpuset\":{\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,\"memory_migrate\":0,"              \
	"\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,\"sched_load_balance\":0,"         \
	"\"sched_relax_domain_level\":0}"

static void test_partial(void)
{
	mkdir(own(), 0755);
	put("cgroup.procs", "12\n34\n");
	is_str(print_own(),
	       "{\"cpu\":{}," NO_CPUSET ",\"memory\":{},\"pids\":{\"current\":2},\"blkio\":{},\"hugetlb\":{}}",
	       "no controller at all: the processes are counted");
	put("pids.current", "5\n");
	put("pids.max", "max\n");
	put("memory.current", "4096\n");
	put("memory.max", "8192\n");
	put("memory.events", "low 1\nhigh 2\nmax 7\noom 3\noom_kill 4\n");
	put("memory.stat", "anon 5\nfile -3\n");
	put("memory.pressure", "some avg10=100.00 avg60=0.50 avg300=0.05 total=9\n");
	put("io.stat", "8:0\n7:1 dbytes=5 rios=0 wios=18446744073709551615 cost.usage=4\n");
	put("hugetlb.64KB.current", "65536\n");
	put("hugetlb.64KB.events", "max 0\n");
	is_str(print_own(),
	       "{\"cpu\":{}," NO_CPUSET
	       ",\"memory\":{\"usage\":{\"limit\":8192,\"usage\":4096,\"failcnt\":7},"
	       "\"swap\":{\"limit\":8192,\"usage\":4096,\"failcnt\":0},\"raw\":{\"anon\":5,\"file\":0},"
	       "\"psi\":{\"some\":{\"avg10\":100,\"avg60\":0.5,\"avg300\":0.05,\"total\":9}}},\"pids\":{\"current\":5},"
	       "\"blkio\":{\"ioServicedRecursive\":[{\"major\":7,\"minor\":1,\"op\":\"Read\"},"
	       "{\"major\":7,\"minor\":1,\"op\":\"Write\",\"value\":18446744073709551615}]},"
	       "\"hugetlb\":{\"64KB\":{\"usage\":65536,\"failcnt\":0}}}",
	       "without swap, peak and reservations; counters below zero are zero");
	put("memory.swap.current", "1000\n");
	put("memory.swap.max", "100\n");
	put("memory.max", "max\n");
	put("memory.swap.events", "high 0\nmax 2\nfail 1\n");
	put("memory.peak", "5000\n");
	ok(strstr(print_own(), "\"usage\":{\"limit\":18446744073709551615,\"usage\":4096,\"max\":5000,\"failcnt\":7},"
			       "\"swap\":{\"limit\":18446744073709551615,\"usage\":5096,\"failcnt\":2}"),
	   "no limit of memory is none of both");
}

static void test_bad(void)
{
	static const struct {
		const char *file, *text, *want;
	} rows[] = {
		{"pids.current", "many\n", "cannot read 'pids.current' of cgroup 'test': unexpected 'many'"},
		{"cpu.stat", "usage_usec\n", "cannot read 'cpu.stat' of cgroup 'test': unexpected 'usage_usec'"},
		{"cpu.stat", "usage_usec 1 2\n", "cannot read 'cpu.stat' of cgroup 'test': unexpected '1 2'"},
		{"io.stat", "8 rbytes=1\n", "cannot read 'io.stat' of cgroup 'test': unexpected '8 rbytes=1'"},
		{"io.stat", "8:0 rbytes=x\n", "cannot read 'io.stat' of cgroup 'test': unexpected '8:0 rbytes=x'"},
		{"cpu.pressure", "some avg10=0.5 total=1\n",
		 "cannot read 'cpu.pressure' of cgroup 'test': unexpected 'some avg10=0.5 total=1'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_strbuf struct strbuf before = {};
		const char *path = arena_printf(&arena, "%s/%s", own(), rows[i].file);
		bool there = read_file_at(AT_FDCWD, path, CGROUP_FILE_MAX, &before) == 0;
		put(rows[i].file, rows[i].text);
		is_str(print_own(), rows[i].want, "%s of '%.*s'", rows[i].file, (int)strcspn(rows[i].text, "\n"),
		       rows[i].text);
		if (there)
			put(rows[i].file, before.s);
		else
			unlink(path);
	}
	struct cgroup_stats stats;
	struct error e = {};
	ok(read_stats("/nonexistent", &stats, &e) < 0 && e.sys == ENOENT, "no cgroup: %s", e.msg);
}

/* Files that no kernel wakes anybody for: what is found by looking. */
static void test_watch(void)
{
	char name[] = "test", mount[] = "/";
	struct cgroup cg = {.path = name, .mountpoint = mount, .mount_fd = -1};
	auto_close int fd = open(own(), O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_cgroup_watch struct cgroup_watch watch = {};
	struct error e = {};

	cg.fd = fd;
	ok(cgroup_watch_open(&cg, &watch, &e) < 0 && e.sys == ENOENT, "nothing to watch: %s", e.msg);
	e = (struct error){};
	put("cgroup.events", "populated 1\nfrozen 0\n");
	is_int(cgroup_watch_open(&cg, &watch, &e), 0, "watch");
	is_int(cgroup_watch_wait(&watch, 0, -1, &e), CGROUP_NEWS_NONE, "kills before the watch are no news");
	put("memory.events", "oom 5\noom_kill 5\n");
	is_int(cgroup_watch_wait(&watch, UINT64_MAX / 2, -1, &e), CGROUP_NEWS_OOM, "one more kill");
	is_int(cgroup_watch_wait(&watch, 0, -1, &e), CGROUP_NEWS_NONE, "is told once");
	put("memory.events", "oom_kill 6\n");
	put("cgroup.events", "populated 0\n");
	is_int(cgroup_watch_wait(&watch, UINT64_MAX / 2, -1, &e), CGROUP_NEWS_OOM, "a kill");
	is_int(cgroup_watch_wait(&watch, UINT64_MAX / 2, -1, &e), CGROUP_NEWS_EMPTY, "comes before the end");
}

int main(void)
{
	fixture_make();
	test_recorded();
	test_partial();
	test_bad();
	test_watch();
	fixture_remove();
	arena_done(&arena);
	return done();
}
