/* SPDX-License-Identifier: Apache-2.0 */
/* Names only: nothing here looks at the file system. */
#pragma once

#include "base/arena.h"
#include "base/error.h"

/* Absolute, no "//", ".", "..": "a/../../b" -> "/b". */
char *path_clean(struct arena *a, const char *path);
/* path if absolute, else base/path; cleaned. */
char *path_join(struct arena *a, const char *base, const char *path);
/* Against the current directory; ERROR_HOST when that is gone. */
must_check int path_absolute(struct arena *a, const char *path, char **ret, struct error *e);
