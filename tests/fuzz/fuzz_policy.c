/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the host's policy, the guard's part and that of containers; and as a configuration whose annotations add to one:
 * they tighten it, or are refused; and as the rules for Landlock of one of them. */
#include "guard/guard.h"
#include "spec/landlock.h"
#include "spec/policy.h"
#include "tests/fuzz/fuzz.h"

static void annotate(const char *text, size_t size)
{
	static const char host[] = "{\"containers\": {\"require\": [\"seccomp\"], \"seccomp-floor\": \"capabilities\"}}";
	auto_spec struct spec *spec = NULL;
	auto_policy struct policy policy = {};
	struct guard_policy guard = {.mode = GUARD_AUDIT, .scope = GUARD_SCOPE_CONTAINER, .sweep_ms = 1000}, before = guard;
	struct error e = {}, e2 = {}, e3 = {};

	if (spec_parse("config.json", text, size, &spec, &e) < 0)
		return;
	must_hold(policy_parse(host, sizeof(host) - 1, &policy, &e) == 0);
	if (policy_annotate(&policy, spec, &e2) < 0)
		must_hold(e2.kind == ERROR_CONFIG && e2.msg[0]);
	must_hold(policy.require.words.n >= 1 && policy.seccomp_floor >= POLICY_FLOOR_CAPABILITIES);
	if (guard_policy_annotate(&guard, spec, &e3) < 0)
		must_hold(e3.kind == ERROR_CONFIG && e3.msg[0]);
	must_hold(guard.mode >= before.mode && guard.scope >= before.scope && guard.sweep_ms <= before.sweep_ms);
}

static void landlock(const char *text, size_t size)
{
	auto_arena struct arena a = {};
	auto_free char *copy = strndup(text, size);
	struct landlock_rules rules = {};
	struct error e = {};
	size_t n = 0;

	if (!copy)
		return;
	if (landlock_parse(&a, copy, &rules, &e) < 0) {
		must_hold(e.kind == ERROR_CONFIG && e.msg[0]);
		return;
	}
	for (int k = 0; k < LANDLOCK_KINDS; k++) {
		n += rules.kind[k].set;
		for (size_t i = 0; i < rules.kind[k].paths.n; i++)
			must_hold(rules.kind[k].paths.v[i][0] == '/');
	}
	must_hold(n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena a = {};
	auto_policy struct policy policy = {};
	struct guard_policy guard = {};
	struct error e = {}, e2 = {};
	const char *text = (const char *)data;

	if (policy_parse(text, size, &policy, &e) < 0)
		must_hold(e.kind == ERROR_CONFIG && e.msg[0]);
	if (guard_policy_parse(&a, text, size, &guard, &e2) < 0)
		must_hold(e2.kind == ERROR_CONFIG && e2.msg[0]);
	annotate(text, size);
	landlock(text, size);
	return 0;
}
