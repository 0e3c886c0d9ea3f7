/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON text -> tree in an arena, through yajl's SAX interface with limits of our own (yajl's tree accepts duplicate
 * keys, cuts strings at NUL and has no depth limit). Numbers stay text until a field's type is known. This header and
 * json.c / json_write.c are the only places that know which library is behind.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "spec/spec.h"

#define JSON_BYTES_MAX (4UL << 20)
#define JSON_DEPTH_MAX 64
#define JSON_NODES_MAX 200000
#define JSON_STRING_MAX (128UL << 10)

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	unsigned line;     /* 1-based, where the value begins */
	const char *key;   /* member name inside an object, else NULL */
	const char *text;  /* JSON_STRING: unescaped, no NUL inside; JSON_NUMBER: as written; JSON_BOOL: "true"/"false" */
	size_t n;          /* number of children */
	struct json *child, *next; /* children in order; sibling */
};

/* Refuses (ERROR_CONFIG, "name:line: ..."): more than the limits, duplicate keys, \u0000 or raw NUL, invalid UTF-8,
 * comments, trailing bytes. The tree lives in `a`. */
must_check int json_parse(struct arena *a, const char *name, const char *text, size_t size, struct json **ret,
			  struct error *e);
struct json *json_get(const struct json *object, const char *key); /* NULL: absent or not an object */
/* Typed look-ups for our own documents (state.json): absent or other type gives the default. */
const char *json_str(const struct json *object, const char *key, const char *otherwise);
char *json_dup(struct arena *a, const struct json *object, const char *key); /* NULL: absent or other type */
int64_t json_int(const struct json *object, const char *key, int64_t otherwise);
bool json_bool(const struct json *object, const char *key, bool otherwise);
const char *json_type_name(enum json_type type); /* "a number" ... as used in messages */

/* Writer: pretty (two spaces, as runc prints state) or compact (one line). Keys and order as called. */
struct json_writer {
	struct strbuf *out;
	bool pretty;
	unsigned depth;
	bool comma; /* a sibling stands before */
	bool after_key;
};
void jw_begin(struct json_writer *w, struct strbuf *out, bool pretty);
void jw_object(struct json_writer *w, const char *key); /* key NULL inside arrays and at the top */
void jw_array(struct json_writer *w, const char *key);
void jw_end(struct json_writer *w, char close); /* '}' or ']' */
void jw_str(struct json_writer *w, const char *key, const char *value);
void jw_int(struct json_writer *w, const char *key, int64_t value);
void jw_uint(struct json_writer *w, const char *key, uint64_t value);
void jw_bool(struct json_writer *w, const char *key, bool value);
void jw_null(struct json_writer *w, const char *key);
void jw_raw(struct json_writer *w, const char *key, const struct json *value); /* copies a parsed value */
void jw_map(struct json_writer *w, const char *key, const struct spec_map *map); /* string map as an object */
