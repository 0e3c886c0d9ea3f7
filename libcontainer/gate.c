/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/gate.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "libcontainer/plan.h"
#include "spec/mount_options.h"

enum occasion { ON_CREATE = 1, ON_EXEC = 2, ON_UPDATE = 4 };

struct gate {
	const struct policy *policy;
	const struct spec *spec;
	const struct spec_process *process;
	const struct spec_resources *resources;
	const char *bundle, *rootfs;
	enum occasion occasion;
	struct error *e;
};

/* "linux.seccomp: missing: refused by /etc/kedge/policy.json: containers.require[1]" */
static int refuse(const struct gate *g, const char *rule, const struct policy_list *list, size_t i, const char *fmt, ...)
	printf_like(5, 6);
static int refuse(const struct gate *g, const char *rule, const struct policy_list *list, size_t i, const char *fmt, ...)
{
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (list && i >= list->n_host)
		return error_set(g->e, ERROR_CONFIG, 0, "%s: refused by annotations: " POLICY_ANNOTATION "%s", what, rule);
	if (list && i < list->words.n)
		return error_set(g->e, ERROR_CONFIG, 0, "%s: refused by " POLICY_FILE ": containers.%s[%zu] '%s'", what, rule, i,
				 list->words.v[i]);
	return error_set(g->e, ERROR_CONFIG, 0, "%s: refused by " POLICY_FILE ": containers.%s", what, rule);
}

static int refuse_flag(const struct gate *g, const char *rule, bool annotated, const char *path, const char *why)
{
	static const struct policy_list of_annotation = {.set = true};

	return refuse(g, rule, annotated ? &of_annotation : NULL, 0, "%s: %s", path, why);
}

/* --- require */

static bool has_no_new_privs(const struct gate *g)
{
	return g->process->no_new_privileges;
}

static bool has_seccomp(const struct gate *g)
{
	return g->spec->linux_.seccomp.set;
}

static bool has_userns(const struct gate *g)
{
	return g->spec->linux_.namespaces[NS_USER].set;
}

static bool has_masks(const struct gate *g)
{
	return g->spec->linux_.masked_paths.n > 0;
}

static bool has_readonly_root(const struct gate *g)
{
	return g->spec->root.readonly;
}

static bool has_user(const struct gate *g)
{
	return g->process->user.uid != 0;
}

static bool has_memory_limit(const struct gate *g)
{
	const struct opt_i64 *limit = &g->resources->memory.limit;

	/* An update that says nothing leaves it as it is. */
	return limit->set ? limit->v > 0 : g->occasion == ON_UPDATE;
}

static bool has_pids_limit(const struct gate *g)
{
	return g->resources->pids.set ? g->resources->pids.limit > 0 : g->occasion == ON_UPDATE;
}

static const struct requirement {
	const char *name;
	unsigned occasions;
	bool (*met)(const struct gate *g);
	const char *path, *why;
} requirements[] = {
	{"no-new-privileges", ON_CREATE | ON_EXEC, has_no_new_privs, "process.noNewPrivileges", "not set"},
	{"seccomp", ON_CREATE, has_seccomp, "linux.seccomp", "missing"},
	{"user-namespace", ON_CREATE, has_userns, "linux.namespaces", "no 'user' namespace"},
	{"masked-paths", ON_CREATE, has_masks, "linux.maskedPaths", "empty"},
	{"read-only-root", ON_CREATE, has_readonly_root, "root.readonly", "not set"},
	{"no-root", ON_CREATE | ON_EXEC, has_user, "process.user.uid", "is 0"},
	{"memory-limit", ON_CREATE | ON_UPDATE, has_memory_limit, "linux.resources.memory.limit", "no limit"},
	{"pids-limit", ON_CREATE | ON_UPDATE, has_pids_limit, "linux.resources.pids.limit", "no limit"},
};

static int check_require(const struct gate *g)
{
	const struct policy_list *list = &g->policy->require;

	for (size_t i = 0; i < list->words.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(requirements); k++) {
			const struct requirement *r = &requirements[k];

			if (strcmp(r->name, list->words.v[i]) == 0 && (r->occasions & g->occasion) && !r->met(g))
				return refuse(g, "require", list, i, "%s: %s", r->path, r->why);
		}
	return 0;
}

/* --- what nobody may have */

