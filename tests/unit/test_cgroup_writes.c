/* SPDX-License-Identifier: Apache-2.0 */
/* Every resource as text: the files, what goes into them, and in which order. */
#include "cgroups/internal.h"
#include "tests/unit/tap.h"

#define I64(x) {.set = true, .v = (x)}
#define LIST(...)                                                                                             \
	{                                                                                                     \
		.n = ARRAY_SIZE(((__typeof__(__VA_ARGS__)[]){__VA_ARGS__})), .v = (__typeof__(__VA_ARGS__)[]) \
		{                                                                                             \
			__VA_ARGS__                                                                           \
		}                                                                                             \
	}

static struct arena arena;

/* "file=value", then "|file=value" for a substitute, "?" if optional, "~" if it may be tried again. */
static const char *text_of(const struct cgroup_writes *w)
{
	auto_strbuf struct strbuf b = {};

	for (size_t i = 0; i < w->n; i++) {
		const struct cgroup_write *v = &w->v[i];
		strbuf_addf(&b, "%s%s=%s", i ? "\n" : "", v->file, v->value);
		if (v->else_file)
			strbuf_addf(&b, "|%s=%s", v->else_file, v->else_value);
		strbuf_addf(&b, "%s%s", v->optional ? "?" : "", v->retry ? "~" : "");
	}
	return arena_strdup(&arena, strbuf_str(&b));
}

static void gives(const char *what, const struct spec_resources *r, const char *want)
{
	struct cgroup_writes w = {};
	struct error e = {};
	char text[2200];

	if (cgroup_writes(r, &arena, &w, &e) < 0)
		is_str(error_text(&e, text, sizeof(text)), "", "%s", what);
	else
		is_str(text_of(&w), want, "%s", what);
}

static void refuses(const struct spec_resources *r, const char *want)
{
	struct cgroup_writes w = {};
	struct error e = {};
	bool failed = cgroup_writes(r, &arena, &w, &e) < 0 && e.kind == ERROR_CONFIG;

	if (!failed)
		ok(failed, "refused: %s", want);
	else
		is_str(e.msg, want, "refused: %s", want);
}

#define GIVES(what, want, ...) gives(what, &(const struct spec_resources){__VA_ARGS__}, want)
#define REFUSES(want, ...) refuses(&(const struct spec_resources){__VA_ARGS__}, want)

static void test_memory(void)
{
	GIVES("nothing", "", .set = true);
	GIVES("limit", "memory.max=1048576", .memory.limit = I64(1048576));
	GIVES("limit 0 is unset", "", .memory.limit = I64(0), .memory.swap = I64(0), .memory.reservation = I64(0));
	GIVES("limit -1 lifts that of swap", "memory.max=max?\nmemory.swap.max=max?", .memory.limit = I64(-1));
	GIVES("swap is the difference", "memory.max=100\nmemory.swap.max=50", .memory.limit = I64(100),
	      .memory.swap = I64(150));
	GIVES("no swap at all", "memory.max=100\nmemory.swap.max=0?", .memory.limit = I64(100),
	      .memory.swap = I64(100));
	GIVES("any swap", "memory.max=100\nmemory.swap.max=max?", .memory.limit = I64(100), .memory.swap = I64(-1));
	GIVES("any swap, no limit", "memory.swap.max=max?", .memory.swap = I64(-1));
	GIVES("swap of unlimited memory", "memory.max=max?\nmemory.swap.max=7", .memory.limit = I64(-1),
	      .memory.swap = I64(7));
	GIVES("reservation", "memory.max=9223372036854775807\nmemory.low=4096", .memory.limit = I64(INT64_MAX),
	      .memory.reservation = I64(4096));
	GIVES("no reservation", "memory.low=max?", .memory.reservation = I64(-1));
	GIVES("what engines send for nothing", "", .memory.disable_oom_killer = {true, false}, .memory.kernel = I64(0),
	      .memory.kernel_tcp = I64(0));
	GIVES("kernel memory without a limit", "", .memory.kernel = I64(-1), .memory.kernel_tcp = I64(-1));
	GIVES("hierarchy is what v2 is", "", .memory.use_hierarchy = {true, true});
	REFUSES("linux.resources.memory.swap: unable to set swap limit without memory limit", .memory.swap = I64(5));
	REFUSES("linux.resources.memory.swap: 99: memory+swap limit should be >= memory limit (100)",
		.memory.limit = I64(100), .memory.swap = I64(99));
	REFUSES("linux.resources.memory.limit: -2: must be -1 (no limit) or a number of bytes",
		.memory.limit = I64(-2));
	REFUSES("linux.resources.memory.swap: -2: must be -1 (no limit) or a number of bytes", .memory.swap = I64(-2));
	REFUSES("linux.resources.memory.swappiness: cgroup v2 has no equivalent", .memory.swappiness = I64(0));
	REFUSES("linux.resources.memory.disableOOMKiller: cgroup v2 has no equivalent",
		.memory.disable_oom_killer = {true, true});
	REFUSES("linux.resources.memory.kernel: cgroup v2 has no equivalent", .memory.kernel = I64(4096));
	REFUSES("linux.resources.memory.kernelTCP: cgroup v2 has no equivalent", .memory.kernel_tcp = I64(4096));
	REFUSES("linux.resources.memory.useHierarchy: false: cgroup v2 has no equivalent",
		.memory.use_hierarchy = {true, false});
}

