/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void strbuf_grow(struct strbuf *b, size_t more)
{
	if (more > SIZE_MAX / 4 - b->len)
		abort();
	if (b->cap - b->len > more)
		return;
	size_t cap = MAX(b->cap * 2, b->len + more + 1);
	char *s = realloc(b->s, cap);
	if (!s)
		abort();
	b->s = s;
	b->cap = cap;
}

void strbuf_add(struct strbuf *b, const void *data, size_t n)
{
	strbuf_grow(b, n);
	/* Nothing may come as NULL, which memcpy() does not take. */
	if (n)
		memcpy(b->s + b->len, data, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_addc(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	strbuf_grow(b, (size_t)n);
	vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
	va_end(again);
	b->len += (size_t)n;
}

void strbuf_clear(struct strbuf *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

void strbuf_done(struct strbuf *b)
{
	free(b->s);
	*b = (struct strbuf){};
}

const char *strbuf_str(const struct strbuf *b)
{
	return b->s ?: "";
}
