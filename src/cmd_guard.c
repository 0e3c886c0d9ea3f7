/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "guard/status.h"
#include "spec/json.h"
#include "src/commands.h"
#include "src/guard.h"

/* --- status */

static const struct {
	const char *tier;
	size_t why;
} reasons[] = {
	{"syscall", offsetof(struct guard_facts, no_syscall)},
	{"lsm", offsetof(struct guard_facts, no_lsm)},
	{"sample", offsetof(struct guard_facts, no_sample)},
	{"sweep", offsetof(struct guard_facts, no_sweep)},
};

static const char *reason(const struct guard_facts *facts, size_t i)
{
	return *(char *const *)(const void *)((const char *)facts + reasons[i].why);
}

static void status_text(const struct guard_status *s, const struct guard_policy *policy, struct strbuf *out)
{
	const char *between = "";

	if (s->pid)
		strbuf_addf(out, "guard:       process %d, %llu kB\n", (int)s->pid, (unsigned long long)s->rss_kb);
	else
		strbuf_addf(out, "guard:       not running%s\n",
			    s->pinned ? "; its programs go on without it" : "");
	strbuf_adds(out, "tiers:       ");
	for (const struct spec_name *t = guard_tier_names; t->name; t++) {
		if (!(s->facts.tiers & (uint64_t)t->value))
			continue;
		strbuf_addf(out, "%s%s", between, t->name);
		between = ", ";
	}
	strbuf_adds(out, *between ? "\n" : "none\n");
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reason(&s->facts, i))
			strbuf_addf(out, "  no %-8s %s\n", reasons[i].tier, reason(&s->facts, i));
	strbuf_addf(out, "containers:  %zu armed\n", s->n_armed);
	strbuf_addf(out, "events:      %llu drift, %llu containers killed, %llu records lost, %llu lines not written\n",
		    (unsigned long long)s->counts.drift, (unsigned long long)s->counts.killed,
		    (unsigned long long)s->counts.lost, (unsigned long long)s->counts.audit_failed);
	strbuf_addf(out, "mode:        %s\n", value_to_name(guard_mode_names, policy->mode));
	strbuf_addf(out, "log:         %s\n", policy->log);
	if (s->facts.kernel)
		strbuf_addf(out, "kernel:      %s\n", s->facts.kernel);
	if (s->facts.build)
		strbuf_addf(out, "programs:    %s, loaded in %u ms\n", s->facts.build, s->facts.load_ms);
}

static void status_json(const struct guard_status *s, const struct guard_policy *policy, struct strbuf *out)
{
	struct json_writer w;

	jw_begin(&w, out, true);
	jw_object(&w, NULL);
	jw_bool(&w, "running", s->pid != 0);
	if (s->pid) {
		jw_int(&w, "pid", s->pid);
		jw_uint(&w, "rssKb", s->rss_kb);
	}
	jw_bool(&w, "pinned", s->pinned);
	jw_array(&w, "tiers");
	for (const struct spec_name *t = guard_tier_names; t->name; t++)
		if (s->facts.tiers & (uint64_t)t->value)
			jw_str(&w, NULL, t->name);
	jw_end(&w, ']');
	jw_object(&w, "whyNot");
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reason(&s->facts, i))
			jw_str(&w, reasons[i].tier, reason(&s->facts, i));
	jw_end(&w, '}');
	jw_uint(&w, "containers", s->n_armed);
	jw_object(&w, "events");
	jw_uint(&w, "drift", s->counts.drift);
	jw_uint(&w, "killed", s->counts.killed);
	jw_uint(&w, "sealed", s->sealed);
	jw_uint(&w, "recordsLost", s->counts.lost);
	jw_uint(&w, "auditFailed", s->counts.audit_failed);
	jw_end(&w, '}');
	jw_str(&w, "mode", value_to_name(guard_mode_names, policy->mode));
	jw_str(&w, "log", policy->log);
	if (s->facts.kernel)
		jw_str(&w, "kernel", s->facts.kernel);
	if (s->facts.build)
		jw_str(&w, "build", s->facts.build);
	jw_uint(&w, "loadMs", s->facts.load_ms);
	jw_end(&w, '}');
	strbuf_addc(out, '\n');
}

