/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd is told: names and places of units, the text form of values, limits as properties. */
#include "cgroups/unit.h"
#include "tests/unit/tap.h"

#define I64(x) {.set = true, .v = (x)}
#define LIST(type, ...)                                                                              \
	{                                                                                            \
		.n = ARRAY_SIZE(((type[]){__VA_ARGS__})), .v = (type[])                              \
		{                                                                                    \
			__VA_ARGS__                                                                  \
		}                                                                                    \
	}
#define TOO_LONG "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

static struct arena arena;

/* --- names */

static void place(const char *path, bool user, const char *want)
{
	struct unit_place p = {};
	struct error e = {};

	if (unit_place(path, "id1", user, &arena, &p, &e) < 0)
		is_str(e.msg, want, "place of '%s'", path ?: "(null)");
	else
		is_str(arena_printf(&arena, "%s %s %s", p.slice, p.name, p.path), want, "place of '%s'", path ?: "(null)");
}

static void test_places(void)
{
	place(NULL, false, "system.slice kedge-id1.scope system.slice/kedge-id1.scope");
	place(NULL, true, "user.slice kedge-id1.scope user.slice/kedge-id1.scope");
	place("", false, "system.slice kedge-id1.scope system.slice/kedge-id1.scope");
	place(":docker:ab", false, "system.slice docker-ab.scope system.slice/docker-ab.scope");
	place("a.slice::ab", false, "a.slice ab.scope a.slice/ab.scope");
	place("a-b-c.slice:p:n", true, "a-b-c.slice p-n.scope a.slice/a-b.slice/a-b-c.slice/p-n.scope");
	place("-.slice:p:n", false, "-.slice p-n.scope p-n.scope");
	place("-:p:n", false, "-.slice p-n.scope p-n.scope");
	place("kubepods-besteffort-pod1\\x2d2.slice:cri-containerd:n", false,
	      "kubepods-besteffort-pod1\\x2d2.slice cri-containerd-n.scope "
	      "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1\\x2d2.slice/cri-containerd-n.scope");
}

static void refused_place(const char *path, const char *why)
{
	struct unit_place p = {};
	struct error e = {};
	bool failed = unit_place(path, "id1", false, &arena, &p, &e) < 0;

	ok(failed && e.kind == ERROR_CONFIG && strstr(e.msg, why), "'%.40s' is refused: %s", path, e.msg);
}

static void test_bad_places(void)
{
	refused_place("/user/web1", "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got "
				    "\"/user/web1\" instead");
	refused_place("a.slice:b", "expected cgroupsPath");
	refused_place("a.slice:b:c:d", "expected cgroupsPath");
	refused_place("a.slice:p:", "must not be empty");
	refused_place("a:p:n", "must be a name that ends with '.slice'");
	refused_place(".slice:p:n", "must be a name that ends with '.slice'");
	refused_place("-a.slice:p:n", "must not begin or end with '-'");
	refused_place("a-.slice:p:n", "must not begin or end with '-'");
	refused_place("a--b.slice:p:n", "must not begin or end with '-'");
	refused_place("a.slice/b.slice:p:n", "characters that systemd does not take");
	refused_place("../a.slice:p:n", "characters that systemd does not take");
	refused_place("a.slice:p:n/../../x", "characters that systemd does not take");
	refused_place("a.slice:p:a+b", "characters that systemd does not take");
	refused_place("a.slice:p:a b", "characters that systemd does not take");
	refused_place("a.slice::.", "must not begin with '.'");
	refused_place("a.slice:p:pod.slice", "is a scope, not a slice");
	refused_place("a.slice:" TOO_LONG ":" TOO_LONG TOO_LONG, "longer than systemd takes");
}

/* --- values */

static void value(const char *text, const char *want)
{
	auto_strbuf struct strbuf out = {};
	struct unit_value v = {};
	const char *why = NULL;

	if (unit_value_parse(text, &arena, &v, &why) < 0) {
		is_str(why, want, "value '%s'", text);
		return;
	}
	strbuf_addf(&out, "%s ", unit_value_signature(&v, &arena));
	unit_value_print(&v, &out);
	is_str(strbuf_str(&out), want, "value '%s'", text);
}

