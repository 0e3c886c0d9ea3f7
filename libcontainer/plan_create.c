/* SPDX-License-Identifier: Apache-2.0 */
/* The order of set-up: namespaces, root, mounts, devices, hooks, pivot, hiding, process. */
#include "base/path.h"
#include "base/sys.h"
#include "libcontainer/plan.h"

#include <stdio.h>
#include <string.h>

const struct ns_info ns_info[NS_MAX] = {
	[NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
	[NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},
	[NS_MOUNT] = {"mount", "mnt", CLONE_NEWNS},
	[NS_NETWORK] = {"network", "net", CLONE_NEWNET},
	[NS_PID] = {"pid", "pid", CLONE_NEWPID},
	[NS_TIME] = {"time", "time", CLONE_NEWTIME},
	[NS_USER] = {"user", "user", CLONE_NEWUSER},
	[NS_UTS] = {"uts", "uts", CLONE_NEWUTS},
};

/* Namespaces given by path are joined before a user namespace is entered: they belong to others, and only the host's root may
 * join them. pid and time take effect for children only, so the parent itself joins those and goes back; in a user namespace it
 * could not go back to those of the host, so an intermediate process joins them all. */
static void join(struct plan *plan, const struct plan_input *in, enum spec_ns_type type)
{
	const struct spec_namespace *ns = &in->spec->linux_.namespaces[type];
	bool early = in->userns || in->nested || type == NS_PID || type == NS_TIME;
	uint16_t reg = plan_reg(plan);

	plan_origin(plan, "linux.namespaces[%s]", ns_info[type].name);
	struct plan_step *s = plan_add(plan, SIDE_PREPARE, STEP_OPEN_NS);
	s->reg = reg;
	s->num[0] = ns_info[type].flag;
	uint32_t path = plan_str(plan, ns->path);
	plan->steps[plan->n - 1].str = path;
	if (!early)
		return;
	s = plan_add(plan, SIDE_PREPARE, STEP_SETNS);
	s->reg = reg;
	s->num[0] = ns_info[type].flag;
	if ((type != NS_PID && type != NS_TIME) || in->nested)
		plan->userns_joined = true;
}

static void plan_joins(struct plan *plan, const struct plan_input *in)
{
	const struct spec_namespace *ns = in->spec->linux_.namespaces;

	for (int type = 0; type < NS_MAX; type++)
		if (ns[type].set && ns[type].path && type != NS_USER)
			join(plan, in, (enum spec_ns_type)type);
	if (ns[NS_USER].set && ns[NS_USER].path)
		join(plan, in, NS_USER);
}

static void plan_time_offsets(struct plan *plan, const struct plan_input *in)
{
	char text[128];

	snprintf(text, sizeof(text), "monotonic %jd %u\nboottime %jd %u\n",
		 (intmax_t)in->spec->linux_.time_offsets.monotonic.secs,
		 in->spec->linux_.time_offsets.monotonic.nanosecs,
		 (intmax_t)in->spec->linux_.time_offsets.boottime.secs,
		 in->spec->linux_.time_offsets.boottime.nanosecs);
	plan_origin(plan, "linux.timeOffsets");
	uint32_t str = plan_str(plan, text);
	plan_add(plan, SIDE_PREPARE, STEP_TIME_OFFSETS)->str = str;
}

static uint64_t new_namespaces(struct plan *plan, const struct plan_input *in)
{
	const struct spec_namespace *ns = in->spec->linux_.namespaces;
	uint64_t flags = 0;

	for (int type = 0; type < NS_MAX; type++)
		if (ns[type].set && !ns[type].path && type != NS_CGROUP && !(type == NS_IPC && in->userns))
			flags |= ns_info[type].flag;
	if ((flags & CLONE_NEWTIME) &&
	    (in->spec->linux_.time_offsets.monotonic.set || in->spec->linux_.time_offsets.boottime.set)) {
		plan_time_offsets(plan, in);
		flags &= ~(uint64_t)CLONE_NEWTIME;
	}
	return flags;
}

static uint32_t map_text(struct plan *plan, const struct spec_idmaps *maps)
{
	auto_strbuf struct strbuf text = {};

	for (size_t i = 0; i < maps->n; i++)
		strbuf_addf(&text, "%u %u %u\n", maps->v[i].container_id, maps->v[i].host_id, maps->v[i].size);
	return plan_str(plan, strbuf_str(&text));
}

static void plan_user_namespace(struct plan *plan, const struct plan_input *in)
{
	plan_origin(plan, "linux.namespaces[user]");
	plan_add(plan, SIDE_CHILD, STEP_BARRIER)->num[0] = BARRIER_IDS;
	if (!in->privileged)
		plan_add(plan, SIDE_PARENT, STEP_SETGROUPS_DENY);
	plan_origin(plan, "linux.uidMappings");
	uint32_t text = map_text(plan, &in->spec->linux_.uid_mappings);
	plan_add(plan, SIDE_PARENT, STEP_UID_MAP)->str = text;
	plan_origin(plan, "linux.gidMappings");
	text = map_text(plan, &in->spec->linux_.gid_mappings);
	plan_add(plan, SIDE_PARENT, STEP_GID_MAP)->str = text;
	/* Later init is not dumpable, and its files in /proc are out of a rootless parent's reach. */
	plan_oom_score(plan, in);
}

static void late_joins(struct plan *plan)
{
	size_t n = plan->n;

	if (plan->userns_joined)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct plan_step open = plan->steps[i];
		if (open.kind != STEP_OPEN_NS || open.num[0] == CLONE_NEWPID || open.num[0] == CLONE_NEWTIME)
			continue;
		plan->origin = plan->origins[i];
		struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_SETNS);
		s->reg = open.reg;
		s->num[0] = open.num[0];
	}
}

