/* SPDX-License-Identifier: Apache-2.0 */
/* Limits as the kernel reads them back, with every controller that cgroup v2 has here. The others are skipped. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "cgroups/internal.h"
#include "tests/unit/tap.h"

#define SET(x) {.set = true, .v = (x)}
#define MIB (1LL << 20)

static struct arena arena;
static struct strbuf available;
static char top[64];
static int mount_fd = -1;

static bool has(const char *controller)
{
	char *list = arena_strdup(&arena, strbuf_str(&available)), *save = NULL;

	for (char *w = strtok_r(list, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		if (strcmp(w, controller) == 0)
			return true;
	}
	return false;
}

static const char *file_of(const struct cgroup *cg, const char *file)
{
	auto_strbuf struct strbuf b = {};

	if (read_file_at(cg->fd, file, CGROUP_FILE_MAX, &b) < 0)
		return NULL;
	return arena_strndup(&arena, strbuf_str(&b), strcspn(strbuf_str(&b), "\n"));
}

static bool works(int ret, const struct error *e, const char *what)
{
	char text[2200];

	if (ret < 0)
		diag("%s: %s", what, error_text(e, text, sizeof(text)));
	return ret >= 0;
}

static void holds(const struct cgroup *cg, const char *file, const char *want, const char *what)
{
	const char *got = file_of(cg, file);

	if (!got)
		skip(1, "%s: this kernel has no '%s'", what, file);
	else
		is_str(got, want, "%s: %s", what, file);
}

/* A cgroup with one limit, and what a file of it says. */
static void limit(const char *what, const struct spec_resources *r, const char *file, const char *want)
{
	char *controller = arena_strndup(&arena, file, strcspn(file, "."));
	auto_cgroup struct cgroup cg = {};
	struct error e = {};

	if (strcmp(controller, "cgroup") != 0 && !has(controller)) {
		skip(1, "%s: cgroup v2 has no controller '%s' here", what, controller);
		return;
	}
	if (!works(cgroup_place(arena_printf(&arena, "/%s/l", top), "id", &cg, &e), &e, what) ||
	    !works(cgroup_create(&cg, r, false, &e), &e, what)) {
		fail("%s", what);
		return;
	}
	holds(&cg, file, want, what);
	ok(works(cgroup_remove(&cg, &e), &e, what), "removed");
}

#define LIMIT(what, file, want, ...) limit(what, &(const struct spec_resources){__VA_ARGS__}, file, want)

static void test_limits(void)
{
	LIMIT("memory", "memory.max", "33554432", .memory.limit = SET(32 * MIB));
	LIMIT("no limit of memory", "memory.max", "max", .memory.limit = SET(-1));
	LIMIT("swap", "memory.swap.max", "16777216", .memory = {.limit = SET(32 * MIB), .swap = SET(48 * MIB)});
	LIMIT("no swap", "memory.swap.max", "0", .memory = {.limit = SET(32 * MIB), .swap = SET(32 * MIB)});
	LIMIT("any swap", "memory.swap.max", "max", .memory = {.limit = SET(32 * MIB), .swap = SET(-1)});
	LIMIT("reservation", "memory.low", "1048576", .memory.reservation = SET(MIB));
	LIMIT("shares", "cpu.weight", "59", .cpu.shares = SET(512));
	LIMIT("quota", "cpu.max", "20000 100000", .cpu.quota = SET(20000));
	LIMIT("quota and period", "cpu.max", "20000 50000", .cpu = {.quota = SET(20000), .period = SET(50000)});
	LIMIT("period", "cpu.max", "max 50000", .cpu.period = SET(50000));
	LIMIT("burst", "cpu.max.burst", "10000", .cpu = {.quota = SET(20000), .burst = SET(10000)});
	LIMIT("idle", "cpu.idle", "1", .cpu = {.idle = SET(1), .shares = SET(512)});
	LIMIT("cpus", "cpuset.cpus", "0", .cpu.cpus = (char[]){"0"});
	LIMIT("mems", "cpuset.mems", "0", .cpu.mems = (char[]){"0"});
	LIMIT("pids", "pids.max", "20", .pids = {true, 20});
	LIMIT("pids 0", "pids.max", "1", .pids = {true, 0});
	LIMIT("pids -1", "pids.max", "max", .pids = {true, -1});
	LIMIT("huge pages", "hugetlb.2MB.max", "4194304",
	      .hugepages = {1, (struct spec_hugepage[]){{(char[]){"2MB"}, 4 * MIB}}});
	LIMIT("huge pages, reserved", "hugetlb.2MB.rsvd.max", "4194304",
	      .hugepages = {1, (struct spec_hugepage[]){{(char[]){"2MB"}, 4 * MIB}}});
	LIMIT("unified over the rest", "memory.max", "2097152", .memory.limit = SET(MIB),
	      .unified = {1, (struct spec_pair[]){{(char[]){"memory.max"}, (char[]){"2097152"}}}});
	LIMIT("no controller needed", "cgroup.max.depth", "3",
	      .unified = {1, (struct spec_pair[]){{(char[]){"cgroup.max.depth"}, (char[]){"3"}}}});
}

