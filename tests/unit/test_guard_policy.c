/* SPDX-License-Identifier: Apache-2.0 */
/* What a host's policy may say, and that annotations only tighten it. */
#include <linux/capability.h>

#include "guard/guard.h"
#include "tests/unit/tap.h"

static int parse(struct arena *a, const char *text, struct guard_policy *p, struct error *e)
{
	*e = (struct error){};
	return guard_policy_parse(a, text, strlen(text), p, e);
}

static void test_host(void)
{
	auto_arena struct arena a = {};
	struct guard_policy p;
	struct error e;
	static const struct { const char *text, *why; } bad[] = {
		{"[]", "must be an object"},
		{"{\"mode\": 1}", "mode"},
		{"{\"mode\": \"on\"}", "unknown value 'on'"},
		{"{\"mod\": \"off\"}", "mod"},
		{"{\"sweep-ms\": 9}", "sweep-ms"},
		{"{\"sweep-ms\": 60001}", "sweep-ms"},
		{"{\"log\": \"guard.log\"}", "must be an absolute path"},
		{"{\"mode\": \"off\", \"mode\": \"enforce\"}", "mode"},
	};

	is_int(parse(&a, "{}", &p, &e), 0, "an empty policy is the default");
	ok(p.mode == GUARD_ENFORCE && p.require == GUARD_REQUIRE_NONE && p.nesting == GUARD_NESTING_AUTO &&
		   p.joiners == GUARD_JOINERS_REGISTERED && p.scope == GUARD_SCOPE_CONTAINER && p.sweep_ms == 1000 &&
		   p.foreign_mounts == GUARD_FOREIGN_MOUNTS_DENY && !p.syscall_tier,
	   "which enforces");
	is_str(p.log, "/var/log/kedge/guard.jsonl", "with its log");
	is_int(parse(&a, "{\"mode\": \"audit\", \"require\": \"lsm\", \"nesting\": \"nested\", \"foreign-mounts\": \"off\","
			 "\"joiners\": \"any\", \"scope\": \"process\", \"sweep-ms\": 50, \"syscall-tier\": true, \"log\": \"/x\"}",
		     &p, &e),
	       0, "everything can be said");
	ok(p.mode == GUARD_AUDIT && p.require == GUARD_REQUIRE_LSM && p.sweep_ms == 50 && p.syscall_tier, "and is taken");
	is_int(guard_policy_flags(&p), GUARD_NESTED | GUARD_ANY_JOINER | GUARD_PROCESS_SCOPE, "as the kernel's flags");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(parse(&a, bad[i].text, &p, &e) < 0 && strstr(e.msg, bad[i].why), "refuses %s: %s", bad[i].text, e.msg);
}

static int annotate(struct guard_policy *p, const char *key, const char *value, uint64_t bounding, struct error *e)
{
	struct spec_pair pair = {(char *)(uintptr_t)key, (char *)(uintptr_t)value};
	struct spec spec = {.annotations = {key ? 1 : 0, &pair}};

	spec.process.caps.bounding = bounding;
	*e = (struct error){};
	return guard_policy_annotate(p, &spec, e);
}