static void test_cpu(void)
{
	GIVES("shares", "cpu.weight=100", .cpu.shares = I64(1024));
	GIVES("shares 0 is unset", "", .cpu.shares = I64(0), .cpu.quota = I64(0), .cpu.period = I64(0));
	GIVES("quota and period", "cpu.max=50000 200000", .cpu.quota = I64(50000), .cpu.period = I64(200000));
	GIVES("quota alone keeps the period", "cpu.max=50000", .cpu.quota = I64(50000));
	GIVES("period alone", "cpu.max=max 200000", .cpu.period = I64(200000));
	GIVES("no quota", "cpu.max=max?", .cpu.quota = I64(-1));
	GIVES("no quota, and a period", "cpu.max=max 1000", .cpu.quota = I64(-1), .cpu.period = I64(1000));
	GIVES("burst before or after", "cpu.max.burst=2000~\ncpu.max=3000", .cpu.burst = I64(2000),
	      .cpu.quota = I64(3000));
	GIVES("burst alone", "cpu.max.burst=2000", .cpu.burst = I64(2000));
	GIVES("burst 0", "cpu.max.burst=0?", .cpu.burst = I64(0));
	GIVES("idle has its own weight", "cpu.idle=1", .cpu.idle = I64(1), .cpu.shares = I64(512));
	GIVES("idle by unified, too", "cpu.idle=1", .cpu.shares = I64(512),
	      .unified = {2, (struct spec_pair[]){{(char[]){"cpu.weight"}, (char[]){"8"}}, {(char[]){"cpu.idle"}, (char[]){"1"}}}});
	GIVES("not idle, before the weight", "cpu.idle=0?\ncpu.weight=59", .cpu.idle = I64(0), .cpu.shares = I64(512));
	GIVES("cpuset", "cpuset.cpus=0-3,7\ncpuset.mems=0", .cpu.cpus = (char[]){"0-3,7"}, .cpu.mems = (char[]){"0"});
	GIVES("an empty list is unset", "", .cpu.cpus = (char[]){""}, .cpu.mems = (char[]){""});
	GIVES("realtime of 0", "", .cpu.rt_runtime = I64(0), .cpu.rt_period = I64(0));
	REFUSES("linux.resources.cpu.burst: 9: must not be larger than quota (8)", .cpu.burst = I64(9),
		.cpu.quota = I64(8));
	REFUSES("linux.resources.cpu.realtimeRuntime: cgroup v2 has no equivalent", .cpu.rt_runtime = I64(950000));
	REFUSES("linux.resources.cpu.realtimePeriod: cgroup v2 has no equivalent", .cpu.rt_period = I64(1000000));
}

static void test_weights(void)
{
	static const uint64_t curve[][2] = {
		{0, 0},          {1, 1},
		{2, 1},          {3, 2},
		{4, 2},          {10, 4},
		{100, 17},       {102, 17},
		{200, 29},       {256, 35},
		{512, 59},       {1000, 99},
		{1023, 100},     {1024, 100},
		{1025, 101},     {2048, 174},
		{4096, 303},     {10000, 627},
		{100000, 4340},  {262143, 10000},
		{262144, 10000}, {UINT64_MAX, 10000},
	};
	uint64_t last = 0;
	bool rises = true;

	for (size_t i = 0; i < ARRAY_SIZE(curve); i++)
		is_int(cgroup_weight_of_shares(curve[i][0]), curve[i][1], "%ju shares", (uintmax_t)curve[i][0]);
	for (uint64_t shares = 0; shares <= 262144; shares++) {
		uint64_t weight = cgroup_weight_of_shares(shares);
		rises &= weight >= last && weight - last <= 1;
		last = weight;
	}
	ok(rises, "more shares are never less weight, and no weight is left out");
}

