/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dl.h"

#include <dlfcn.h>
#include <string.h>

int dl_load(const char *soname, const char *package, const struct dl_symbol *symbols, size_t n, struct error *e)
{
	void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return error_set(e, ERROR_HOST, 0, "cannot load library '%s': %s (package %s)", soname, dlerror(),
				 package);
	for (size_t i = 0; i < n; i++) {
		void *p = dlsym(handle, symbols[i].name);
		if (!p)
			return error_set(e, ERROR_HOST, 0, "library '%s' has no '%s'", soname, symbols[i].name);
		memcpy(symbols[i].where, &p, sizeof(p));
	}
	return 0;
}
