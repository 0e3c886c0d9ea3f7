/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yajl's SAX interface finds the tokens; everything a runtime must refuse beyond its grammar is refused here: yajl
 * itself accepts duplicate keys, overlong UTF-8, lone surrogates and \u0000, and knows no limit of any kind. The text
 * is scanned before yajl sees it (bytes, escapes), the tree is built in the callbacks (limits, duplicates).
 */
#include "spec/json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <yajl/yajl_parse.h>

#include "base/num.h"
#include "spec/utf8.h"

struct build {
	struct arena *arena;
	const char *name, *text;
	size_t counted; /* bytes of text whose newlines are in `line` */
	unsigned line;
	yajl_handle yajl;
	struct json *root;
	struct json *open[JSON_DEPTH_MAX], *last[JSON_DEPTH_MAX];
	unsigned depth;
	const char *key;
	size_t nodes;
	const struct json **table; /* of duplicate_key(), kept between objects */
	size_t table_size;
	struct error *e;
};

static int build_error(struct build *b, const char *why)
{
	return error_set(b->e, ERROR_CONFIG, 0, "%s:%u: %s", b->name, b->line, why);
}

static void count_lines(struct build *b, size_t end)
{
	const char *p = b->text + b->counted;

	if (end <= b->counted)
		return;
	while ((p = memchr(p, '\n', (size_t)(b->text + end - p)))) {
		b->line++;
		p++;
	}
	b->counted = end;
}

/* --- before yajl: bytes and escapes */

static int hex4(const char *p, const char *end, unsigned *ret)
{
	unsigned v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
		if (digit > 15)
			return -1;
		v = v << 4 | digit;
	}
	*ret = v;
	return 0;
}

/* A backslash can stand only in a string, so the scan needs no state: what is not JSON at all is left to yajl. */
static int check_escapes(struct build *b, const char *text, size_t size)
{
	const char *end = text + size, *p = text;
	unsigned v, low;

	while (p < end && (p = memchr(p, '\\', (size_t)(end - p)))) {
		if (end - p < 2 || p[1] != 'u' || hex4(p + 2, end, &v) < 0) {
			p += 2;
			continue;
		}
		count_lines(b, (size_t)(p - text));
		if (v == 0)
			return build_error(b, "a string contains \\u0000");
		if (v >= 0xdc00 && v <= 0xdfff)
			return build_error(b, "a string contains half of a surrogate pair");
		p += 6;
		if (v < 0xd800 || v > 0xdbff)
			continue;
		if (end - p < 2 || p[0] != '\\' || p[1] != 'u' || hex4(p + 2, end, &low) < 0 || low < 0xdc00 ||
		    low > 0xdfff)
			return build_error(b, "a string contains half of a surrogate pair");
		p += 6;
	}
	return 0;
}

static int check_bytes(struct build *b, const char *text, size_t size)
{
	const char *nul = memchr(text, '\0', size);
	size_t i = 0;

	if (nul) {
		count_lines(b, (size_t)(nul - text));
		return build_error(b, "the text contains a NUL byte");
	}
	while (i < size) {
		uint64_t word;
		if (size - i >= sizeof(word)) {
			memcpy(&word, text + i, sizeof(word));
			if (!(word & 0x8080808080808080ULL)) {
				i += sizeof(word);
				continue;
			}
		}
		size_t n = utf8_length((const unsigned char *)text + i, size - i);
		if (n == 0) {
			count_lines(b, i);
			return build_error(b, "the text is not valid UTF-8");
		}
		i += n;
	}
	return 0;
}

