/* SPDX-License-Identifier: Apache-2.0 */
/* What a host may say of containers, what annotations may add, and the filter that comes of it. */
#include <linux/capability.h>
#include <linux/seccomp.h>

#include "seccomp/seccomp.h"
#include "spec/policy.h"
#include "tests/unit/tap.h"

static int parse(const char *text, struct policy *p, struct error *e)
{
	policy_done(p);
	*p = (struct policy){};
	*e = (struct error){};
	return policy_parse(text, strlen(text), p, e);
}

static void test_host(void)
{
	static const struct { const char *text, *why; } bad[] = {
		{"[]", "must be an object"},
		{"{\"containers\": []}", "containers: must be an object"},
		{"{\"containers\": {\"require\": \"seccomp\"}}", "containers.require"},
		{"{\"containers\": {\"require\": [\"luck\"]}}", "containers.require[0]: unknown requirement 'luck'"},
		{"{\"containers\": {\"no-host-namespaces\": [\"time\"]}}", "unknown namespace 'time'"},
		{"{\"containers\": {\"no-capabilities\": [\"ALL\"]}}", "unknown capability 'ALL'"},
		{"{\"containers\": {\"no-devices\": 1}}", "containers.no-devices"},
		{"{\"containers\": {\"no-device\": true}}", "containers.no-device: is not known"},
		{"{\"containers\": {\"hook-paths\": [\"/a\", \"b\"]}}", "containers.hook-paths[1]: 'b' must be an absolute path"},
		{"{\"containers\": {}, \"containers\": {}}", "containers"},
	};
	auto_policy struct policy p = {};
	struct error e;

	is_int(parse("{\"mode\": \"off\"}", &p, &e), 0, "what is the guard's is no matter here");
	ok(p.seccomp_floor == POLICY_FLOOR_OFF && !p.no_devices.v && !p.mount_sources.set && p.require.words.n == 0,
	   "nothing is refused by default");
	is_int(parse("{\"containers\": {\"require\": [\"seccomp\"], \"mount-sources\": [], \"no-devices\": true, "
		     "\"seccomp-floor\": \"capabilities\"}}", &p, &e), 0, "rules are read");
	ok(p.require.n_host == 1 && p.mount_sources.set && p.no_devices.v && p.seccomp_floor == POLICY_FLOOR_CAPABILITIES,
	   "and an empty list of paths is one");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(parse(bad[i].text, &p, &e) < 0 && strstr(e.msg, bad[i].why), "refuses %s: %s", bad[i].text, e.msg);
}

static int annotate(struct policy *p, const char *key, const char *value, struct error *e)
{
	struct spec_pair pair = {(char *)(uintptr_t)key, (char *)(uintptr_t)value};
	struct spec spec = {.annotations = {1, &pair}};

	*e = (struct error){};
	return policy_annotate(p, &spec, e);
}

static void test_annotations(void)
{
	auto_policy struct policy p = {};
	struct error e;

	is_int(annotate(&p, "org.other", "x", &e), 0, "others' annotations are others'");
	ok(!p.set, "and say nothing");
	is_int(parse("{\"containers\": {\"require\": [\"seccomp\"], \"seccomp-floor\": \"capabilities\"}}", &p, &e), 0, "a policy");
	is_int(annotate(&p, "org.kedge.policy.require", "no-root,masked-paths", &e), 0, "words are added");
	ok(p.require.words.n == 3 && p.require.n_host == 1 && strcmp(p.require.words.v[2], "masked-paths") == 0, "after the host's");
	is_int(annotate(&p, "org.kedge.policy.seccomp-floor", "all", &e), 0, "a floor may be raised");
	ok(annotate(&p, "org.kedge.policy.seccomp-floor", "off", &e) < 0, "not lowered: %s", e.msg);
	ok(annotate(&p, "org.kedge.policy.no-devices", "false", &e) < 0, "no switch is turned off: %s", e.msg);
	is_int(annotate(&p, "org.kedge.policy.no-devices", "true", &e), 0, "but on");
	ok(p.no_devices.v && p.no_devices.annotated, "by whom is known");
	ok(annotate(&p, "org.kedge.policy.require", "seccomp,", &e) < 0, "an empty word is none: %s", e.msg);
	ok(annotate(&p, "org.kedge.policy.mount-sources", "/", &e) < 0, "paths are the host's alone: %s", e.msg);
}

static bool denies(const struct spec_seccomp *profile, const char *name)
{
	for (size_t i = 0; i < profile->syscalls.n; i++)
		for (size_t k = 0; k < profile->syscalls.v[i].names.n; k++)
			if (strcmp(profile->syscalls.v[i].names.v[k], name) == 0)
				return profile->syscalls.v[i].action == SECCOMP_RET_ERRNO;
	return false;
}

static void test_floor(void)
{
	struct policy p = {};
	auto_arena struct arena a = {};
	struct spec_seccomp f;
	uint64_t bpf = 1ULL << 39, module = 1ULL << CAP_SYS_MODULE;

	ok(!seccomp_floor(&p, 0, &a, &f), "no policy, no floor");
	p.seccomp_floor = POLICY_FLOOR_CAPABILITIES;
	ok(seccomp_floor(&p, bpf, &a, &f) && !denies(&f, "bpf") && denies(&f, "init_module"), "a capability keeps its call");
	ok(seccomp_floor(&p, module, &a, &f) && denies(&f, "bpf") && !denies(&f, "finit_module"), "and no other");
	ok(!denies(&f, "clone3") && !denies(&f, "read") && f.default_action == SECCOMP_RET_ALLOW, "all else is left");
	p.seccomp_floor = POLICY_FLOOR_ALL;
	ok(seccomp_floor(&p, UINT64_MAX, &a, &f) && denies(&f, "bpf") && denies(&f, "kexec_load"), "all is all");
	p = (struct policy){.no_user_namespaces = {true, false}};
	ok(seccomp_floor(&p, 0, &a, &f) && denies(&f, "clone3") && denies(&f, "unshare") && !denies(&f, "bpf"),
	   "user namespaces are apart");
}

int main(void)
{
	test_host();
	test_annotations();
	test_floor();
	return done();
}
