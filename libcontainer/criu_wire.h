/* SPDX-License-Identifier: Apache-2.0 */
/* The part of protobuf's encoding that criu's requests and answers use: numbers and bytes by field. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "base/strbuf.h"

void wire_uint(struct strbuf *out, unsigned field, uint64_t value);
void wire_bytes(struct strbuf *out, unsigned field, const void *data, size_t n);
void wire_str(struct strbuf *out, unsigned field, const char *s); /* NULL: nothing */
/* A message of two strings, as criu's maps are: fields 1 and 2. */
void wire_pair(struct strbuf *out, unsigned field, const char *first, const char *second);

struct wire_field {
	unsigned number;
	uint64_t value;       /* of a number */
	const uint8_t *bytes; /* NULL: it is a number */
	size_t n;
};
/* The next field of *data: 1, 0 at the end, -1 when it is no message. */
must_check int wire_next(const uint8_t **data, size_t *n, struct wire_field *ret);