static void test_io(void)
{
	GIVES("weight", "io.bfq.weight=750|io.weight=7475", .block_io.weight = I64(750));
	GIVES("lowest and highest weight", "io.bfq.weight=10|io.weight=1\nio.bfq.weight=8:16 1000|io.weight=8:16 10000",
	      .block_io.weight = I64(10),
	      .block_io.weight_device = {1,
					 (struct spec_weight_dev[]){{.major = 8, .minor = 16, .weight = I64(1000)}}});
	GIVES("leaf weight 0", "", .block_io.weight = I64(0), .block_io.leaf_weight = I64(0));
	GIVES("throttles",
	      "io.max=8:0 rbps=600\nio.max=8:0 wbps=max?\nio.max=8:16 riops=300\nio.max=8:16 "
	      "wiops=18446744073709551615\n"
	      "io.max=9:1 wiops=2",
	      .block_io = {.read_bps = LIST((struct spec_throttle){8, 0, 600}),
			   .write_bps = LIST((struct spec_throttle){8, 0, 0}),
			   .read_iops = LIST((struct spec_throttle){8, 16, 300}),
			   .write_iops = {2, (struct spec_throttle[]){{8, 16, UINT64_MAX}, {9, 1, 2}}}});
	REFUSES("linux.resources.blockIO.weight: 9: must be 10 to 1000", .block_io.weight = I64(9));
	REFUSES("linux.resources.blockIO.weight: 1001: must be 10 to 1000", .block_io.weight = I64(1001));
	REFUSES("linux.resources.blockIO.leafWeight: cgroup v2 has no equivalent", .block_io.leaf_weight = I64(10));
	REFUSES("linux.resources.blockIO.weightDevice[0].leafWeight: cgroup v2 has no equivalent",
		.block_io.weight_device = {1, (struct spec_weight_dev[]){{.major = 8, .leaf_weight = I64(300)}}});
	REFUSES("linux.resources.blockIO.weightDevice[1].weight: 1: must be 10 to 1000",
		.block_io.weight_device = {2, (struct spec_weight_dev[]){{.major = 8, .weight = I64(300)},
									 {.major = 8, .weight = I64(1)}}});
}

static void test_rest(void)
{
	GIVES("pids", "pids.max=32771", .pids = {true, 32771});
	GIVES("pids -1", "pids.max=max?", .pids = {true, -1});
	GIVES("pids 0 is init alone", "pids.max=1", .pids = {true, 0});
	GIVES("hugetlb", "hugetlb.2MB.max=209715200\nhugetlb.2MB.rsvd.max=209715200?",
	      .hugepages = {1, (struct spec_hugepage[]){{(char[]){"2MB"}, 209715200}}});
	GIVES("rdma", "rdma.max=mlx5_1 hca_handle=3 hca_object=10000\nrdma.max=rxe3 hca_object=0",
	      .rdma = {2, (struct spec_rdma[]){{(char[]){"mlx5_1"}, I64(3), I64(10000)},
					       {.device = (char[]){"rxe3"}, .hca_objects = I64(0)}}});
	GIVES("network of nothing", "", .network = {.set = true, .class_id = I64(0)});
	GIVES("unified comes last, in its own order, line by line",
	      "memory.max=100\npids.max=5\nmemory.high=7\nio.max=259:0 rbps=2\nio.max=253:0 rbps=2\nmemory.max=9\n"
	      "cgroup.max.depth=3",
	      .memory.limit = I64(100), .pids = {true, 5},
	      .unified = {5, (struct spec_pair[]){{(char[]){"memory.high"}, (char[]){"7"}},
						  {(char[]){"io.max"}, (char[]){"259:0 rbps=2\n\n253:0 rbps=2\n"}},
						  {(char[]){"memory.max"}, (char[]){"9"}},
						  {(char[]){"pids.max"}, (char[]){""}},
						  {(char[]){"cgroup.max.depth"}, (char[]){"3"}}}});
	REFUSES("linux.resources.hugepageLimits[0].pageSize: '../2MB': must be a size such as 2MB",
		.hugepages = {1, (struct spec_hugepage[]){{(char[]){"../2MB"}, 1}}});
	REFUSES("linux.resources.network.classID: cgroup v2 has no equivalent", .network = {.class_id = I64(1048577)});
	REFUSES("linux.resources.network.priorities: cgroup v2 has no equivalent", .network = {.priorities = {.n = 1}});
}

