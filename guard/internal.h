/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guard/guard.h"

#define GUARD_CGROUP "kedge-guard" /* of the process, below the cgroup2 mount */

/* Whether kedge-guard holds its lock in GUARD_DIR. */
bool guard_alive(int dir);

/* CLOCK_MONOTONIC. */
int64_t guard_ms(void);

/* guard/child.c: runs a program with an empty environment; its stderr becomes the error when it fails, or when it has not ended
 * after wait_ms, and is then killed. */
must_check int guard_run(const char *path, char *const argv[], int wait_ms, struct error *e);
/* Beside the program that asks, as in a build tree, or where it was installed. */
must_check int guard_find_program(struct arena *a, const char *name, const char *dir, char **ret, struct error *e);
