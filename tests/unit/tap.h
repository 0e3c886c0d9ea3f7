/* SPDX-License-Identifier: Apache-2.0 */
/* TAP for unit tests: one program a module, each check one line. A test program reads
 *
 *	int main(void)
 *	{
 *		plan(3);                          or leave it out: done() prints the count
 *		ok(fd >= 0, "opens '%s'", name);
 *		is_int(n, 3, "three items");
 *		is_str(s, "abc", "keeps the text");
 *		return done();
 *	}
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_planned, tap_run, tap_failed;

#define ok(cond, ...) tap_ok(!!(cond), __FILE__, __LINE__, #cond, __VA_ARGS__)
#define is_int(got, want, ...) tap_is_int((intmax_t)(got), (intmax_t)(want), __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, want, ...) tap_is_str((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define pass(...) tap_ok(true, __FILE__, __LINE__, "", __VA_ARGS__)
#define fail(...) tap_ok(false, __FILE__, __LINE__, "fail()", __VA_ARGS__)

__attribute__((format(printf, 1, 2), unused)) static void diag(const char *fmt, ...)
{
	va_list ap;

	fputs("# ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

__attribute__((unused)) static void plan(int n)
{
	tap_planned = n;
	printf("1..%d\n", n);
}

__attribute__((format(printf, 2, 0))) static bool tap_line(bool good, const char *fmt, va_list ap)
{
	tap_run++;
	tap_failed += !good;
	printf("%sok %d - ", good ? "" : "not ", tap_run);
	vprintf(fmt, ap);
	putchar('\n');
	/* A later crash must not take earlier results with it. */
	fflush(stdout);
	return good;
}

__attribute__((format(printf, 5, 6), unused)) static bool tap_ok(bool good, const char *file, int line,
								  const char *cond, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_line(good, fmt, ap);
	va_end(ap);
	if (!good)
		diag("%s:%d: failed: %s", file, line, cond);
	return good;
}

__attribute__((format(printf, 5, 6), unused)) static bool tap_is_int(intmax_t got, intmax_t want, const char *file,
								      int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_line(got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		diag("%s:%d: got %jd, want %jd", file, line, got, want);
	return got == want;
}

__attribute__((format(printf, 5, 6), unused)) static bool tap_is_str(const char *got, const char *want,
								      const char *file, int line, const char *fmt, ...)
{
	bool good = got && want ? strcmp(got, want) == 0 : got == want;
	va_list ap;

	va_start(ap, fmt);
	tap_line(good, fmt, ap);
	va_end(ap);
	if (!good)
		diag("%s:%d: got '%s', want '%s'", file, line, got ? got : "(null)", want ? want : "(null)");
	return good;
}

/* For what this machine cannot do: counts as run, and says why. */
__attribute__((format(printf, 2, 3), unused)) static void skip(int n, const char *fmt, ...)
{
	while (n-- > 0) {
		va_list ap;

		printf("ok %d # SKIP ", ++tap_run);
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		putchar('\n');
	}
}

__attribute__((unused)) static int done(void)
{
	if (!tap_planned)
		printf("1..%d\n", tap_run);
	fflush(stdout);
	return tap_failed || (tap_planned && tap_planned != tap_run) ? EXIT_FAILURE : EXIT_SUCCESS;
}
