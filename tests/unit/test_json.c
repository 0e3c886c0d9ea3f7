/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "tests/unit/spec_util.h"

static struct arena arena;
static struct error e;

static struct json *parse_bytes(const char *text, size_t size)
{
	struct json *root = NULL;

	e = (struct error){0};
	return json_parse(&arena, "x.json", text, size, &root, &e) < 0 ? NULL : root;
}

static struct json *parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void refused(const char *text, const char *message, const char *what)
{
	struct json *v = parse(text);

	if (v || !strstr(e.msg, message) || e.kind != ERROR_CONFIG)
		diag("got: %s", v ? "accepted" : e.msg);
	ok(!v && strstr(e.msg, message) && e.kind == ERROR_CONFIG, "%s", what);
}

static void test_tree(void)
{
	struct json *v = parse("{\"a\":[1,-2.5e3,\"x\\u00e9\\n\"],\n\"b\":{\"c\":null},\n\n \"d\":true,\"e\":\"\"}");

	ok(v && v->type == JSON_OBJECT && v->n == 4, "an object of four");
	struct json *a = json_get(v, "a");
	ok(a && a->type == JSON_ARRAY && a->n == 3 && !a->child->key, "an array of three");
	is_str(a->child->text, "1", "a number stays text");
	is_str(a->child->next->text, "-2.5e3", "as written");
	is_str(a->child->next->next->text, "x\xc3\xa9\n", "a string is unescaped");
	is_int(json_get(json_get(v, "b"), "c")->type, JSON_NULL, "null");
	is_int(json_get(v, "a")->line, 1, "line 1");
	is_int(json_get(v, "b")->line, 2, "line 2");
	is_int(json_get(v, "d")->line, 4, "line 4");
	is_str(json_get(v, "d")->text, "true", "a boolean's text");
	ok(!json_get(v, "f") && !json_get(a, "a"), "what is not there is NULL");
	v = parse("{\"s\":\"t\",\"i\":-9223372036854775808,\"b\":true,\"f\":1.5}");
	is_str(json_str(v, "s", "o"), "t", "json_str");
	is_str(json_str(v, "i", "o"), "o", "json_str of a number is the default");
	ok(json_int(v, "i", 1) == INT64_MIN, "json_int");
	is_int(json_int(v, "f", 1), 1, "json_int of a fraction is the default");
	ok(json_bool(v, "b", false) && json_bool(v, "s", true) && !json_bool(v, "x", false), "json_bool");
	ok(parse("7") && parse("\"s\"") && parse(" [ ] \n"), "any value can be the document");
	ok(parse("\"\\ud83d\\ude00\"") != NULL, "a surrogate pair");
	is_str(parse("\"\\ud83d\\ude00\\\\u0000\"")->text, "\xf0\x9f\x98\x80\\u0000",
	       "an escaped backslash before u0000");
}

static void test_refused(void)
{
	static const char *const syntax[] = {
		"",    "{",          "}",       "[1,]",      "{\"a\":1,}", "[1 2]",    "{\"a\" 1}",
		"01",  "+1",         ".5",      "1.",        "nul",        "'a'",      "{a:1}",
		"\"a", "[\"a\nb\"]", "\"\\x\"", "\"\\u12\"", "NaN",        "Infinity", "\xef\xbb\xbf{}"};

	for (size_t i = 0; i < ARRAY_SIZE(syntax); i++)
		refused(syntax[i], "x.json:", "not JSON");
	refused("{\"a\":1} x", "x.json:1:", "bytes behind the document");
	refused("{}{}", "x.json:1:", "two documents");
	refused("{} // c", "x.json:1:", "a comment behind");
	refused("{/* c */}", "x.json:1:", "a comment inside");
	refused("{\n\n\"a\":1,\n\"b\":2,\"a\":3}", "x.json:4: the member 'a' stands twice", "a duplicate and its line");
	refused("{\"a\\u0062\":1,\"ab\":2}", "'ab' stands twice", "a duplicate behind an escape");
	refused("[\"x\",\n\"a\\u0000b\"]", "x.json:2: a string contains \\u0000", "an escaped NUL");
	refused("{\"a\\u0000\":1}", "\\u0000", "an escaped NUL in a name");
	refused("\"\\ud800\"", "surrogate", "half a pair");
	refused("\"\\ud800\\u0041\"", "surrogate", "half a pair and a letter");
	refused("\"\\udc00\"", "surrogate", "the other half");
	ok(!parse_bytes("[1]\0", 4) && strstr(e.msg, "NUL"), "a NUL byte behind");
	ok(!parse_bytes("\"a\0b\"", 5) && strstr(e.msg, "NUL"), "a NUL byte inside");
	refused("[\n\"\xff\"]", "x.json:2: the text is not valid UTF-8", "a byte that is no UTF-8");
	refused("\"\xc0\x80\"", "UTF-8", "an overlong NUL");
	refused("\"\xe0\x80\xaf\"", "UTF-8", "an overlong slash");
	refused("\"\xed\xa0\x80\"", "UTF-8", "an encoded surrogate");
	refused("\"\xf4\x90\x80\x80\"", "UTF-8", "beyond the last character");
	refused("\"\xe2\x82\"", "UTF-8", "a cut sequence");
	ok(parse("\"\xf4\x8f\xbf\xbf\xc2\x80\xe0\xa0\x80\"") != NULL, "the edges of UTF-8");
}

static void fill(struct strbuf *b, const char *piece, size_t times)
{
	for (size_t i = 0; i < times; i++)
		strbuf_adds(b, piece);
}

