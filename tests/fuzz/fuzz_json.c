/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes -> tree; and what the writer makes of a tree reads back as the same text. */
#include "spec/json.h"
#include "tests/fuzz/fuzz.h"

static void written(const struct json *tree, bool pretty, struct strbuf *out)
{
	struct json_writer w;

	jw_begin(&w, out, pretty);
	jw_raw(&w, NULL, tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf once = {}, twice = {};
	struct error e = {};
	struct json *tree = NULL;

	if (json_parse(&a, "input", (const char *)data, size, &tree, &e) < 0) {
		must_hold(e.kind == ERROR_CONFIG && e.msg[0]);
		return 0;
	}
	must_hold(tree);
	written(tree, size % 2, &once);
	must_hold(json_parse(&a, "written", once.s, once.len, &tree, &e) == 0);
	written(tree, size % 2, &twice);
	must_hold(once.len == twice.len && memcmp(once.s, twice.s, once.len) == 0);
	return 0;
}
