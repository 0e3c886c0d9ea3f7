/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what the guard reads: the record of a container (armed/COOKIE), a record of the ring, and the last line of its log. */
#include "guard/audit.h"
#include "spec/json.h"
#include "tests/fuzz/fuzz.h"

/* A line of the log is one JSON object, whatever a process calls itself. */
static void is_line(const struct strbuf *line)
{
	auto_arena struct arena a = {};
	struct error e = {};
	struct json *tree = NULL;

	must_hold(line->s && !memchr(line->s, '\n', line->len));
	must_hold(json_parse(&a, "line", line->s, line->len, &tree, &e) == 0);
}

static void container(struct arena *a, const char *text, size_t size, struct guard_container *ret)
{
	auto_strbuf struct strbuf once = {}, twice = {};
	struct guard_container again;
	struct error e = {};

	if (guard_container_parse(a, "record", text, size, ret, &e) < 0) {
		must_hold(e.kind == ERROR_CONFIG && e.msg[0]);
		return;
	}
	must_hold(ret->id && ret->root && ret->cookie);
	guard_container_print(ret, &once);
	must_hold(once.s[once.len - 1] == '\n');
	must_hold(guard_container_parse(a, "printed", once.s, once.len, &again, &e) == 0);
	guard_container_print(&again, &twice);
	must_hold(once.len == twice.len && memcmp(once.s, twice.s, once.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf drift = {}, armed = {};
	struct guard_container c = {.cookie = 1};
	struct guard_record record = {};
	struct guard_latency latency = {.record = size};
	struct guard_now now = {.boot_ns = 1000000000, .real_ns = 1700000000000000000};
	uint64_t cookie;
	char *text = arena_strndup(&a, (const char *)data, size), *second = strchr(text, '\n');

	container(&a, (const char *)data, size, &c);
	memcpy(&record, data, size < sizeof(record) ? size : sizeof(record));
	guard_audit_drift(&drift, &c, &record, &latency, &now);
	is_line(&drift);
	guard_audit_container(&armed, "armed", &c, &now);
	is_line(&armed);
	must_hold(guard_audit_same(drift.s, drift.s));
	if (second) {
		*second++ = '\0';
		must_hold(guard_audit_same(text, second) == guard_audit_same(second, text));
	}
	if (guard_cookie_parse(text, &cookie) == 0)
		must_hold(strlen(text) == GUARD_COOKIE_LEN);
	return 0;
}
