/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document of runc's `events`, member for member: what Go's encoder leaves out when it is zero is left out here too,
 * because readers compare and because a program that decodes into a struct cannot tell the difference. What only v1
 * counted is zero.
 */
#include <string.h>

#include "base/bitlist.h"
#include "cgroups/cgroup.h"
#include "spec/json.h"

static void add_nonzero(struct json_writer *w, const char *key, uint64_t value)
{
	if (value)
		jw_uint(w, key, value);
}

/* Go prints 12.5, 12.34 and 0. */
static void add_percent(struct json_writer *w, const char *key, uint32_t hundredths, struct arena *a)
{
	uint32_t part = hundredths % 100;
	const char *text = part == 0	    ? arena_printf(a, "%u", hundredths / 100)
			   : part % 10 == 0 ? arena_printf(a, "%u.%u", hundredths / 100, part / 10)
					    : arena_printf(a, "%u.%02u", hundredths / 100, part);

	jw_raw(w, key, &(struct json){.type = JSON_NUMBER, .text = text});
}

static void add_stall(struct json_writer *w, const char *key, const struct cgroup_stall *s)
{
	auto_arena struct arena a = {};

	if (!s->avg[0] && !s->avg[1] && !s->avg[2] && !s->total)
		return;
	jw_object(w, key);
	add_percent(w, "avg10", s->avg[0], &a);
	add_percent(w, "avg60", s->avg[1], &a);
	add_percent(w, "avg300", s->avg[2], &a);
	jw_uint(w, "total", s->total);
	jw_end(w, '}');
}

static void add_pressure(struct json_writer *w, const struct cgroup_pressure *p)
{
	if (!p->set)
		return;
	jw_object(w, "psi");
	add_stall(w, "some", &p->some);
	add_stall(w, "full", &p->full);
	jw_end(w, '}');
}

static void add_cpu(struct json_writer *w, const struct cgroup_stats *s)
{
	jw_object(w, "cpu");
	if (s->cpu.total || s->cpu.system || s->cpu.user) {
		jw_object(w, "usage");
		add_nonzero(w, "total", s->cpu.total);
		jw_uint(w, "kernel", s->cpu.system);
		jw_uint(w, "user", s->cpu.user);
		jw_end(w, '}');
	}
	if (s->cpu.periods || s->cpu.throttled || s->cpu.throttled_time) {
		jw_object(w, "throttling");
		add_nonzero(w, "periods", s->cpu.periods);
		add_nonzero(w, "throttledPeriods", s->cpu.throttled);
		add_nonzero(w, "throttledTime", s->cpu.throttled_time);
		jw_end(w, '}');
	}
	add_pressure(w, &s->cpu_pressure);
	jw_end(w, '}');
}

static void add_list(struct json_writer *w, const char *key, const char *list)
{
	auto_arena struct arena a = {};
	unsigned long *mask;
	size_t bits;

	if (!list || !*list || bitlist_parse(&a, list, &mask, &bits) < 0)
		return;
	jw_array(w, key);
	for (size_t i = 0; i < bits; i++)
		if (mask[i / (8 * sizeof(*mask))] >> i % (8 * sizeof(*mask)) & 1)
			jw_uint(w, NULL, i);
	jw_end(w, ']');
}

static void add_cpuset(struct json_writer *w, const struct cgroup_stats *s)
{
	static const char *const v1_only[] = {"mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
					      "memory_spread_slab", "memory_pressure", "sched_load_balance",
					      "sched_relax_domain_level"};

	jw_object(w, "cpuset");
	add_list(w, "cpus", s->cpus);
	jw_uint(w, "cpu_exclusive", 0);
	add_list(w, "mems", s->mems);
	for (size_t i = 0; i < ARRAY_SIZE(v1_only); i++)
		jw_uint(w, v1_only[i], 0);
	jw_end(w, '}');
}

static void add_usage(struct json_writer *w, const char *key, const struct cgroup_usage *u)
{
	if (!u->limit && !u->usage && !u->peak && !u->failures)
		return;
	jw_object(w, key);
	jw_uint(w, "limit", u->limit);
	add_nonzero(w, "usage", u->usage);
	add_nonzero(w, "max", u->peak);
	jw_uint(w, "failcnt", u->failures);
	jw_end(w, '}');
}

static void add_memory(struct json_writer *w, const struct cgroup_stats *s)
{
	jw_object(w, "memory");
	for (size_t i = 0; i < s->memory.n_stat; i++)
		if (strcmp(s->memory.stat[i].key, "file") == 0)
			add_nonzero(w, "cache", s->memory.stat[i].value);
	add_usage(w, "usage", &s->memory.memory);
	add_usage(w, "swap", &s->memory.with_swap);
	if (s->memory.n_stat) {
		jw_object(w, "raw");
		for (size_t i = 0; i < s->memory.n_stat; i++)
			jw_uint(w, s->memory.stat[i].key, s->memory.stat[i].value);
		jw_end(w, '}');
	}
	add_pressure(w, &s->memory_pressure);
	jw_end(w, '}');
}

static void add_ios(struct json_writer *w, const char *key, const struct cgroup_ios *list)
{
	if (!list->n)
		return;
	jw_array(w, key);
	for (size_t i = 0; i < list->n; i++) {
		jw_object(w, NULL);
		add_nonzero(w, "major", list->v[i].major);
		add_nonzero(w, "minor", list->v[i].minor);
		jw_str(w, "op", list->v[i].op);
		add_nonzero(w, "value", list->v[i].value);
		jw_end(w, '}');
	}
	jw_end(w, ']');
}

void cgroup_stats_print(const struct cgroup_stats *s, struct json_writer *w)
{
	add_cpu(w, s);
	add_cpuset(w, s);
	add_memory(w, s);
	jw_object(w, "pids");
	add_nonzero(w, "current", s->pids.current);
	add_nonzero(w, "limit", s->pids.limit);
	jw_end(w, '}');
	jw_object(w, "blkio");
	add_ios(w, "ioServiceBytesRecursive", &s->io.bytes);
	add_ios(w, "ioServicedRecursive", &s->io.operations);
	add_pressure(w, &s->io_pressure);
	jw_end(w, '}');
	jw_object(w, "hugetlb");
	for (size_t i = 0; i < s->hugetlb.n; i++) {
		jw_object(w, s->hugetlb.v[i].size);
		add_nonzero(w, "usage", s->hugetlb.v[i].usage);
		jw_uint(w, "failcnt", s->hugetlb.v[i].failures);
		jw_end(w, '}');
	}
	jw_end(w, '}');
}
