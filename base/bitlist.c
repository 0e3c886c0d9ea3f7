/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bitlist.h"

#include <string.h>

#include "base/num.h"

#define WORD_BITS (8 * sizeof(unsigned long))

static int parse_range(char *item, uint32_t *first, uint32_t *last)
{
	char *dash = strchr(item, '-');

	if (dash)
		*dash = '\0';
	if (parse_u32(item, BITLIST_MAX - 1, first) < 0)
		return -1;
	*last = *first;
	if (dash && parse_u32(dash + 1, BITLIST_MAX - 1, last) < 0)
		return -1;
	return *first <= *last ? 0 : -1;
}

int bitlist_parse(struct arena *a, const char *text, unsigned long **mask, size_t *bits)
{
	unsigned long *m = arena_array(a, BITLIST_MAX / WORD_BITS, sizeof(*m));
	char *item, *rest = arena_strdup(a, text);
	size_t top = 0;

	while ((item = strsep(&rest, ",")) != NULL) {
		uint32_t first, last;
		item += strspn(item, " ");
		item[strcspn(item, " \n")] = '\0';
		/* "0-3,,7" is what engines write and runc takes */
		if (!*item)
			continue;
		if (parse_range(item, &first, &last) < 0)
			return -1;
		for (uint32_t b = first; b <= last; b++)
			m[b / WORD_BITS] |= 1UL << (b % WORD_BITS);
		top = MAX(top, (size_t)last + 1);
	}
	*mask = m;
	*bits = top;
	return 0;
}
