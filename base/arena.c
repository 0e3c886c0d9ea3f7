/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_MIN 16384UL

struct arena_block {
	struct arena_block *next;
	_Alignas(16) char data[];
};

static _Noreturn void arena_die(void)
{
	static const char text[] = "kedge: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
	_exit(1);
}

void *arena_alloc(struct arena *a, size_t n)
{
	if (n > ARENA_MAX)
		arena_die();
	n = (n + 15) & ~15UL;
	if (n > a->size - a->used || !a->block) {
		size_t size = MAX(n, BLOCK_MIN);
		struct arena_block *block = calloc(1, sizeof(*block) + size);

		a->total += size;
		if (!block || a->total > ARENA_MAX)
			arena_die();
		block->next = a->block;
		a->block = block;
		a->size = size;
		a->used = 0;
	}
	void *p = a->block->data + a->used;
	a->used += n;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		arena_die();
	return arena_alloc(a, bytes);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	memcpy(p, s, n);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		arena_die();
	char *p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

void arena_done(struct arena *a)
{
	for (struct arena_block *next, *b = a->block; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){};
}