/* runc and crun do so, and whoever runs a container without an engine, which would do it, relies on it. */
static void plan_loopback(struct plan *plan, const struct plan_input *in)
{
	const struct spec_namespace *ns = &in->spec->linux_.namespaces[NS_NETWORK];

	if (!ns->set || ns->path)
		return;
	plan_origin(plan, "linux.namespaces[network]");
	plan_add(plan, SIDE_CHILD, STEP_LOOPBACK);
}

void plan_session(struct plan *plan, const struct plan_input *in)
{
	plan_origin(plan, "%s", "");
	plan_add(plan, SIDE_CHILD, STEP_SETSID);
	if (in->no_new_keyring)
		return;
	uint32_t name = plan_str(plan, arena_printf(&plan->arena, "_ses.%s", in->id));
	plan_add(plan, SIDE_CHILD, STEP_KEYRING)->str = name;
}

void plan_namespaces(struct plan *plan, const struct plan_input *in)
{
	plan_joins(plan, in);
	plan->clone_flags = new_namespaces(plan, in);
	plan_origin(plan, "linux.namespaces");
	plan_add(plan, SIDE_PREPARE, STEP_CLONE)->num[0] = plan->clone_flags;
	plan_origin(plan, "%s", "");
	plan_add(plan, SIDE_CHILD, STEP_GUARD)->num[0] = (plan->clone_flags & CLONE_NEWUSER) != 0;
	plan_add(plan, SIDE_CHILD, STEP_UMASK);
	if (plan->clone_flags & CLONE_NEWUSER)
		plan_user_namespace(plan, in);
	late_joins(plan);
	plan_loopback(plan, in);
	plan_session(plan, in);
}

/* What takes its nature from who makes it: the root of a cgroup namespace is the maker's cgroup, and only init is already where it
 * belongs; the message queues of an ipc namespace belong to the maker, who should be the container's root. */
static void plan_late_namespaces(struct plan *plan, const struct plan_input *in)
{
	const struct spec_namespace *ns = in->spec->linux_.namespaces;
	uint64_t flags = 0;

	for (int type = 0; type < NS_MAX; type++)
		if (ns[type].set && !ns[type].path && (type == NS_CGROUP || (type == NS_IPC && in->userns)))
			flags |= ns_info[type].flag;
	if (!flags)
		return;
	plan_origin(plan, "linux.namespaces");
	plan_add(plan, SIDE_CHILD, STEP_UNSHARE)->num[0] = flags;
}

