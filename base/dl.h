/* SPDX-License-Identifier: Apache-2.0 */
/* Heavy libraries are opened when first needed: start-up of the common commands loads libc alone. */
#pragma once

#include "base/error.h"

struct dl_symbol {
	const char *name;
	void *where; /* address of a function pointer; must be followed by nothing that outlives the process */
};

/* Opens soname (RTLD_NOW | RTLD_LOCAL) and fills every pointer; ERROR_HOST naming library, symbol and the
 * Debian package to install. The handle is never closed. */
must_check int dl_load(const char *soname, const char *package, const struct dl_symbol *symbols, size_t n,
		       struct error *e);