static int guard_status(const struct options *o, struct error *e)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf out = {};
	struct guard_policy policy = {};
	struct guard_status status;

	if (guard_policy_read(&a, &policy, e) < 0 || guard_status_read(&a, &status, e) < 0)
		return -1;
	(o->json ? status_json : status_text)(&status, &policy, &out);
	if (print_out(&out, e) < 0)
		return -1;
	return status.pid ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- metrics */

static void metric(struct strbuf *out, const char *type, const char *name, const char *help, uint64_t value)
{
	strbuf_addf(out, "# HELP kedge_guard_%s %s\n# TYPE kedge_guard_%s %s\nkedge_guard_%s %llu\n", name, help, name, type,
		    name, (unsigned long long)value);
}

static int guard_metrics(const struct options *o unused_arg, struct error *e)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf out = {};
	struct guard_status s;

	if (guard_status_read(&a, &s, e) < 0)
		return -1;
	metric(&out, "gauge", "up", "Whether kedge-guard runs.", s.pid != 0);
	metric(&out, "gauge", "resident_bytes", "Resident memory of kedge-guard.", s.rss_kb * 1024);
	metric(&out, "gauge", "containers", "Containers that are guarded.", s.n_armed);
	metric(&out, "counter", "drift_total", "Drift that was found.", s.counts.drift);
	metric(&out, "counter", "killed_total", "Containers that were killed for it.", s.counts.killed);
	metric(&out, "counter", "sealed_total", "Programs whose fingerprint the kernel took.", s.sealed);
	metric(&out, "counter", "records_lost_total", "Records that the ring had no room for.", s.counts.lost);
	metric(&out, "counter", "audit_failed_total", "Audit lines that could not be written.", s.counts.audit_failed);
	strbuf_adds(&out, "# HELP kedge_guard_tier Whether a tier is on.\n# TYPE kedge_guard_tier gauge\n");
	for (const struct spec_name *t = guard_tier_names; t->name; t++)
		strbuf_addf(&out, "kedge_guard_tier{tier=\"%s\"} %d\n", t->name, (s.facts.tiers & (uint64_t)t->value) != 0);
	return print_out(&out, e);
}

/* --- the others */

static int guard_start_command(const struct options *o unused_arg, struct error *e)
{
	return guard_start(e);
}

static int guard_stop_command(const struct options *o, struct error *e)
{
	return guard_stop(o->force, e);
}

/* The switches that a word takes; any other is an error. */
enum { TAKES_JSON = 1, TAKES_FOLLOW = 2, TAKES_FORCE = 4 };

static const struct {
	const char *name;
	int (*function)(const struct options *o, struct error *e);
	unsigned takes;
	size_t arguments; /* the word itself included */
} words[] = {
	{"status", guard_status, TAKES_JSON, 1},
	{"events", guard_events, TAKES_JSON | TAKES_FOLLOW, 1},
	{"verify", guard_verify, TAKES_JSON, 2},
	{"start", guard_start_command, 0, 1},
	{"stop", guard_stop_command, TAKES_FORCE, 1},
	{"metrics", guard_metrics, 0, 1},
};

int cmd_guard(const struct options *o, struct error *e)
{
	unsigned given = (o->json ? TAKES_JSON : 0) | (o->follow ? TAKES_FOLLOW : 0) | (o->force ? TAKES_FORCE : 0);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].name, o->argv[0]) != 0)
			continue;
		if (given & ~words[i].takes)
			return error_set(e, ERROR_USAGE, 0, "guard %s: takes no such option", words[i].name);
		if (o->argc != words[i].arguments)
			return error_set(e, ERROR_USAGE, 0, "guard %s: requires exactly %zu argument(s)", words[i].name,
					 words[i].arguments - 1);
		return words[i].function(o, e);
	}
	return error_set(e, ERROR_USAGE, 0, "guard: no such word '%s' (known: %s)", o->argv[0],
			 command_rows[CMD_GUARD].arguments);
}
