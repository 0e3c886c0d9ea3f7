/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Length of the UTF-8 sequence at p, of which n bytes may be read; 0: not one (overlong forms, surrogates and values
 * beyond U+10FFFF are none, as Unicode's table 3-7 has it). */
static inline size_t utf8_length(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len = 2;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	if (p[0] >= 0xe0)
		len = p[0] >= 0xf0 ? 4 : 3;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}
