/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The annotation org.kedge.landlock: what the container's processes may do below which paths of its root, as JSON:
 *
 *   {"read": ["/"], "write": ["/tmp", "/dev"], "execute": ["/usr"]}
 *
 * A member that is not there restricts nothing; an empty list allows nothing.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

#define LANDLOCK_ANNOTATION "org.kedge.landlock"
#define LANDLOCK_ORIGIN "annotations[\"" LANDLOCK_ANNOTATION "\"]"

enum landlock_kind { LANDLOCK_READ, LANDLOCK_WRITE, LANDLOCK_EXECUTE, LANDLOCK_KINDS };
extern const struct spec_name landlock_kinds[];

struct landlock_rules {
	struct {
		bool set;
		struct spec_strings paths; /* absolute */
	} kind[LANDLOCK_KINDS];
};

/* In the arena. Refuses (ERROR_CONFIG) what is not exactly such an object, with the place. */
must_check int landlock_parse(struct arena *a, const char *text, struct landlock_rules *ret, struct error *e);
