/* SPDX-License-Identifier: Apache-2.0 */
/* What resctrl tells of a container's group. A resource that the processor does not have has no files, and no members. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"
#include "libcontainer/rdt.h"

#define FILE_MAX (1U << 20)
#define DOMAINS_MAX 1024

/* The text without blanks and newlines around it; NULL: there is no such file. */
static char *read_text(int dir, const char *name, struct arena *a)
{
	auto_strbuf struct strbuf text = {};

	if (read_file_at(dir, name, FILE_MAX, &text) < 0)
		return NULL;
	const char *s = strbuf_str(&text) + strspn(strbuf_str(&text), " \t\n");
	size_t len = strlen(s);
	while (len && strchr(" \t\n", s[len - 1]))
		len--;
	return arena_strndup(a, s, len);
}

static uint64_t read_number(int dir, const char *name, struct arena *a)
{
	const char *text = read_text(dir, name, a);
	uint64_t v;

	return text && parse_u64(text, UINT64_MAX, &v) == 0 ? v : 0;
}

static void add_number(struct json_writer *w, const char *key, uint64_t v)
{
	if (v)
		jw_uint(w, key, v);
}

/* The line of a schemata file about a resource. */
static void add_schema(struct json_writer *w, const char *key, const char *schemata, const char *resource, struct arena *a)
{
	for (const char *p = schemata; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		p += strspn(p, " \t");
		if (strncmp(p, resource, strlen(resource)) == 0)
			jw_str(w, key, arena_strndup(a, p, strcspn(p, "\n")));
	}
}

static void add_cache_info(struct json_writer *w, int info, struct arena *a)
{
	const char *mask = read_text(info, "cbm_mask", a);

	jw_object(w, "l3_cache_info");
	if (mask && *mask)
		jw_str(w, "cbm_mask", mask);
	add_number(w, "min_cbm_bits", read_number(info, "min_cbm_bits", a));
	add_number(w, "num_closids", read_number(info, "num_closids", a));
	jw_end(w, '}');
}

static void add_bandwidth_info(struct json_writer *w, int info, struct arena *a)
{
	static const char *const names[] = {"bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids"};

	jw_object(w, "mem_bw_info");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		add_number(w, names[i], read_number(info, names[i], a));
	jw_end(w, '}');
}

/* --- monitoring: a directory for each domain, such as mon_L3_00 */

struct domains {
	size_t n;
	char *names[DOMAINS_MAX];
	int fd; /* of mon_data */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int list_domains(int group, struct domains *ret, struct arena *a)
{
	int fd = openat(group, "mon_data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_with(dir_closep) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!d) {
		macro_close(&fd);
		return -1;
	}
	while ((entry = readdir(d)) && ret->n < DOMAINS_MAX)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			ret->names[ret->n++] = arena_strdup(a, entry->d_name);
	qsort(ret->names, ret->n, sizeof(*ret->names), by_name);
	ret->fd = openat(group, "mon_data", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return ret->fd < 0 ? -1 : 0;
}

/* An object for each domain, with one member for each name. */
static void add_counters(struct json_writer *w, const char *key, const struct domains *domains,
			 const char *const *names, size_t n, struct arena *a)
{
	jw_array(w, key);
	for (size_t i = 0; i < domains->n; i++) {
		auto_close int dir = openat(domains->fd, domains->names[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		jw_object(w, NULL);
		for (size_t k = 0; k < n; k++)
			jw_uint(w, names[k], read_number(dir, names[k], a));
		jw_end(w, '}');
	}
	jw_end(w, ']');
}

static int add_monitoring(struct json_writer *w, const struct spec_rdt *rdt, const char *id, const char *features,
			  struct arena *a, struct error *e)
{
	static const char *const bandwidth[] = {"mbm_total_bytes", "mbm_local_bytes"};
	static const char *const cache[] = {"llc_occupancy"};
	struct domains *domains = arena_alloc(a, sizeof(*domains));
	auto_close int root = -1;
	auto_close int dir = -1;

	/* Without a group of its own the container is counted together with all of its class. */
	if (rdt_open(rdt_group(rdt, id), rdt->enable_monitoring ? id : NULL, &root, &dir, e) < 0)
		return -1;
	if (list_domains(dir, domains, a) < 0)
		return error_set(e, ERROR_HOST, errno, "linux.intelRdt: cannot list the counters of container '%s'", id);
	if (strstr(features, "mbm_"))
		add_counters(w, "mbm_stats", domains, bandwidth, ARRAY_SIZE(bandwidth), a);
	if (strstr(features, "llc_occupancy"))
		add_counters(w, "cmt_stats", domains, cache, ARRAY_SIZE(cache), a);
	close(domains->fd);
	return 0;
}

static void add_lines(struct json_writer *w, const char *key, const char *text, struct arena *a)
{
	jw_array(w, key);
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		jw_str(w, NULL, arena_strndup(a, p, strcspn(p, "\n")));
	jw_end(w, ']');
}

int rdt_stats_print(const struct spec_rdt *rdt, const char *id, struct json_writer *w, struct error *e)
{
	auto_arena struct arena a = {};
	auto_close int root = -1;
	auto_close int dir = -1;

	if (rdt_open(rdt_group(rdt, id), NULL, &root, &dir, e) < 0)
		return -1;
	const char *all = read_text(root, "schemata", &a) ?: "", *own = read_text(dir, "schemata", &a) ?: "";
	const char *features = read_text(root, "info/L3_MON/mon_features", &a);
	auto_close int cache = openat(root, "info/L3", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int bandwidth = openat(root, "info/MB", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cache >= 0) {
		add_cache_info(w, cache, &a);
		add_schema(w, "l3_cache_schema_root", all, "L3:", &a);
		add_schema(w, "l3_cache_schema", own, "L3:", &a);
	}
	if (bandwidth >= 0) {
		add_bandwidth_info(w, bandwidth, &a);
		add_schema(w, "mem_bw_schema_root", all, "MB:", &a);
		add_schema(w, "mem_bw_schema", own, "MB:", &a);
	}
	if (*own)
		add_lines(w, "schemata", own, &a);
	return features && *features ? add_monitoring(w, rdt, id, features, &a, e) : 0;
}
