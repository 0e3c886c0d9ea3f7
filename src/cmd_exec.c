/* SPDX-License-Identifier: Apache-2.0 */
#include "src/commands.h"

int cmd_exec(const struct options *o, struct error *e)
{
	struct exec_options exec = o->exec;
	int status = 0;

	exec.argc = o->argc - 1;
	exec.argv = o->argv + 1;
	exec.user_given = exec.user != NULL;
	if (!exec.process && exec.argc == 0)
		return error_set(e, ERROR_USAGE, 0, "exec args cannot be empty");
	if (container_exec(&o->runtime, o->argv[0], &exec, &status, e) < 0)
		return -1;
	return status;
}
