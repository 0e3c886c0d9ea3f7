/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "guard/daemon.h"
#include "spec/json.h"

/* For `kedge guard status`: what the kernel does not count. */
void guard_report_counts(struct guard_daemon *d)
{
	auto_strbuf struct strbuf text = {};
	struct error ignored = {};
	struct json_writer w;

	jw_begin(&w, &text, false);
	jw_object(&w, NULL);
	jw_uint(&w, "drift", d->counts.drift);
	jw_uint(&w, "killed", d->counts.killed);
	jw_uint(&w, "recordsLost", d->counts.lost);
	jw_uint(&w, "auditFailed", d->audit.failed);
	jw_end(&w, '}');
	strbuf_addc(&text, '\n');
	if (replace_file_at(d->dir, "counts.json", text.s, text.len, 0600, &ignored) < 0)
		d->audit.failed++;
}

/* Why it was killed, for `state` and for who waits. The first cause stays: what follows is the end of it. */
static void write_drift(struct guard_daemon *d, uint64_t cookie, const struct strbuf *line)
{
	char name[GUARD_COOKIE_LEN + 1];
	struct error e = {};
	char text[512];

	guard_cookie_text(cookie, name);
	if (faccessat(d->drift_dir, name, F_OK, 0) == 0)
		return;
	if (replace_file_at(d->drift_dir, name, strbuf_str(line), line->len, 0600, &e) < 0) {
		guard_report_event(d, "error", error_text(&e, text, sizeof(text)));
		return;
	}
	/* delete may have been faster than us, and nobody would remove it any more. */
	if (faccessat(d->armed_dir, name, F_OK, 0) < 0 && errno == ENOENT)
		unlinkat(d->drift_dir, name, 0);
}

void guard_report_cause(struct guard_daemon *d, const struct guard_armed *armed, const struct guard_record *record,
			const struct guard_now *now)
{
	const struct guard_latency none = {};
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf line = {};
	struct guard_container c;

	guard_armed_describe(d, record->cookie, armed, &a, &c);
	guard_audit_drift(&line, &c, record, &none, now);
	write_drift(d, record->cookie, &line);
}

void guard_report_drift(struct guard_daemon *d, const struct guard_armed *armed, const struct guard_record *record,
			const struct guard_latency *latency, const struct guard_now *now)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf line = {};
	struct guard_container c;

	guard_armed_describe(d, record->cookie, armed, &a, &c);
	guard_audit_drift(&line, &c, record, latency, now);
	/* The one before us may have been killed after it wrote the line and before it freed the record. */
	auto_free char *last = TAKE(d->last);
	if (last && guard_audit_same(last, strbuf_str(&line)))
		return;
	if (armed && armed->killed)
		write_drift(d, record->cookie, &line);
	guard_audit_write(&d->audit, strbuf_str(&line));
	d->untidy = true;
	d->counts.drift++;
	guard_report_counts(d);
}

void guard_report_container(struct guard_daemon *d, const char *type, const struct guard_container *c)
{
	auto_strbuf struct strbuf line = {};
	struct guard_now now = guard_now();

	guard_audit_container(&line, type, c, &now);
	guard_audit_write(&d->audit, strbuf_str(&line));
	d->untidy = true;
}

void guard_report_event(struct guard_daemon *d, const char *type, const char *text)
{
	auto_strbuf struct strbuf line = {};
	struct guard_now now = guard_now();

	guard_audit_event(&line, type, d->facts.tiers, text, &now);
	guard_audit_write(&d->audit, strbuf_str(&line));
	d->untidy = true;
}
