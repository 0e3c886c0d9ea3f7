/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the controllers have counted, in the kernel's words and units but for cpu.stat, whose microseconds become
 * nanoseconds. A file that is not there belongs to a controller that is not enabled or to another kernel.
 */
#include "cgroups/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"
#include "cgroups/internal.h"

#define HUGETLB_PREFIX "hugetlb."
#define HUGETLB_SUFFIX ".current"

struct source {
	const struct cgroup *cg;
	struct arena *a;
	struct error *e;
};

/* 1: *ret has the text. 0: there is no such file, or no such thing in this cgroup. */
static int read_source(const struct source *s, const char *file, char **ret)
{
	auto_strbuf struct strbuf text = {};

	if (read_file_at(s->cg->fd, file, CGROUP_FILE_MAX, &text) < 0) {
		if (errno == ENOENT || errno == EOPNOTSUPP)
			return 0;
		return error_set(s->e, ERROR_HOST, errno, "cannot read '%s' of cgroup '%s'", file, s->cg->path);
	}
	*ret = arena_strdup(s->a, strbuf_str(&text));
	return 1;
}

static int unexpected(const struct source *s, const char *file, const char *text)
{
	return error_set(s->e, ERROR_HOST, 0, "cannot read '%s' of cgroup '%s': unexpected '%s'", file, s->cg->path, text);
}

static char *next_word(char **rest, const char *separators)
{
	return strtok_r(NULL, separators, rest);
}

/* Some counters are sums of the processors' and may be below zero for a moment. */
static int parse_count(const char *text, uint64_t *ret)
{
	int64_t negative;

	if (strcmp(text, "max") == 0)
		*ret = CGROUP_UNLIMITED;
	else if (parse_i64(text, INT64_MIN, -1, &negative) == 0)
		*ret = 0;
	else
		return parse_u64(text, UINT64_MAX, ret);
	return 0;
}

/* A file of one number. 1, 0, -1 as read_source(). */
static int read_count(const struct source *s, const char *file, uint64_t *ret)
{
	char *text;
	int there = read_source(s, file, &text);

	if (there <= 0)
		return there;
	text[strcspn(text, "\n")] = '\0';
	return parse_count(text, ret) == 0 ? 1 : unexpected(s, file, text);
}

/* Lines "key value". */
static int read_keys(const struct source *s, const char *file, struct cgroup_stat **ret, size_t *n)
{
	size_t lines = 0;
	char *text, *rest;

	*n = 0;
	int there = read_source(s, file, &text);
	if (there <= 0)
		return there;
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	*ret = arena_array(s->a, lines + 1, sizeof(**ret));
	rest = text;
	for (char *line; (line = next_word(&rest, "\n"));) {
		char *value = strchr(line, ' ');
		if (!value)
			return unexpected(s, file, line);
		*value++ = '\0';
		if (parse_count(value, &(*ret)[*n].value) < 0)
			return unexpected(s, file, value);
		(*ret)[(*n)++].key = line;
	}
	return 1;
}

static uint64_t key_value(const struct cgroup_stat *v, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].key, key) == 0)
			return v[i].value;
	return 0;
}

/* --- pressure */

/* "12.34" -> 1234 */
static int parse_percent(const char *text, uint32_t *ret)
{
	const char *dot = strchr(text, '.');
	uint32_t whole, part;
	char digits[8] = {};

	if (!dot || dot - text > 6 || strlen(dot) != 3)
		return -1;
	memcpy(digits, text, (size_t)(dot - text));
	if (parse_u32(digits, 1000000, &whole) < 0 || parse_u32(dot + 1, 99, &part) < 0)
		return -1;
	*ret = whole * 100 + part;
	return 0;
}

static int parse_stall(char *words, struct cgroup_stall *ret)
{
	static const char *const keys[] = {"avg10=", "avg60=", "avg300="};

	for (char *word; (word = next_word(&words, " "));) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			size_t len = strlen(keys[i]);
			if (strncmp(word, keys[i], len) == 0 && parse_percent(word + len, &ret->avg[i]) < 0)
				return -1;
		}
		if (strncmp(word, "total=", 6) == 0 && parse_u64(word + 6, UINT64_MAX, &ret->total) < 0)
			return -1;
	}
	return 0;
}

static int read_pressure(const struct source *s, const char *file, struct cgroup_pressure *ret)
{
	char *text, *rest;
	int there = read_source(s, file, &text);

	if (there <= 0)
		return there;
	ret->set = true;
	rest = text;
	for (char *line; (line = next_word(&rest, "\n"));) {
		struct cgroup_stall *stall = strncmp(line, "some ", 5) == 0   ? &ret->some
					     : strncmp(line, "full ", 5) == 0 ? &ret->full
									      : NULL;
		const char *whole = arena_strdup(s->a, line);
		if (stall && parse_stall(line + 5, stall) < 0)
			return unexpected(s, file, whole);
	}
	return 1;
}

