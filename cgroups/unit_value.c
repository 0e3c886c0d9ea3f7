/* SPDX-License-Identifier: Apache-2.0 */
/* The text form of GVariant, as far as properties of units are written in it, into values of D-Bus. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "cgroups/unit.h"

#define DEPTH_MAX 8

struct parser {
	const char *p;
	struct arena *a;
	const char *why;
	unsigned depth;
};

static const struct number_type {
	char type;
	const char *word;
	int64_t min;
	uint64_t max;
} number_types[] = {
	{'y', "byte", 0, UINT8_MAX},
	{'n', "int16", INT16_MIN, INT16_MAX},
	{'q', "uint16", 0, UINT16_MAX},
	{'i', "int32", INT32_MIN, INT32_MAX},
	{'u', "uint32", 0, UINT32_MAX},
	{'x', "int64", INT64_MIN, INT64_MAX},
	{'t', "uint64", 0, UINT64_MAX},
};

static const struct { char type; const char *word; } other_types[] = {
	{'b', "boolean"}, {'d', "double"}, {'s', "string"}, {'o', "objectpath"}, {'g', "signature"},
};

static int parse_any(struct parser *p, const char *want, struct unit_value *ret);

static int fail(struct parser *p, const char *why)
{
	if (!p->why)
		p->why = why;
	return -1;
}

static void skip_space(struct parser *p)
{
	p->p += strspn(p->p, " \t\n\r");
}

static bool take(struct parser *p, char c)
{
	skip_space(p);
	if (*p->p != c)
		return false;
	p->p++;
	return true;
}

static bool word_is(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(s, word, len) == 0;
}

/* --- signatures */

/* The end of the one complete type that s begins with; NULL: none that is known here. */
static const char *type_end(const char *s, unsigned depth)
{
	if (depth > DEPTH_MAX || !*s)
		return NULL;
	if (strchr("bynqiuxtdsog", *s))
		return s + 1;
	if (*s == 'a')
		return type_end(s + 1, depth + 1);
	if (*s != '(' || s[1] == ')')
		return NULL;
	for (s++; *s && *s != ')';) {
		s = type_end(s, depth + 1);
		if (!s)
			return NULL;
	}
	return *s ? s + 1 : NULL;
}

static void add_signature(const struct unit_value *v, struct strbuf *out)
{
	if (v->type == 'a')
		strbuf_addf(out, "a%s", v->signature);
	else if (v->type == '(')
		strbuf_addf(out, "(%s)", v->signature);
	else
		strbuf_addc(out, v->type);
}

char *unit_value_signature(const struct unit_value *v, struct arena *a)
{
	auto_strbuf struct strbuf out = {};

	add_signature(v, &out);
	return arena_strdup(a, strbuf_str(&out));
}

/* --- scalars */

static int parse_decimal(struct parser *p, const char *s, struct unit_value *ret)
{
	const char *digits = s + (*s == '-');
	const char *dot = strchr(digits, '.');
	const char *fraction = dot ? dot + 1 : "";
	size_t n = strlen(fraction);
	uint64_t whole, part = 0, scale = 1;

	char *before = dot ? arena_strndup(p->a, digits, (size_t)(dot - digits)) : arena_strdup(p->a, digits);
	if (n > 15 || parse_u64(before, UINT64_MAX, &whole) < 0 || (n && parse_u64(fraction, UINT64_MAX, &part) < 0))
		return fail(p, "is no plain decimal number");
	for (; n > 0; n--)
		scale *= 10;
	ret->type = 'd';
	ret->real = (double)whole + (double)part / (double)scale;
	if (*s == '-')
		ret->real = -ret->real;
	return 0;
}

static int parse_number(struct parser *p, char type, struct unit_value *ret)
{
	size_t len = strspn(p->p, "+-.0123456789abcdefABCDEFxX");
	const char *s = arena_strndup(p->a, p->p, len);

	p->p += len;
	s += *s == '+';
	if (type == 'd' || (!type && strchr(s, '.')))
		return parse_decimal(p, s, ret);
	for (size_t i = 0; i < ARRAY_SIZE(number_types); i++) {
		const struct number_type *t = &number_types[i];
		int64_t negative;
		if (t->type != (type ?: 'i'))
			continue;
		ret->type = t->type;
		if (*s != '-')
			return parse_u64(s, t->max, &ret->number) < 0 ? fail(p, "is no decimal number in its range") : 0;
		if (parse_i64(s, t->min, 0, &negative) < 0)
			return fail(p, "is no decimal number in its range");
		ret->number = (uint64_t)negative;
		return 0;
	}
	return fail(p, "has a number where another type is wanted");
}