static uint64_t root_propagation(const char *name)
{
	static const struct {
		const char *name;
		uint64_t flags;
	} table[] = {
		{"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
		{"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
		{"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
		{"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
	};

	for (size_t i = 0; name && i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].flags;
	return 0;
}

/* Without a mount namespace nothing is mounted that was not asked for. */
static bool wants_mounts(const struct plan_input *in)
{
	const struct spec *spec = in->spec;

	return spec->mounts.n || spec->linux_.devices.n || spec->root.readonly || spec->linux_.rootfs_propagation;
}

/* I: what is mounted for a container that has no mount namespace goes with it: all of it is below one clone of the root, private
 * before anything is mounted there, so that no other namespace gets it, and delete takes that one mount away. */
static void plan_root_shared(struct plan *plan, const struct plan_input *in)
{
	plan->root_reg = plan_reg(plan);
	plan->host_mounts = wants_mounts(in);
	uint32_t path = plan_str(plan, in->rootfs);
	struct plan_step *s = plan_add(plan, SIDE_PREPARE, STEP_OPEN_TREE);
	s->reg = plan->root_reg;
	s->str = path;
	if (!plan->host_mounts)
		return;
	s->num[0] = OPEN_TREE_CLONE | AT_RECURSIVE;
	s = plan_add(plan, SIDE_CHILD, STEP_ROOT_ATTACH);
	s->reg = plan->root_reg;
	s->str = path;
	/* Not before: attached to a shared mount it would be made shared again. */
	s = plan_add(plan, SIDE_CHILD, STEP_MOUNT_ATTR);
	s->reg = plan->root_reg;
	s->num[2] = MS_PRIVATE;
	s->num[3] = AT_RECURSIVE;
}

void plan_root(struct plan *plan, const struct plan_input *in)
{
	plan_origin(plan, "root.path");
	if (!in->spec->linux_.namespaces[NS_MOUNT].set) {
		plan_root_shared(plan, in);
		return;
	}
	plan->root_reg = plan_reg(plan);
	uint32_t path = plan_str(plan, in->rootfs);
	enum plan_side side = in->privileged ? SIDE_PREPARE : SIDE_CHILD;
	/* The tree shows through whatever is attached below the host's mounts, so nothing in it may lead back there. */
	if (side == SIDE_CHILD)
		plan_add(plan, SIDE_CHILD, STEP_PROPAGATION)->num[0] = MS_SLAVE;
	struct plan_step *s = plan_add(plan, side, STEP_OPEN_TREE);
	s->reg = plan->root_reg;
	s->str = path;
	s->num[0] = OPEN_TREE_CLONE | AT_RECURSIVE;
	s = plan_add(plan, side, STEP_MOUNT_ATTR);
	s->reg = plan->root_reg;
	s->num[2] = MS_SLAVE;
	s->num[3] = AT_RECURSIVE;
	if (side == SIDE_PREPARE)
		plan_add(plan, SIDE_CHILD, STEP_PROPAGATION)->num[0] = MS_SLAVE;
	s = plan_add(plan, SIDE_CHILD, STEP_ROOT_ATTACH);
	s->reg = plan->root_reg;
	s->str = path;
}

static void plan_enter_root(struct plan *plan, const struct plan_input *in)
{
	bool host_mounts = !in->spec->linux_.namespaces[NS_MOUNT].set;

	plan_origin(plan, "root.path");
	uint32_t path = in->no_pivot ? plan_str(plan, in->rootfs) : 0;
	enum plan_kind kind = host_mounts ? STEP_CHROOT : in->no_pivot ? STEP_MOVE_ROOT : STEP_PIVOT;
	struct plan_step *enter = plan_add(plan, SIDE_CHILD, kind);
	enter->reg = plan->root_reg;
	enter->str = path;
}

/* After the last clone of a mount: one that is unbindable cannot be cloned. */
static void plan_root_propagation(struct plan *plan, const struct plan_input *in)
{
	uint64_t propagation = root_propagation(in->spec->linux_.rootfs_propagation);

	if (!propagation)
		return;
	plan_origin(plan, "linux.rootfsPropagation");
	struct plan_step *s;
	/* A peer group of its own: a slave of the host's would stay one. */
	if (propagation & MS_SHARED) {
		s = plan_add(plan, SIDE_CHILD, STEP_MOUNT_ATTR);
		s->reg = plan->root_reg;
		s->num[2] = MS_PRIVATE;
	}
	s = plan_add(plan, SIDE_CHILD, STEP_MOUNT_ATTR);
	s->reg = plan->root_reg;
	s->num[2] = propagation & ~(uint64_t)MS_REC;
	s->num[3] = propagation & MS_REC ? AT_RECURSIVE : 0;
}

static void plan_root_readonly(struct plan *plan, const struct plan_input *in)
{
	if (in->process->set && strcmp(in->process->cwd, "/") != 0) {
		plan_origin(plan, "process.cwd");
		uint32_t cwd = plan_str(plan, path_clean(&plan->arena, in->process->cwd));
		struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_MKDIR);
		s->str = cwd;
		s->num[0] = 0755;
	}
	plan_mounts_readonly(plan);
	if (!in->spec->root.readonly)
		return;
	plan_origin(plan, "root.readonly");
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_MOUNT_ATTR);
	s->reg = plan->root_reg;
	s->num[0] = MOUNT_ATTR_RDONLY;
}

static void plan_sysctl(struct plan *plan, const struct plan_input *in)
{
	const struct spec_map *sysctl = &in->spec->linux_.sysctl;

	for (size_t i = 0; i < sysctl->n; i++) {
		char *file = arena_printf(&plan->arena, "sys/%s", spec_sysctl_path(&plan->arena, sysctl->v[i].key));
		plan_origin(plan, "linux.sysctl[%s]", sysctl->v[i].key);
		uint32_t path = plan_str(plan, file), value = plan_str(plan, sysctl->v[i].value);
		struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_SYSCTL);
		s->reg = plan->procfs;
		s->str = path;
		s->str2 = value;
	}
}

/* I: a path below procfs or sysfs is the one of that mount. By its name it would be missing, and so need no mask, for as long as
 * somebody who can write to the root exchanges the mount point for another directory. */
static void find_below(const struct plan *plan, const char *path, struct plan_step *s)
{
	for (size_t i = plan->n - 1; i-- > 0;) {
		const struct plan_step *place = &plan->steps[i];
		if (place->kind != STEP_PLACE)
			continue;
		const char *at = plan_at(plan, place->str);
		size_t len = strlen(at);
		if (strncmp(path, at, len) != 0 || path[len] != '/')
			continue;
		/* The last one that covers it is the one that is seen. */
		if (place->flags & PLAN_HOLD) {
			s->flags = PLAN_BELOW;
			s->reg = place->reg;
			s->num[0] = len + 1;
		}
		return;
	}
}

static void plan_paths(struct plan *plan, const struct spec_strings *paths, const char *origin, enum plan_kind kind)
{
	for (size_t i = 0; i < paths->n; i++) {
		bool again = false;
		for (size_t k = 0; k < i && !again; k++)
			again = strcmp(paths->v[i], paths->v[k]) == 0;
		if (again)
			continue;
		plan_origin(plan, "%s[%zu]", origin, i);
		char *path = path_clean(&plan->arena, paths->v[i]);
		uint32_t str = plan_str(plan, path);
		struct plan_step *s = plan_add(plan, SIDE_CHILD, kind);
		s->str = str;
		find_below(plan, path, s);
	}
}

void plan_hide(struct plan *plan, const struct plan_input *in)
{
	const struct spec_linux *l = &in->spec->linux_;

	plan_paths(plan, &l->readonly_paths, "linux.readonlyPaths", STEP_READONLY_PATH);
	/* Before the masks: a path may be in both lists, and a mask is the null device, which is not read-only. */
	plan_paths(plan, &l->readonly_paths, "linux.readonlyPaths", STEP_VERIFY_READONLY);
	plan_paths(plan, &l->masked_paths, "linux.maskedPaths", STEP_MASK_PATH);
	plan_paths(plan, &l->masked_paths, "linux.maskedPaths", STEP_VERIFY_MASK);
}

static void plan_names(struct plan *plan, const struct plan_input *in)
{
	static const struct {
		const char *origin;
		enum plan_kind kind;
	} kinds[] = {{"hostname", STEP_HOSTNAME}, {"domainname", STEP_DOMAINNAME}};
	const char *const names[] = {in->spec->hostname, in->spec->domainname};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!names[i] || !*names[i])
			continue;
		plan_origin(plan, "%s", kinds[i].origin);
		uint32_t name = plan_str(plan, names[i]);
		plan_add(plan, SIDE_CHILD, kinds[i].kind)->str = name;
	}
}

