/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What an analyzer is told instead. */
#undef error_set
#undef error_in
#undef error_hint

int error_set(struct error *e, enum error_kind kind, int sys, const char *fmt, ...)
{
	va_list ap;

	if (e->kind != ERROR_NONE)
		return -1;
	e->kind = kind;
	e->sys = sys;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int error_in(struct error *e, const char *fmt, ...)
{
	char outer[512];
	size_t len, old;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(outer, sizeof(outer) - 2, fmt, ap);
	va_end(ap);
	len = strlen(outer);
	memcpy(outer + len, ": ", 3);
	len += 2;
	old = strlen(e->msg);
	if (old > sizeof(e->msg) - 1 - len)
		old = sizeof(e->msg) - 1 - len;
	memmove(e->msg + len, e->msg, old);
	e->msg[len + old] = '\0';
	memcpy(e->msg, outer, len);
	return -1;
}

int error_hint(struct error *e, const char *hint)
{
	if (!e->hint)
		e->hint = hint;
	return -1;
}

const char *error_text(const struct error *e, char *buf, size_t size)
{
	if (!e->sys) {
		snprintf(buf, size, "%s", e->msg);
		return buf;
	}
	/* The Go runtime's wording, in lower case, is what engines match on ("permission denied"). */
	snprintf(buf, size, "%s: %s", e->msg, strerrordesc_np(e->sys) ?: "unknown error");
	char *why = buf + MIN(strlen(e->msg) + 2, size - 1);
	if (why[0] >= 'A' && why[0] <= 'Z' && !(why[1] >= 'A' && why[1] <= 'Z'))
		why[0] = (char)(why[0] - 'A' + 'a');
	return buf;
}
