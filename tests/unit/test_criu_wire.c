/* SPDX-License-Identifier: Apache-2.0 */
/* criu's messages: bytes as protobuf's documentation has them, options as criu numbers them, and what is no message. */
#include <string.h>

#include "libcontainer/criu.h"
#include "tests/unit/tap.h"

static bool same(const struct strbuf *b, const char *bytes, size_t n)
{
	return b->len == n && memcmp(b->s, bytes, n) == 0;
}

static void test_write(void)
{
	auto_strbuf struct strbuf number = {}, text = {}, pair = {}, nothing = {};

	wire_uint(&number, 1, 150);
	ok(same(&number, "\x08\x96\x01", 3), "a number");
	wire_str(&text, 2, "testing");
	ok(same(&text, "\x12\x07testing", 9), "a string");
	wire_pair(&pair, 23, "/a", "/b");
	ok(same(&pair, "\xba\x01\x08\x0a\x02/a\x12\x02/b", 11), "a pair, its field above 15");
	wire_str(&nothing, 1, NULL);
	is_int(nothing.len, 0, "no string");
}

static void test_read(void)
{
	static const uint8_t message[] = {0x08, 0x96, 0x01, 0x12, 0x02, 'o', 'k', 0x1d, 1, 2, 3, 4};
	const uint8_t *p = message;
	size_t n = sizeof(message);
	struct wire_field f;

	ok(wire_next(&p, &n, &f) == 1 && f.number == 1 && !f.bytes && f.value == 150, "a number");
	ok(wire_next(&p, &n, &f) == 1 && f.number == 2 && f.n == 2 && memcmp(f.bytes, "ok", 2) == 0, "bytes");
	ok(wire_next(&p, &n, &f) == 1 && f.number == 3 && f.n == 4, "a type that is passed over");
	is_int(wire_next(&p, &n, &f), 0, "the end");
}

static void test_damaged(void)
{
	static const char *const bad[] = {"\x08", "\x08\x96", "\x12\x05ok", "\x0b", "\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"};
	struct wire_field f;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const uint8_t *p = (const uint8_t *)bad[i];
		size_t n = strlen(bad[i]);
		is_int(wire_next(&p, &n, &f), -1, "damaged message %zu", i);
	}
}

/* The value of a number among them, or -1. */
static int64_t value(const struct strbuf *options, unsigned number)
{
	const uint8_t *p = (const uint8_t *)options->s;
	size_t n = options->len;
	struct wire_field f;

	while (wire_next(&p, &n, &f) > 0)
		if (f.number == number)
			return f.bytes ? (int64_t)f.n : (int64_t)f.value;
	return -1;
}

static void test_options(void)
{
	static const struct { const char *mode; int64_t number; } modes[] = {
		{NULL, 6}, {"ignore", 0}, {"soft", 3}, {"full", 4}, {"strict", 5}};
	const struct spec spec = {};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct criu_options o = {.manage_cgroups_mode = modes[i].mode, .tcp_established = true};
		auto_strbuf struct strbuf out = {};
		struct error e = {};

		ok(criu_common(&out, &o, &spec, &e) == 0, "manage-cgroups-mode %s", modes[i].mode ?: "(none)");
		is_int(value(&out, CRIU_MANAGE_CGROUPS_MODE), modes[i].number, "its number");
		is_int(value(&out, CRIU_TCP_ESTABLISHED), 1, "a switch that is on");
		is_int(value(&out, CRIU_SHELL_JOB), -1, "one that is off");
	}
}

static void test_page_server(void)
{
	static const char *const bad[] = {"1234", ":1", "a:", "a:0", "a:65536", "a:x"};
	const struct spec spec = {};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct criu_options o = {.page_server = bad[i]};
		auto_strbuf struct strbuf out = {};
		struct error e = {};

		ok(criu_common(&out, &o, &spec, &e) < 0 && e.kind == ERROR_USAGE, "page server '%s': %s", bad[i], e.msg);
	}
	struct criu_options o = {.page_server = "[::1]:27"};
	auto_strbuf struct strbuf out = {};
	struct error e = {};
	ok(criu_common(&out, &o, &spec, &e) == 0, "an address with colons");
	is_int(value(&out, CRIU_PAGE_SERVER), 7, "without its brackets");
}

int main(void)
{
	test_write();
	test_read();
	test_damaged();
	test_options();
	test_page_server();
	return done();
}
