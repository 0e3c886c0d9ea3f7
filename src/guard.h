/* SPDX-License-Identifier: Apache-2.0 */
/* The words of `kedge guard` that have files of their own. */
#pragma once

#include "src/options.h"

must_check int guard_events(const struct options *o, struct error *e);
/* 1 when a process is not where it was put. */
must_check int guard_verify(const struct options *o, struct error *e);