static int check_capabilities(const struct gate *g)
{
	const struct spec_caps *c = &g->process->caps;
	const struct policy_list *list = &g->policy->no_capabilities;
	const struct { const char *name; uint64_t set; } sets[] = {{"bounding", c->bounding},
								     {"effective", c->effective},
								     {"inheritable", c->inheritable},
								     {"permitted", c->permitted},
								     {"ambient", c->ambient}};
	int64_t cap;

	for (size_t i = 0; i < list->words.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(sets); k++)
			if (name_to_value(names_caps, list->words.v[i], &cap) && (sets[k].set >> cap & 1))
				return refuse(g, "no-capabilities", list, i, "process.capabilities.%s: %s", sets[k].name,
					      list->words.v[i]);
	return 0;
}

/* The host's own, named by a path: as good as none. What cannot be looked at is told when it is joined. */
static bool is_hosts(const char *path, int type)
{
	struct stat given, own;
	char proc[64];

	for (int i = 0; i < 2; i++) {
		snprintf(proc, sizeof(proc), "/proc/%s/ns/%s", i ? "1" : "self", ns_info[type].proc);
		if (stat(path, &given) == 0 && stat(proc, &own) == 0 && given.st_ino == own.st_ino &&
		    given.st_dev == own.st_dev)
			return true;
	}
	return false;
}

static int check_namespaces(const struct gate *g)
{
	const struct policy_list *list = &g->policy->no_host_namespaces;
	int64_t type;

	for (size_t i = 0; i < list->words.n; i++) {
		const char *name = list->words.v[i];

		if (!name_to_value(policy_namespace_names, name, &type))
			continue;
		const struct spec_namespace *ns = &g->spec->linux_.namespaces[type];
		if (!ns->set || (ns->path && is_hosts(ns->path, (int)type)))
			return refuse(g, "no-host-namespaces", list, i, "linux.namespaces: the host's '%s'", name);
	}
	return 0;
}

/* Those that every container has, and terminals; minor -1: any. */
static const struct { char type; int64_t major, minor; } harmless[] = {
	{'c', 1, 3}, {'c', 1, 5}, {'c', 1, 7}, {'c', 1, 8}, {'c', 1, 9}, {'c', 5, 0}, {'c', 5, 1}, {'c', 5, 2}, {'c', 136, -1},
};

static bool is_harmless(char type, int64_t major, int64_t minor)
{
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (harmless[i].type == type && harmless[i].major == major &&
		    (harmless[i].minor == minor || harmless[i].minor == -1))
			return true;
	return false;
}

static int check_devices(const struct gate *g)
{
	const struct spec_linux *l = &g->spec->linux_;
	char path[64];

	if (!g->policy->no_devices.v)
		return 0;
	for (size_t i = 0; i < l->devices.n; i++) {
		const struct spec_device *d = &l->devices.v[i];

		snprintf(path, sizeof(path), "linux.devices[%zu]", i);
		if (d->type != 'p' && !is_harmless(d->type, d->major, d->minor))
			return refuse_flag(g, "no-devices", g->policy->no_devices.annotated, path, d->path);
	}
	for (size_t i = 0; i < l->resources.devices.n; i++) {
		const struct spec_dev_rule *r = &l->resources.devices.v[i];

		snprintf(path, sizeof(path), "linux.resources.devices[%zu]", i);
		/* To make a node of a device gives nothing that opening it would. */
		if (r->allow && strcmp(r->access, "m") != 0 && !is_harmless(r->type, r->major, r->minor))
			return refuse_flag(g, "no-devices", g->policy->no_devices.annotated, path, "allows a device of the host");
	}
	return 0;
}

/* --- paths */

static bool is_below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	while (n > 0 && prefix[n - 1] == '/')
		n--;
	return strncmp(path, prefix, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_in(const struct policy_list *list, const char *path)
{
	char real[PATH_MAX], prefix[PATH_MAX];

	if (!realpath(path, real))
		return false;
	for (size_t i = 0; i < list->words.n; i++)
		if (is_below(real, realpath(list->words.v[i], prefix) ? prefix : list->words.v[i]))
			return true;
	return false;
}

static int check_path(const struct gate *g, const char *rule, const struct policy_list *list, const char *at, const char *path)
{
	if (!list->set || is_in(list, path))
		return 0;
	return refuse(g, rule, NULL, 0, "%s: '%s' is below none of the paths allowed", at, path);
}

static bool has_option(const struct spec_mount *m, const char *a, const char *b)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (strcmp(m->options.v[i], a) == 0 || strcmp(m->options.v[i], b) == 0)
			return true;
	return false;
}

