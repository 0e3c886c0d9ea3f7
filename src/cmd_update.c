/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options become the document that --resources would have had, so that there is one decoder with one set of bounds. What
 * is looked at here is only how a number may be written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/num.h"
#include "spec/json.h"
#include "src/commands.h"

enum number { NUMBER, SIZE, TEXT };

struct update_row {
	size_t where; /* in struct update_flags */
	const char *option, *group, *member;
	enum number form;
};

#define AT(member) offsetof(struct update_flags, member)
/* By group, in the order of the specification. */
static const struct update_row rows[] = {
	{AT(memory), "memory", "memory", "limit", SIZE},
	{AT(memory_reservation), "memory-reservation", "memory", "reservation", SIZE},
	{AT(memory_swap), "memory-swap", "memory", "swap", SIZE},
	{AT(cpu_share), "cpu-share", "cpu", "shares", NUMBER},
	{AT(cpu_quota), "cpu-quota", "cpu", "quota", NUMBER},
	{AT(cpu_burst), "cpu-burst", "cpu", "burst", NUMBER},
	{AT(cpu_period), "cpu-period", "cpu", "period", NUMBER},
	{AT(cpu_rt_runtime), "cpu-rt-runtime", "cpu", "realtimeRuntime", NUMBER},
	{AT(cpu_rt_period), "cpu-rt-period", "cpu", "realtimePeriod", NUMBER},
	{AT(cpuset_cpus), "cpuset-cpus", "cpu", "cpus", TEXT},
	{AT(cpuset_mems), "cpuset-mems", "cpu", "mems", TEXT},
	{AT(cpu_idle), "cpu-idle", "cpu", "idle", NUMBER},
	{AT(pids_limit), "pids-limit", "pids", "limit", NUMBER},
	{AT(blkio_weight), "blkio-weight", "blockIO", "weight", NUMBER},
};

static const char *value_of(const struct options *o, const struct update_row *row)
{
	return *(const char *const *)((const char *)&o->update + row->where);
}

static int invalid(const struct update_row *row, const char *text, struct error *e)
{
	return error_set(e, ERROR_USAGE, 0, "invalid value for %s: \"%s\" is no %s", row->option, text,
			 row->form == SIZE ? "size" : "number");
}

static int add_value(struct json_writer *w, const struct update_row *row, const char *text, struct error *e)
{
	int64_t i;
	uint64_t u;

	if (row->form == TEXT)
		jw_str(w, row->member, text);
	else if (parse_i64(text, INT64_MIN, INT64_MAX, &i) == 0 && (row->form == NUMBER || i == -1))
		jw_int(w, row->member, i);
	else if (row->form == NUMBER ? parse_u64(text, UINT64_MAX, &u) == 0 : parse_size(text, INT64_MAX, &u) == 0)
		jw_uint(w, row->member, u);
	else
		return invalid(row, text, e);
	return 0;
}

static int from_options(const struct options *o, struct strbuf *ret, struct error *e)
{
	const char *group = NULL;
	struct json_writer w;

	jw_begin(&w, ret, false);
	jw_object(&w, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct update_row *row = &rows[i];
		const char *text = value_of(o, row);

		if (!text)
			continue;
		if (!group || strcmp(group, row->group) != 0) {
			if (group)
				jw_end(&w, '}');
			group = row->group;
			jw_object(&w, group);
		}
		if (add_value(&w, row, text, e) < 0)
			return -1;
	}
	if (group)
		jw_end(&w, '}');
	jw_end(&w, '}');
	return 0;
}

/* It stays readable from its begin: a library that is needed later can mean to execute this program anew (base/dl.h). */
static int read_stdin(struct strbuf *ret)
{
	if (read_all(STDIN_FILENO, JSON_BYTES_MAX, ret) < 0)
		return -1;
	auto_close int copy = memfd_create("resources", MFD_CLOEXEC);
	if (copy < 0 || write_all(copy, strbuf_str(ret), ret->len) < 0 || lseek(copy, 0, SEEK_SET) < 0)
		return -1;
	return dup2(copy, STDIN_FILENO); /* inherited: stdin */
}

static int from_file(const struct options *o, struct strbuf *ret, struct error *e)
{
	const char *name = o->update.resources;
	bool from_stdin = strcmp(name, "-") == 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (value_of(o, &rows[i]))
			return error_set(e, ERROR_USAGE, 0, "--%s cannot be given together with --resources",
					 rows[i].option);
	if (from_stdin ? read_stdin(ret) == 0
		       : read_file_at(AT_FDCWD, name, JSON_BYTES_MAX, ret) == 0)
		return 0;
	return error_set(e, ERROR_USAGE, errno, "cannot read '%s'", from_stdin ? "standard input" : name);
}

int cmd_update(const struct options *o, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	struct update_options update = {
		.name = "options", .l3_cache_schema = o->update.l3_cache_schema, .mem_bw_schema = o->update.mem_bw_schema};

	if (o->update.kernel_memory || o->update.kernel_memory_tcp)
		log_write(LOG_WARNING, "kernel memory settings are obsolete, ignoring");
	if (o->update.resources) {
		update.name = strcmp(o->update.resources, "-") == 0 ? "stdin" : o->update.resources;
		if (from_file(o, &text, e) < 0)
			return -1;
	} else if (from_options(o, &text, e) < 0) {
		return -1;
	}
	update.text = strbuf_str(&text);
	update.size = text.len;
	return container_update(&o->runtime, o->argv[0], &update, e);
}