static int add_unicode(struct parser *p, unsigned digits, struct strbuf *out)
{
	uint32_t c = 0;

	for (; digits > 0; digits--, p->p++) {
		const char *hex = "0123456789abcdef";
		const char *at = *p->p ? strchr(hex, *p->p <= '9' ? *p->p : *p->p | 0x20) : NULL;
		if (!at)
			return fail(p, "has a bad escape");
		c = c << 4 | (uint32_t)(at - hex);
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return fail(p, "has a bad escape");
	if (c < 0x80) {
		strbuf_addc(out, (char)c);
		return 0;
	}
	unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
	strbuf_addc(out, (char)(lead[more] | c >> (6 * more)));
	while (more-- > 0)
		strbuf_addc(out, (char)(0x80 | (c >> (6 * more) & 0x3f)));
	return 0;
}

static int add_escape(struct parser *p, struct strbuf *out)
{
	static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
	char c = *p->p;

	if (c == 'u' || c == 'U') {
		p->p++;
		return add_unicode(p, c == 'u' ? 4 : 8, out);
	}
	const char *at = c ? strchr(from, c) : NULL;
	if (!at)
		return fail(p, "has a bad escape");
	strbuf_addc(out, to[at - from]);
	p->p++;
	return 0;
}

static int parse_string(struct parser *p, char type, struct unit_value *ret)
{
	auto_strbuf struct strbuf out = {};
	char quote = *p->p++;

	if (type && !strchr("sog", type))
		return fail(p, "has a string where another type is wanted");
	while (*p->p != quote) {
		if (!*p->p)
			return fail(p, "has a string without its end");
		if (*p->p != '\\') {
			strbuf_addc(&out, *p->p++);
			continue;
		}
		p->p++;
		if (add_escape(p, &out) < 0)
			return -1;
	}
	p->p++;
	ret->type = type ?: 's';
	ret->text = arena_strdup(p->a, strbuf_str(&out));
	return 0;
}

/* --- containers */

static void append(struct parser *p, struct unit_value *to, const struct unit_value *v)
{
	/* A power of two is a full array. */
	if ((to->n & (to->n - 1)) == 0) {
		struct unit_value *more = arena_array(p->a, to->n ? to->n * 2 : 1, sizeof(*more));
		if (to->n)
			memcpy(more, to->v, to->n * sizeof(*more));
		to->v = more;
	}
	to->v[to->n++] = *v;
}

static int parse_array(struct parser *p, const char *want, struct unit_value *ret)
{
	const char *element = NULL;

	if (want) {
		if (*want != 'a')
			return fail(p, "has an array where another type is wanted");
		element = arena_strndup(p->a, want + 1, (size_t)(type_end(want, 0) - want - 1));
	}
	*ret = (struct unit_value){.type = 'a'};
	if (!take(p, ']')) {
		do {
			struct unit_value v = {};
			if (parse_any(p, element, &v) < 0)
				return -1;
			if (!element)
				element = unit_value_signature(&v, p->a);
			append(p, ret, &v);
		} while (take(p, ','));
		if (!take(p, ']'))
			return fail(p, "has an array without its end");
	}
	if (!element)
		return fail(p, "has an empty array without a type, as in '@as []'");
	ret->signature = element;
	return 0;
}

static int parse_tuple(struct parser *p, const char *want, struct unit_value *ret)
{
	auto_strbuf struct strbuf signature = {};

	if (want && *want++ != '(')
		return fail(p, "has a tuple where another type is wanted");
	*ret = (struct unit_value){.type = '('};
	do {
		struct unit_value v = {};
		if (want && *want == ')')
			return fail(p, "has a tuple of another length than its type");
		if (parse_any(p, want, &v) < 0)
			return -1;
		if (want)
			want = type_end(want, 0);
		add_signature(&v, &signature);
		append(p, ret, &v);
	} while (take(p, ','));
	if (want && *want != ')')
		return fail(p, "has a tuple of another length than its type");
	ret->signature = arena_strdup(p->a, strbuf_str(&signature));
	return take(p, ')') ? 0 : fail(p, "has a tuple without its end");
}

/* "uint64 5", "true"; a word names the type of what follows it. */
static int parse_word(struct parser *p, const char *want, struct unit_value *ret)
{
	size_t len = strspn(p->p, "abcdefghijklmnopqrstuvwxyz0123456789");
	const char *word = p->p;
	char type = 0;

	p->p += len;
	if (word_is(word, len, "true") || word_is(word, len, "false")) {
		if (want && *want != 'b')
			return fail(p, "has a boolean where another type is wanted");
		*ret = (struct unit_value){.type = 'b', .number = *word == 't'};
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(number_types); i++)
		if (word_is(word, len, number_types[i].word))
			type = number_types[i].type;
	for (size_t i = 0; i < ARRAY_SIZE(other_types); i++)
		if (word_is(word, len, other_types[i].word))
			type = other_types[i].type;
	if (!type)
		return fail(p, len ? "has an unknown word" : "is no value of GVariant's text form");
	if (want && *want != type)
		return fail(p, "has elements of different types");
	return parse_any(p, arena_strndup(p->a, &type, 1), ret);
}

static int parse_typed(struct parser *p, const char *want, struct unit_value *ret)
{
	const char *start = p->p, *end = type_end(start, 0);

	if (!end)
		return fail(p, "has an unknown type");
	const char *type = arena_strndup(p->a, start, (size_t)(end - start));
	if (want && strncmp(want, type, strlen(type)) != 0)
		return fail(p, "has elements of different types");
	p->p = end;
	return parse_any(p, type, ret);
}

static int parse_value(struct parser *p, const char *want, struct unit_value *ret)
{
	char c = *p->p, type = want ? *want : '\0';

	switch (c) {
	case '[': p->p++; return parse_array(p, want, ret);
	case '(': p->p++; return parse_tuple(p, want, ret);
	case '@': p->p++; return parse_typed(p, want, ret);
	case '\'':
	case '"': return parse_string(p, type, ret);
	case '+':
	case '-': return parse_number(p, type, ret);
	default: return c >= '0' && c <= '9' ? parse_number(p, type, ret) : parse_word(p, want, ret);
	}
}

static int parse_any(struct parser *p, const char *want, struct unit_value *ret)
{
	skip_space(p);
	if (++p->depth > DEPTH_MAX)
		return fail(p, "is nested too deeply");
	int done = parse_value(p, want, ret);
	p->depth--;
	return done;
}

int unit_value_parse(const char *text, struct arena *a, struct unit_value *ret, const char **why)
{
	struct parser p = {.p = text, .a = a};
	struct unit_value v = {};

	int done = parse_any(&p, NULL, &v);
	skip_space(&p);
	if (done == 0 && *p.p)
		done = fail(&p, "has something after its end");
	if (done < 0) {
		*why = p.why;
		return -1;
	}
	*ret = v;
	return 0;
}

void unit_value_print(const struct unit_value *v, struct strbuf *out)
{
	switch (v->type) {
	case 'b': strbuf_adds(out, v->number ? "true" : "false"); return;
	case 'y':
	case 'q':
	case 'u':
	case 't': strbuf_addf(out, "%" PRIu64, v->number); return;
	case 'd': strbuf_addf(out, "%g", v->real); return;
	case 's':
	case 'o':
	case 'g': strbuf_addf(out, "'%s'", v->text); return;
	case 'a':
	case '(': break;
	default: strbuf_addf(out, "%" PRId64, (int64_t)v->number); return;
	}
	strbuf_addc(out, v->type == 'a' ? '[' : '(');
	for (size_t i = 0; i < v->n; i++) {
		strbuf_adds(out, i ? ", " : "");
		unit_value_print(&v->v[i], out);
	}
	strbuf_addc(out, v->type == 'a' ? ']' : ')');
}
