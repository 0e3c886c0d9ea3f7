/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/mempolicy.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "spec/validate.h"

#define ERRNO_MAX 4095 /* the kernel cuts a larger one */

/* --- namespaces */

/* V30 */
static int check_namespaces(struct rules *r, const struct spec *spec)
{
	const struct spec_namespace *namespaces = spec->linux_.namespaces;

	for (int type = 0; type < NS_MAX; type++)
		if (namespaces[type].path && namespaces[type].path[0] != '/')
			return rule_error(r, "linux.namespaces", "the path of '%s' must be absolute, is '%s'",
					  value_to_name(names_namespaces, type), SHOWN(namespaces[type].path));
	return 0;
}

/* V31: a new user namespace without mappings has no root and nobody else. Mappings next to a path are what containerd
 * and CRI-O write; whether they agree is seen when the namespace is opened. */
static int check_user_namespace(struct rules *r, const struct spec *spec)
{
	const struct spec_linux *l = &spec->linux_;
	const struct spec_namespace *user = &l->namespaces[NS_USER];

	if (!user->set && l->uid_mappings.n)
		return rule_error(r, "linux.uidMappings", "needs a 'user' namespace in linux.namespaces");
	if (!user->set && l->gid_mappings.n)
		return rule_error(r, "linux.gidMappings", "needs a 'user' namespace in linux.namespaces");
	if (user->set && !user->path && !l->uid_mappings.n)
		return rule_error(r, "linux.uidMappings", "is required for a new user namespace");
	if (user->set && !user->path && !l->gid_mappings.n)
		return rule_error(r, "linux.gidMappings", "is required for a new user namespace");
	if (rule_mappings(r, "linux.uidMappings", &l->uid_mappings) < 0)
		return -1;
	return rule_mappings(r, "linux.gidMappings", &l->gid_mappings);
}

/* V32: the offsets of a namespace that has processes cannot be changed. */
static int check_time_offsets(struct rules *r, const struct spec *spec)
{
	const struct spec_linux *l = &spec->linux_;

	if (!l->time_offsets.monotonic.set && !l->time_offsets.boottime.set)
		return 0;
	if (!l->namespaces[NS_TIME].set)
		return rule_error(r, "linux.timeOffsets", "needs a 'time' namespace in linux.namespaces");
	if (l->namespaces[NS_TIME].path)
		return rule_error(r, "linux.timeOffsets", "needs a new time namespace, not one to join");
	return 0;
}

/* V33 */
static int check_paths(struct rules *r, const struct spec *spec, const char *name, const struct spec_strings *paths)
{
	if (paths->n && !spec->linux_.namespaces[NS_MOUNT].set)
		return rule_error(r, name, "needs a 'mount' namespace in linux.namespaces");
	for (size_t i = 0; i < paths->n; i++)
		if (rule_absolute(r, RULE_PATH("%s[%zu]", name, i), paths->v[i]) < 0)
			return -1;
	return 0;
}

static int check_covered_paths(struct rules *r, const struct spec *spec)
{
	if (check_paths(r, spec, "linux.maskedPaths", &spec->linux_.masked_paths) < 0)
		return -1;
	return check_paths(r, spec, "linux.readonlyPaths", &spec->linux_.readonly_paths);
}

/* --- sysctl */

char *spec_sysctl_path(struct arena *a, const char *key)
{
	char *path = arena_strdup(a, key);

	/* sysctl(8): when '/' comes first, it is the separator, and a '.' belongs to a name ("eth0.100"); else the
	 * other way round. */
	if (path[strcspn(path, "./")] == '/')
		return path;
	for (char *p = path; *p; p++) {
		if (*p == '.')
			*p = '/';
		else if (*p == '/')
			*p = '.';
	}
	return path;
}

