/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* Evaluate what they return twice: give them no calls. */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define unused_arg __attribute__((unused))

/* Gives up ownership: the value is returned and the variable forgets it. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) take_ = (p);                                                         \
		(p) = NULL;                                                                        \
		take_;                                                                             \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_ = (fd);                                                                  \
		(fd) = -1;                                                                         \
		take_;                                                                             \
	})

/* Owners declared at the variable: auto_free char *s = NULL; auto_close int fd = -1; */
static inline void macro_free(void *p)
{
	free(*(void **)p);
}
static inline void macro_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define auto_free __attribute__((cleanup(macro_free)))
#define auto_close __attribute__((cleanup(macro_close)))
#define auto_with(f) __attribute__((cleanup(f)))