/* Late, because what fails before costs no move; before the hooks and sysctls that may be about the devices. */
static void plan_net_devices(struct plan *plan, const struct plan_input *in)
{
	const struct spec_netdevs *devs = &in->spec->linux_.net_devices;

	if (!devs->n)
		return;
	plan_origin(plan, "linux.netDevices");
	plan_add(plan, SIDE_CHILD, STEP_BARRIER)->num[0] = BARRIER_NETWORK;
	for (size_t i = 0; i < devs->n; i++) {
		const struct spec_netdev *dev = &devs->v[i];
		plan_origin(plan, "linux.netDevices[%s]", dev->host_name);
		uint32_t name = plan_str(plan, dev->host_name), new_name = plan_str(plan, dev->name ?: dev->host_name);
		struct plan_step *s = plan_add(plan, SIDE_PARENT, STEP_NET_DEVICE);
		s->str = name;
		s->str2 = new_name;
	}
}

static void plan_runtime_hooks(struct plan *plan, const struct plan_input *in)
{
	const struct spec_hook_list *hooks = in->spec->hooks;

	if (!hooks[HOOK_PRESTART].n && !hooks[HOOK_CREATE_RUNTIME].n)
		return;
	plan_origin(plan, "hooks");
	plan_add(plan, SIDE_CHILD, STEP_BARRIER)->num[0] = BARRIER_HOOKS;
	for (int kind = HOOK_PRESTART; kind <= HOOK_CREATE_RUNTIME; kind++)
		if (hooks[kind].n) {
			plan_origin(plan, "hooks.%s", value_to_name(names_hooks, kind));
			plan_add(plan, SIDE_PARENT, STEP_RUNTIME_HOOKS)->num[0] = (uint64_t)kind;
		}
}

