/* SPDX-License-Identifier: Apache-2.0 */
/* A growing string. Always NUL-terminated when .s is not NULL. Out of memory ends the process, as in arena.h. */
#pragma once

#include "base/macro.h"

struct strbuf {
	char *s;
	size_t len, cap;
};

void strbuf_add(struct strbuf *b, const void *data, size_t n);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) printf_like(2, 3);
void strbuf_clear(struct strbuf *b); /* empties, keeps the memory */
void strbuf_done(struct strbuf *b);  /* frees the content */
const char *strbuf_str(const struct strbuf *b); /* never NULL */
#define auto_strbuf auto_with(strbuf_done)
