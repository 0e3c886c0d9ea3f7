/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/criu_wire.h"

#include <string.h>

/* Of protobuf: what is above cannot be written either. */
#define FIELD_MAX ((1U << 29) - 1)

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static void varint(struct strbuf *out, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		strbuf_addc(out, (char)(v | 0x80));
	strbuf_addc(out, (char)v);
}

void wire_uint(struct strbuf *out, unsigned field, uint64_t value)
{
	varint(out, field << 3 | WIRE_VARINT);
	varint(out, value);
}

void wire_bytes(struct strbuf *out, unsigned field, const void *data, size_t n)
{
	varint(out, field << 3 | WIRE_BYTES);
	varint(out, n);
	strbuf_add(out, data, n);
}

void wire_str(struct strbuf *out, unsigned field, const char *s)
{
	if (s)
		wire_bytes(out, field, s, strlen(s));
}

void wire_pair(struct strbuf *out, unsigned field, const char *first, const char *second)
{
	auto_strbuf struct strbuf pair = {};

	wire_str(&pair, 1, first);
	wire_str(&pair, 2, second);
	wire_bytes(out, field, strbuf_str(&pair), pair.len);
}

static int read_varint(const uint8_t **data, size_t *n, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (*n == 0)
			return -1;
		uint8_t byte = *(*data)++;
		(*n)--;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -1;
}

int wire_next(const uint8_t **data, size_t *n, struct wire_field *ret)
{
	struct wire_field f = {};
	uint64_t head, len;

	if (*n == 0)
		return 0;
	if (read_varint(data, n, &head) < 0 || head >> 3 == 0 || head >> 3 > FIELD_MAX)
		return -1;
	f.number = (unsigned)(head >> 3);
	switch (head & 7) {
	case WIRE_VARINT:
		if (read_varint(data, n, &f.value) < 0)
			return -1;
		*ret = f;
		return 1;
	case WIRE_BYTES:
		if (read_varint(data, n, &len) < 0)
			return -1;
		break;
	case WIRE_FIXED64: len = 8; break;
	case WIRE_FIXED32: len = 4; break;
	default: return -1;
	}
	if (len > *n)
		return -1;
	f.bytes = *data;
	f.n = (size_t)len;
	*data += len;
	*n -= len;
	*ret = f;
	return 1;
}
