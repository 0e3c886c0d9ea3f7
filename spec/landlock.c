/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/landlock.h"

#include <limits.h>
#include <string.h>

#include "spec/json.h"

const struct spec_name landlock_kinds[] = {
	{"read", LANDLOCK_READ}, {"write", LANDLOCK_WRITE}, {"execute", LANDLOCK_EXECUTE}, {NULL, 0}};

static int read_path(struct arena *a, const struct json *value, const char *kind, size_t n, char **ret, struct error *e)
{
	if (value->type != JSON_STRING)
		return error_set(e, ERROR_CONFIG, 0, LANDLOCK_ORIGIN ".%s[%zu]: must be a string, is %s", kind, n,
				 json_type_name(value->type));
	if (value->text[0] != '/' || strlen(value->text) >= PATH_MAX)
		return error_set(e, ERROR_CONFIG, 0, LANDLOCK_ORIGIN ".%s[%zu]: must be an absolute path, is '%.64s'", kind, n,
				 value->text);
	*ret = arena_strdup(a, value->text);
	return 0;
}

static int read_kind(struct arena *a, const struct json *member, struct landlock_rules *ret, struct error *e)
{
	int64_t kind;
	size_t n = 0;

	if (!name_to_value(landlock_kinds, member->key, &kind))
		return error_set(e, ERROR_CONFIG, 0, LANDLOCK_ORIGIN ".%s: is not known (known: read, write, execute)", member->key);
	if (member->type != JSON_ARRAY)
		return error_set(e, ERROR_CONFIG, 0, LANDLOCK_ORIGIN ".%s: must be an array, is %s", member->key,
				 json_type_name(member->type));
	struct spec_strings *paths = &ret->kind[kind].paths;
	ret->kind[kind].set = true;
	paths->v = arena_array(a, member->n + 1, sizeof(*paths->v));
	for (const struct json *value = member->child; value; value = value->next, n++)
		if (read_path(a, value, member->key, n, &paths->v[n], e) < 0)
			return -1;
	paths->n = n;
	return 0;
}

int landlock_parse(struct arena *a, const char *text, struct landlock_rules *ret, struct error *e)
{
	struct landlock_rules rules = {};
	struct json *object;

	if (json_parse(a, LANDLOCK_ORIGIN, text, strlen(text), &object, e) < 0)
		return -1;
	if (object->type != JSON_OBJECT || object->n == 0)
		return error_set(e, ERROR_CONFIG, 0, LANDLOCK_ORIGIN ": must be an object with read, write or execute");
	for (const struct json *member = object->child; member; member = member->next)
		if (read_kind(a, member, &rules, e) < 0)
			return -1;
	*ret = rules;
	return 0;
}
