/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

/* --- messages */

const char *decode_shown(char *buf, const char *s)
{
	size_t i;

	for (i = 0; s[i] && i < SHOWN_MAX - 4; i++)
		buf[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
	if (s[i]) {
		/* not inside a character of several bytes */
		while (i > 0 && (s[i] & 0xc0) == 0x80)
			i--;
		memcpy(buf + i, "...", 3);
		i += 3;
	}
	buf[i] = '\0';
	return buf;
}

static void path_text(const struct where *w, struct strbuf *out)
{
	if (!w->up)
		return;
	path_text(w->up, out);
	if (!w->key)
		strbuf_addf(out, "[%zu]", w->index);
	else if (w->map)
		strbuf_addf(out, "[\"%s\"]", SHOWN(w->key));
	else
		strbuf_addf(out, "%s%s", out->len ? "." : "", w->key);
}

int decode_error(struct decoder *d, const struct where *w, const char *fmt, ...)
{
	auto_strbuf struct strbuf path = {0};
	char why[1536];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	path_text(w, &path);
	return error_set(d->e, ERROR_CONFIG, 0, "%s:%u: %s%s%s", d->name, w->v->line, strbuf_str(&path),
			 path.len ? ": " : "", why);
}

int decode_type_error(struct decoder *d, const struct where *w, enum json_type want)
{
	return decode_error(d, w, "must be %s, is %s", json_type_name(want), json_type_name(w->v->type));
}

int decode_unknown(struct decoder *d, const struct where *w, const struct spec_name *names, const char *noun)
{
	auto_strbuf struct strbuf known = {0};

	for (; names->name; names++)
		strbuf_addf(&known, "%s%s", known.len ? " " : "", names->name);
	return decode_error(d, w, "unknown %s '%s' (known: %s)", noun, SHOWN(w->v->text), strbuf_str(&known));
}

void decode_warn(struct decoder *d, const char *fmt, ...)
{
	struct spec_strings *warnings = &d->spec->warnings;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < warnings->n; i++)
		if (strcmp(warnings->v[i], text) == 0)
			return;
	if (warnings->n >= WARNINGS_MAX)
		return;
	if (!warnings->v)
		warnings->v = arena_array(&d->spec->arena, WARNINGS_MAX, sizeof(char *));
	warnings->v[warnings->n++] = arena_strdup(&d->spec->arena, text);
}

/* --- single values */

static void store(void *at, size_t size, uint64_t v)
{
	switch (size) {
	case 1: *(uint8_t *)at = (uint8_t)v; return;
	case 2: *(uint16_t *)at = (uint16_t)v; return;
	case 4: *(uint32_t *)at = (uint32_t)v; return;
	default: *(uint64_t *)at = v;
	}
}

static uint64_t load(const void *at, size_t size)
{
	return size == 4 ? *(const uint32_t *)at : *(const uint64_t *)at;
}

static int decode_int(struct decoder *d, const struct where *w, const struct field *f, void *at)
{
	const char *text = w->v->text;
	uint64_t u;
	int64_t i;

	if (w->v->type != JSON_NUMBER)
		return decode_type_error(d, w, JSON_NUMBER);
	if (text[strspn(text, "-0123456789")])
		return decode_error(d, w, "must be a whole number without exponent, is %s", SHOWN(text));
	if (text[0] != '-' && parse_u64(text, f->max, &u) == 0 && (f->min <= 0 || u >= (uint64_t)f->min)) {
		store(at, f->size, u);
		return 0;
	}
	if (text[0] == '-' && parse_i64(text, f->min, 0, &i) == 0) {
		store(at, f->size, (uint64_t)i);
		return 0;
	}
	return decode_error(d, w, "must be between %jd and %ju, is %s", (intmax_t)f->min, (uintmax_t)f->max,
			    SHOWN(text));
}

static int decode_string(struct decoder *d, const struct where *w, const struct field *f, char **at)
{
	if (w->v->type != JSON_STRING)
		return decode_type_error(d, w, JSON_STRING);
	if (f->required && !w->v->text[0])
		return decode_error(d, w, "must not be empty");
	*at = w->v->text[0] ? (char *)w->v->text : NULL;
	return 0;
}

static int decode_name(struct decoder *d, const struct where *w, const struct field *f, int64_t *ret)
{
	if (w->v->type != JSON_STRING)
		return decode_type_error(d, w, JSON_STRING);
	if (!name_to_value(f->names, w->v->text, ret))
		return decode_unknown(d, w, f->names, f->noun);
	return 0;
}

