/* SPDX-License-Identifier: Apache-2.0 */
/* The words of systemd.unit(5) and systemd.slice(5): which names there are, and where a slice lies. */
#include <stdio.h>
#include <string.h>

#include "cgroups/unit.h"

#define UNIT_NAME_MAX 255
#define SLICE ".slice"

static const char name_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@";

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

static int bad(const char *path, const char *what, const char *which, const char *why, struct error *e)
{
	return error_set(e, ERROR_CONFIG, 0, "linux.cgroupsPath '%s': %s '%s': %s", path, what, which, why);
}

static int check_name(const char *path, const char *what, const char *name, struct error *e)
{
	if (strlen(name) > UNIT_NAME_MAX)
		return bad(path, what, name, "is longer than systemd takes", e);
	if (strspn(name, name_chars) != strlen(name))
		return bad(path, what, name, "has characters that systemd does not take in names of units", e);
	return 0;
}

/* "a-b.slice" -> "a.slice/a-b.slice"; "-.slice" -> "". */
static int slice_path(const char *path, const char *slice, struct strbuf *out, struct error *e)
{
	if (check_name(path, "slice", slice, e) < 0)
		return -1;
	if (!has_suffix(slice, SLICE) || strlen(slice) == strlen(SLICE))
		return bad(path, "slice", slice, "must be a name that ends with '.slice'", e);
	if (strcmp(slice, "-" SLICE) == 0)
		return 0;
	size_t len = strlen(slice) - strlen(SLICE);
	for (size_t i = 0; i <= len; i++) {
		if (i < len && slice[i] != '-')
			continue;
		if (i == 0 || slice[i - 1] == '-')
			return bad(path, "slice", slice, "must not begin or end with '-' or have two in a row", e);
		strbuf_add(out, slice, i);
		strbuf_adds(out, SLICE "/");
	}
	return 0;
}

/* A name alone is of the form that engines write for the other driver: an error, not a guess. */
static int split(const char *path, struct arena *a, char **slice, char **prefix, char **name, struct error *e)
{
	char *copy = arena_strdup(a, path);
	char *first = strchr(copy, ':'), *second = first ? strchr(first + 1, ':') : NULL;

	if (!second || strchr(second + 1, ':')) {
		error_hint(e, "without --systemd-cgroup it is a path");
		return error_set(e, ERROR_CONFIG, 0,
				 "linux.cgroupsPath: expected cgroupsPath to be of format \"slice:prefix:name\" for systemd "
				 "cgroups, got \"%s\" instead",
				 path);
	}
	*first = *second = '\0';
	*slice = copy;
	*prefix = first + 1;
	*name = second + 1;
	return 0;
}

int unit_place(const char *cgroups_path, const char *id, bool user, struct arena *a, struct unit_place *ret,
	       struct error *e)
{
	const char *path = cgroups_path && *cgroups_path ? cgroups_path : arena_printf(a, ":kedge:%s", id);
	auto_strbuf struct strbuf out = {};
	char *slice = NULL, *prefix = NULL, *name = NULL;

	if (split(path, a, &slice, &prefix, &name, e) < 0)
		return -1;
	if (!*slice)
		slice = arena_strdup(a, user ? "user" SLICE : "system" SLICE);
	else if (strcmp(slice, "-") == 0)
		slice = arena_strdup(a, "-" SLICE);
	if (slice_path(path, slice, &out, e) < 0)
		return -1;
	if (!*name)
		return bad(path, "name", name, "must not be empty", e);
	/* runc makes such a unit, but a slice is no place for processes. */
	if (has_suffix(name, SLICE))
		return bad(path, "name", name, "a container is a scope, not a slice", e);
	char *unit = *prefix ? arena_printf(a, "%s-%s.scope", prefix, name) : arena_printf(a, "%s.scope", name);
	if (unit[0] == '.')
		return bad(path, "unit", unit, "must not begin with '.'", e);
	if (check_name(path, "unit", unit, e) < 0)
		return -1;
	strbuf_adds(&out, unit);
	*ret = (struct unit_place){.slice = slice, .name = unit, .path = arena_strdup(a, strbuf_str(&out))};
	return 0;
}