/* --- controllers */

static int read_cpu(const struct source *s, struct cgroup_stats *ret)
{
	struct cgroup_stat *v = NULL;
	size_t n;

	if (read_keys(s, "cpu.stat", &v, &n) < 0)
		return -1;
	ret->cpu.total = key_value(v, n, "usage_usec") * 1000;
	ret->cpu.user = key_value(v, n, "user_usec") * 1000;
	ret->cpu.system = key_value(v, n, "system_usec") * 1000;
	ret->cpu.periods = key_value(v, n, "nr_periods");
	ret->cpu.throttled = key_value(v, n, "nr_throttled");
	ret->cpu.throttled_time = key_value(v, n, "throttled_usec") * 1000;
	return read_pressure(s, "cpu.pressure", &ret->cpu_pressure);
}

static int read_cpuset(const struct source *s, struct cgroup_stats *ret)
{
	char *cpus = NULL, *mems = NULL;

	if (read_source(s, "cpuset.cpus.effective", &cpus) < 0 || read_source(s, "cpuset.mems.effective", &mems) < 0)
		return -1;
	if (cpus)
		cpus[strcspn(cpus, "\n")] = '\0';
	if (mems)
		mems[strcspn(mems, "\n")] = '\0';
	ret->cpus = cpus;
	ret->mems = mems;
	return 0;
}

/* PREFIX is "memory" or "memory.swap". */
static int read_usage(const struct source *s, const char *prefix, struct cgroup_usage *ret)
{
	struct cgroup_stat *v = NULL;
	size_t n;
	int there = read_count(s, arena_printf(s->a, "%s.current", prefix), &ret->usage);

	if (there <= 0)
		return there;
	if (read_count(s, arena_printf(s->a, "%s.max", prefix), &ret->limit) < 0 ||
	    read_count(s, arena_printf(s->a, "%s.peak", prefix), &ret->peak) < 0 ||
	    read_keys(s, arena_printf(s->a, "%s.events", prefix), &v, &n) < 0)
		return -1;
	ret->failures = key_value(v, n, "max");
	return 1;
}

/* The readers know swap as v1 counted it: memory and swap together, without a peak that could be had of two. */
static int read_memory(const struct source *s, struct cgroup_stats *ret)
{
	struct cgroup_usage *memory = &ret->memory.memory, *sum = &ret->memory.with_swap;

	if (read_keys(s, "memory.stat", &ret->memory.stat, &ret->memory.n_stat) < 0 ||
	    read_pressure(s, "memory.pressure", &ret->memory_pressure) < 0)
		return -1;
	int there = read_usage(s, "memory", memory);
	if (there <= 0)
		return there;
	if (read_usage(s, "memory.swap", sum) < 0)
		return -1;
	sum->usage += memory->usage;
	sum->peak = 0;
	if (__builtin_add_overflow(sum->limit, memory->limit, &sum->limit))
		sum->limit = CGROUP_UNLIMITED;
	return 0;
}

static int read_pids(const struct source *s, struct cgroup_stats *ret)
{
	pid_t *pids = NULL;
	size_t n = 0;
	int there = read_count(s, "pids.current", &ret->pids.current);

	if (there < 0)
		return -1;
	if (there == 0) {
		if (cgroup_pids(s->cg, s->a, &pids, &n, s->e) < 0)
			return -1;
		ret->pids.current = n;
		return 0;
	}
	if (read_count(s, "pids.max", &ret->pids.limit) < 0)
		return -1;
	if (ret->pids.limit == CGROUP_UNLIMITED)
		ret->pids.limit = 0;
	return 0;
}