static void test_limits(void)
{
	auto_strbuf struct strbuf b = {0};

	fill(&b, "[", JSON_DEPTH_MAX);
	fill(&b, "]", JSON_DEPTH_MAX);
	ok(parse(b.s) != NULL, "the deepest nesting");
	strbuf_clear(&b);
	fill(&b, "[", JSON_DEPTH_MAX + 1);
	fill(&b, "]", JSON_DEPTH_MAX + 1);
	refused(b.s, "nested deeper than the limit of 64", "one deeper");
	strbuf_clear(&b);
	fill(&b, "[", 2000000);
	refused(b.s, "nested deeper", "two million deep");
	strbuf_clear(&b);
	fill(&b, "{\"a\":", 100000);
	refused(b.s, "nested deeper", "objects as well");
	strbuf_clear(&b);
	strbuf_addc(&b, '[');
	fill(&b, "0,", JSON_NODES_MAX - 2);
	strbuf_adds(&b, "0]");
	ok(parse(b.s) != NULL, "as many values as allowed");
	b.s[b.len - 1] = ',';
	strbuf_adds(&b, "0]");
	refused(b.s, "more values than the limit of 200000", "one more");
	strbuf_clear(&b);
	strbuf_addc(&b, '"');
	fill(&b, "x", JSON_STRING_MAX);
	strbuf_addc(&b, '"');
	ok(parse(b.s) != NULL, "the longest string");
	b.s[b.len - 1] = 'x';
	strbuf_addc(&b, '"');
	refused(b.s, "a string longer than the limit of 128 KiB", "one byte longer");
	strbuf_clear(&b);
	fill(&b, "9", JSON_STRING_MAX + 1);
	refused(b.s, "longer than the limit", "a number as long");
	strbuf_clear(&b);
	strbuf_adds(&b, "[]");
	fill(&b, " ", JSON_BYTES_MAX);
	refused(b.s, "x.json: larger than the limit of 4 MiB", "too many bytes");
}

static double milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void test_many_members(void)
{
	auto_strbuf struct strbuf b = {0};
	double start;

	strbuf_addc(&b, '{');
	for (int i = 0; i < 20000; i++)
		strbuf_addf(&b, "\"member-%d\":%d,", i, i);
	strbuf_adds(&b, "\"x\":1}");
	start = milliseconds();
	ok(parse(b.s) != NULL, "twenty thousand members");
	double took = milliseconds() - start;
	/* a comparison of each with each takes seconds */
	ok(took < 500, "in %.1f ms", took);
	strbuf_clear(&b);
	strbuf_addc(&b, '{');
	for (int i = 0; i < 20000; i++)
		strbuf_addf(&b, "\"member-%d\":%d,", i, i);
	strbuf_adds(&b, "\"member-7\":1}");
	refused(b.s, "'member-7' stands twice", "a duplicate among them is found");
	for (int n = 2; n < 20; n++) {
		strbuf_clear(&b);
		strbuf_addc(&b, '{');
		for (int i = 0; i < n; i++)
			strbuf_addf(&b, "\"a%d\":0,", i);
		strbuf_adds(&b, "\"a1\":0}");
		if (parse(b.s))
			fail("a duplicate among %d is found", n);
	}
}

static void test_writer(void)
{
	auto_strbuf struct strbuf b = {0};
	struct spec_pair pairs[] = {{(char[]){"k\""}, (char[]){"v"}}};
	struct spec_map map = {1, pairs};
	struct json_writer w;

	jw_begin(&w, &b, false);
	jw_object(&w, NULL);
	jw_str(&w, "s", "a\"\\\b\f\n\r\t\v\x01\x1f\x7f/\xc3\xa9\xff\xc3");
	jw_int(&w, "i", INT64_MIN);
	jw_uint(&w, "u", UINT64_MAX);
	jw_bool(&w, "b", true);
	jw_null(&w, "n");
	jw_array(&w, "a");
	jw_int(&w, NULL, 1);
	jw_str(&w, NULL, "");
	jw_end(&w, ']');
	jw_object(&w, "o");
	jw_end(&w, '}');
	jw_map(&w, "m", &map);
	jw_raw(&w, "r", parse("{\"x\":[null,true,1.50,\"\\u00e9\\u0007\",{}]}"));
	jw_end(&w, '}');
	is_str(b.s,
	       "{\"s\":\"a\\\"\\\\\\b\\f\\n\\r\\t\\u000b\\u0001\\u001f\\u007f/\xc3\xa9\\ufffd\\ufffd\","
	       "\"i\":-9223372036854775808,\"u\":18446744073709551615,\"b\":true,\"n\":null,\"a\":[1,\"\"],\"o\":{},"
	       "\"m\":{\"k\\\"\":\"v\"},\"r\":{\"x\":[null,true,1.50,\"\xc3\xa9\\u0007\",{}]}}",
	       "compact, every escape");
	ok(parse(b.s) != NULL, "and is JSON");
	strbuf_clear(&b);
	jw_begin(&w, &b, true);
	jw_object(&w, NULL);
	jw_str(&w, "s", "x");
	jw_array(&w, "a");
	jw_object(&w, NULL);
	jw_int(&w, "i", 1);
	jw_end(&w, '}');
	jw_end(&w, ']');
	jw_array(&w, "e");
	jw_end(&w, ']');
	jw_end(&w, '}');
	is_str(b.s, "{\n  \"s\": \"x\",\n  \"a\": [\n    {\n      \"i\": 1\n    }\n  ],\n  \"e\": []\n}", "pretty");
}

int main(void)
{
	test_tree();
	test_refused();
	test_limits();
	test_many_members();
	test_writer();
	arena_done(&arena);
	return done();
}
