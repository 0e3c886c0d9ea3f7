/* SPDX-License-Identifier: Apache-2.0 */
/* commandLine and user.username are for Windows: unknown members here. */
#include <limits.h>
#include <string.h>

#include "spec/decode.h"

static const struct field console_size_rows[] = {
	F_INT(spec_process, "height", console_size.height, 0, UINT32_MAX, REQUIRED),
	F_INT(spec_process, "width", console_size.width, 0, UINT32_MAX, REQUIRED),
};
static const struct fields console_size_fields = FIELDS(spec_process, console_size_rows);

static const struct field user_rows[] = {
	F_INT(spec_process, "uid", user.uid, 0, ID_MAX, REQUIRED),
	F_INT(spec_process, "gid", user.gid, 0, ID_MAX),
	F_OPT_INT(spec_process, "umask", user.umask, 0, 0777),
	F_INTS(spec_process, "additionalGids", user.n_additional, user.additional_gids, 0, ID_MAX),
};
static const struct fields user_fields = FIELDS(spec_process, user_rows);

/* config.md: what cannot be granted MUST be a warning. */
static int decode_cap_set(struct decoder *d, const struct where *w, void *target)
{
	struct where item = {.up = w, .v = w->v->child};
	uint64_t *set = target;

	for (; item.v; item.v = item.v->next, item.index++) {
		struct error ignored = {0};
		if (item.v->type != JSON_STRING)
			return decode_type_error(d, &item, JSON_STRING);
		int cap = cap_parse(item.v->text, &ignored);
		if (cap < 0)
			decode_warn(d, "unknown capability '%s', ignoring it", SHOWN(item.v->text));
		else if (cap > cap_last())
			decode_warn(d, "the kernel does not know the capability '%s', ignoring it",
				    SHOWN(item.v->text));
		else
			*set |= 1ULL << cap;
	}
	return 0;
}

static const struct field caps_rows[] = {
	F_CUSTOM(spec_caps, "bounding", bounding, JSON_ARRAY, CAPS_MAX, decode_cap_set),
	F_CUSTOM(spec_caps, "effective", effective, JSON_ARRAY, CAPS_MAX, decode_cap_set),
	F_CUSTOM(spec_caps, "inheritable", inheritable, JSON_ARRAY, CAPS_MAX, decode_cap_set),
	F_CUSTOM(spec_caps, "permitted", permitted, JSON_ARRAY, CAPS_MAX, decode_cap_set),
	F_CUSTOM(spec_caps, "ambient", ambient, JSON_ARRAY, CAPS_MAX, decode_cap_set),
};
const struct fields caps_fields = FIELDS(spec_caps, caps_rows);

static const struct field rlimit_rows[] = {
	F_ENUM(spec_rlimit, "type", type, names_rlimits, "resource limit", REQUIRED),
	F_INT(spec_rlimit, "hard", hard, 0, UINT64_MAX, REQUIRED),
	F_INT(spec_rlimit, "soft", soft, 0, UINT64_MAX, REQUIRED),
};
static const struct fields rlimit_fields = FIELDS(spec_rlimit, rlimit_rows);

static const struct field scheduler_rows[] = {
	F_ENUM(spec_scheduler, "policy", policy, names_sched_policies, "scheduling policy", REQUIRED),
	F_INT(spec_scheduler, "nice", nice, INT32_MIN, INT32_MAX),
	F_INT(spec_scheduler, "priority", priority, INT32_MIN, INT32_MAX),
	F_FLAGS(spec_scheduler, "flags", flags, names_sched_flags, "scheduler flag"),
	F_INT(spec_scheduler, "runtime", runtime, 0, UINT64_MAX),
	F_INT(spec_scheduler, "deadline", deadline, 0, UINT64_MAX),
	F_INT(spec_scheduler, "period", period, 0, UINT64_MAX),
};
static const struct fields scheduler_fields = FIELDS(spec_scheduler, scheduler_rows);

static const struct field io_priority_rows[] = {
	F_ENUM(spec_process, "class", io_priority.class_, names_ioprio_classes, "I/O priority class", REQUIRED),
	F_INT(spec_process, "priority", io_priority.priority, 0, 7),
};
static const struct fields io_priority_fields = FIELDS(spec_process, io_priority_rows);

static const struct field exec_cpu_affinity_rows[] = {
	F_STRING(spec_process, "initial", exec_cpu_affinity.initial),
	F_STRING(spec_process, "final", exec_cpu_affinity.final),
};
static const struct fields exec_cpu_affinity_fields = FIELDS(spec_process, exec_cpu_affinity_rows);

static const struct field process_rows[] = {
	F_BOOL(spec_process, "terminal", terminal),
	F_GROUP("consoleSize", console_size_fields, PRESENCE(spec_process, console_size.set)),
	F_GROUP("user", user_fields),
	F_STRINGS(spec_process, "args", args, ARGS_MAX),
	F_STRINGS(spec_process, "env", env, ENV_MAX),
	F_STRING(spec_process, "cwd", cwd, REQUIRED),
	F_OBJECT(spec_process, "capabilities", caps, caps_fields, PRESENCE(spec_process, caps.set)),
	F_ARRAY(spec_process, "rlimits", rlimits, RLIMITS_MAX, rlimit_fields),
	F_BOOL(spec_process, "noNewPrivileges", no_new_privileges),
	F_STRING(spec_process, "apparmorProfile", apparmor_profile),
	F_OPT_INT(spec_process, "oomScoreAdj", oom_score_adj, -1000, 1000),
	F_OBJECT(spec_process, "scheduler", scheduler, scheduler_fields, PRESENCE(spec_process, scheduler.set)),
	F_STRING(spec_process, "selinuxLabel", selinux_label),
	F_GROUP("ioPriority", io_priority_fields, PRESENCE(spec_process, io_priority.set)),
	F_GROUP("execCPUAffinity", exec_cpu_affinity_fields),
};
const struct fields process_fields = FIELDS(spec_process, process_rows);