static void add_io(struct cgroup_ios *list, uint64_t *device, const char *op, uint64_t value)
{
	list->v[list->n++] = (struct cgroup_io){(uint32_t)device[0], (uint32_t)device[1], op, value};
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static int parse_io(char *line, struct cgroup_stats *ret)
{
	char *rest = line, *major = next_word(&rest, ":"), *minor = next_word(&rest, " ");
	uint64_t device[2], value;

	if (!minor || parse_u64(major, UINT32_MAX, &device[0]) < 0 || parse_u64(minor, UINT32_MAX, &device[1]) < 0)
		return -1;
	for (char *word; (word = next_word(&rest, " "));) {
		char *number = strchr(word, '=');
		if (!number)
			continue;
		*number++ = '\0';
		bool bytes = strcmp(word + 1, "bytes") == 0;
		if ((!bytes && strcmp(word + 1, "ios") != 0) || (*word != 'r' && *word != 'w'))
			continue;
		if (parse_u64(number, UINT64_MAX, &value) < 0)
			return -1;
		add_io(bytes ? &ret->io.bytes : &ret->io.operations, device, *word == 'r' ? "Read" : "Write", value);
	}
	return 0;
}

static int read_io(const struct source *s, struct cgroup_stats *ret)
{
	size_t words = 1;
	char *text, *rest;

	if (read_pressure(s, "io.pressure", &ret->io_pressure) < 0)
		return -1;
	int there = read_source(s, "io.stat", &text);
	if (there <= 0)
		return there;
	for (const char *p = text; *p; p++)
		words += *p == '=';
	ret->io.bytes.v = arena_array(s->a, words, sizeof(*ret->io.bytes.v));
	ret->io.operations.v = arena_array(s->a, words, sizeof(*ret->io.operations.v));
	rest = text;
	for (char *line; (line = next_word(&rest, "\n"));) {
		const char *whole = arena_strdup(s->a, line);
		/* A device without any I/O is listed by its number alone. */
		if (strchr(line, ' ') && parse_io(line, ret) < 0)
			return unexpected(s, "io.stat", whole);
	}
	return 0;
}

/* --- huge pages: a set of files a size, and only the directory tells which sizes there are */

static const char *hugetlb_size(const char *name, struct arena *a)
{
	size_t len = strlen(name), prefix = sizeof(HUGETLB_PREFIX) - 1, suffix = sizeof(HUGETLB_SUFFIX) - 1;

	if (strncmp(name, HUGETLB_PREFIX, prefix) != 0 || len <= prefix + suffix ||
	    strcmp(name + len - suffix, HUGETLB_SUFFIX) != 0)
		return NULL;
	name = arena_strndup(a, name + prefix, len - prefix - suffix);
	return strchr(name, '.') ? NULL : name;
}

static int by_size(const void *a, const void *b)
{
	return strcmp(((const struct cgroup_hugetlb *)a)->size, ((const struct cgroup_hugetlb *)b)->size);
}

static int list_hugetlb(const struct source *s, struct cgroup_stats *ret)
{
	auto_children DIR *dir = cgroup_children_open(s->cg->fd);
	const struct dirent *entry;

	if (!dir)
		return error_set(s->e, ERROR_HOST, errno, "cannot list cgroup '%s'", s->cg->path);
	ret->hugetlb.v = arena_array(s->a, 64, sizeof(*ret->hugetlb.v));
	while ((entry = readdir(dir)) && ret->hugetlb.n < 64) {
		const char *size = hugetlb_size(entry->d_name, s->a);
		if (size)
			ret->hugetlb.v[ret->hugetlb.n++].size = size;
	}
	qsort(ret->hugetlb.v, ret->hugetlb.n, sizeof(*ret->hugetlb.v), by_size);
	return 0;
}

static int read_hugetlb(const struct source *s, struct cgroup_stats *ret)
{
	if (list_hugetlb(s, ret) < 0)
		return -1;
	for (size_t i = 0; i < ret->hugetlb.n; i++) {
		struct cgroup_hugetlb *h = &ret->hugetlb.v[i];
		struct cgroup_stat *v = NULL;
		size_t n;
		/* What is reserved includes what is used. */
		int there = read_count(s, arena_printf(s->a, HUGETLB_PREFIX "%s.rsvd.current", h->size), &h->usage);

		if (there == 0)
			there = read_count(s, arena_printf(s->a, HUGETLB_PREFIX "%s.current", h->size), &h->usage);
		if (there < 0 || read_keys(s, arena_printf(s->a, HUGETLB_PREFIX "%s.events", h->size), &v, &n) < 0)
			return -1;
		h->failures = key_value(v, n, "max");
	}
	return 0;
}

int cgroup_stats(const struct cgroup *cg, struct arena *a, struct cgroup_stats *ret, struct error *e)
{
	struct source s = {cg, a, e};
	struct cgroup_stats stats = {};

	if (cg->fd < 0)
		return error_set(e, ERROR_HOST, ENOENT, "cannot open cgroup '%s'", cg->path);
	if (read_cpu(&s, &stats) < 0 || read_cpuset(&s, &stats) < 0 || read_memory(&s, &stats) < 0 ||
	    read_pids(&s, &stats) < 0 || read_io(&s, &stats) < 0 || read_hugetlb(&s, &stats) < 0)
		return -1;
	*ret = stats;
	return 0;
}
