/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/decode.h"

static const struct field hook_rows[] = {
	F_STRING(spec_hook, "path", path, REQUIRED),
	F_STRINGS(spec_hook, "args", args, ARGS_MAX),
	F_STRINGS(spec_hook, "env", env, ENV_MAX),
	F_OPT_INT(spec_hook, "timeout", timeout, 1, INT32_MAX),
};
static const struct fields hook_fields = FIELDS(spec_hook, hook_rows);

static const struct field hooks_rows[] = {
	F_ARRAY(spec, "prestart", hooks[HOOK_PRESTART], HOOKS_MAX, hook_fields),
	F_ARRAY(spec, "createRuntime", hooks[HOOK_CREATE_RUNTIME], HOOKS_MAX, hook_fields),
	F_ARRAY(spec, "createContainer", hooks[HOOK_CREATE_CONTAINER], HOOKS_MAX, hook_fields),
	F_ARRAY(spec, "startContainer", hooks[HOOK_START_CONTAINER], HOOKS_MAX, hook_fields),
	F_ARRAY(spec, "poststart", hooks[HOOK_POSTSTART], HOOKS_MAX, hook_fields),
	F_ARRAY(spec, "poststop", hooks[HOOK_POSTSTOP], HOOKS_MAX, hook_fields),
};
const struct fields hooks_fields = FIELDS(spec, hooks_rows);
