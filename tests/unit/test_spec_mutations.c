/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever single thing is wrong in a config.json, it is refused and the message says where. full.json has every
 * property that the tables know, which is checked first; then each value is replaced by each other type, each number by
 * ones out of range, each member is doubled and each required one removed.
 */
#include <string.h>

#include "spec/decode.h"
#include "tests/unit/spec_util.h"

static struct json *root;
static size_t tried, wrong;

static void document(struct strbuf *out)
{
	struct json_writer w;

	strbuf_clear(out);
	jw_begin(&w, out, true);
	jw_raw(&w, NULL, root);
}

static void complain(const char *what, const char *path, const char *got)
{
	if (wrong++ < 20)
		diag("%s of %s: %s", what, path, got ?: "accepted");
}

/* Refused, and the message names the document, a line and the path (or a part of it: an object made empty is told by
 * the member that it lacks). */
static void expect_refusal(const char *what, const char *path)
{
	auto_strbuf struct strbuf text = {0};

	document(&text);
	const char *message = spec_refusal(text.s, text.len, NULL);
	tried++;
	if (!message || strncmp(message, "config.json:", 12) != 0 || !strstr(message, path))
		complain(what, path, message);
}

/* --- the walk */

typedef void mutation(struct json *v, const char *path, const struct field *f);

static const struct field *row_of(const struct fields *table, const char *key)
{
	for (size_t i = 0; table && i < table->n; i++)
		if (strcmp(table->rows[i].name, key) == 0)
			return &table->rows[i];
	return NULL;
}

static bool is_map(const struct field *f)
{
	return f && (f->type == FIELD_MAP || f->type == FIELD_OBJECTS);
}

/* f: the row of v itself, NULL for what no table describes (elements; the inside of custom values). */
static void walk(struct json *v, const char *path, const struct field *f, const struct fields *table, mutation *visit)
{
	char below[512];
	size_t i = 0;

	for (struct json *child = v->child; child; child = child->next, i++) {
		const struct field *row = NULL;
		const struct fields *inner = NULL;
		if (v->type == JSON_ARRAY) {
			snprintf(below, sizeof(below), "%s[%zu]", path, i);
			inner = f ? f->table : NULL;
		} else if (is_map(f)) {
			snprintf(below, sizeof(below), "%s[\"%s\"]", path, child->key);
			inner = f->table;
		} else {
			snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", child->key);
			row = row_of(table, child->key);
			inner = row ? row->table : NULL;
			if (!row && table)
				continue; /* unknown: another platform's */
		}
		visit(child, below, row);
		walk(child, below, row, inner, visit);
	}
}

static void walk_all(mutation *visit)
{
	walk(root, "", NULL, &spec_fields, visit);
}

/* --- mutations */

static void other_types(struct json *v, const char *path, const struct field *f)
{
	static const struct json values[] = {
		{.type = JSON_NULL, .text = "null"},
		{.type = JSON_BOOL, .text = "true"},
		{.type = JSON_BOOL, .text = "false"},
		{.type = JSON_NUMBER, .text = "0"},
		{.type = JSON_NUMBER, .text = "7"},
		{.type = JSON_STRING, .text = ""},
		{.type = JSON_STRING, .text = "1000"},
		{.type = JSON_STRING, .text = "true"},
		{.type = JSON_ARRAY},
		{.type = JSON_OBJECT},
	};
	struct json saved = *v;
	bool list = v->type == JSON_ARRAY || v->type == JSON_OBJECT;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (values[i].type == saved.type)
			continue;
		if (values[i].type == JSON_NULL && list && f && !f->required)
			continue; /* means absent */
		*v = values[i];
		v->key = saved.key;
		v->next = saved.next;
		expect_refusal(json_type_name(values[i].type), path);
		*v = saved;
	}
}

static void odd_numbers(struct json *v, const char *path, const struct field *f)
{
	static const char *const numbers[] = {
		"-9223372036854775809",
		"18446744073709551616",
		"99999999999999999999999999999999999999",
		"-99999999999999999999",
		"1.0",
		"1.5",
		"1e3",
		"1E-2",
		"0.0",
	};
	const char *saved = v->text;

	(void)f;
	if (v->type != JSON_NUMBER)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		v->text = numbers[i];
		expect_refusal(numbers[i], path);
	}
	v->text = saved;
}

