/* SPDX-License-Identifier: Apache-2.0 */
#include "init/sys.h"

void *memcpy(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int c, size_t n)
{
	char *t = to;

	while (n--)
		*t++ = (char)c;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n--; x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int streq(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

size_t put_number(char *to, uint64_t v)
{
	char rev[24];
	size_t n = 0, len;

	do
		rev[n++] = (char)('0' + v % 10);
	while (v /= 10);
	for (len = 0; n > 0; len++)
		to[len] = rev[--n];
	to[len] = '\0';
	return len;
}
