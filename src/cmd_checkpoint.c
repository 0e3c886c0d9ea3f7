/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint and restore. */
#include "src/commands.h"

#define IMAGE_PATH "checkpoint" /* runc's */

int cmd_checkpoint(const struct options *o, struct error *e)
{
	struct criu_options criu = o->criu;

	criu.image_path = criu.image_path ?: IMAGE_PATH;
	return container_checkpoint(&o->runtime, o->argv[0], &criu, e);
}

int cmd_restore(const struct options *o, struct error *e)
{
	struct create_options create = o->create;
	struct criu_options criu = o->criu;
	int status = 0;

	create.id = o->argv[0];
	criu.image_path = criu.image_path ?: IMAGE_PATH;
	if (container_check_id(create.id, e) < 0 || globals_make_root(o, e) < 0)
		return -1;
	if (container_restore(&o->runtime, &create, &o->run, &criu, &status, e) < 0)
		return -1;
	return status;
}
