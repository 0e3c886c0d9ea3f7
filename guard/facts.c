/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "base/io.h"
#include "guard/guard.h"
#include "spec/json.h"

#define FACTS_MAX 16384

const struct spec_name guard_tier_names[] = {
	{"syscall", GUARD_TIER_SYSCALL}, {"lsm", GUARD_TIER_LSM},   {"sample", GUARD_TIER_SAMPLE},
	{"sweep", GUARD_TIER_SWEEP},     {"poll", GUARD_TIER_POLL}, {NULL, 0}};

/* The reasons, by the tier that is not on. */
static const struct {
	const char *tier;
	size_t offset;
} reasons[] = {
	{"syscall", offsetof(struct guard_facts, no_syscall)},
	{"lsm", offsetof(struct guard_facts, no_lsm)},
	{"sample", offsetof(struct guard_facts, no_sample)},
	{"sweep", offsetof(struct guard_facts, no_sweep)},
};

static char **reason(const struct guard_facts *facts, size_t i)
{
	return (char **)(void *)((char *)(uintptr_t)facts + reasons[i].offset);
}

void guard_facts_print(const struct guard_facts *facts, struct strbuf *out)
{
	struct json_writer w;

	jw_begin(&w, out, false);
	jw_object(&w, NULL);
	jw_array(&w, "tiers");
	for (const struct spec_name *t = guard_tier_names; t->name; t++)
		if (facts->tiers & (uint64_t)t->value)
			jw_str(&w, NULL, t->name);
	jw_end(&w, ']');
	jw_object(&w, "whyNot");
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (*reason(facts, i))
			jw_str(&w, reasons[i].tier, *reason(facts, i));
	jw_end(&w, '}');
	if (facts->kernel)
		jw_str(&w, "kernel", facts->kernel);
	if (facts->build)
		jw_str(&w, "build", facts->build);
	jw_uint(&w, "loadMs", facts->load_ms);
	jw_end(&w, '}');
	strbuf_addc(out, '\n');
}

int guard_facts_read(struct arena *a, struct guard_facts *ret, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	struct guard_facts facts = {};
	struct json *root;

	if (read_file_at(AT_FDCWD, GUARD_DIR "/facts.json", FACTS_MAX, &text) < 0)
		return error_set(e, errno == ENOENT ? ERROR_NOENT : ERROR_HOST, errno, "cannot read '%s'",
				 GUARD_DIR "/facts.json");
	if (json_parse(a, GUARD_DIR "/facts.json", strbuf_str(&text), text.len, &root, e) < 0)
		return -1;
	const struct json *tiers = json_get(root, "tiers");
	for (const struct json *j = tiers ? tiers->child : NULL; j; j = j->next) {
		int64_t bit;
		if (j->type == JSON_STRING && name_to_value(guard_tier_names, j->text, &bit))
			facts.tiers |= (uint32_t)bit;
	}
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		*reason(&facts, i) = json_dup(a, json_get(root, "whyNot"), reasons[i].tier);
	facts.kernel = json_dup(a, root, "kernel");
	facts.build = json_dup(a, root, "build");
	facts.load_ms = (uint32_t)json_int(root, "loadMs", 0);
	*ret = facts;
	return 0;
}
