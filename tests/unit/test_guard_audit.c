/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the audit log: what stands in them, and that nobody's name can break them. */
#include "guard/audit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "spec/json.h"
#include "tests/unit/tap.h"

static const struct guard_now now = {.boot_ns = 5000000000, .real_ns = 1767323045000006000}; /* 2026-01-02T03:04:05.000006Z */

static struct guard_record record(void)
{
	struct guard_record r = {.cookie = 0x00ab,
				 .boot_ns = 4999000000,
				 .pid = 12,
				 .tid = 13,
				 .uid = 1000,
				 .hook = GUARD_HOOK_EXIT_SYSCALL,
				 .tier = GUARD_TIER_SYSCALL,
				 .action = GUARD_ACTION_KILLED,
				 .drift = 1ULL << GUARD_MOUNT | 1ULL << GUARD_DRIFT_CWD,
				 .comm = "sh"};

	r.old_inum[GUARD_MOUNT] = 4026532178;
	r.new_inum[GUARD_MOUNT] = 4026531832;
	return r;
}

static void test_drift(void)
{
	auto_strbuf struct strbuf out = {};
	struct guard_container c = {.cookie = 0x00ab, .id = (char *)"web1", .root = (char *)"/run/kedge", .image = (char *)"i:1"};
	struct guard_latency latency = {.record = 77, .kill = 155};
	struct guard_record r = record();

	guard_audit_drift(&out, &c, &r, &latency, &now);
	is_str(strbuf_str(&out),
	       "{\"type\":\"drift\",\"time\":\"2026-01-02T03:04:04.999006Z\",\"cookie\":\"00000000000000ab\",\"id\":\"web1\","
	       "\"root\":\"/run/kedge\",\"image\":\"i:1\",\"pid\":12,\"tid\":13,\"comm\":\"sh\",\"uid\":1000,\"hook\":\"sys_exit\","
	       "\"tier\":\"syscall\",\"action\":\"killed\",\"drift\":[\"mount\",\"cwd\"],"
	       "\"reason\":\"mount namespace changed, working directory on a foreign mount\","
	       "\"namespaces\":[{\"type\":\"mount\",\"old\":4026532178,\"new\":4026531832}],"
	       "\"latencyUs\":{\"record\":77,\"kill\":155}}",
	       "a line of drift, at the time of the event");
}

static void test_unknown(void)
{
	auto_strbuf struct strbuf out = {};
	struct guard_container c = {.cookie = 1};
	struct guard_record r = record();
	struct guard_latency latency = {.record = 1};

	r.drift = 1ULL << GUARD_DRIFT_CAPS;
	r.caps = 0xa80425fb;
	r.hook = GUARD_HOOK_N;
	r.tier = 3;
	r.action = 99;
	r.boot_ns = now.boot_ns + 5; /* another CPU's clock */
	guard_audit_drift(&out, &c, &r, &latency, &now);
	ok(strstr(strbuf_str(&out), "\"hook\":\"unknown\",\"tier\":\"unknown\",\"action\":\"unknown\""), "what is not known is said so");
	ok(strstr(strbuf_str(&out), "\"namespaces\":[],\"caps\":\"00000000a80425fb\""), "capabilities, and no namespace");
	ok(strstr(strbuf_str(&out), "\"time\":\"2026-01-02T03:04:05.000006Z\""), "an event is never in the future");
	ok(!strstr(strbuf_str(&out), "\"id\"") && !strstr(strbuf_str(&out), "\"kill\""), "what there is not is left out");
}

/* All sixteen bytes of comm are the offender's. */
static void test_comm(void)
{
	static const char *const names[] = {
		"\"},{\"a\":\"", "a\nb\tc\\d", "\x01\x1f\x7f", "\xff\xfe\xc3", "0123456789abcdef", "\xe2\x82\xac\xe2\x82", "",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		auto_strbuf struct strbuf out = {};
		auto_arena struct arena a = {};
		struct guard_container c = {.cookie = 1, .id = (char *)"a"};
		struct guard_latency latency = {};
		struct guard_record r = record();
		struct error e = {};
		struct json *root = NULL;

		memset(r.comm, 0, sizeof(r.comm));
		memcpy(r.comm, names[i], MIN(strlen(names[i]), sizeof(r.comm)));
		guard_audit_drift(&out, &c, &r, &latency, &now);
		ok(!strchr(strbuf_str(&out), '\n'), "name %zu: one line", i);
		if (!ok(json_parse(&a, "line", strbuf_str(&out), out.len, &root, &e) == 0, "name %zu: JSON", i))
			diag("%s: %s", e.msg, strbuf_str(&out));
		else if (!strpbrk(names[i], "\xff\xe2"))
			is_str(json_str(root, "comm", NULL), names[i], "name %zu: comes back", i);
		is_int(json_int(root, "pid", 0), 12, "name %zu: the rest is untouched", i);
	}
}