static void test_values(void)
{
	value("true", "b true");
	value(" false ", "b false");
	value("5", "i 5");
	value("-5", "i -5");
	value("+5", "i 5");
	value("uint64 18446744073709551615", "t 18446744073709551615");
	value("int64 -9223372036854775808", "x -9223372036854775808");
	value("byte 255", "y 255");
	value("@t 7", "t 7");
	value("1.5", "d 1.5");
	value("double 2", "d 2");
	value("'text'", "s 'text'");
	value("\"it's\"", "s 'it's'");
	value("'a\\tb\\u00e9\\U0001f40d\\\\'", "s 'a\tb\xc3\xa9\xf0\x9f\x90\x8d\\'");
	value("objectpath '/a/b'", "o '/a/b'");
	value("['a', 'b','c']", "as ['a', 'b', 'c']");
	value("[uint64 1, 2]", "at [1, 2]");
	value("@ay [15, 0]", "ay [15, 0]");
	value("@as []", "as []");
	value("[['a'], ['b', 'c']]", "aas [['a'], ['b', 'c']]");
	value("('/dev/sda', uint64 100)", "(st) ('/dev/sda', 100)");
	value("[('/dev/sda', uint64 100), ('/dev/sdb', 5)]", "a(st) [('/dev/sda', 100), ('/dev/sdb', 5)]");
	value("@a(st) [('/dev/sda', 100)]", "a(st) [('/dev/sda', 100)]");
}

static void test_bad_values(void)
{
	value("", "is no value of GVariant's text form");
	value("yes", "has an unknown word");
	value("5 6", "has something after its end");
	value("2147483648", "is no decimal number in its range");
	value("byte -1", "is no decimal number in its range");
	value("uint64 18446744073709551616", "is no decimal number in its range");
	value("0x10", "is no decimal number in its range");
	value("'open", "has a string without its end");
	value("'\\q'", "has a bad escape");
	value("'\\u0000'", "has a bad escape");
	value("'\\ud800'", "has a bad escape");
	value("'\\u12", "has a bad escape");
	value("[]", "has an empty array without a type, as in '@as []'");
	value("['a'", "has an array without its end");
	value("['a', 5]", "has a number where another type is wanted");
	value("[5, 'a']", "has a string where another type is wanted");
	value("[1, uint64 2]", "has elements of different types");
	value("@(st) ('a')", "has a tuple of another length than its type");
	value("@(s) ('a', 'b')", "has a tuple of another length than its type");
	value("@a{sv} []", "has an unknown type");
	value("@i true", "has a boolean where another type is wanted");
	value("[[[[[[[[[[1]]]]]]]]]]", "is nested too deeply");
	value("1.2.3", "is no plain decimal number");
}

/* --- properties */

static const char *text_of(const struct unit_properties *p)
{
	auto_strbuf struct strbuf out = {};

	for (size_t i = 0; i < p->n; i++) {
		strbuf_addf(&out, "%s%s=%s ", i ? "\n" : "", p->v[i].name, unit_value_signature(&p->v[i].value, &arena));
		unit_value_print(&p->v[i].value, &out);
	}
	return arena_strdup(&arena, strbuf_str(&out));
}

static void limits(const char *what, const struct spec_resources *r, uint64_t period, const char *want)
{
	struct unit_properties p = {.a = &arena};
	struct cgroup_writes w = {};
	struct error e = {};

	if (cgroup_writes(r, &arena, &w, &e) < 0 || unit_add_limits(&p, &w, period, &e) < 0)
		is_str(e.msg, want, "%s", what);
	else
		is_str(text_of(&p), want, "%s", what);
}

#define LIMITS(what, want, ...) limits(what, &(const struct spec_resources){__VA_ARGS__}, 0, want)
#define UNIFIED(file, value) .unified = LIST(struct spec_pair, {(char[]){file}, (char[]){value}})

static void rounded(const char *value, uint64_t period, const char *want)
{
	struct cgroup_write v[] = {{.file = "pids.max", .value = "7"}, {.file = "cpu.max", .value = value}};
	struct cgroup_writes w = {ARRAY_SIZE(v), v};

	cgroup_writes_for_unit(&w, period, &arena);
	is_str(v[1].value, want, "cpu.max of '%s' in a scope", value);
	is_str(v[0].value, "7", "and nothing else");
}