static int decode_enum(struct decoder *d, const struct where *w, const struct field *f, void *at)
{
	int64_t value;

	if (decode_name(d, w, f, &value) < 0)
		return -1;
	store(at, f->size, (uint64_t)value);
	return 0;
}

/* --- lists */

static int check_count(struct decoder *d, const struct where *w, const struct field *f, uint64_t max)
{
	if (w->v->n > max)
		return decode_error(d, w, "must have at most %ju entries, has %zu", (uintmax_t)max, w->v->n);
	if (f->filled && w->v->n == 0)
		return decode_error(d, w, "must have at least one entry");
	return 0;
}

static int decode_flags(struct decoder *d, const struct where *w, const struct field *f, void *at)
{
	struct where item = {.up = w, .v = w->v->child};
	int64_t value;

	if (check_count(d, w, f, f->max) < 0)
		return -1;
	for (; item.v; item.v = item.v->next, item.index++) {
		if (decode_name(d, &item, f, &value) < 0)
			return -1;
		store(at, f->size, load(at, f->size) | (uint64_t)value);
	}
	return 0;
}

static int decode_strings(struct decoder *d, const struct where *w, const struct field *f, struct spec_strings *at)
{
	struct where item = {.up = w, .v = w->v->child};
	int64_t value;

	if (check_count(d, w, f, f->max) < 0)
		return -1;
	at->v = arena_array(&d->spec->arena, w->v->n + 1, sizeof(char *)); /* ends with NULL, as argv does */
	for (; item.v; item.v = item.v->next, item.index++) {
		if (item.v->type != JSON_STRING)
			return decode_type_error(d, &item, JSON_STRING);
		if (f->names && decode_name(d, &item, f, &value) < 0)
			return -1;
		at->v[at->n++] = (char *)item.v->text;
	}
	return 0;
}

static int decode_ints(struct decoder *d, const struct where *w, const struct field *f, void *target)
{
	struct where item = {.up = w, .v = w->v->child};
	char *v = arena_array(&d->spec->arena, w->v->n, f->size);

	if (check_count(d, w, f, GIDS_MAX) < 0)
		return -1;
	memcpy((char *)target + f->offset, &v, sizeof(v));
	*(size_t *)((char *)target + f->offset_n) = w->v->n;
	for (; item.v; item.v = item.v->next, item.index++)
		if (decode_int(d, &item, f, v + item.index * f->size) < 0)
			return -1;
	return 0;
}

static int decode_map(struct decoder *d, const struct where *w, const struct field *f, struct spec_map *at)
{
	struct where item = {.up = w, .v = w->v->child, .map = true};

	if (check_count(d, w, f, f->max) < 0)
		return -1;
	at->v = arena_array(&d->spec->arena, w->v->n, sizeof(*at->v));
	for (; item.v; item.v = item.v->next) {
		item.key = item.v->key;
		if (!item.key[0])
			return decode_error(d, &item, "the name must not be empty");
		if (item.v->type != JSON_STRING)
			return decode_type_error(d, &item, JSON_STRING);
		at->v[at->n++] = (struct spec_pair){.key = (char *)item.key, .value = (char *)item.v->text};
	}
	return 0;
}

struct list {
	size_t n;
	void *v;
};

static int decode_array(struct decoder *d, const struct where *w, const struct field *f, void *at)
{
	struct where item = {.up = w, .v = w->v->child};
	size_t size = f->table->size;
	struct list list = {0};

	if (check_count(d, w, f, f->max) < 0)
		return -1;
	list.v = arena_array(&d->spec->arena, w->v->n, size);
	for (; item.v; item.v = item.v->next, item.index++) {
		char *element = (char *)list.v + list.n++ * size;
		if (f->type == FIELD_OBJECTS) {
			item.key = item.v->key;
			item.map = true;
			memcpy(element, &item.key, sizeof(item.key));
			if (!item.key[0])
				return decode_error(d, &item, "the name must not be empty");
		}
		if (item.v->type != JSON_OBJECT)
			return decode_type_error(d, &item, JSON_OBJECT);
		if (decode_object(d, &item, f->table, element) < 0)
			return -1;
	}
	/* every such list has this layout, its element type apart */
	memcpy(at, &list, sizeof(list));
	return 0;
}

