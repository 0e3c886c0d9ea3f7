/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "spec/json.h"
#include "src/commands.h"

static void list_json(const struct container_info *list, size_t n, struct strbuf *out)
{
	struct json_writer w;

	if (n == 0) {
		strbuf_adds(out, "null\n"); /* an empty list is "null" in Go, and callers decode both */
		return;
	}
	jw_begin(&w, out, false);
	jw_array(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		const struct container_info *c = &list[i];
		struct spec_map annotations = {c->n_annotations, c->annotations};

		jw_object(&w, NULL);
		jw_str(&w, "ociVersion", c->oci_version);
		jw_str(&w, "id", c->id);
		jw_int(&w, "pid", c->pid);
		jw_str(&w, "status", status_name(c->status));
		jw_str(&w, "bundle", c->bundle);
		jw_str(&w, "rootfs", c->rootfs);
		jw_str(&w, "created", c->created);
		if (annotations.n > 0)
			jw_map(&w, "annotations", &annotations);
		jw_str(&w, "owner", c->owner);
		jw_end(&w, '}');
	}
	jw_end(&w, ']');
	strbuf_addc(out, '\n');
}

enum { COL_ID, COL_PID, COL_STATUS, COL_BUNDLE, COL_CREATED, COL_OWNER, COL_MAX };

static void list_table(const struct container_info *list, size_t n, struct arena *a, struct strbuf *out)
{
	static const char *const head[COL_MAX] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
	const char **cells = arena_array(a, (n + 1) * COL_MAX, sizeof(*cells));

	for (size_t i = 0; i < COL_MAX; i++)
		cells[i] = head[i];
	for (size_t i = 0; i < n; i++) {
		const char **row = cells + (i + 1) * COL_MAX;

		row[COL_ID] = list[i].id;
		row[COL_PID] = arena_printf(a, "%d", list[i].pid);
		row[COL_STATUS] = status_name(list[i].status);
		row[COL_BUNDLE] = list[i].bundle;
		row[COL_CREATED] = list[i].created;
		row[COL_OWNER] = list[i].owner;
	}
	print_table(cells, n + 1, COL_MAX, out);
}

int cmd_list(const struct options *o, struct error *e)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf out = {};
	struct container_info *list = NULL;
	enum print_format format;
	size_t n = 0;

	if (print_format_parse(o->format, &format, e) < 0 || container_list(&o->runtime, &a, &list, &n, e) < 0)
		return -1;
	if (o->quiet) {
		for (size_t i = 0; i < n; i++)
			strbuf_addf(&out, "%s\n", list[i].id);
	} else if (format == PRINT_JSON) {
		list_json(list, n, &out);
	} else {
		list_table(list, n, &a, &out);
	}
	return print_out(&out, e);
}
