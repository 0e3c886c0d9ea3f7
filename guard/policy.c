/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's policy is a floor: annotations come from whoever writes a pod or an image, so they may only make it stricter.
 * Both speak the same words; the names of each table stand in the order of strictness.
 */
#include <linux/capability.h>
#include <string.h>

#include "base/num.h"
#include "guard/guard.h"
#include "spec/decode.h"
#include "spec/policy.h"

#define LOG_DEFAULT "/var/log/kedge/guard.jsonl"

const struct spec_name guard_mode_names[] = {
	{"off", GUARD_OFF}, {"audit", GUARD_AUDIT}, {"enforce", GUARD_ENFORCE}, {NULL, 0}};
static const struct spec_name require_names[] = {{"none", GUARD_REQUIRE_NONE},
						 {"sample", GUARD_REQUIRE_SAMPLE},
						 {"lsm", GUARD_REQUIRE_LSM},
						 {"syscall", GUARD_REQUIRE_SYSCALL},
						 {NULL, 0}};
static const struct spec_name nesting_names[] = {
	{"auto", GUARD_NESTING_AUTO}, {"nested", GUARD_NESTING_NESTED}, {"strict", GUARD_NESTING_STRICT}, {NULL, 0}};
static const struct spec_name foreign_names[] = {{"off", GUARD_FOREIGN_OFF},
						 {"deny", GUARD_FOREIGN_MOUNTS_DENY},
						 {"kill", GUARD_FOREIGN_MOUNTS_KILL},
						 {NULL, 0}};
static const struct spec_name joiner_names[] = {
	{"any", GUARD_JOINERS_ANY}, {"registered", GUARD_JOINERS_REGISTERED}, {NULL, 0}};
static const struct spec_name scope_names[] = {
	{"process", GUARD_SCOPE_PROCESS}, {"container", GUARD_SCOPE_CONTAINER}, {NULL, 0}};

static int of_containers(struct decoder *d unused_arg, const struct where *w unused_arg, void *target unused_arg)
{
	return 0;
}

#define WORD(N, M, NAMES) F_ENUM(guard_policy, N, M, NAMES, "value")
static const struct field policy_rows[] = {
	WORD("mode", mode, guard_mode_names),
	WORD("require", require, require_names),
	WORD("nesting", nesting, nesting_names),
	WORD("foreign-mounts", foreign_mounts, foreign_names),
	WORD("joiners", joiners, joiner_names),
	WORD("scope", scope, scope_names),
	F_INT(guard_policy, "sweep-ms", sweep_ms, GUARD_SWEEP_MIN, GUARD_SWEEP_MAX),
	/* The host's alone from here. */
	F_BOOL(guard_policy, "syscall-tier", syscall_tier),
	F_STRING(guard_policy, "log", log),
	/* spec/policy.h */
	{.name = "containers", .type = FIELD_CUSTOM, .json = JSON_OBJECT, .custom = of_containers},
};
#define N_ANNOTATIONS 7
static const struct fields policy_fields = FIELDS(guard_policy, policy_rows, .closed = true);

const char *const guard_annotations[] = {
	GUARD_ANNOTATION "mode",    GUARD_ANNOTATION "require", GUARD_ANNOTATION "nesting",  GUARD_ANNOTATION "foreign-mounts",
	GUARD_ANNOTATION "joiners", GUARD_ANNOTATION "scope",   GUARD_ANNOTATION "sweep-ms", NULL};
_Static_assert(ARRAY_SIZE(guard_annotations) == N_ANNOTATIONS + 1, "every row above the host's own has its annotation");

static const struct guard_policy defaults = {
	.mode = GUARD_ENFORCE,
	.nesting = GUARD_NESTING_AUTO,
	.foreign_mounts = GUARD_FOREIGN_MOUNTS_DENY,
	.joiners = GUARD_JOINERS_REGISTERED,
	.scope = GUARD_SCOPE_CONTAINER,
	.sweep_ms = 1000,
};

int guard_policy_parse(struct arena *a, const char *text, size_t size, struct guard_policy *ret, struct error *e)
{
	auto_spec struct spec *owner = calloc(1, sizeof(*owner));
	struct decoder d = {.spec = owner, .name = POLICY_FILE, .e = e};
	struct guard_policy policy = defaults;
	struct json *root;

	if (!owner)
		abort();
	if (json_parse(&owner->arena, d.name, text, size, &root, e) < 0)
		return -1;
	struct where top = {.v = root};
	if (root->type != JSON_OBJECT)
		return decode_type_error(&d, &top, JSON_OBJECT);
	if (decode_object(&d, &top, &policy_fields, &policy) < 0)
		return -1;
	if (policy.log && policy.log[0] != '/')
		return error_set(e, ERROR_CONFIG, 0, "%s: log: '%s' must be an absolute path", d.name, policy.log);
	policy.log = arena_strdup(a, policy.log ?: LOG_DEFAULT);
	*ret = policy;
	return 0;
}

