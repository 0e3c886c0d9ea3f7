/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

#include <string.h>
#include <strings.h>

static int parse_base(const char *s, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!s || !*s)
		return -1;
	for (; *s; s++) {
		static const char digits[] = "0123456789abcdef";
		const char *at = memchr(digits, *s, base);
		if (!at)
			return -1;
		unsigned digit = (unsigned)(at - digits);
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v) || v > max)
			return -1;
	}
	*ret = v;
	return 0;
}

int parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
	return parse_base(s, 10, max, ret);
}

int parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	uint64_t v;
	int negative = s && *s == '-';

	if (!s || parse_base(s + negative, 10, negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, &v) < 0)
		return -1;
	int64_t i = negative ? (int64_t)(0 - v) : (int64_t)v;
	if (i < min || i > max)
		return -1;
	*ret = i;
	return 0;
}

int parse_u32(const char *s, uint32_t max, uint32_t *ret)
{
	uint64_t v;

	if (parse_base(s, 10, max, &v) < 0)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

int parse_hex(const char *s, uint64_t *ret)
{
	return parse_base(s, 16, UINT64_MAX, ret);
}

int parse_octal(const char *s, uint32_t max, uint32_t *ret)
{
	uint64_t v;

	if (parse_base(s, 8, max, &v) < 0)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

int parse_columns(const char *line, uint64_t *ret, size_t n)
{
	char word[24];

	for (size_t i = 0; i < n; i++) {
		line += strspn(line, " \t");
		size_t len = strcspn(line, " \t\n");
		if (len >= sizeof(word))
			return -1;
		memcpy(word, line, len);
		word[len] = '\0';
		if (parse_u64(word, UINT64_MAX, &ret[i]) < 0)
			return -1;
		line += len;
	}
	return 0;
}

/* "12", "12.5", ".5" times unit; what the unit cannot hold of the fraction is cut. Moves *s past it. */
static int parse_decimal(const char **s, uint64_t unit, uint64_t *ret)
{
	const char *p = *s;
	uint64_t whole = 0, part = 0, scale = 1;
	size_t digits = 0;

	for (; *p >= '0' && *p <= '9'; p++, digits++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return -1;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, digits++) {
			if (scale == 1000000000)
				continue;
			part = part * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
	if (digits == 0 || __builtin_mul_overflow(whole, unit, &whole))
		return -1;
	part = (uint64_t)((unsigned __int128)part * unit / scale);
	if (__builtin_add_overflow(whole, part, ret))
		return -1;
	*s = p;
	return 0;
}

int parse_size(const char *s, uint64_t max, uint64_t *ret)
{
	static const char units[] = "bkmgtp";
	const char *number = s, *unit;
	uint64_t v, factor = 1;

	if (!s)
		return -1;
	s += strspn(s, "0123456789.");
	s += *s == ' ';
	if (*s) {
		unit = strchr(units, *s | 0x20);
		if (!unit)
			return -1;
		factor <<= 10 * (unit - units);
		s++;
		if (*s && (*unit == 'b' || (strcasecmp(s, "b") != 0 && strcasecmp(s, "ib") != 0)))
			return -1;
	}
	if (parse_decimal(&number, factor, &v) < 0 || v > max || *number == '.')
		return -1;
	*ret = v;
	return 0;
}

int parse_duration(const char *s, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ns", 1},	     {"us", 1000},	   {"\xc2\xb5s", 1000},    {"\xce\xbcs", 1000},
		{"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
	};
	uint64_t sum = 0, v;

	if (!s || !*s)
		return -1;
	s += *s == '+';
	if (strcmp(s, "0") == 0) {
		*ret = 0;
		return 0;
	}
	do {
		size_t len = strcspn(s + strspn(s, "0123456789."), "0123456789."), i = 0;
		const char *unit = s + strspn(s, "0123456789.");

		while (i < ARRAY_SIZE(units) && (strlen(units[i].name) != len || memcmp(units[i].name, unit, len) != 0))
			i++;
		if (i == ARRAY_SIZE(units) || parse_decimal(&s, units[i].ns, &v) < 0 || s != unit ||
		    __builtin_add_overflow(sum, v, &sum))
			return -1;
		s += len;
	} while (*s);
	*ret = sum;
	return 0;
}