/* Of file systems that have nothing of the host behind them. */
static bool is_own(const char *type)
{
	static const char *const types[] = {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "ramfs"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (type && strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static int check_mount(const struct gate *g, size_t i, struct arena *a)
{
	const struct spec_mount *m = &g->spec->mounts.v[i];
	const struct policy *p = g->policy;
	bool bind = has_option(m, "bind", "rbind") || (m->type && strcmp(m->type, "bind") == 0);
	const char *at = arena_printf(a, "mounts[%zu] '%s'", i, m->destination);

	if (p->no_shared_mounts.v && has_option(m, "shared", "rshared"))
		return refuse_flag(g, "no-shared-mounts", p->no_shared_mounts.annotated, at, "is shared with the host");
	if (has_option(m, "remount", "remount") || (!bind && is_own(m->type)))
		return 0;
	if (p->mount_sources.set && !bind)
		return refuse(g, "mount-sources", NULL, 0, "%s: type '%s' is not bound from a path", at, m->type ?: "");
	const char *source = bind ? path_join(a, g->bundle, m->source ?: "") : "";
	if (check_path(g, "mount-sources", &p->mount_sources, at, source) < 0)
		return -1;
	if (p->nosymfollow.v && bind && !has_option(m, "nosymfollow", "rnosymfollow") && !is_in(&p->trusted_sources, source))
		return refuse_flag(g, "nosymfollow", p->nosymfollow.annotated, at, "without the option nosymfollow");
	return 0;
}

static int check_hooks(const struct gate *g)
{
	char at[64];

	for (int kind = 0; kind < HOOK_KIND_MAX; kind++)
		for (size_t i = 0; i < g->spec->hooks[kind].n; i++) {
			snprintf(at, sizeof(at), "hooks.%s[%zu].path", value_to_name(names_hooks, kind), i);
			if (check_path(g, "hook-paths", &g->policy->hook_paths, at, g->spec->hooks[kind].v[i].path) < 0)
				return -1;
		}
	return 0;
}

static int check_mounts(const struct gate *g)
{
	const char *propagation = g->spec->linux_.rootfs_propagation;
	auto_arena struct arena a = {};

	if (g->policy->no_shared_mounts.v && propagation && strstr(propagation, "shared"))
		return refuse_flag(g, "no-shared-mounts", g->policy->no_shared_mounts.annotated, "linux.rootfsPropagation",
				   propagation);
	if (check_path(g, "root-paths", &g->policy->root_paths, "root.path", g->rootfs) < 0)
		return -1;
	for (size_t i = 0; i < g->spec->mounts.n; i++)
		if (check_mount(g, i, &a) < 0)
			return -1;
	return 0;
}

int gate_read(const struct spec *spec, struct policy *ret, struct error *e)
{
	return policy_read(ret, e) < 0 ? -1 : policy_annotate(ret, spec, e);
}

int gate_create(const struct policy *p, const struct spec *spec, const char *bundle, const char *rootfs, struct error *e)
{
	struct gate g = {.policy = p,
			 .spec = spec,
			 .process = &spec->process,
			 .resources = &spec->linux_.resources,
			 .bundle = bundle,
			 .rootfs = rootfs,
			 .occasion = ON_CREATE,
			 .e = e};

	if (!p->set)
		return 0;
	if (check_require(&g) < 0 || check_capabilities(&g) < 0 || check_namespaces(&g) < 0 || check_devices(&g) < 0 ||
	    check_mounts(&g) < 0)
		return -1;
	return check_hooks(&g);
}

int gate_exec(const struct policy *p, const struct spec *spec, const struct spec_process *process, struct error *e)
{
	struct gate g = {.policy = p, .spec = spec, .process = process, .resources = &spec->linux_.resources,
			 .occasion = ON_EXEC, .e = e};

	return check_require(&g) < 0 ? -1 : check_capabilities(&g);
}

int gate_update(const struct policy *p, const struct spec *spec, const struct spec_resources *r, struct error *e)
{
	struct gate g = {.policy = p, .spec = spec, .process = &spec->process, .resources = r, .occasion = ON_UPDATE, .e = e};

	return check_require(&g);
}
