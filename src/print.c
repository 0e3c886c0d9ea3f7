/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/io.h"
#include "src/commands.h"

#define COLUMN_MIN 12
#define COLUMN_GAP 3

int print_out(const struct strbuf *text, struct error *e)
{
	if (write_all(STDOUT_FILENO, strbuf_str(text), text->len) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot write to standard output");
	return 0;
}

int print_format_parse(const char *text, enum print_format *ret, struct error *e)
{
	if (!text || strcmp(text, "table") == 0)
		*ret = PRINT_TABLE;
	else if (strcmp(text, "json") == 0)
		*ret = PRINT_JSON;
	else
		return error_set(e, ERROR_USAGE, 0, "invalid format option '%s'", text);
	return 0;
}

/* In characters: a path may be UTF-8. */
static size_t cell_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* A name with a newline or an escape sequence must not draw rows of its own. */
static void add_cell(struct strbuf *out, const char *s)
{
	for (; *s; s++)
		strbuf_addc(out, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
}

static size_t column_width(const char *const *cells, size_t rows, size_t columns, size_t column)
{
	size_t width = COLUMN_MIN;

	for (size_t row = 0; row < rows; row++) {
		size_t cell = cell_width(cells[row * columns + column]) + COLUMN_GAP;
		width = MAX(width, cell);
	}
	return width;
}

void print_table(const char *const *cells, size_t rows, size_t columns, struct strbuf *out)
{
	auto_arena struct arena a = {};
	size_t *width = arena_array(&a, columns, sizeof(*width));

	for (size_t column = 0; column + 1 < columns; column++)
		width[column] = column_width(cells, rows, columns, column);
	for (size_t row = 0; row < rows; row++) {
		for (size_t column = 0; column < columns; column++) {
			const char *cell = cells[row * columns + column];

			add_cell(out, cell);
			if (column + 1 < columns)
				strbuf_addf(out, "%*s", (int)(width[column] - cell_width(cell)), "");
		}
		strbuf_addc(out, '\n');
	}
}