static void test_rounding(void)
{
	rounded("50000 100000", 0, "50000 100000");
	rounded("33300 100000", 0, "34000 100000");
	rounded("500000 900000", 0, "504000 900000");
	rounded("603000 900000", 0, "603000 900000");
	rounded("1000 1000000", 0, "10000 1000000");
	rounded("33300", 0, "34000");
	rounded("33300", 50000, "33500 50000");
	rounded("max", 50000, "max 50000");
	rounded("max 50000", 0, "max 50000");
	rounded("max", 0, "max");
	rounded("much", 0, "much");
}

static void test_limits(void)
{
	LIMITS("none", "", .set = true);
	LIMITS("memory and swap", "MemoryMax=t 100\nMemorySwapMax=t 50\nMemoryLow=t 7", .memory.limit = I64(100),
	       .memory.swap = I64(150), .memory.reservation = I64(7));
	LIMITS("no swap is told, too", "MemoryMax=t 100\nMemorySwapMax=t 0", .memory.limit = I64(100),
	       .memory.swap = I64(100));
	LIMITS("no limit is infinity", "MemoryMax=t 18446744073709551615\nMemorySwapMax=t 18446744073709551615",
	       .memory.limit = I64(-1));
	LIMITS("processes", "TasksMax=t 50", .pids = {true, 50});
	LIMITS("any number of processes", "TasksMax=t 18446744073709551615", .pids = {true, -1});
	LIMITS("shares", "CPUWeight=t 100", .cpu.shares = I64(1024));
	LIMITS("idle", "CPUWeight=t 0", .cpu.idle = I64(1), .cpu.shares = I64(512));
	LIMITS("idle no more", "CPUWeight=t 100", .cpu.idle = I64(0));
	LIMITS("the weight after idle", "CPUWeight=t 59", .cpu.idle = I64(0), .cpu.shares = I64(512));
	LIMITS("a quota of half a CPU", "CPUQuotaPeriodUSec=t 200000\nCPUQuotaPerSecUSec=t 500000", .cpu.quota = I64(100000),
	       .cpu.period = I64(200000));
	LIMITS("a quota alone", "CPUQuotaPerSecUSec=t 500000", .cpu.quota = I64(50000));
	limits("a quota alone, of the period there is", &(const struct spec_resources){.cpu.quota = I64(50000)}, 25000,
	       "CPUQuotaPerSecUSec=t 2000000");
	LIMITS("parts of a per cent are rounded up", "CPUQuotaPeriodUSec=t 100000\nCPUQuotaPerSecUSec=t 340000",
	       .cpu.quota = I64(33300), .cpu.period = I64(100000));
	LIMITS("and never to 0", "CPUQuotaPeriodUSec=t 1000000\nCPUQuotaPerSecUSec=t 10000", .cpu.quota = I64(1000),
	       .cpu.period = I64(1000000));
	LIMITS("no quota", "CPUQuotaPerSecUSec=t 18446744073709551615", .cpu.quota = I64(-1));
	LIMITS("CPUs and nodes", "AllowedCPUs=ay [141, 0, 1]\nAllowedMemoryNodes=ay [1]",
	       .cpu.cpus = (char[]){"0,2-3,7,16"}, .cpu.mems = (char[]){"0"});
	LIMITS("burst has no property", "", .cpu.burst = I64(2000));
}

static void test_io(void)
{
	LIMITS("BFQ's weight comes back as it was", "IOWeight=t 4500", .block_io.weight = I64(500));
	LIMITS("and below the default", "IOWeight=t 10", .block_io.weight = I64(10));
	LIMITS("weights of devices", "IODeviceWeight=a(st) [('/dev/block/8:0', 2300), ('/dev/block/8:16', 100)]",
	       .block_io.weight_device = LIST(struct spec_weight_dev, {8, 0, .weight = I64(300)}, {8, 16, .weight = I64(100)}));
	LIMITS("rates",
	       "IOReadBandwidthMax=a(st) [('/dev/block/8:0', 1000), ('/dev/block/8:16', 18446744073709551615)]\n"
	       "IOWriteIOPSMax=a(st) [('/dev/block/8:0', 5)]",
	       .block_io.read_bps = LIST(struct spec_throttle, {8, 0, 1000}, {8, 16, 0}),
	       .block_io.write_iops = LIST(struct spec_throttle, {8, 0, 5}));
	LIMITS("rates of unified",
	       "IOReadBandwidthMax=a(st) [('/dev/block/8:0', 1024)]\nIOWriteIOPSMax=a(st) [('/dev/block/8:0', 7)]",
	       UNIFIED("io.max", "8:0 rbps=1K wiops=7"));
	LIMITS("weight of unified", "IOWeight=t 300", UNIFIED("io.weight", "default 300"));
}