/* The weight is BFQ's or that of io.cost, whichever this kernel has. */
static void test_weight(void)
{
	const struct spec_resources r = {.block_io.weight = SET(750)};
	auto_cgroup struct cgroup cg = {};
	struct error e = {};

	if (!has("io")) {
		skip(1, "cgroup v2 has no controller 'io' here");
		return;
	}
	if (!works(cgroup_place(arena_printf(&arena, "/%s/w", top), "id", &cg, &e), &e, "weight"))
		return;
	if (cgroup_create(&cg, &r, false, &e) < 0) {
		const char *want = "linux.resources.blockIO.weight: cannot write '750' to 'io.bfq.weight'";
		ok(e.sys == ENOENT && strstr(e.msg, want), "a kernel without weights: %s", e.msg);
		return;
	}
	const char *bfq = file_of(&cg, "io.bfq.weight");
	is_str(bfq ?: file_of(&cg, "io.weight"), bfq ? "default 750" : "default 7475", "weight");
	ok(works(cgroup_remove(&cg, &e), &e, "weight"), "removed");
}

static void update(struct cgroup *cg, const char *what, const struct spec_resources *r, const char *file,
		   const char *want)
{
	struct error e = {};

	if (works(cgroup_update(cg, r, 0, &e), &e, what))
		holds(cg, file, want, what);
	else
		fail("%s", what);
}

#define UPDATE(what, file, want, ...) update(&cg, what, &(const struct spec_resources){__VA_ARGS__}, file, want)

/* burst <= quota holds at every moment, up and down. */
static void test_cpu_update(void)
{
	auto_cgroup struct cgroup cg = {};
	struct error e = {};

	if (!has("cpu")) {
		skip(4, "cgroup v2 has no controller 'cpu' here");
		return;
	}
	if (!works(cgroup_place(arena_printf(&arena, "/%s/u", top), "id", &cg, &e), &e, "update") ||
	    !works(cgroup_create(&cg, NULL, false, &e), &e, "update"))
		return;
	UPDATE("a controller that was not enabled", "cpu.max", "20000 100000",
	       .cpu = {.quota = SET(20000), .burst = SET(20000)});
	UPDATE("both up", "cpu.max.burst", "50000", .cpu = {.quota = SET(50000), .burst = SET(50000)});
	UPDATE("both down", "cpu.max", "10000 100000", .cpu = {.quota = SET(10000), .burst = SET(5000)});
	UPDATE("the period stays", "cpu.max", "30000 100000", .cpu.quota = SET(30000));
	UPDATE("the quota stays", "cpu.max", "30000 50000", .cpu.period = SET(50000));
	UPDATE("idle", "cpu.idle", "1", .cpu = {.idle = SET(1), .shares = SET(2048)});
	UPDATE("a weight ends it", "cpu.weight", "59", .cpu.shares = SET(512));
	UPDATE("idle again", "cpu.idle", "1", .cpu.idle = SET(1));
	UPDATE("and back, with a weight", "cpu.weight", "174", .cpu = {.idle = SET(0), .shares = SET(2048)});
	ok(works(cgroup_remove(&cg, &e), &e, "update"), "removed");
}

static void test_memory_update(void)
{
	auto_cgroup struct cgroup cg = {};
	struct error e = {}, e2 = {};
	const struct spec_resources first = {.memory.limit = SET(64 * MIB)};
	const struct spec_resources small = {.memory = {.limit = SET(4096), .check_before_update = SET(true)}};

	if (!has("memory")) {
		skip(4, "cgroup v2 has no controller 'memory' here");
		return;
	}
	if (!works(cgroup_place(arena_printf(&arena, "/%s/m", top), "id", &cg, &e), &e, "update") ||
	    !works(cgroup_create(&cg, &first, false, &e), &e, "update"))
		return;
	is_int(cgroup_oom_kills(&cg), 0, "nothing was killed");
	/* A directory made in the cgroup is charged to this process's, so there is no usage: the check lets it pass. */
	ok(cgroup_update(&cg, &small, 0, &e2) == 0 || strstr(e2.msg, "rejecting memory limit 4096 <= usage"), "%s",
	   e2.msg[0] ? e2.msg : "a limit above the usage is not rejected");
	UPDATE("up", "memory.max", "134217728", .memory = {.limit = SET(128 * MIB), .swap = SET(128 * MIB)});
	UPDATE("down", "memory.max", "33554432", .memory = {.limit = SET(32 * MIB), .swap = SET(32 * MIB)});
	UPDATE("a total for the limit that is there", "memory.swap.max", "16777216", .memory.swap = SET(48 * MIB));
	ok(works(cgroup_update(&cg, &(const struct spec_resources){.memory.limit = SET(40 * MIB)}, 48 * MIB, &e), &e,
		 "a limit for the total that was asked for"),
	   "a limit alone");
	holds(&cg, "memory.swap.max", "8388608", "the total stays");
	ok(cgroup_update(&cg, &(const struct spec_resources){.memory.limit = SET(64 * MIB)}, 48 * MIB, &e) < 0 &&
		   strstr(e.msg, "memory+swap limit should be >= memory limit"),
	   "a limit above the total: %s", e.msg);
	holds(&cg, "memory.max", "41943040", "changes nothing");
	e = (struct error){};
	UPDATE("no limit", "memory.max", "max", .memory.limit = SET(-1));
	UPDATE("and none of swap", "memory.swap.max", "max", .memory.limit = SET(-1));
	ok(cgroup_update(&cg, &(const struct spec_resources){.memory.swap = SET(MIB)}, 0, &e) < 0 &&
		   strstr(e.msg, "unable to set swap limit without memory limit"),
	   "a total without any limit: %s", e.msg);
	e = (struct error){};
	ok(works(cgroup_remove(&cg, &e), &e, "update"), "removed");
}

