/* SPDX-License-Identifier: Apache-2.0 */
/* One line of JSON for each command that changes something, refused ones too, where the host's policy names a file for it. */
#pragma once

#include "base/error.h"
#include "libcontainer/container.h"

struct audit {
	int fd; /* -1: nobody wants to know */
	const char *command, *id;
};
#define AUDIT_NONE {.fd = -1}

/* Opens the log before anything is done: what cannot be told of is not done. Unprivileged users' containers are not told of. */
must_check int audit_open(const struct runtime *rt, const char *command, const char *id, struct audit *ret,
			  struct error *e);
/* Of a command that lasts as long as its program. */
void audit_begun(const struct audit *a, const struct runtime *rt);
/* status: of the command; negative with e for one that failed. */
void audit_ended(const struct audit *a, const struct runtime *rt, int status, const struct error *e);
void audit_close(struct audit *a);
