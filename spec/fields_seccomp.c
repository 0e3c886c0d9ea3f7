/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/decode.h"

#define ERRNO_DATA_MAX  65535 /* SECCOMP_RET_DATA */
#define SYSCALL_ARG_MAX 5

static const struct field arg_rows[] = {
	F_INT(spec_seccomp_arg, "index", index, 0, SYSCALL_ARG_MAX, REQUIRED),
	F_INT(spec_seccomp_arg, "value", value, 0, UINT64_MAX, REQUIRED),
	F_INT(spec_seccomp_arg, "valueTwo", value_two, 0, UINT64_MAX),
	F_ENUM(spec_seccomp_arg, "op", op, names_seccomp_ops, "operator", REQUIRED),
};
static const struct fields arg_fields = FIELDS(spec_seccomp_arg, arg_rows);

static const struct field rule_rows[] = {
	F_STRINGS(spec_seccomp_rule, "names", names, SYSCALL_NAMES_MAX, REQUIRED, .filled = true),
	F_ENUM(spec_seccomp_rule, "action", action, names_seccomp_actions, "action", REQUIRED),
	F_OPT_INT(spec_seccomp_rule, "errnoRet", errno_ret, 0, ERRNO_DATA_MAX),
	F_ARRAY(spec_seccomp_rule, "args", args, SYSCALL_ARGS_MAX, arg_fields),
};
static const struct fields rule_fields = FIELDS(spec_seccomp_rule, rule_rows);

static const struct field seccomp_rows[] = {
	F_ENUM(spec_seccomp, "defaultAction", default_action, names_seccomp_actions, "action", REQUIRED),
	F_OPT_INT(spec_seccomp, "defaultErrnoRet", default_errno_ret, 0, ERRNO_DATA_MAX),
	F_STRINGS(spec_seccomp, "architectures", architectures, ARCHITECTURES_MAX, .names = names_seccomp_archs,
		  .noun = "architecture"),
	F_FLAGS(spec_seccomp, "flags", flags, names_seccomp_flags, "flag", PRESENCE(spec_seccomp, flags_set)),
	F_STRING(spec_seccomp, "listenerPath", listener_path),
	F_STRING(spec_seccomp, "listenerMetadata", listener_metadata),
	F_ARRAY(spec_seccomp, "syscalls", syscalls, SYSCALL_RULES_MAX, rule_fields),
};
const struct fields seccomp_fields = FIELDS(spec_seccomp, seccomp_rows);