/* --- duplicate keys */

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Seeded with the kernel's random bytes of this process: whoever writes the document cannot aim at one slot. */
static uint64_t key_hash(const char *key)
{
	static uint64_t seed[2];
	size_t n = strlen(key);
	uint64_t h, word;

	if (!seed[0]) {
		const void *random = (const void *)getauxval(AT_RANDOM); /* 16 bytes */
		if (random)
			memcpy(seed, random, sizeof(seed));
		seed[0] |= 1;
	}
	for (h = seed[1] ^ n; n >= sizeof(word); key += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, key, sizeof(word));
		h = mix(h ^ word, seed[0]);
	}
	word = 0;
	memcpy(&word, key, n);
	return mix(mix(h ^ word, seed[0]), 0x9e3779b97f4a7c15ULL);
}

static const struct json *duplicate_in_few(const struct json *object)
{
	for (const struct json *v = object->child; v; v = v->next)
		for (const struct json *w = object->child; w != v; w = w->next)
			if (strcmp(v->key, w->key) == 0)
				return v;
	return NULL;
}

static const struct json *duplicate_key(struct build *b, const struct json *object)
{
	size_t size = 64;

	if (object->n <= 8)
		return duplicate_in_few(object);
	while (size < 2 * object->n)
		size *= 2;
	if (size > b->table_size) {
		free(b->table);
		b->table = malloc(size * sizeof(*b->table));
		if (!b->table)
			abort();
		b->table_size = size;
	}
	memset(b->table, 0, size * sizeof(*b->table));
	for (const struct json *v = object->child; v; v = v->next) {
		size_t i = key_hash(v->key) & (size - 1);
		for (; b->table[i]; i = (i + 1) & (size - 1))
			if (strcmp(b->table[i]->key, v->key) == 0)
				return v;
		b->table[i] = v;
	}
	return NULL;
}

/* --- callbacks: 0 stops yajl, the error is then in b->e */

static struct json *add(struct build *b, enum json_type type)
{
	struct json *v;

	count_lines(b, yajl_get_bytes_consumed(b->yajl));
	if (++b->nodes > JSON_NODES_MAX) {
		build_error(b, "more values than the limit of 200000");
		return NULL;
	}
	v = arena_alloc(b->arena, sizeof(*v));
	v->type = type;
	v->line = b->line;
	v->key = TAKE(b->key);
	if (b->depth == 0) {
		b->root = v;
		return v;
	}
	struct json *parent = b->open[b->depth - 1], **last = &b->last[b->depth - 1];
	if (*last)
		(*last)->next = v;
	else
		parent->child = v;
	*last = v;
	parent->n++;
	return v;
}

static const char *keep_text(struct build *b, const void *text, size_t n)
{
	if (n > JSON_STRING_MAX) {
		count_lines(b, yajl_get_bytes_consumed(b->yajl));
		build_error(b, "a string longer than the limit of 128 KiB");
		return NULL;
	}
	return arena_strndup(b->arena, text, n);
}

static int add_scalar(struct build *b, enum json_type type, const char *text)
{
	struct json *v = text ? add(b, type) : NULL;

	if (!v)
		return 0;
	v->text = text;
	return 1;
}

static int on_null(void *ctx)
{
	return add_scalar(ctx, JSON_NULL, "null");
}

static int on_bool(void *ctx, int value)
{
	return add_scalar(ctx, JSON_BOOL, value ? "true" : "false");
}

static int on_number(void *ctx, const char *text, size_t n)
{
	return add_scalar(ctx, JSON_NUMBER, keep_text(ctx, text, n));
}

static int on_string(void *ctx, const unsigned char *text, size_t n)
{
	return add_scalar(ctx, JSON_STRING, keep_text(ctx, text, n));
}

static int on_key(void *ctx, const unsigned char *text, size_t n)
{
	struct build *b = ctx;

	b->key = keep_text(b, text, n);
	return b->key != NULL;
}

static int on_open(struct build *b, enum json_type type)
{
	struct json *v = add(b, type);

	if (!v)
		return 0;
	if (b->depth == JSON_DEPTH_MAX) {
		build_error(b, "nested deeper than the limit of 64");
		return 0;
	}
	b->open[b->depth] = v;
	b->last[b->depth] = NULL;
	b->depth++;
	return 1;
}