static bool path_is_plain(const char *path)
{
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

/* "Host" is the caller's. A path that cannot be looked at is told when it is opened. */
static bool is_host_network(const struct spec_namespace *network)
{
	struct stat host, given;

	if (!network->set)
		return true;
	if (!network->path || stat("/proc/self/ns/net", &host) < 0 || stat(network->path, &given) < 0)
		return false;
	return host.st_dev == given.st_dev && host.st_ino == given.st_ino;
}

static bool is_ipc_sysctl(const char *path)
{
	static const char *const names[] = {"msgmax", "msgmnb", "msgmni", "sem",
					    "shmall", "shmmax", "shmmni", "shm_rmid_forced"};

	if (strncmp(path, "fs/mqueue/", 10) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(path, "kernel/", 7) == 0 && strcmp(path + 7, names[i]) == 0)
			return true;
	return false;
}

/* NULL: allowed. runc's list and vm.memfd_noexec: only what the kernel keeps apart for each namespace. */
static const char *sysctl_objection(const struct spec_linux *l, const char *path)
{
	if (is_ipc_sysctl(path))
		return l->namespaces[NS_IPC].set ? NULL : "needs an 'ipc' namespace in linux.namespaces";
	if (strncmp(path, "net/", 4) == 0)
		return is_host_network(&l->namespaces[NS_NETWORK]) ? "is not allowed in the host's network namespace"
								   : NULL;
	/* Of the pid namespace since Linux 6.3; before it does not exist. */
	if (strcmp(path, "vm/memfd_noexec") == 0)
		return l->namespaces[NS_PID].set && !l->namespaces[NS_PID].path ? NULL
										: "needs a new 'pid' namespace in linux.namespaces";
	if (strcmp(path, "kernel/domainname") == 0 && l->namespaces[NS_UTS].set)
		return NULL;
	if (strcmp(path, "kernel/hostname") == 0 && l->namespaces[NS_UTS].set)
		return "conflicts with the property hostname";
	/* Without a user namespace it would change limits of the host's users. */
	if (strncmp(path, "user/", 5) == 0)
		return l->namespaces[NS_USER].set ? NULL : "needs a 'user' namespace in linux.namespaces";
	return "is not in a separate kernel namespace";
}

/* V34 */
static int check_sysctl(struct rules *r, const struct spec *spec)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/";
	const struct spec_map *sysctl = &spec->linux_.sysctl;
	auto_arena struct arena a = {0};

	for (size_t i = 0; i < sysctl->n; i++) {
		const char *key = sysctl->v[i].key;
		const char *at = RULE_PATH("linux.sysctl[\"%s\"]", SHOWN(key));
		const char *path = spec_sysctl_path(&a, key);
		if (strlen(key) > 255 || key[strspn(key, allowed)] || strstr(key, "..") || !path_is_plain(path))
			return rule_error(r, at, "is not the name of a sysctl");
		const char *why = sysctl_objection(&spec->linux_, path);
		if (why)
			return rule_error(r, at, "%s", why);
	}
	return 0;
}

/* --- devices */

/* V35 */
static int check_devices(struct rules *r, const struct spec *spec)
{
	for (size_t i = 0; i < spec->linux_.devices.n; i++)
		if (rule_absolute(r, RULE_PATH("linux.devices[%zu].path", i), spec->linux_.devices.v[i].path) < 0)
			return -1;
	return 0;
}

