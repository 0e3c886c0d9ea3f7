/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "spec/json.h"
#include "spec/utf8.h"

void jw_begin(struct json_writer *w, struct strbuf *out, bool pretty)
{
	*w = (struct json_writer){.out = out, .pretty = pretty};
}

static void write_char(struct strbuf *out, unsigned char c)
{
	static const char names[] = "btnvfr"; /* 8 to 13; \v is no JSON escape */

	if (c == '"' || c == '\\') {
		strbuf_addc(out, '\\');
		strbuf_addc(out, (char)c);
	} else if (c >= 8 && c <= 13 && c != 11) {
		strbuf_addc(out, '\\');
		strbuf_addc(out, names[c - 8]);
	} else {
		strbuf_addf(out, "\\u%04x", c);
	}
}

/* What is not UTF-8 (a file name can be anything) becomes U+FFFD: the reader must get JSON in every case. */
static void write_string(struct strbuf *out, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = strlen(s), plain = 0;

	strbuf_addc(out, '"');
	for (size_t i = 0; i < n;) {
		size_t len = utf8_length(p + i, n - i);
		if (len > 0 && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\' && p[i] != 0x7f) {
			i += len;
			continue;
		}
		strbuf_add(out, s + plain, i - plain);
		if (len == 0)
			strbuf_adds(out, "\\ufffd");
		else
			write_char(out, p[i]);
		plain = ++i;
	}
	strbuf_add(out, s + plain, n - plain);
	strbuf_addc(out, '"');
}

static void newline(struct json_writer *w)
{
	if (!w->pretty)
		return;
	strbuf_addc(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		strbuf_adds(w->out, "  ");
}

/* What stands before a value: comma, indentation, member name. */
static void lead(struct json_writer *w, const char *key)
{
	if (w->comma)
		strbuf_addc(w->out, ',');
	if (w->depth > 0)
		newline(w);
	if (key) {
		write_string(w->out, key);
		strbuf_adds(w->out, w->pretty ? ": " : ":");
	}
	w->comma = true;
}

void jw_object(struct json_writer *w, const char *key)
{
	lead(w, key);
	strbuf_addc(w->out, '{');
	w->depth++;
	w->comma = false;
}

void jw_array(struct json_writer *w, const char *key)
{
	lead(w, key);
	strbuf_addc(w->out, '[');
	w->depth++;
	w->comma = false;
}

void jw_end(struct json_writer *w, char close)
{
	w->depth--;
	if (w->comma)
		newline(w);
	strbuf_addc(w->out, close);
	w->comma = true;
}

void jw_str(struct json_writer *w, const char *key, const char *value)
{
	lead(w, key);
	write_string(w->out, value);
}

void jw_int(struct json_writer *w, const char *key, int64_t value)
{
	lead(w, key);
	strbuf_addf(w->out, "%jd", (intmax_t)value);
}

void jw_uint(struct json_writer *w, const char *key, uint64_t value)
{
	lead(w, key);
	strbuf_addf(w->out, "%ju", (uintmax_t)value);
}

void jw_bool(struct json_writer *w, const char *key, bool value)
{
	lead(w, key);
	strbuf_adds(w->out, value ? "true" : "false");
}

void jw_null(struct json_writer *w, const char *key)
{
	lead(w, key);
	strbuf_adds(w->out, "null");
}

void jw_raw(struct json_writer *w, const char *key, const struct json *value)
{
	if (value->type == JSON_STRING) {
		jw_str(w, key, value->text);
		return;
	}
	if (value->type != JSON_ARRAY && value->type != JSON_OBJECT) {
		lead(w, key);
		strbuf_adds(w->out, value->text);
		return;
	}
	if (value->type == JSON_OBJECT)
		jw_object(w, key);
	else
		jw_array(w, key);
	for (const struct json *v = value->child; v; v = v->next)
		jw_raw(w, v->key, v);
	jw_end(w, value->type == JSON_OBJECT ? '}' : ']');
}

void jw_map(struct json_writer *w, const char *key, const struct spec_map *map)
{
	jw_object(w, key);
	for (size_t i = 0; i < map->n; i++)
		jw_str(w, map->v[i].key, map->v[i].value);
	jw_end(w, '}');
}
