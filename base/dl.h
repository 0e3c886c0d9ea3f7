/* SPDX-License-Identifier: Apache-2.0 */
/* Heavy libraries are opened when first needed: start-up of the common commands loads libc alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct dl_symbol {
	const char *name;
	void *where; /* address of a function pointer; must be followed by nothing that outlives the process */
};

/* Where a statically linked kedge cannot load libraries because the C library is of another version: executes kedge-shared with the
 * same arguments, and does not return. `preserve` descriptors from 3 on are kept for it. */
must_check int dl_prepare(uint32_t preserve, struct error *e);
/* For tests: whether the libc.so.6 at path is of this version, "2.36". */
bool dl_libc_is(const char *path, const char *version);

/* What a function of a loaded library left in errno: beside a statically linked program that is another errno than ours. */
void dl_take_errno(void);

/* Opens soname (RTLD_NOW | RTLD_LOCAL) and fills every pointer; ERROR_HOST naming library, symbol and the
 * Debian package to install. The handle is never closed. Calls dl_prepare() with no descriptors: a command that
 * cannot be begun anew has done so itself before its first effect. */
must_check int dl_load(const char *soname, const char *package, const struct dl_symbol *symbols, size_t n,
		       struct error *e);
