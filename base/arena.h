/* SPDX-License-Identifier: Apache-2.0 */
/* Memory with one lifetime: everything is freed together by arena_done(). Allocation failure and a
 * total beyond ARENA_MAX end the process: a runtime out of memory has nothing better to do, and
 * every outside effect is covered by the intent record. */
#pragma once

#include "base/macro.h"

#define ARENA_MAX (256UL << 20)

struct arena_block;
struct arena {
	struct arena_block *block;
	size_t used, size, total;
};

void *arena_alloc(struct arena *a, size_t n);          /* zeroed, aligned to 16, never NULL */
void *arena_array(struct arena *a, size_t n, size_t size); /* n * size, overflow checked */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) printf_like(2, 3);
void arena_done(struct arena *a);
#define auto_arena auto_with(arena_done)
