/* SPDX-License-Identifier: Apache-2.0 */
/* /dev: default devices and links (config-linux.md "Default Devices", runtime-linux.md), linux.devices, the console. */
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/sys.h"
#include "libcontainer/plan.h"
#include "spec/mount_options.h"

const struct spec_device plan_default_devices[PLAN_DEFAULT_DEVICES] = {
	{'c', (char *)"/dev/null", 1, 3, {}, {}, {}},    {'c', (char *)"/dev/zero", 1, 5, {}, {}, {}},
	{'c', (char *)"/dev/full", 1, 7, {}, {}, {}},    {'c', (char *)"/dev/random", 1, 8, {}, {}, {}},
	{'c', (char *)"/dev/urandom", 1, 9, {}, {}, {}}, {'c', (char *)"/dev/tty", 5, 0, {}, {}, {}},
};

static void plan_device(struct plan *plan, const struct plan_input *in, const struct spec_device *d)
{
	uint32_t path = plan_str(plan, path_clean(&plan->arena, d->path));
	mode_t type = d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
	struct plan_step *s;

	/* mknod of a device never works inside a user namespace: the host's node is shown instead. */
	if ((in->userns || in->nested) && d->type != 'p') {
		uint16_t reg = plan_reg(plan);
		s = plan_add(plan, in->privileged ? SIDE_PREPARE : SIDE_CHILD, STEP_OPEN_TREE);
		s->reg = reg;
		s->str = path;
		s->num[0] = OPEN_TREE_CLONE;
		s = plan_add(plan, SIDE_CHILD, STEP_PLACE);
		s->reg = reg;
		s->str = path;
		s->num[0] = PLACE_FILE;
		return;
	}
	s = plan_add(plan, SIDE_CHILD, STEP_MKNOD);
	s->str = path;
	s->num[0] = type | (d->file_mode.set ? d->file_mode.v & 07777 : 0666);
	s->num[1] = d->major;
	s->num[2] = d->minor;
	s->num[3] = (uint64_t)d->uid.v << 32 | d->gid.v;
}

static bool is_listed(struct plan *plan, const struct spec_devices *devices, const char *path)
{
	for (size_t i = 0; i < devices->n; i++)
		if (strcmp(path_clean(&plan->arena, devices->v[i].path), path) == 0)
			return true;
	return false;
}

static void plan_links(struct plan *plan)
{
	static const char *const links[][2] = {
		{"/dev/fd", "/proc/self/fd"},         {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
		{"/dev/stderr", "/proc/self/fd/2"},   {"/dev/core", "/proc/kcore"},      {"/dev/ptmx", "pts/ptmx"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		uint32_t path = plan_str(plan, links[i][0]), target = plan_str(plan, links[i][1]);
		struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_SYMLINK);
		s->str = path;
		s->str2 = target;
	}
}

/* The last mount on /dev decides: a bind mount of a ready-made /dev is left as it is (as runc). */
static const struct spec_mount *dev_mount(struct plan *plan, const struct plan_input *in, struct mount_options *o)
{
	const struct spec_mount *dev = NULL;

	for (size_t i = 0; i < in->spec->mounts.n; i++) {
		const struct spec_mount *m = &in->spec->mounts.v[i];
		if (strcmp(path_join(&plan->arena, "/", m->destination), "/dev") == 0)
			dev = m;
	}
	*o = (struct mount_options){};
	if (dev)
		mount_options_parse(&plan->arena, &dev->options, o);
	return dev;
}

int plan_devices(struct plan *plan, const struct plan_input *in, struct error *e)
{
	const struct spec_devices *devices = &in->spec->linux_.devices;
	struct mount_options o;
	const struct spec_mount *dev = dev_mount(plan, in, &o);

	(void)e;
	if (dev && (o.bind || (dev->type && strcmp(dev->type, "bind") == 0))) {
		if (in->process->set && in->process->terminal)
			plan_console(plan, in, "/dev/console");
		return 0;
	}
	plan_origin(plan, "default devices");
	for (size_t i = 0; i < PLAN_DEFAULT_DEVICES; i++)
		if (!is_listed(plan, devices, plan_default_devices[i].path))
			plan_device(plan, in, &plan_default_devices[i]);
	for (size_t i = 0; i < devices->n; i++) {
		plan_origin(plan, "linux.devices[%zu]", i);
		plan_device(plan, in, &devices->v[i]);
	}
	plan_origin(plan, "default devices");
	plan_links(plan);
	if (in->process->set && in->process->terminal)
		plan_console(plan, in, "/dev/console");
	return 0;
}

void plan_console(struct plan *plan, const struct plan_input *in, const char *bind_at)
{
	plan_origin(plan, "process.terminal");
	uint32_t at = bind_at ? plan_str(plan, bind_at) : 0;
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_CONSOLE);
	s->str = at;
	if (in->process->console_size.set)
		s->num[0] = (uint64_t)(in->process->console_size.height & 0xffff) << 16 |
			    (in->process->console_size.width & 0xffff);
}
