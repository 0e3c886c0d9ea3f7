/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One error is one object on the caller's stack, filled once at the place that knows the object,
 * then prefixed by each place that knows more of the context. Libraries never print; only src/ does.
 *
 * Grammar: "what 'which': why", lower case, no full stop. `sys` is appended by error_text().
 */
#pragma once

#include "base/macro.h"

enum error_kind {
	ERROR_NONE,
	ERROR_USAGE,   /* the command line */
	ERROR_CONFIG,  /* config.json or another input document */
	ERROR_STATE,   /* the container is not in a state that allows the operation */
	ERROR_NOENT,   /* no such container */
	ERROR_EXISTS,  /* such a container exists */
	ERROR_HOST,    /* the kernel or the host refused */
	ERROR_PAYLOAD, /* the user's program could not be executed */
	ERROR_EXECVE,  /* it was there, and execve refused it: the last word of the container, not of the command */
	ERROR_BUG,     /* cannot happen */
};

struct error {
	enum error_kind kind;
	int sys;          /* errno, or 0 */
	char msg[2048];   /* "outer: inner" */
	const char *hint; /* static string: what the user can do, or NULL */
};

/* Records an error; a second error_set on the same object is ignored (the first one is the cause).
 * Always returns -1, so that callers write: return error_set(e, ...); `e` may not be NULL. */
int error_set(struct error *e, enum error_kind kind, int sys, const char *fmt, ...) printf_like(4, 5);
/* Prefixes "fmt: " to the recorded message; -1 as above. */
int error_in(struct error *e, const char *fmt, ...) printf_like(2, 3);
int error_hint(struct error *e, const char *hint);
/* "msg: strerror(sys)" into buf; returns buf. */
const char *error_text(const struct error *e, char *buf, size_t size);

#ifdef __clang_analyzer__
/* It looks at one source at a time, and would go on from failures as from successes. */
#define error_set(...) (error_set(__VA_ARGS__), -1)
#define error_in(...) (error_in(__VA_ARGS__), -1)
#define error_hint(...) (error_hint(__VA_ARGS__), -1)
#endif
