/* SPDX-License-Identifier: Apache-2.0 */
/* The comparison of the poll tier, once and to look at: needs neither kedge-guard nor BPF. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "guard/audit.h"
#include "guard/fingerprint.h"
#include "guard/status.h"
#include "spec/json.h"
#include "src/commands.h"
#include "src/guard.h"

struct verdict {
	pid_t pid;
	char *comm;
	struct guard_record record;
};

/* strict, unless it was armed as one that may make namespaces. */
static bool is_nested(struct arena *a, const struct options *o, struct error *e)
{
	struct guard_container *list;
	size_t n = 0;

	if (guard_armed_list(a, &list, &n, e) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].id, o->argv[1]) == 0 && strcmp(list[i].root, o->runtime.root) == 0)
			return list[i].flags & GUARD_NESTED;
	return false;
}

static char *read_comm(struct arena *a, int proc)
{
	auto_strbuf struct strbuf text = {};

	if (read_file_at(proc, "comm", 64, &text) < 0 || text.len == 0)
		return arena_strdup(a, "?");
	return arena_strndup(a, text.s, text.len - 1);
}

/* 1: looked at; 0: it is gone. */
static int look(struct arena *a, pid_t pid, const struct guard_fingerprint *fp, struct guard_host *host, bool nested,
		struct verdict *ret, struct error *e)
{
	auto_close int proc = open(arena_printf(a, "/proc/%d", (int)pid), O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0 && (errno == ENOENT || errno == ESRCH))
		return 0;
	if (proc < 0 || guard_process_check(proc, fp, host, nested, &ret->record) < 0)
		return errno == ESRCH || errno == ENOENT ? 0
							  : error_set(e, ERROR_HOST, errno, "cannot look at process %d", (int)pid);
	/* One that kedge is just putting there is told as what it is: not there yet. */
	ret->pid = pid;
	ret->comm = read_comm(a, proc);
	return 1;
}

static const char *words_of(struct arena *a, const struct guard_record *r)
{
	auto_strbuf struct strbuf out = {};

	for (int i = 0; i < GUARD_DRIFT_N; i++) {
		if (!(r->drift >> i & 1))
			continue;
		strbuf_addf(&out, "%s%s", out.len ? ", " : "", guard_drift_name(i));
		if (i < GUARD_OBJECTS_N)
			strbuf_addf(&out, " %u -> %u", r->old_inum[i], r->new_inum[i]);
	}
	return arena_strdup(a, out.len ? out.s : "ok");
}

static void print_verdicts(struct arena *a, const struct verdict *v, size_t n, struct strbuf *out)
{
	const char **cells = arena_array(a, (n + 1) * 3, sizeof(*cells));

	cells[0] = "PID";
	cells[1] = "COMMAND";
	cells[2] = "DRIFT";
	for (size_t i = 0; i < n; i++) {
		cells[3 * i + 3] = arena_printf(a, "%d", (int)v[i].pid);
		cells[3 * i + 4] = v[i].comm;
		cells[3 * i + 5] = words_of(a, &v[i].record);
	}
	print_table(cells, n + 1, 3, out);
}

static void print_json(const struct verdict *v, size_t n, struct strbuf *out)
{
	struct json_writer w;

	jw_begin(&w, out, false);
	jw_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		jw_object(&w, NULL);
		jw_int(&w, "pid", v[i].pid);
		jw_str(&w, "comm", v[i].comm);
		jw_array(&w, "drift");
		for (int bit = 0; bit < GUARD_DRIFT_N; bit++) {
			if (!(v[i].record.drift >> bit & 1))
				continue;
			jw_object(&w, NULL);
			jw_str(&w, "type", guard_drift_name(bit));
			if (bit < GUARD_OBJECTS_N) {
				jw_uint(&w, "old", v[i].record.old_inum[bit]);
				jw_uint(&w, "new", v[i].record.new_inum[bit]);
			}
			jw_end(&w, '}');
		}
		jw_end(&w, ']');
		jw_end(&w, '}');
	}
	jw_end(&w, ']');
	strbuf_addc(out, '\n');
}

int guard_verify(const struct options *o, struct error *e)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf out = {};
	auto_with(guard_host_done) struct guard_host host = {};
	struct guard_fingerprint fp = {};
	pid_t *pids = NULL;
	size_t n = 0, seen = 0;
	bool drift = false;

	if (container_pids(&o->runtime, o->argv[1], &a, &pids, &n, e) < 0 || guard_host_read(&host, e) < 0)
		return -1;
	int found = guard_fingerprint_read(o->runtime.root, o->argv[1], &fp, e);
	if (found <= 0)
		return found < 0 ? -1 : error_set(e, ERROR_NOENT, 0, "container does not exist");
	bool nested = is_nested(&a, o, e);
	struct verdict *v = arena_array(&a, MAX(n, (size_t)1), sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		int looked = look(&a, pids[i], &fp, &host, nested, &v[seen], e);
		if (looked < 0)
			return -1;
		if (!looked)
			continue;
		drift = drift || v[seen].record.drift;
		seen++;
	}
	if (o->json)
		print_json(v, seen, &out);
	else
		print_verdicts(&a, v, seen, &out);
	if (print_out(&out, e) < 0)
		return -1;
	return drift ? EXIT_FAILURE : EXIT_SUCCESS;
}
