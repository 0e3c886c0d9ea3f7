/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that take an id and little else. */
#include "spec/spec.h"
#include "src/commands.h"

int cmd_start(const struct options *o, struct error *e)
{
	return container_start(&o->runtime, o->argv[0], e);
}

int cmd_state(const struct options *o, struct error *e)
{
	auto_strbuf struct strbuf out = {};

	if (container_state(&o->runtime, o->argv[0], &out, e) < 0)
		return -1;
	return print_out(&out, e);
}

int cmd_kill(const struct options *o, struct error *e)
{
	const char *text = o->argc > 1 && *o->argv[1] ? o->argv[1] : "TERM";
	int sig = signal_parse(text, e);

	if (sig < 0)
		return -1;
	return container_kill(&o->runtime, o->argv[0], sig, o->all, e);
}

int cmd_delete(const struct options *o, struct error *e)
{
	return container_delete(&o->runtime, o->argv[0], o->force, e);
}

int cmd_pause(const struct options *o, struct error *e)
{
	return container_pause(&o->runtime, o->argv[0], e);
}

int cmd_resume(const struct options *o, struct error *e)
{
	return container_resume(&o->runtime, o->argv[0], e);
}