static void test_unified_names(void)
{
	static const struct {
		const char *name, *want;
	} bad[] = {
		{"../memory.max",
		 "linux.resources.unified '../memory.max': must be a file name CONTROLLER.PARAMETER, without "
		 "slashes"},
		{"a/memory.max",
		 "linux.resources.unified 'a/memory.max': must be a file name CONTROLLER.PARAMETER, without slashes"},
		{"memory",
		 "linux.resources.unified 'memory': must be a file name CONTROLLER.PARAMETER, without slashes"},
		{"", "linux.resources.unified '': must be a file name CONTROLLER.PARAMETER, without slashes"},
		{"cgroup.procs", "linux.resources.unified 'cgroup.procs': acts on processes and is no setting"},
		{"cgroup.kill", "linux.resources.unified 'cgroup.kill': acts on processes and is no setting"},
		{"cgroup.freeze", "linux.resources.unified 'cgroup.freeze': acts on processes and is no setting"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct spec_pair pair = {arena_strdup(&arena, bad[i].name), (char[]){"1"}};
		REFUSES(bad[i].want, .unified = {1, &pair});
	}
}

static void test_properties(void)
{
	const struct spec_resources r = {
		.memory = {.limit = I64(2), .swap = I64(3)},
		.cpu = {.period = I64(1000)},
		.block_io = {.read_bps = LIST((struct spec_throttle){8, 0, 600})},
		.unified = {1, (struct spec_pair[]){{(char[]){"foo.bar"}, (char[]){"x"}}}},
	};
	struct cgroup_writes w = {};
	struct error e = {};

	is_int(cgroup_writes(&r, &arena, &w, &e), 0, "a list with properties");
	is_int(w.n, 5, "all of them");
	is_str(w.v[0].property, "linux.resources.memory.limit", "the path of a limit");
	is_str(w.v[1].property, "linux.resources.memory.swap", "the path of swap");
	is_str(w.v[2].property, "linux.resources.cpu.period", "the path of a period");
	is_str(w.v[3].property, "linux.resources.blockIO.throttleReadBpsDevice[0]", "the path of a throttle");
	is_str(w.v[4].property, "linux.resources.unified 'foo.bar'", "the path of a key");
}

static void test_undo(void)
{
	static const struct {
		const char *file, *value, *had, *want;
	} rows[] = {
		{"memory.max", "100", "max", "max"},
		{"cpu.max", "20000 50000", "max 100000", "max 100000"},
		{"cpu.max", "max 50000", "20000 100000", "20000 100000"},
		{"cpuset.cpus", "0-3", "", "\n"},
		{"io.max", "8:0 rbps=7", "8:16 rbps=1 wbps=max\n8:0 rbps=5 wbps=6 riops=max wiops=max",
		 "8:0 rbps=5 wbps=6 riops=max wiops=max"},
		{"io.max", "8:0 rbps=7", "", "8:0 rbps=max wbps=max riops=max wiops=max"},
		{"io.max", "8:0 rbps=7", "18:0 rbps=5", "8:0 rbps=max wbps=max riops=max wiops=max"},
		{"io.bfq.weight", "500", "default 100\n8:0 200", "default 100"},
		{"io.weight", "8:0 500", "default 100\n8:0 200", "8:0 200"},
		{"io.weight", "8:16 500", "default 100", "8:16 default"},
		{"io.latency", "8:0 target=75000", "", NULL},
		{"rdma.max", "mlx5_1 hca_handle=2", "mlx5_0 hca_handle=max\nmlx5_1 hca_handle=3 hca_object=max",
		 "mlx5_1 hca_handle=3 hca_object=max"},
		{"rdma.max", "rxe0 hca_handle=2", "mlx5_0 hca_handle=max", NULL},
		{"some.list", "1", "a 1\nb 2", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *got = cgroup_undo_value(rows[i].file, rows[i].value, rows[i].had, &arena);
		is_str(got ?: "(unknown)", rows[i].want ?: "(unknown)", "to undo '%s' in %s", rows[i].value, rows[i].file);
	}
}

int main(void)
{
	test_undo();
	test_memory();
	test_cpu();
	test_weights();
	test_io();
	test_rest();
	test_unified_names();
	test_properties();
	arena_done(&arena);
	return done();
}
