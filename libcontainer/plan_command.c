/* SPDX-License-Identifier: Apache-2.0 */
/* `kedge plan`: what create or exec would do, as text. Assumes the host's privileges unless told otherwise, so that the answer is the same for
 * everybody. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/path.h"
#include "cgroups/cgroup.h"
#include "libcontainer/gate.h"
#include "libcontainer/launch.h"
#include "spec/json.h"

static int print_cgroup(const struct spec *spec, bool systemd, struct arena *a, struct strbuf *out, struct error *e)
{
	struct cgroup_writes writes = {};

	if (cgroup_writes(&spec->linux_.resources, a, &writes, e) < 0)
		return -1;
	if (systemd)
		cgroup_writes_for_unit(&writes, 0, a);
	for (size_t i = 0; i < writes.n; i++) {
		char *line = arena_printf(a, "    cgroup  %-14s %s", writes.v[i].file, writes.v[i].value);
		strbuf_addf(out, "%-72s # %s\n", line, writes.v[i].property);
	}
	return systemd ? cgroup_print_properties(&writes, &spec->annotations, "    unit    ", out, e) : 0;
}

static int read_process(struct spec *spec, const char *path, struct spec_process *ret, struct error *e)
{
	auto_strbuf struct strbuf text = {};

	if (read_file_at(AT_FDCWD, path, JSON_BYTES_MAX, &text) < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot read process file '%s'", path);
	return spec_parse_process(spec, path, strbuf_str(&text), text.len, ret, e);
}

static int plan_process_file(struct plan *plan, const struct plan_input *given, struct spec *spec, const char *path,
			     struct error *e)
{
	struct plan_input in = *given;
	struct spec_process process;

	if (read_process(spec, path, &process, e) < 0)
		return -1;
	in.process = &process;
	in.waits_for_start = false;
	return plan_exec(plan, &in, e);
}

static int plan_mounts_file(struct plan *plan, const struct plan_input *given, struct spec *spec,
			    const struct plan_options *p, struct error *e)
{
	struct plan_input in = *given;
	const char *path = p->add_mounts ?: p->remove_mounts;
	const struct spec_process nothing = {};
	auto_strbuf struct strbuf text = {};
	struct spec only = *spec;

	if (read_file_at(AT_FDCWD, path, JSON_BYTES_MAX, &text) < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot read '%s'", path);
	if (spec_parse_mounts(spec, path, strbuf_str(&text), text.len, !p->add_mounts, &only.mounts, e) < 0)
		return -1;
	in.spec = &only;
	in.process = &nothing;
	in.no_new_keyring = in.live = true;
	in.notify_dir = NULL;
	return p->add_mounts ? plan_mounts_add(plan, &in, e) : plan_mounts_remove(plan, &in, e);
}

/* What compiling the profile would tell, without a library and a kernel that may lack something. */
static struct seccomp_program seccomp_outline(const struct spec_seccomp *profile)
{
	struct seccomp_program ret = {.flags = profile->flags};

	for (size_t i = 0; i < profile->syscalls.n; i++)
		if (profile->syscalls.v[i].action == SECCOMP_RET_USER_NOTIF)
			ret.notify = true;
	if (ret.notify)
		ret.flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return ret;
}

int container_plan(const struct runtime *rt, const struct create_options *o, const struct plan_options *p,
		   struct strbuf *out, struct error *e)
{
	auto_arena struct arena a = {};
	auto_spec struct spec *spec = NULL;
	auto_plan struct plan plan;
	auto_policy struct policy policy = {};
	struct spec_seccomp profile;
	char *bundle;

	plan_init(&plan);
	if (path_absolute(&a, o->bundle ?: ".", &bundle, e) < 0)
		return -1;
	auto_close int dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot open bundle '%s'", bundle);
	if (spec_load(o->config ? AT_FDCWD : dir, o->config ?: "config.json", &spec, e) < 0)
		return -1;
	const char *rootfs = path_join(&a, bundle, spec->root.set ? spec->root.path : "rootfs");
	if (gate_read(spec, &policy, e) < 0 || gate_create(&policy, spec, bundle, rootfs, e) < 0)
		return -1;
	struct seccomp_program seccomp = seccomp_outline(&spec->linux_.seccomp), below = {};
	bool floor = seccomp_floor(&policy, spec->process.caps.bounding, &a, &profile);
	const char *id = o->id ?: "ID", *notify = secure_getenv("NOTIFY_SOCKET");
	struct plan_input in = {
		.spec = spec,
		.process = &spec->process,
		.id = id,
		.bundle = bundle,
		.rootfs = rootfs,
		.cgroup_dir = "CGROUP",
		.privileged = rt->rootless != ROOTLESS_TRUE,
		.userns = spec->linux_.namespaces[NS_USER].set,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
		.waits_for_start = true,
		.seccomp = spec->linux_.seccomp.set ? &seccomp : NULL,
		.floor = floor ? &below : NULL,
		.notify_dir = notify && *notify ? arena_printf(&a, "%s/%s/notify", rt->root, id) : NULL,
		.listen_fds = listen_fds(),
		.caps_available = UINT64_MAX,
		.join = namespaces_of(spec),
	};
	plan.preserve_fds = in.listen_fds;
	int ret;
	if (p->process)
		ret = plan_process_file(&plan, &in, spec, p->process, e);
	else if (p->add_mounts || p->remove_mounts)
		ret = plan_mounts_file(&plan, &in, spec, p, e);
	else
		ret = print_cgroup(spec, rt->systemd_cgroup, &a, out, e) < 0 ? -1 : plan_create(&plan, &in, e);
	if (ret < 0)
		return -1;
	plan_print(&plan, out);
	return 0;
}
