/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rdt.h"

#include "tests/unit/tap.h"

static const char schemata[] = "    MB:0= 30;1=100\n    L3:0=0000f;1=fffff\nL3CODE:0=1\n";

static const struct {
	const char *line;
	unsigned step;
	bool matches;
} cases[] = {
	{"L3:0=f", 0, true},
	{"L3:0=F;1=FFFFF", 0, true},
	{"L3:1=fffff;0=00f", 0, true},
	{"L3:0=f;", 0, true},
	{"  L3:0=f", 0, true},
	{"L3CODE:0=1", 0, true},
	{"MB:1=100", 0, true},
	{"MB:0=30", 0, true},
	{"MB:1=95", 10, true},
	{"L3:0=1f", 0, false},
	{"L3:2=f", 0, false},
	{"L3:0", 0, false},
	{"L3:0f", 0, false},
	{"L3:0=", 0, false},
	{"L3", 0, false},
	{"L2:0=f", 0, false},
	{"MB:1=90", 10, false},
	{"MB:1=95", 0, false},
	{"MB:1=x", 10, false},
	{"", 0, false},
};

int main(void)
{
	const struct spec_rdt named = {.clos_id = (char *)"gold"}, unnamed = {};
	const char *const bad[] = {"", ".", "..", "a/b", "/"};
	struct error e = {};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ok(rdt_schema_matches(schemata, cases[i].line, cases[i].step) == cases[i].matches, "'%s' %s",
		   cases[i].line, cases[i].matches ? "agrees" : "does not");
	ok(!rdt_schema_matches("", "L3:0=f", 0), "nothing agrees with no schemata");
	is_str(rdt_group(&named, "c1"), "gold", "a class has its name");
	is_str(rdt_group(&unnamed, "c1"), "c1", "or the container's");
	is_int(rdt_remove(&(struct intent){}, "c1", &e), 0, "nothing to remove");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		is_int(rdt_remove(&(struct intent){.rdt_clos = bad[i]}, "c1", &e), 0, "'%s': without resctrl nothing is removed",
		       bad[i]);
	return done();
}
