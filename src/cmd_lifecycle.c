/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that take an id and little else. */
#include <regex.h>

#include "base/log.h"
#include "spec/spec.h"
#include "src/commands.h"

int cmd_start(const struct options *o, struct error *e)
{
	return container_start(&o->runtime, o->argv[0], e);
}

int cmd_state(const struct options *o, struct error *e)
{
	auto_strbuf struct strbuf out = {};

	if (container_state(&o->runtime, o->argv[0], &out, e) < 0)
		return -1;
	return print_out(&out, e);
}

static int kill_one(const struct options *o, const char *id, int sig, struct error *e)
{
	return container_kill(&o->runtime, id, sig, o->all, e);
}

static int delete_one(const struct options *o, const char *id, int sig unused_arg, struct error *e)
{
	return container_delete(&o->runtime, id, o->force, e);
}

typedef int one_function(const struct options *o, const char *id, int sig, struct error *e);

/* One that fails does not keep the others from their turn. */
static int each_match(const struct options *o, const regex_t *re, one_function *one, int sig, struct error *e)
{
	auto_arena struct arena a = {};
	size_t n = 0, matched = 0, failed = 0;
	char **ids = NULL, text[2300];

	if (container_ids(&o->runtime, &a, &ids, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct error why = {};

		if (regexec(re, ids[i], 0, NULL, 0) != 0)
			continue;
		matched++;
		/* Somebody else may have deleted it since. */
		if (one(o, ids[i], sig, &why) == 0 || why.kind == ERROR_NOENT)
			continue;
		failed++;
		log_write(LOG_WARNING, "container '%s': %s", ids[i], error_text(&why, text, sizeof(text)));
		error_set(e, why.kind, why.sys, "container '%s': %s", ids[i], why.msg);
	}
	return failed ? error_in(e, "%zu of %zu containers failed, the first", failed, matched) : 0;
}

static int matching(const struct options *o, one_function *one, int sig, struct error *e)
{
	regex_t re;
	int err = regcomp(&re, o->argv[0], REG_EXTENDED | REG_NOSUB), ret;
	char why[128];

	if (err) {
		regerror(err, &re, why, sizeof(why));
		return error_set(e, ERROR_USAGE, 0, "invalid regular expression '%s': %s", o->argv[0], why);
	}
	ret = each_match(o, &re, one, sig, e);
	regfree(&re);
	return ret;
}

int cmd_kill(const struct options *o, struct error *e)
{
	const char *text = o->argc > 1 && *o->argv[1] ? o->argv[1] : "TERM";
	int sig = signal_parse(text, e);

	if (sig < 0)
		return -1;
	return o->regex ? matching(o, kill_one, sig, e) : kill_one(o, o->argv[0], sig, e);
}

int cmd_delete(const struct options *o, struct error *e)
{
	return o->regex ? matching(o, delete_one, 0, e) : delete_one(o, o->argv[0], 0, e);
}

int cmd_pause(const struct options *o, struct error *e)
{
	return container_pause(&o->runtime, o->argv[0], e);
}

int cmd_resume(const struct options *o, struct error *e)
{
	return container_resume(&o->runtime, o->argv[0], e);
}
