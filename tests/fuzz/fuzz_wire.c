/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an answer of criu: fields lie inside, and written again they are the same fields. */
#include "libcontainer/criu_wire.h"
#include "tests/fuzz/fuzz.h"

static void rewrite(const struct wire_field *field, struct strbuf *out)
{
	if (field->bytes)
		wire_bytes(out, field->number, field->bytes, field->n);
	else
		wire_uint(out, field->number, field->value);
}

static void same(const struct wire_field *a, const struct wire_field *b)
{
	must_hold(a->number == b->number && !a->bytes == !b->bytes);
	if (!a->bytes)
		must_hold(a->value == b->value);
	else
		must_hold(a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_strbuf struct strbuf out = {};
	const uint8_t *at = data, *again;
	size_t left = size, n;
	struct wire_field field, copy;

	while (wire_next(&at, &left, &field) == 1) {
		must_hold(at >= data && at + left == data + size);
		if (field.bytes)
			must_hold(field.bytes >= data && field.bytes + field.n <= data + size);
		rewrite(&field, &out);
	}
	at = data;
	left = size;
	again = (const uint8_t *)out.s;
	n = out.len;
	while (n && wire_next(&again, &n, &copy) == 1) {
		must_hold(wire_next(&at, &left, &field) == 1);
		same(&field, &copy);
	}
	must_hold(n == 0);
	return 0;
}
