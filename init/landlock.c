/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/stat.h>

#include "init/init.h"

#define TRUNCATE_ (1ULL << 14) /* since Linux 6.2 */
#define OF_FILES  (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | TRUNCATE_)

int do_LANDLOCK(struct init *i, const struct plan_step *s)
{
	int abi = (int)sys3(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 0) {
		init_note(i, "this kernel has no Landlock, or it is off");
		return abi;
	}
	if (abi < (int)s->num[1]) {
		init_note(i, "Landlock of this kernel is too old: \"write\" needs Linux 6.2, the others 5.19");
		return -EOPNOTSUPP;
	}
	i->reg[s->reg] = (int)sys3(__NR_landlock_create_ruleset, &s->num[0], sizeof(s->num[0]), 0);
	return i->reg[s->reg] < 0 ? i->reg[s->reg] : 0;
}

/* Not through a symlink: the image would decide what is allowed. */
int do_LANDLOCK_PATH(struct init *i, const struct plan_step *s)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = s->num[0]};
	struct statx st;

	rule.parent_fd = root_open(i, init_str(i, s->str), O_PATH, RESOLVE_NO_SYMLINKS);
	if (rule.parent_fd == -ELOOP)
		init_note(i, "name the path that the symlink leads to");
	if (rule.parent_fd < 0)
		return rule.parent_fd;
	int ret = (int)sys5(__NR_statx, rule.parent_fd, "", AT_EMPTY_PATH, STATX_TYPE, &st);
	if (ret >= 0 && (st.stx_mode & 0170000) != 0040000)
		rule.allowed_access &= OF_FILES;
	if (ret >= 0)
		ret = (int)sys4(__NR_landlock_add_rule, i->reg[s->reg], LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	return closed(rule.parent_fd, ret);
}

int do_LANDLOCK_APPLY(struct init *i, const struct plan_step *s)
{
	return closed(i->reg[s->reg], (int)sys2(__NR_landlock_restrict_self, i->reg[s->reg], 0));
}