static void test_others(void)
{
	struct guard_container c = {.cookie = 1, .id = (char *)"a", .mode = GUARD_AUDIT};
	auto_strbuf struct strbuf out = {};

	guard_audit_killed(&out, &c, 1983, &now);
	is_str(strbuf_str(&out),
	       "{\"type\":\"killed\",\"time\":\"2026-01-02T03:04:05.000006Z\",\"cookie\":\"0000000000000001\",\"id\":\"a\","
	       "\"allDead\":true,\"latencyUs\":{\"allDead\":1983}}",
	       "killed");
	strbuf_clear(&out);
	guard_audit_killed(&out, &c, 0, &now);
	ok(strstr(strbuf_str(&out), "\"allDead\":false}"), "not dead in time");
	strbuf_clear(&out);
	guard_audit_container(&out, "armed", &c, &now);
	ok(strstr(strbuf_str(&out), "{\"type\":\"armed\"") && strstr(strbuf_str(&out), "\"mode\":\"audit\"}"), "armed");
	strbuf_clear(&out);
	guard_audit_event(&out, "started", GUARD_TIER_SAMPLE | GUARD_TIER_SWEEP, NULL, &now);
	ok(strstr(strbuf_str(&out), "\"tiers\":[\"sample\",\"sweep\"]}"), "started");
	for (int i = 0; i < GUARD_DRIFT_N; i++)
		ok(guard_drift_name(i), "drift %d has a name: %s", i, guard_drift_name(i) ?: "?");
}

static void test_same(void)
{
	struct guard_container c = {.cookie = 1, .id = (char *)"a"}, gone = {.cookie = 1}, other = {.cookie = 2};
	struct guard_latency latency = {.record = 5}, none = {};
	struct guard_now later = {.boot_ns = now.boot_ns + 9999999, .real_ns = now.real_ns + 9999999};
	auto_strbuf struct strbuf a = {}, b = {};
	struct guard_record r = record();

	guard_audit_drift(&a, &c, &r, &latency, &now);
	guard_audit_drift(&b, &gone, &r, &none, &later);
	ok(guard_audit_same(strbuf_str(&a), strbuf_str(&b)), "a record that is told again later, without names, is the same");
	strbuf_clear(&b);
	guard_audit_drift(&b, &other, &r, &latency, &now);
	ok(!guard_audit_same(strbuf_str(&a), strbuf_str(&b)), "of another container it is not");
	strbuf_clear(&b);
	r.tid++;
	guard_audit_drift(&b, &c, &r, &latency, &now);
	ok(!guard_audit_same(strbuf_str(&a), strbuf_str(&b)), "of another thread it is not");
	r.tid--;
	r.drift ^= 1;
	strbuf_clear(&b);
	guard_audit_drift(&b, &c, &r, &latency, &now);
	ok(!guard_audit_same(strbuf_str(&a), strbuf_str(&b)), "for another cause it is not");
	strbuf_clear(&b);
	guard_audit_event(&b, "stopped", 0, NULL, &now);
	ok(!guard_audit_same(strbuf_str(&b), strbuf_str(&b)) && !guard_audit_same("", "{\"type\":\"drift\""),
	   "what is no drift is none, nor what is cut off");
}

static void is_last(const struct guard_audit *audit, const char *want, const char *what)
{
	auto_free char *last = guard_audit_last(audit);

	is_str(last, want, "%s", what);
}

static void test_file(void)
{
	char dir[] = "/tmp/kedge-unit.XXXXXX", path[64], old[64];
	struct guard_audit audit = GUARD_AUDIT_NONE;
	auto_strbuf struct strbuf text = {};
	struct error e = {};
	struct stat st;

	if (!mkdtemp(dir)) {
		fail("no temporary directory");
		return;
	}
	snprintf(path, sizeof(path), "%s/log/guard.jsonl", dir);
	snprintf(old, sizeof(old), "%s/log/old", dir);
	umask(0);
	if (!is_int(guard_audit_open(path, &audit, &e), 0, "opens the log, and makes its directory"))
		diag("%s", e.msg);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "0600");
	is_last(&audit, NULL, "no last line in an empty file");
	guard_audit_write(&audit, "{1}");
	is_last(&audit, "{1}", "the first line is the last");
	ok(rename(path, old) == 0, "it is rotated");
	guard_audit_write(&audit, "{2}");
	is_int(read_file_at(AT_FDCWD, path, 100, &text), 0, "the new file is read");
	is_str(strbuf_str(&text), "{2}\n", "the next line is in a new file");
	guard_audit_write(&audit, "{3}");
	is_last(&audit, "{3}", "and is followed by the last");
	ok(unlink(path) == 0 && symlink("/dev/full", path) == 0, "a link stands there");
	guard_audit_write(&audit, "{3}");
	is_int(audit.failed, 1, "which is not followed, and counted");
	guard_audit_done(&audit);
	unlink(path);
	unlink(old);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(dir);
}

int main(void)
{
	test_drift();
	test_unknown();
	test_comm();
	test_others();
	test_same();
	test_file();
	return done();
}