static void test_unified(void)
{
	LIMITS("unified", "MemoryHigh=t 1048576", UNIFIED("memory.high", "1M"));
	LIMITS("unified wins", "TasksMax=t 9", .pids = {true, 50}, UNIFIED("pids.max", "9"));
	LIMITS("unified, unknown to systemd", "", UNIFIED("hugetlb.2MB.max", "0"));
	LIMITS("no number", "linux.resources.unified 'memory.max': 'x' is no value that systemd could be told for 'memory.max'",
	       UNIFIED("memory.max", "x"));
	LIMITS("too large a number",
	       "linux.resources.unified 'memory.max': '99999999999999E' is no value that systemd could be told for "
	       "'memory.max'",
	       UNIFIED("memory.max", "99999999999999E"));
	LIMITS("a weight of 0", "linux.resources.unified 'cpu.weight': '0' is no value that systemd could be told for 'cpu.weight'",
	       UNIFIED("cpu.weight", "0"));
	LIMITS("a period of 0", "linux.resources.unified 'cpu.max': '5 0' is no value that systemd could be told for 'cpu.max'",
	       UNIFIED("cpu.max", "5 0"));
	LIMITS("a list of CPUs", "linux.resources.unified 'cpuset.cpus': '3-1' is no value that systemd could be told for "
	       "'cpuset.cpus'", UNIFIED("cpuset.cpus", "3-1"));
	LIMITS("a rate of no device", "linux.resources.unified 'io.max': 'rbps=1' is no value that systemd could be told for "
	       "'io.max'", UNIFIED("io.max", "rbps=1"));
}

static void annotation(const char *key, const char *text, const char *want)
{
	const struct spec_map map = LIST(struct spec_pair, {(char *)key, (char *)text});
	struct unit_properties p = {.a = &arena};
	struct error e = {};

	if (unit_add_annotations(&p, &map, &e) < 0)
		is_str(e.msg, want, "%s: %s", key, text);
	else
		is_str(text_of(&p), want, "%s: %s", key, text);
}

#define P "org.systemd.property."

static void test_annotations(void)
{
	annotation(P "TimeoutStopUSec", "uint64 123456789", "TimeoutStopUSec=t 123456789");
	annotation(P "TimeoutStopSec", "5", "TimeoutStopUSec=t 5000000");
	annotation(P "TimeoutStopSec", "uint64 7", "TimeoutStopUSec=t 7000000");
	annotation(P "TimeoutStopSec", "1.25", "TimeoutStopUSec=t 1250000");
	annotation(P "CollectMode", "'inactive'", "CollectMode=s 'inactive'");
	annotation(P "After", "['a.service', 'b.service']", "After=as ['a.service', 'b.service']");
	annotation("org.systemd.other.X", "nonsense", "");
	annotation(P "TimeoutStopSec", "-5", "annotations '" P "TimeoutStopSec': '-5' is no number of seconds");
	annotation(P "TimeoutStopSec", "'5'", "annotations '" P "TimeoutStopSec': ''5'' is no number of seconds");
	annotation(P "TimeoutStopSec", "uint64 18446744073709551615",
		   "annotations '" P "TimeoutStopSec': 'uint64 18446744073709551615' is no number of seconds");
	annotation(P "X", "5", "annotations '" P "X': 'X' is no name of a property");
	annotation(P "", "5", "annotations '" P "': '' is no name of a property");
	annotation(P "Memory-Max", "5", "annotations '" P "Memory-Max': 'Memory-Max' is no name of a property");
	annotation(P "MemoryMax", "5 apples", "annotations '" P "MemoryMax': '5 apples' has something after its end");
	annotation(P "PIDs", "[uint32 1]", "annotations '" P "PIDs': is for the runtime to set");
	annotation(P "Slice", "'-.slice'", "annotations '" P "Slice': is for the runtime to set");
}

int main(void)
{
	test_places();
	test_bad_places();
	test_values();
	test_bad_values();
	test_rounding();
	test_limits();
	test_io();
	test_unified();
	test_annotations();
	arena_done(&arena);
	return done();
}