static void test_annotations(void)
{
	static const struct { const char *key, *loose, *tight; } rows[] = {
		{"org.kedge.guard.mode", "off", "enforce"},
		{"org.kedge.guard.require", "none", "lsm"},
		{"org.kedge.guard.nesting", "nested", "strict"},
		{"org.kedge.guard.foreign-mounts", "off", "kill"},
		{"org.kedge.guard.joiners", "any", "registered"},
		{"org.kedge.guard.scope", "process", "container"},
		{"org.kedge.guard.sweep-ms", "5000", "100"},
	};
	static const struct guard_policy floor = {
		.mode = GUARD_AUDIT, .require = GUARD_REQUIRE_SAMPLE, .nesting = GUARD_NESTING_STRICT,
		.foreign_mounts = GUARD_FOREIGN_MOUNTS_DENY, .joiners = GUARD_JOINERS_REGISTERED,
		.scope = GUARD_SCOPE_CONTAINER, .sweep_ms = 1000,
	};
	struct guard_policy p;
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		p = floor;
		ok(annotate(&p, rows[i].key, rows[i].loose, 0, &e) < 0 && strstr(e.msg, rows[i].key) &&
			   strstr(e.msg, "looser"),
		   "%s cannot loosen: %s", rows[i].key, e.msg);
		p = floor;
		is_int(annotate(&p, rows[i].key, rows[i].tight, 0, &e), 0, "%s can tighten", rows[i].key);
		is_str(guard_annotations[i], rows[i].key, "and is listed");
	}
	ok(annotate(&p, "org.kedge.guard.mode", "Enforce", 0, &e) < 0 && strstr(e.msg, "invalid value"), "words are exact");
	ok(annotate(&p, "org.kedge.guard.sweep-ms", "5", 0, &e) < 0 && strstr(e.msg, "invalid value"), "numbers have bounds");
	ok(annotate(&p, "org.kedge.guard.nesting", "auto", 0, &e) < 0, "auto is the host's word");
	ok(annotate(&p, "org.kedge.guard.log", "/x", 0, &e) < 0 && strstr(e.msg, "unknown annotation"),
	   "what is the host's alone is no annotation");
	is_int(annotate(&p, "org.kedge.guardian", "x", 0, &e), 0, "others' annotations are let be");
}

static void test_nesting(void)
{
	struct guard_policy p = {.mode = GUARD_ENFORCE, .sweep_ms = 1000};
	struct error e;

	is_int(annotate(&p, NULL, NULL, 1ULL << CAP_SYS_ADMIN, &e), 0, "a container with CAP_SYS_ADMIN");
	is_int(p.nesting, GUARD_NESTING_NESTED, "may nest");
	p.nesting = GUARD_NESTING_AUTO;
	is_int(annotate(&p, NULL, NULL, 1ULL << CAP_NET_ADMIN, &e), 0, "one without");
	is_int(p.nesting, GUARD_NESTING_STRICT, "may not");
	p.nesting = GUARD_NESTING_AUTO;
	is_int(annotate(&p, "org.kedge.guard.nesting", "strict", 1ULL << CAP_SYS_ADMIN, &e), 0, "unless it says so itself");
	is_int(p.nesting, GUARD_NESTING_STRICT, "then it is strict");
}

static void test_record(void)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf text = {};
	struct guard_container c = {.cookie = 0xfedcba9876543210, .id = (char *)"c\"1", .root = (char *)"/run/kedge",
				    .cgroup = (char *)"/x/c1", .mode = GUARD_AUDIT, .flags = GUARD_NESTED, .sweep_ms = 250}, got;
	struct error e = {};
	uint64_t cookie;

	guard_container_print(&c, &text);
	is_int(guard_container_parse(&a, "r", strbuf_str(&text), text.len, &got, &e), 0, "a record is read back");
	ok(got.cookie == c.cookie && got.mode == c.mode && got.flags == c.flags && got.sweep_ms == 250 && !got.image, "whole");
	is_str(got.id, c.id, "with its id");
	is_str(got.cgroup, c.cgroup, "and cgroup");
	ok(guard_container_parse(&a, "r", "{}", 2, &got, &e) < 0 && strstr(e.msg, "damaged"), "an empty one is damaged");
	ok(guard_cookie_parse("0000000000000000", &cookie) < 0 && guard_cookie_parse("fedcba987654321", &cookie) < 0 &&
		   guard_cookie_parse("FEDCBA9876543210", &cookie) < 0 && guard_cookie_parse("../../../../../x", &cookie) < 0,
	   "a cookie has one form");
}

int main(void)
{
	test_host();
	test_annotations();
	test_nesting();
	test_record();
	return done();
}
