/* SPDX-License-Identifier: Apache-2.0 */
/* The one door for numbers in text: whole string, no sign tricks, no spaces, bounds in the call. */
#pragma once

#include <stdint.h>

#include "base/macro.h"

must_check int parse_u64(const char *s, uint64_t max, uint64_t *ret); /* 0, or -1; decimal only */
must_check int parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
must_check int parse_u32(const char *s, uint32_t max, uint32_t *ret);
must_check int parse_hex(const char *s, uint64_t *ret); /* lower case, no prefix, at most 16 digits */
must_check int parse_octal(const char *s, uint32_t max, uint32_t *ret);
/* The first n blank-separated numbers of a line, as kernel files have them. */
must_check int parse_columns(const char *line, uint64_t *ret, size_t n);
/* "64", "1.5g", "50 MiB": bytes in powers of 1024, as go-units' RAMInBytes reads them. */
must_check int parse_size(const char *s, uint64_t max, uint64_t *ret);
/* "100ms", "1m30s", "1.5h", "0": nanoseconds, as Go's time.ParseDuration reads them; never negative. */
must_check int parse_duration(const char *s, uint64_t *ret);