/* As the kernel's dev_valid_name(); in a new name it replaces one "%d" by a number. */
static bool is_device_name(const char *name, bool template)
{
	const char *percent = strchr(name, '%');

	if (!*name || strlen(name) >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	if (name[strcspn(name, "/: \t\n\v\f\r")])
		return false;
	return !percent || (template && percent[1] == 'd' && !strchr(percent + 1, '%'));
}

static const char *target_name(const struct spec_netdev *dev)
{
	return dev->name ?: dev->host_name;
}

/* V36 */
static int check_net_devices(struct rules *r, const struct spec *spec)
{
	const struct spec_netdevs *devs = &spec->linux_.net_devices;

	if (devs->n && !spec->linux_.namespaces[NS_NETWORK].set)
		return rule_error(r, "linux.netDevices", "needs a 'network' namespace in linux.namespaces");
	for (size_t i = 0; i < devs->n; i++) {
		const struct spec_netdev *dev = &devs->v[i];
		const char *path = RULE_PATH("linux.netDevices[\"%s\"]", SHOWN(dev->host_name));
		if (!is_device_name(dev->host_name, false))
			return rule_error(r, path, "is not the name of a network device");
		if (dev->name && !is_device_name(dev->name, true))
			return rule_error(r, RULE_PATH("%s.name", path), "'%s' is not the name of a network device",
					  SHOWN(dev->name));
		for (size_t j = 0; j < i && !strchr(target_name(dev), '%'); j++)
			if (strcmp(target_name(dev), target_name(&devs->v[j])) == 0)
				return rule_error(r, path, "the container's name '%s' is taken by '%s'",
						  target_name(dev), devs->v[j].host_name);
	}
	return 0;
}

/* --- seccomp */

static bool takes_errno(uint32_t action)
{
	return action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE;
}

static int check_action(struct rules *r, const char *path, const char *name, uint32_t action,
			const struct opt_u32 *errno_ret)
{
	if (!errno_ret->set)
		return 0;
	if (!takes_errno(action))
		return rule_error(r, RULE_PATH("%s.%s", path, name), "the action %s has no errno",
				  value_to_name(names_seccomp_actions, action));
	if (action == SECCOMP_RET_ERRNO && errno_ret->v > ERRNO_MAX)
		return rule_error(r, RULE_PATH("%s.%s", path, name), "must be at most %d, is %u", ERRNO_MAX,
				  errno_ret->v);
	return 0;
}

/* V37 */
static int check_seccomp(struct rules *r, const struct spec *spec)
{
	const struct spec_seccomp *s = &spec->linux_.seccomp;
	bool notify = s->default_action == SECCOMP_RET_USER_NOTIF;

	if (!s->set)
		return 0;
	if (check_action(r, "linux.seccomp", "defaultErrnoRet", s->default_action, &s->default_errno_ret) < 0)
		return -1;
	for (size_t i = 0; i < s->syscalls.n; i++) {
		const struct spec_seccomp_rule *rule = &s->syscalls.v[i];
		notify |= rule->action == SECCOMP_RET_USER_NOTIF;
		if (rule->errno_ret.set && check_action(r, RULE_PATH("linux.seccomp.syscalls[%zu]", i), "errnoRet",
							rule->action, &rule->errno_ret) < 0)
			return -1;
	}
	if (s->listener_metadata && !s->listener_path)
		return rule_error(r, "linux.seccomp.listenerMetadata", "must not be set without listenerPath");
	if (notify && !s->listener_path)
		return rule_error(r, "linux.seccomp.listenerPath", "is required by the action SCMP_ACT_NOTIFY");
	return 0;
}

/* --- resource control outside of cgroups */

static int check_one_line(struct rules *r, const char *path, const char *value)
{
	if (value && strchr(value, '\n'))
		return rule_error(r, path, "must be one line");
	return 0;
}

/* V38: a class of service is one directory of resctrl. */
static int check_rdt(struct rules *r, const struct spec *spec)
{
	const struct spec_rdt *rdt = &spec->linux_.intel_rdt;
	const char *clos = rdt->clos_id;

	if (clos && strcmp(clos, "/") != 0 &&
	    (strchr(clos, '/') || strcmp(clos, ".") == 0 || strcmp(clos, "..") == 0 || strlen(clos) > 255))
		return rule_error(r, "linux.intelRdt.closID", "must be the name of a directory or '/', is '%s'",
				  SHOWN(clos));
	if (check_one_line(r, "linux.intelRdt.l3CacheSchema", rdt->l3_cache_schema) < 0 ||
	    check_one_line(r, "linux.intelRdt.memBwSchema", rdt->mem_bw_schema) < 0)
		return -1;
	if (rdt->mem_bw_schema && strncmp(rdt->mem_bw_schema, "MB:", 3) != 0)
		return rule_error(r, "linux.intelRdt.memBwSchema", "must begin with 'MB:', is '%s'",
				  SHOWN(rdt->mem_bw_schema));
	for (size_t i = 0; i < rdt->schemata.n; i++)
		if (check_one_line(r, RULE_PATH("linux.intelRdt.schemata[%zu]", i), rdt->schemata.v[i]) < 0)
			return -1;
	return 0;
}

/* V39: as set_mempolicy(2) has it. */
static int check_memory_policy(struct rules *r, const struct spec *spec)
{
	int mode = spec->linux_.memory_policy.mode;
	unsigned flags = spec->linux_.memory_policy.flags;
	const char *nodes = spec->linux_.memory_policy.nodes;
	const char *name = value_to_name(names_mpol_modes, mode);

	if (!spec->linux_.memory_policy.set)
		return 0;
	if (rule_list(r, "linux.memoryPolicy.nodes", nodes) < 0)
		return -1;
	bool any = nodes && nodes[strspn(nodes, " ,")];
	if ((mode == MPOL_DEFAULT || mode == MPOL_LOCAL) && any)
		return rule_error(r, "linux.memoryPolicy.nodes", "must be empty for the mode %s", name);
	if (mode != MPOL_DEFAULT && mode != MPOL_LOCAL && mode != MPOL_PREFERRED && !any)
		return rule_error(r, "linux.memoryPolicy.nodes", "is required for the mode %s", name);
	if ((flags & MPOL_F_STATIC_NODES) && (flags & MPOL_F_RELATIVE_NODES))
		return rule_error(r, "linux.memoryPolicy.flags",
				  "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
	if (flags && !any)
		return rule_error(r, "linux.memoryPolicy.flags", "have no meaning without nodes");
	return 0;
}

/* V40: the deadline policy admits tasks by the whole root domain, so the kernel refuses it in a cpuset. */
static int check_scheduler_cpus(struct rules *r, const struct spec *spec)
{
	if (spec->process.scheduler.set && spec->process.scheduler.policy == SCHED_DEADLINE &&
	    spec->linux_.resources.cpu.cpus)
		return rule_error(r, "process.scheduler",
				  "process scheduler can't be used together with AllowedCPUs (resources.cpu.cpus)");
	return 0;
}

/* --- resources */

/* V50: config-linux.md: burst no larger than any positive quota. */
static int check_cpu(struct rules *r, const struct spec_resources *resources)
{
	const struct opt_u64 *burst = &resources->cpu.burst;
	const struct opt_i64 *quota = &resources->cpu.quota;

	if (burst->set && quota->set && quota->v > 0 && burst->v > (uint64_t)quota->v)
		return rule_error(r, "linux.resources.cpu.burst", "must not be larger than the quota");
	if (rule_list(r, "linux.resources.cpu.cpus", resources->cpu.cpus) < 0)
		return -1;
	return rule_list(r, "linux.resources.cpu.mems", resources->cpu.mems);
}

/* V51: a key is the name of a file of the cgroup; unknown ones are written (config-linux.md). */
static int check_unified(struct rules *r, const struct spec_resources *resources)
{
	for (size_t i = 0; i < resources->unified.n; i++) {
		const char *key = resources->unified.v[i].key;
		const char *path = RULE_PATH("linux.resources.unified[\"%s\"]", SHOWN(key));
		const char *dot = strchr(key, '.');
		if (strchr(key, '/') || strlen(key) > 255)
			return rule_error(r, path, "must be a file name");
		if (!dot || dot == key || !dot[1])
			return rule_error(r, path, "must have the form CONTROLLER.PARAMETER");
	}
	return 0;
}

static const char *unified_value(const struct spec_resources *resources, const char *file)
{
	for (size_t i = 0; i < resources->unified.n; i++)
		if (strcmp(resources->unified.v[i].key, file) == 0)
			return resources->unified.v[i].value;
	return NULL;
}

bool spec_cpu_idle(const struct spec_resources *resources)
{
	const char *idle = unified_value(resources, "cpu.idle");

	return idle ? strcmp(idle, "1") == 0 : resources->cpu.idle.set && resources->cpu.idle.v != 0;
}

/* V52: the kernel takes no weight for an idle cgroup, whose weight is one of its own. */
static void warn_of_weight(struct rules *r, const struct spec_resources *resources)
{
	if (!spec_cpu_idle(resources))
		return;
	if (resources->cpu.shares.set && resources->cpu.shares.v)
		decode_warn(r->decoder, "linux.resources.cpu.shares: unable to apply both shares and idle, ignoring the shares");
	if (unified_value(resources, "cpu.weight"))
		decode_warn(r->decoder, "linux.resources.unified: unable to apply both cpu.weight and cpu.idle, ignoring cpu.weight");
}

int validate_resources(struct rules *r, const struct spec_resources *resources)
{
	if (check_cpu(r, resources) < 0 || check_unified(r, resources) < 0)
		return -1;
	warn_of_weight(r, resources);
	return 0;
}

int validate_linux(struct rules *r, const struct spec *spec)
{
	static int (*const rules[])(struct rules *, const struct spec *) = {
		check_namespaces, check_user_namespace, check_time_offsets,   check_covered_paths,
		check_sysctl,     check_devices,        check_net_devices,    check_seccomp,
		check_rdt,        check_memory_policy,  check_scheduler_cpus,
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i](r, spec) < 0)
			return -1;
	return validate_resources(r, &spec->linux_.resources);
}