/* --- objects */

static enum json_type wanted(const struct field *f)
{
	static const enum json_type types[] = {
		[FIELD_BOOL] = JSON_BOOL,   [FIELD_INT] = JSON_NUMBER,     [FIELD_STRING] = JSON_STRING,
		[FIELD_ENUM] = JSON_STRING, [FIELD_FLAGS] = JSON_ARRAY,    [FIELD_STRINGS] = JSON_ARRAY,
		[FIELD_INTS] = JSON_ARRAY,  [FIELD_MAP] = JSON_OBJECT,     [FIELD_OBJECT] = JSON_OBJECT,
		[FIELD_ARRAY] = JSON_ARRAY, [FIELD_OBJECTS] = JSON_OBJECT,
	};

	return f->type == FIELD_CUSTOM ? f->json : types[f->type];
}

static int decode_value(struct decoder *d, const struct where *w, const struct field *f, void *target)
{
	void *at = (char *)target + f->offset;

	switch (f->type) {
	case FIELD_BOOL: *(bool *)at = w->v->text[0] == 't'; return 0;
	case FIELD_INT: return decode_int(d, w, f, at);
	case FIELD_STRING: return decode_string(d, w, f, at);
	case FIELD_ENUM: return decode_enum(d, w, f, at);
	case FIELD_FLAGS: return decode_flags(d, w, f, at);
	case FIELD_STRINGS: return decode_strings(d, w, f, at);
	case FIELD_INTS: return decode_ints(d, w, f, target);
	case FIELD_MAP: return decode_map(d, w, f, at);
	case FIELD_OBJECT: return decode_object(d, w, f->table, at);
	case FIELD_ARRAY:
	case FIELD_OBJECTS: return decode_array(d, w, f, at);
	case FIELD_CUSTOM:
		if (w->v->type == JSON_ARRAY && check_count(d, w, f, f->max) < 0)
			return -1;
		return f->custom(d, w, at);
	}
	return error_set(d->e, ERROR_BUG, 0, "field type %d", f->type);
}

static int decode_member(struct decoder *d, const struct where *w, const struct field *f, void *target)
{
	enum json_type want = wanted(f);

	if (w->v->type == JSON_NULL && !f->required && (want == JSON_OBJECT || want == JSON_ARRAY))
		return 0;
	if (w->v->type != want)
		return decode_type_error(d, w, want);
	if (f->set)
		*(bool *)((char *)target + f->set - 1) = true;
	return decode_value(d, w, f, target);
}

static int unknown_member(struct decoder *d, const struct where *w, const struct fields *table)
{
	auto_strbuf struct strbuf known = {0};

	for (size_t i = 0; i < table->n; i++)
		strbuf_addf(&known, "%s%s", i ? " " : "", table->rows[i].name);
	return decode_error(d, w, "is not known (known: %s)", strbuf_str(&known));
}

static int decode_absent(struct decoder *d, const struct where *w, const struct fields *table, uint64_t seen,
			 void *target)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct field *f = &table->rows[i];
		if (seen & 1ULL << i)
			continue;
		if (f->required) {
			struct where absent = {.up = w, .v = w->v, .key = f->name};
			return decode_error(d, &absent, "is required");
		}
		if (f->otherwise)
			store((char *)target + f->offset, f->size, (uint64_t)f->otherwise);
	}
	return 0;
}

int decode_object(struct decoder *d, const struct where *w, const struct fields *table, void *target)
{
	struct where member = {.up = w, .v = w->v->child};
	uint64_t seen = 0;
	size_t next = 0;

	for (; member.v; member.v = member.v->next) {
		size_t tried;
		/* Writers keep the specification's order, so the row after the last one is usually right. */
		for (tried = 0; tried < table->n; tried++, next++) {
			if (next >= table->n)
				next = 0;
			if (strcmp(table->rows[next].name, member.v->key) == 0)
				break;
		}
		member.key = member.v->key;
		if (tried == table->n && table->closed)
			return unknown_member(d, &member, table);
		if (tried == table->n)
			continue;
		seen |= 1ULL << next;
		if (decode_member(d, &member, &table->rows[next], target) < 0)
			return -1;
	}
	if (decode_absent(d, w, table, seen, target) < 0)
		return -1;
	return table->check ? table->check(d, w, target) : 0;
}
