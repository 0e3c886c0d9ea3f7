/* SPDX-License-Identifier: Apache-2.0 */
/* The small parsers, one line each: numbers, lists of CPUs, paths of cgroups, sysctl names, and what the kernel's files say:
 * mounts, maps of ids, schemata (compared with what comes after a '|'). */
#include "base/bitlist.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "cgroups/internal.h"
#include "libcontainer/rdt.h"
#include "spec/spec.h"
#include "tests/fuzz/fuzz.h"

static void kernel_files(struct arena *a, const char *line)
{
	char *copy = arena_strdup(a, line), *bar = strchr(copy, '|');
	uint64_t columns[3];

	if (parse_columns(line, columns, 3) == 0)
		must_hold(line[strspn(line, " \t")] >= '0' && line[strspn(line, " \t")] <= '9');
	if (bar) {
		*bar = '\0';
		bool matches = rdt_schema_matches(copy, bar + 1, 0);
		must_hold(!matches || rdt_schema_matches(copy, bar + 1, 1));
	}
	const char *point = cgroup_mountinfo_point(arena_strdup(a, line));
	if (point)
		must_hold(strstr(line, " - cgroup2 ") && strlen(point) < strlen(line));
}

static void one(struct arena *a, const char *line)
{
	auto_strbuf struct strbuf path = {};
	unsigned long *mask = NULL;
	uint64_t u64;
	int64_t i64;
	uint32_t u32;
	size_t bits = 0;

	if (parse_u64(line, 1000, &u64) == 0)
		must_hold(u64 <= 1000);
	if (parse_i64(line, -5, 5, &i64) == 0)
		must_hold(i64 >= -5 && i64 <= 5);
	if (parse_u32(line, UINT32_MAX, &u32) == 0 || parse_octal(line, 07777, &u32) == 0)
		must_hold(line[0]);
	if (bitlist_parse(a, line, &mask, &bits) == 0)
		must_hold(bits <= BITLIST_MAX);
	if (cgroup_path_normalise(line, &path) == 0 && path.s)
		must_hold(!strstr(path.s, "/../") && !strstr(path.s, "//"));
	spec_sysctl_path(a, line);
	kernel_files(a, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena a = {};
	char *text = arena_strndup(&a, (const char *)data, size);

	for (char *line; (line = strsep(&text, "\n"));)
		one(&a, line);
	return 0;
}
