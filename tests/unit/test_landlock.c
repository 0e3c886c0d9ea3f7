/* SPDX-License-Identifier: Apache-2.0 */
/* The annotation org.kedge.landlock: what it may say. */
#include "spec/landlock.h"
#include "tests/unit/tap.h"

static int parse(struct arena *a, const char *text, struct landlock_rules *ret, struct error *e)
{
	*e = (struct error){};
	return landlock_parse(a, text, ret, e);
}

static void test_good(void)
{
	auto_arena struct arena a = {};
	struct landlock_rules r = {};
	struct error e;

	is_int(parse(&a, "{\"write\": [\"/tmp\", \"/dev/null\"], \"execute\": []}", &r, &e), 0, "lists are read");
	ok(r.kind[LANDLOCK_WRITE].set && r.kind[LANDLOCK_WRITE].paths.n == 2, "two paths may be written");
	is_str(r.kind[LANDLOCK_WRITE].paths.v[1], "/dev/null", "in their order");
	ok(r.kind[LANDLOCK_EXECUTE].set && r.kind[LANDLOCK_EXECUTE].paths.n == 0, "an empty list is one");
	ok(!r.kind[LANDLOCK_READ].set, "what is not there is not restricted");
}

static void test_bad(void)
{
	static const struct { const char *text, *why; } bad[] = {
		{"", "org.kedge.landlock"},
		{"true", "must be an object with read, write or execute"},
		{"[\"/tmp\"]", "must be an object"},
		{"{}", "must be an object with"},
		{"{\"writes\": [\"/tmp\"]}", ".writes: is not known"},
		{"{\"write\": \"/tmp\"}", ".write: must be an array, is a string"},
		{"{\"write\": null}", ".write: must be an array, is null"},
		{"{\"write\": [\"/tmp\", 1]}", ".write[1]: must be a string, is a number"},
		{"{\"read\": [\"\"]}", ".read[0]: must be an absolute path, is ''"},
		{"{\"read\": [\"tmp\"]}", ".read[0]: must be an absolute path, is 'tmp'"},
		{"{\"read\": [\"/a\\u0000b\"]}", "org.kedge.landlock"},
		{"{\"read\": [], \"read\": []}", "read"},
		{"{\"read\": []} x", "org.kedge.landlock"},
		{"{\"read\": [\"/tmp\"]", "org.kedge.landlock"},
	};
	auto_arena struct arena a = {};
	struct landlock_rules r = {};
	struct error e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(parse(&a, bad[i].text, &r, &e) < 0 && strstr(e.msg, bad[i].why), "refuses %s: %s", bad[i].text, e.msg);
	ok(!r.kind[LANDLOCK_READ].set && !r.kind[LANDLOCK_WRITE].set, "and gives nothing");
}

int main(void)
{
	test_good();
	test_bad();
	return done();
}
