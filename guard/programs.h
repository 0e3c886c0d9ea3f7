/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Below bpf_dir:
 *   <GUARD_ABI>/MAP               kept as long as the host is up
 *   <GUARD_ABI>/BUILD/PROGRAM     links, one directory a build; more than one only while one takes over
 *   <GUARD_ABI>/loading/PROGRAM   of a loader at work, or of one that was killed
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "guard/kernel.h"

#define GUARD_LOADING "loading"
#define GUARD_BUILD_LEN 18 /* 16 digits, and "-s" with the syscall tier */

struct guard_program {
	const char *name;
	uint32_t tier;
	const char *target; /* the kernel's function or tracepoint; NULL: no such check */
	bool optional;      /* the tier can do without */
};
extern const struct guard_program guard_programs[]; /* a NULL name at the end */
extern const char *const guard_maps[];              /* NULL at the end */

/* <GUARD_ABI>/, made when it is not there; -1 with errno. */
int guard_pins_dir(int bpf_dir, bool make);
/* The directory of the links that are on, as a name; 0 when there is none, -1 with errno. More than one: the newest. */
int guard_pins_build(int pins, char build[GUARD_BUILD_LEN + 1]);
/* A directory of links with all in it, which detaches them; gone already is success. -1 with errno. */
int guard_pins_remove(int pins, const char *name);
/* All but one. */
int guard_pins_remove_others(int pins, const char *keep);
/* Which tiers the links of a build make up: GUARD_TIER_* bits. */
uint32_t guard_pins_tiers(int pins, const char *build);
