/* SPDX-License-Identifier: Apache-2.0 */
/* "0-3,7" -> a bit mask, as cpuset files and set_mempolicy(2) number CPUs and nodes. */
#pragma once

#include "base/arena.h"

#define BITLIST_MAX 8192

/* mask: words of the arena; bits: highest bit + 1. -1 on a malformed list or a number >= BITLIST_MAX. */
must_check int bitlist_parse(struct arena *a, const char *text, unsigned long **mask, size_t *bits);
