/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock for the container's processes. The rules are made while init may still reach every path, and hold from just before the
 * filter is loaded, which may not know these calls: what comes after them opens nothing but the program, and the hooks of
 * startContainer are the container's.
 */
#include <linux/landlock.h>

#include "libcontainer/plan.h"
#include "spec/landlock.h"

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#define MAKE                                                                                                               \
	(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                        \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                     \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)
#define REMOVE (LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* ABI 2 is the first that lets rename between directories, 3 the first that knows of truncate(2): who may do that writes. */
static const struct {
	uint64_t access;
	unsigned abi;
} kinds[LANDLOCK_KINDS] = {
	[LANDLOCK_READ] = {LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, 2},
	[LANDLOCK_WRITE] = {LANDLOCK_ACCESS_FS_WRITE_FILE | MAKE | REMOVE | LANDLOCK_ACCESS_FS_REFER |
			    LANDLOCK_ACCESS_FS_TRUNCATE, 3},
	[LANDLOCK_EXECUTE] = {LANDLOCK_ACCESS_FS_EXECUTE, 2},
};

static void allow(struct plan *plan, uint16_t rules, const char *path, uint64_t access)
{
	uint32_t str = plan_str(plan, path);
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_LANDLOCK_PATH);

	s->reg = rules;
	s->str = str;
	s->num[0] = access;
}

int plan_landlock(struct plan *plan, const struct plan_input *in, uint16_t *ret, struct error *e)
{
	const char *text = spec_annotation(in->spec, LANDLOCK_ANNOTATION);
	struct landlock_rules rules;
	uint64_t handled = LANDLOCK_ACCESS_FS_REFER; /* or it is denied everywhere */
	unsigned abi = 0;

	*ret = REG_NONE;
	if (!text)
		return 0;
	if (landlock_parse(&plan->arena, text, &rules, e) < 0)
		return -1;
	for (int k = 0; k < LANDLOCK_KINDS; k++) {
		if (!rules.kind[k].set)
			continue;
		handled |= kinds[k].access;
		abi = MAX(abi, kinds[k].abi);
	}
	*ret = plan_reg(plan);
	plan_origin(plan, LANDLOCK_ORIGIN);
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_LANDLOCK);
	s->reg = *ret;
	s->num[0] = handled;
	s->num[1] = abi;
	if (!rules.kind[LANDLOCK_WRITE].set)
		allow(plan, *ret, "/", LANDLOCK_ACCESS_FS_REFER);
	for (int k = 0; k < LANDLOCK_KINDS; k++) {
		for (size_t i = 0; i < rules.kind[k].paths.n; i++) {
			plan_origin(plan, LANDLOCK_ORIGIN ".%s[%zu]", landlock_kinds[k].name, i);
			allow(plan, *ret, rules.kind[k].paths.v[i], kinds[k].access);
		}
	}
	return 0;
}
