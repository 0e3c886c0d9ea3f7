/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guard/guard.h"

/* Whether kedge-guard holds its lock in GUARD_DIR. */
bool guard_alive(int dir);