static void out_of_bounds(struct json *v, const char *path, const struct field *f)
{
	char number[32];
	const char *saved = v->text;

	if (!f || f->type != FIELD_INT)
		return;
	v->text = number;
	if (f->max < UINT64_MAX) {
		snprintf(number, sizeof(number), "%ju", (uintmax_t)f->max + 1);
		expect_refusal(number, path);
	}
	if (f->min > INT64_MIN) {
		snprintf(number, sizeof(number), "%jd", (intmax_t)f->min - 1);
		expect_refusal(number, path);
	}
	v->text = saved;
}

static void unknown_names(struct json *v, const char *path, const struct field *f)
{
	struct json *name = v->type == JSON_ARRAY ? v->child : v;
	char item[600];

	if (!f || !f->names || !name)
		return;
	const char *saved = name->text;
	snprintf(item, sizeof(item), "%s%s", path, v->type == JSON_ARRAY ? "[0]" : "");
	name->text = "no-such-name";
	expect_refusal("an unknown name", item);
	name->text = saved;
}

static void doubled(struct json *v, const char *path, const struct field *f)
{
	struct json copy = *v, *next = v->next;
	char quoted[256];

	(void)f;
	(void)path;
	if (!v->key)
		return;
	v->next = &copy;
	snprintf(quoted, sizeof(quoted), "'%s'", v->key);
	expect_refusal("a duplicate", quoted);
	v->next = next;
}

static void with_nul(struct json *v, const char *path, const struct field *f)
{
	auto_strbuf struct strbuf text = {0};
	const char *saved = v->text;

	(void)f;
	if (v->type != JSON_STRING)
		return;
	v->text = "/ab@NUL@c";
	document(&text);
	v->text = saved;
	memcpy(strstr(text.s, "b@NUL@"), "\\u0000", 6);
	const char *message = spec_refusal(text.s, text.len, NULL);
	tried++;
	if (!message || !strstr(message, "u0000"))
		complain("NUL", path, message);
}

static struct json *parent_of(struct json *v, const struct json *child)
{
	for (struct json *c = v->child; c; c = c->next) {
		if (c == child)
			return v;
		struct json *found = parent_of(c, child);
		if (found)
			return found;
	}
	return NULL;
}

static void without(struct json *v, const char *path, const struct field *f)
{
	struct json *parent = parent_of(root, v), **link = &parent->child;

	if (!f || !f->required)
		return;
	while (*link != v)
		link = &(*link)->next;
	*link = v->next;
	expect_refusal("absence", path);
	*link = v;
}

static void cut_short(void)
{
	auto_strbuf struct strbuf text = {0};

	document(&text);
	for (size_t n = 0; n < text.len; n += 7) {
		tried++;
		if (!spec_refusal(text.s, n, NULL))
			complain("a part", "the document", NULL);
	}
}

/* --- full.json is full */

static size_t absent;

/* Of a list, one element that has the member is enough. */
static struct json *find_member(struct json *v, bool list, const char *name)
{
	struct json *member = list ? NULL : json_get(v, name);

	for (v = list ? v->child : NULL; v && !member; v = v->next)
		member = json_get(v, name);
	return member;
}

static void look_for_rows(struct json *v, bool list, const char *path, const struct fields *table)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct field *f = &table->rows[i];
		struct json *member = find_member(v, list, f->name);
		if (!member) {
			absent++;
			diag("%s.%s is not in full.json", path, f->name);
			continue;
		}
		if (f->table)
			look_for_rows(member, f->type == FIELD_ARRAY || f->type == FIELD_OBJECTS, f->name, f->table);
	}
}

static void result(const char *what)
{
	ok(wrong == 0, "%s: %zu documents", what, tried);
	tried = wrong = 0;
}

int main(void)
{
	static const struct {
		const char *what;
		mutation *visit;
	} mutations[] = {
		{"every value of every other type is refused", other_types},
		{"numbers that fit nothing are refused", odd_numbers},
		{"numbers out of their row's bounds are refused", out_of_bounds},
		{"unknown names are refused", unknown_names},
		{"doubled members are refused", doubled},
		{"strings with a NUL are refused", with_nul},
		{"the absence of a required member is refused", without},
	};
	auto_strbuf struct strbuf text = {0};
	auto_arena struct arena arena = {0};

	read_sample("full.json", &text);
	root = tree_of(&arena, text.s, text.len);
	look_for_rows(root, false, "", &spec_fields);
	is_int(absent, 0, "full.json has every row of every table");
	document(&text);
	is_str(spec_refusal(text.s, text.len, NULL), NULL, "and is accepted");
	for (size_t i = 0; i < ARRAY_SIZE(mutations); i++) {
		walk_all(mutations[i].visit);
		result(mutations[i].what);
	}
	cut_short();
	result("every part of it is refused");
	return done();
}