/* The last write is refused, so the ones before it are taken back. */
static void refused(const char *file, const char *before, const struct spec_resources *first,
		    const struct spec_resources *then)
{
	char *controller = arena_strndup(&arena, file, strcspn(file, "."));
	auto_cgroup struct cgroup cg = {};
	struct error e = {}, why = {};

	if (strcmp(controller, "cgroup") != 0 && !has(controller)) {
		skip(3, "cgroup v2 has no controller '%s' here", controller);
		return;
	}
	if (!works(cgroup_place(arena_printf(&arena, "/%s/r", top), "id", &cg, &e), &e, file) ||
	    !works(cgroup_create(&cg, first, false, &e), &e, file))
		return;
	ok(cgroup_update(&cg, then, 0, &why) < 0 && strstr(why.msg, "cgroup.nonsense"), "%s: an update that fails", file);
	ok(!why.hint, "and puts everything back");
	holds(&cg, file, before, "is as before");
	ok(works(cgroup_remove(&cg, &e), &e, file), "removed");
}

#define NONSENSE {(char[]){"cgroup.nonsense"}, (char[]){"1"}}

static void test_refused(void)
{
	refused("hugetlb.2MB.max", "4194304",
		&(const struct spec_resources){.hugepages = {1, (struct spec_hugepage[]){{(char[]){"2MB"}, 4 * MIB}}}},
		&(const struct spec_resources){.hugepages = {1, (struct spec_hugepage[]){{(char[]){"2MB"}, 8 * MIB}}},
					       .unified = {1, (struct spec_pair[]){NONSENSE}}});
	refused("cgroup.max.depth", "max", NULL,
		&(const struct spec_resources){
			.unified = {2, (struct spec_pair[]){{(char[]){"cgroup.max.depth"}, (char[]){"3"}}, NONSENSE}}});
	refused("cpu.max", "20000 100000", &(const struct spec_resources){.cpu = {.quota = SET(20000), .burst = SET(20000)}},
		&(const struct spec_resources){.cpu = {.quota = SET(9000), .burst = SET(5000)},
					       .unified = {1, (struct spec_pair[]){NONSENSE}}});
	refused("cpuset.cpus", "", NULL,
		&(const struct spec_resources){.cpu.cpus = (char[]){"0"}, .unified = {1, (struct spec_pair[]){NONSENSE}}});
}

static bool prepare(struct strbuf *control)
{
	struct cgroup cg = {};
	struct error e = {};

	snprintf(top, sizeof(top), "kedge-test-limits-%d", getpid());
	if (cgroup_place(arena_printf(&arena, "/%s", top), "id", &cg, &e) < 0) {
		skip(1, "%s", e.msg);
		return false;
	}
	mount_fd = dup(cg.mount_fd);
	cgroup_done(&cg);
	if (mount_fd < 0 || mkdirat(mount_fd, top, 0755) < 0) {
		skip(1, "this process may not make cgroups: %s", strerror(errno));
		return false;
	}
	return read_file_at(mount_fd, "cgroup.subtree_control", CGROUP_FILE_MAX, control) == 0 &&
	       read_file_at(mount_fd, "cgroup.controllers", CGROUP_FILE_MAX, &available) == 0;
}

static void put_back(const struct strbuf *control)
{
	auto_strbuf struct strbuf now = {};
	char *save = NULL;

	if (unlinkat(mount_fd, top, AT_REMOVEDIR) < 0)
		fail("the test's own cgroup cannot be removed: %s", strerror(errno));
	if (read_file_at(mount_fd, "cgroup.subtree_control", CGROUP_FILE_MAX, &now) < 0)
		return;
	for (char *w = now.s ? strtok_r(now.s, " \n", &save) : NULL; w; w = strtok_r(NULL, " \n", &save)) {
		if (!strstr(strbuf_str(control), w) &&
		    write_file_at(mount_fd, "cgroup.subtree_control", arena_printf(&arena, "-%s", w)) < 0)
			diag("%s stays enabled: %s", w, strerror(errno));
	}
}

int main(void)
{
	auto_strbuf struct strbuf control = {};

	if (prepare(&control)) {
		test_limits();
		test_weight();
		test_cpu_update();
		test_memory_update();
		test_refused();
		put_back(&control);
	}
	strbuf_done(&available);
	arena_done(&arena);
	return done();
}