static int on_open_object(void *ctx)
{
	return on_open(ctx, JSON_OBJECT);
}

static int on_open_array(void *ctx)
{
	return on_open(ctx, JSON_ARRAY);
}

static int on_close_object(void *ctx)
{
	struct build *b = ctx;
	const struct json *twice = duplicate_key(b, b->open[--b->depth]);

	if (!twice)
		return 1;
	error_set(b->e, ERROR_CONFIG, 0, "%s:%u: the member '%.64s' stands twice in one object", b->name, twice->line,
		  twice->key);
	return 0;
}

static int on_close_array(void *ctx)
{
	struct build *b = ctx;

	b->depth--;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_bool,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_open_object,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close_object,
	.yajl_start_array = on_open_array,
	.yajl_end_array = on_close_array,
};

static int syntax_error(struct build *b, size_t size)
{
	unsigned char *text = yajl_get_error(b->yajl, 0, (const unsigned char *)b->text, size);
	char *newline = text ? strchr((char *)text, '\n') : NULL;

	if (newline)
		*newline = '\0';
	size_t consumed = yajl_get_bytes_consumed(b->yajl);
	count_lines(b, MIN(consumed, size));
	build_error(b, text ? (const char *)text : "not JSON");
	if (text)
		yajl_free_error(b->yajl, text);
	return -1;
}

static int parse(struct build *b, size_t size)
{
	if (check_bytes(b, b->text, size) < 0)
		return -1;
	b->counted = 0;
	b->line = 1;
	if (check_escapes(b, b->text, size) < 0)
		return -1;
	b->counted = 0;
	b->line = 1;
	yajl_status status = yajl_parse(b->yajl, (const unsigned char *)b->text, size);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(b->yajl);
	if (status == yajl_status_client_canceled)
		return -1;
	if (status != yajl_status_ok)
		return syntax_error(b, size);
	return b->root ? 0 : build_error(b, "not JSON");
}

int json_parse(struct arena *a, const char *name, const char *text, size_t size, struct json **ret, struct error *e)
{
	struct build b = {.arena = a, .name = name, .text = text, .line = 1, .e = e};
	int r;

	if (size > JSON_BYTES_MAX)
		return error_set(e, ERROR_CONFIG, 0, "%s: larger than the limit of 4 MiB", name);
	if (size == 0)
		return error_set(e, ERROR_CONFIG, 0, "%s: the document is empty", name);
	b.yajl = yajl_alloc(&callbacks, NULL, &b);
	if (!b.yajl)
		abort();
	r = parse(&b, size);
	yajl_free(b.yajl);
	free(b.table);
	if (r < 0)
		return -1;
	*ret = b.root;
	return 0;
}

/* --- look-ups */

struct json *json_get(const struct json *object, const char *key)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (struct json *v = object->child; v; v = v->next)
		if (strcmp(v->key, key) == 0)
			return v;
	return NULL;
}

const char *json_str(const struct json *object, const char *key, const char *otherwise)
{
	const struct json *v = json_get(object, key);

	return v && v->type == JSON_STRING ? v->text : otherwise;
}

char *json_dup(struct arena *a, const struct json *object, const char *key)
{
	const char *s = json_str(object, key, NULL);

	return s ? arena_strdup(a, s) : NULL;
}

int64_t json_int(const struct json *object, const char *key, int64_t otherwise)
{
	const struct json *v = json_get(object, key);
	int64_t i;

	return v && v->type == JSON_NUMBER && parse_i64(v->text, INT64_MIN, INT64_MAX, &i) == 0 ? i : otherwise;
}

bool json_bool(const struct json *object, const char *key, bool otherwise)
{
	const struct json *v = json_get(object, key);

	return v && v->type == JSON_BOOL ? v->text[0] == 't' : otherwise;
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
	};

	return names[type];
}
