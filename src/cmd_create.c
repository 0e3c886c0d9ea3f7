/* SPDX-License-Identifier: Apache-2.0 */
/* create, run and plan: what begins with a bundle. */
#include "src/commands.h"

/* Before the first effect: what the driver or the state's place refuses needs no clean-up then. */
static int prepare(const struct options *o, struct error *e)
{
	if (container_check_id(o->argv[0], e) < 0)
		return -1;
	return globals_make_root(o, e);
}

int cmd_create(const struct options *o, struct error *e)
{
	struct create_options create = o->create;

	create.id = o->argv[0];
	if (prepare(o, e) < 0)
		return -1;
	return container_create(&o->runtime, &create, e);
}

int cmd_run(const struct options *o, struct error *e)
{
	struct create_options create = o->create;
	int status = 0;

	create.id = o->argv[0];
	if (prepare(o, e) < 0)
		return -1;
	if (container_run(&o->runtime, &create, &o->run, &status, e) < 0)
		return -1;
	return status;
}

int cmd_plan(const struct options *o, struct error *e)
{
	struct create_options create = o->create;
	auto_strbuf struct strbuf out = {};

	create.id = o->argc > 0 ? o->argv[0] : NULL;
	if (create.id && container_check_id(create.id, e) < 0)
		return -1;
	if (!!o->plan.process + !!o->plan.add_mounts + !!o->plan.remove_mounts > 1)
		return error_set(e, ERROR_USAGE, 0, "--process, --add-mounts and --remove-mounts cannot be given together");
	if (container_plan(&o->runtime, &create, &o->plan, &out, e) < 0)
		return -1;
	return print_out(&out, e);
}