int guard_policy_read(struct arena *a, struct guard_policy *ret, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	bool found;

	if (policy_file_read(&text, &found, e) < 0)
		return -1;
	if (found)
		return guard_policy_parse(a, strbuf_str(&text), text.len, ret, e);
	*ret = defaults;
	ret->log = arena_strdup(a, LOG_DEFAULT);
	return 0;
}

static int parse_value(const struct field *f, const char *text, uint32_t *ret)
{
	int64_t value;

	if (f->type == FIELD_INT)
		return parse_u32(text, (uint32_t)f->max, ret) < 0 || *ret < f->min ? -1 : 0;
	if (!name_to_value(f->names, text, &value) || (f->names == nesting_names && value == GUARD_NESTING_AUTO))
		return -1;
	*ret = (uint32_t)value;
	return 0;
}

static int tighten(struct guard_policy *p, const struct field *f, const char *text, struct error *e)
{
	uint32_t *place = (uint32_t *)(void *)((char *)p + f->offset), value;

	if (parse_value(f, text, &value) < 0)
		return error_set(e, ERROR_CONFIG, 0, "annotations: " GUARD_ANNOTATION "%s: invalid value '%.64s'", f->name,
				 text);
	bool looser = f->type == FIELD_INT ? value > *place : value < *place;
	if (!looser) {
		*place = value;
		return 0;
	}
	error_hint(e, "annotations may only be stricter than " POLICY_FILE);
	if (f->type == FIELD_INT)
		return error_set(e, ERROR_CONFIG, 0, "annotations: " GUARD_ANNOTATION "%s: '%s' is looser than the host's '%u'",
				 f->name, text, *place);
	return error_set(e, ERROR_CONFIG, 0, "annotations: " GUARD_ANNOTATION "%s: '%s' is looser than the host's '%s'", f->name,
			 text, value_to_name(f->names, *place));
}

int guard_policy_annotate(struct guard_policy *p, const struct spec *spec, struct error *e)
{
	size_t prefix = strlen(GUARD_ANNOTATION);

	/* Who is given the administrator's capability is meant to make namespaces: engines in containers, systemd. */
	if (p->nesting == GUARD_NESTING_AUTO)
		p->nesting = spec->process.caps.bounding >> CAP_SYS_ADMIN & 1 ? GUARD_NESTING_NESTED
									      : GUARD_NESTING_STRICT;
	for (size_t i = 0; i < spec->annotations.n; i++) {
		const struct spec_pair *pair = &spec->annotations.v[i];
		const struct field *row = NULL;

		if (strncmp(pair->key, GUARD_ANNOTATION, prefix) != 0)
			continue;
		for (size_t k = 0; k < N_ANNOTATIONS; k++)
			if (strcmp(policy_rows[k].name, pair->key + prefix) == 0)
				row = &policy_rows[k];
		if (!row)
			return error_set(e, ERROR_CONFIG, 0, "annotations: unknown annotation '%.128s'", pair->key);
		if (tighten(p, row, pair->value, e) < 0)
			return -1;
	}
	if (p->mode == GUARD_OFF && p->require != GUARD_REQUIRE_NONE)
		return error_set(e, ERROR_CONFIG, 0, "annotations: " GUARD_ANNOTATION "require: '%s', but the host's mode is off",
				 value_to_name(require_names, p->require));
	return 0;
}

uint32_t guard_policy_flags(const struct guard_policy *p)
{
	return (p->nesting == GUARD_NESTING_NESTED ? GUARD_NESTED : 0) |
	       (p->foreign_mounts == GUARD_FOREIGN_MOUNTS_DENY ? GUARD_FOREIGN_DENY : 0) |
	       (p->foreign_mounts == GUARD_FOREIGN_MOUNTS_KILL ? GUARD_FOREIGN_KILL : 0) |
	       (p->joiners == GUARD_JOINERS_ANY ? GUARD_ANY_JOINER : 0) |
	       (p->scope == GUARD_SCOPE_PROCESS ? GUARD_PROCESS_SCOPE : 0);
}

const char *guard_require_name(uint32_t require)
{
	return value_to_name(require_names, require);
}
