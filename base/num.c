/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

#include <string.h>

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
