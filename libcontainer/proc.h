/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells of a process; see also proc_start_time() in state.h. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"

struct proc_stat {
	char state; /* 'R', 'S', 'Z' ... */
	uint64_t start_time; /* clock ticks since boot */
};
must_check int proc_stat_read(pid_t pid, struct proc_stat *ret); /* 0, or -1 with errno */