/* The state document around our pid, which only init knows: u32 length of the part before it, both parts. */
static uint32_t hook_state(struct plan *plan, const char *json, uint32_t *len)
{
	/* After its key: the id may look like it. */
	const char *key = strstr(json, "\"pid\":"), *mark = key ? strstr(key, PLAN_PID_MARK) : NULL;
	uint32_t head = mark ? (uint32_t)(mark - json) : (uint32_t)strlen(json);
	const char *rest = mark ? mark + strlen(PLAN_PID_MARK) : "";
	char *blob = arena_alloc(&plan->arena, sizeof(head) + head + strlen(rest) + 1);

	memcpy(blob, &head, sizeof(head));
	memcpy(blob + sizeof(head), json, head);
	memcpy(blob + sizeof(head) + head, rest, strlen(rest));
	*len = (uint32_t)(sizeof(head) + head + strlen(rest));
	return plan_blob(plan, blob, *len);
}

void plan_container_hooks(struct plan *plan, const struct plan_input *in, enum spec_hook_kind kind, uint32_t env)
{
	const struct spec_hook_list *hooks = &in->spec->hooks[kind];
	uint32_t len = 0, state = hooks->n ? hook_state(plan, in->hook_json ?: "", &len) : 0;

	for (size_t i = 0; i < hooks->n; i++) {
		const struct spec_hook *h = &hooks->v[i];
		plan_origin(plan, "hooks.%s[%zu]", value_to_name(names_hooks, kind), i);
		uint32_t path = plan_str(plan, h->path), args = plan_list(plan, &h->args);
		uint32_t own = h->env.n ? plan_list(plan, &h->env) : env;
		struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_CONTAINER_HOOK);
		/* As in runc: before the root is entered, hooks find it in their working directory. */
		if (kind == HOOK_CREATE_CONTAINER)
			s->reg = plan->root_reg;
		s->str = path;
		s->list = args;
		s->list2 = own;
		s->num[0] = h->timeout.set ? (uint64_t)h->timeout.v : 0;
		s->num[1] = kind;
		s->num[2] = i;
		s->blob = state;
		s->blob_len = len;
	}
}

int plan_create(struct plan *plan, const struct plan_input *in, struct error *e)
{
	const struct spec_linux *l = &in->spec->linux_;

	if (l->net_devices.n && !in->privileged)
		return error_set(e, ERROR_CONFIG, 0, "linux.netDevices: moving network devices needs root's privileges");
	if (!l->namespaces[NS_MOUNT].set && wants_mounts(in) && (in->userns || in->nested || !in->privileged))
		return error_set(e, ERROR_CONFIG, 0,
				 "linux.namespaces: mounts, devices and a read-only root need a 'mount' namespace in a user namespace");
	plan_namespaces(plan, in);
	plan_root(plan, in);
	if (in->userns) {
		plan_origin(plan, "linux.namespaces[user]");
		plan_ns_root(plan, in);
	}
	plan_late_namespaces(plan, in);
	plan_names(plan, in);
	plan_procfs(plan, in, true);
	if ((l->namespaces[NS_MOUNT].set || plan->host_mounts) && (plan_mounts(plan, in, e) < 0 || plan_devices(plan, in, e) < 0))
		return -1;
	plan_net_devices(plan, in);
	plan_runtime_hooks(plan, in);
	plan_container_hooks(plan, in, HOOK_CREATE_CONTAINER, 0);
	plan_enter_root(plan, in);
	if (!l->namespaces[NS_MOUNT].set && !plan->host_mounts && in->process->set && in->process->terminal)
		plan_console(plan, in, NULL);
	plan_sysctl(plan, in);
	plan_root_readonly(plan, in);
	plan_hide(plan, in);
	plan_root_propagation(plan, in);
	plan_rdt(plan, in);
	if (plan_process(plan, in, e) < 0)
		return -1;
	plan_sort(plan);
	return 0;
}
