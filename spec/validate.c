/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/validate.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bitlist.h"
#include "base/num.h"
#include "spec/mount_options.h"

#define UTS_NAME_MAX 64 /* the kernel's __NEW_UTS_LEN */
#define SCRATCH_MAX  (1UL << 20)

/* --- from a path to the line of its value */

static const struct json *step_index(const struct json *v, const char **path)
{
	size_t i = 0;
	const char *p = *path + 1;

	for (; *p >= '0' && *p <= '9'; p++)
		i = i * 10 + (size_t)(*p - '0');
	*path = p + (*p == ']');
	for (v = v->child; v && i > 0; i--)
		v = v->next;
	return v;
}

/* Free member names can hold any character, so each is compared with what stands in the path. */
static const struct json *step_key(const struct json *v, const char **path, const char *open, const char *close)
{
	size_t n_open = strlen(open), n_close = strlen(close);

	for (v = v->child; v; v = v->next) {
		size_t n = v->key ? strlen(v->key) : 0;
		if (!v->key || strncmp(*path + n_open, v->key, n) != 0)
			continue;
		const char *after = *path + n_open + n;
		if (*close ? strncmp(after, close, n_close) == 0 : !*after || *after == '.' || *after == '[') {
			*path = after + n_close;
			return v;
		}
	}
	return NULL;
}

/* The line of the value at path, or of the nearest object around it. */
static unsigned line_of(const struct json *v, const char *path)
{
	unsigned line = v->line;

	while (v && *path) {
		if (path[0] == '[' && path[1] == '"')
			v = step_key(v, &path, "[\"", "\"]");
		else if (path[0] == '[')
			v = step_index(v, &path);
		else
			v = step_key(v, &path, path[0] == '.' ? "." : "", "");
		if (v)
			line = v->line;
	}
	return line;
}

const char *rule_path(char *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, RULE_PATH_MAX, fmt, ap);
	va_end(ap);
	return buf;
}

int rule_error(const struct rules *r, const char *path, const char *fmt, ...)
{
	size_t n = strlen(r->strip);
	char why[1536];
	va_list ap;

	if (strncmp(path, r->strip, n) == 0)
		path += n;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return error_set(r->decoder->e, ERROR_CONFIG, 0, "%s:%u: %s: %s", r->decoder->name, line_of(r->root, path),
			 path, why);
}

/* --- what several rules ask */

int rule_absolute(const struct rules *r, const char *path, const char *value)
{
	return value[0] == '/' ? 0 : rule_error(r, path, "must be an absolute path, is '%s'", SHOWN(value));
}

static bool list_item(const char *s, size_t n)
{
	char text[32];
	uint32_t first, last;

	if (n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	char *dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	if (parse_u32(text, BITLIST_MAX - 1, &first) < 0)
		return false;
	return !dash || (parse_u32(dash + 1, BITLIST_MAX - 1, &last) == 0 && first <= last);
}

/* Blanks around an item and empty items are what the peers and the kernel let pass. */
int rule_list(const struct rules *r, const char *path, const char *list)
{
	for (const char *p = list; p && *p;) {
		size_t n = strcspn(p, ",");
		const char *item = p, *end = p + n;
		while (item < end && *item == ' ')
			item++;
		while (end > item && end[-1] == ' ')
			end--;
		if (item < end && !list_item(item, (size_t)(end - item)))
			return rule_error(r, path, "must be a list as '0-3,7', is '%s'", SHOWN(list));
		p += n + (p[n] == ',');
	}
	return 0;
}

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return (uint64_t)a < (uint64_t)b + b_size && (uint64_t)b < (uint64_t)a + a_size;
}

int rule_mappings(const struct rules *r, const char *path, const struct spec_idmaps *maps)
{
	for (size_t i = 0; i < maps->n; i++) {
		const struct spec_idmap *m = &maps->v[i];
		if ((uint64_t)m->container_id + m->size > 1ULL + ID_MAX ||
		    (uint64_t)m->host_id + m->size > 1ULL + ID_MAX)
			return rule_error(r, RULE_PATH("%s[%zu]", path, i), "the range goes beyond the last id %u",
					  ID_MAX);
		for (size_t j = 0; j < i; j++) {
			const struct spec_idmap *o = &maps->v[j];
			if (overlap(m->container_id, m->size, o->container_id, o->size))
				return rule_error(r, RULE_PATH("%s[%zu]", path, i),
						  "the container's ids overlap with those of entry %zu", j);
			if (overlap(m->host_id, m->size, o->host_id, o->size))
				return rule_error(r, RULE_PATH("%s[%zu]", path, i),
						  "the host's ids overlap with those of entry %zu", j);
		}
	}
	return 0;
}

/* --- process */

/* V1: one argument at least, and a program to look for. runc refuses the same. */
static int check_args(struct rules *r, struct spec_process *process)
{
	if (process->args.n == 0)
		return rule_error(r, "process.args", "must have at least one entry");
	if (!process->args.v[0][0])
		return rule_error(r, "process.args[0]", "must not be empty");
	return 0;
}

/* V2: the semantics of environ are NAME=VALUE. runc refuses anything else, crun passes it on. */
static int check_env(struct rules *r, struct spec_process *process)
{
	for (size_t i = 0; i < process->env.n; i++) {
		const char *equals = strchr(process->env.v[i], '=');
		if (!equals || equals == process->env.v[i])
			return rule_error(r, RULE_PATH("process.env[%zu]", i), "must have the form NAME=VALUE, is '%s'",
					  SHOWN(process->env.v[i]));
	}
	return 0;
}

/* V3 */
static int check_cwd(struct rules *r, struct spec_process *process)
{
	return rule_absolute(r, "process.cwd", process->cwd);
}

/* V4: each limit once, soft not above hard. */
static int check_rlimits(struct rules *r, struct spec_process *process)
{
	unsigned seen = 0;

	for (size_t i = 0; i < process->rlimits.n; i++) {
		const struct spec_rlimit *limit = &process->rlimits.v[i];
		const char *name = value_to_name(names_rlimits, limit->type);
		if (seen & 1U << limit->type)
			return rule_error(r, RULE_PATH("process.rlimits[%zu]", i), "%s is listed twice", name);
		seen |= 1U << limit->type;
		if (limit->soft > limit->hard)
			return rule_error(r, RULE_PATH("process.rlimits[%zu]", i),
					  "the soft limit of %s is above the hard one", name);
	}
	return 0;
}

static void drop_caps(struct rules *r, uint64_t *set, uint64_t allowed, const char *name, const char *outside)
{
	/* The ambient text is runc's: its users look for it. */
	bool ambient = strcmp(name, "ambient") == 0;

	for (int cap = 0; cap < 64; cap++) {
		if (!(*set & ~allowed & 1ULL << cap))
			continue;
		const char *known = value_to_name(names_caps, cap) ?: "an unnamed one";
		if (ambient)
			decode_warn(r->decoder, "can't raise ambient capability %s: it is not in the %s set, ignoring",
				    known, outside);
		else
			decode_warn(r->decoder, "process.capabilities.%s: %s is not in the %s set, ignoring", name,
				    known, outside);
	}
	*set &= allowed;
}

/* V5: what the kernel would refuse to grant is dropped with a warning, as config.md wants it. */
static int check_caps(struct rules *r, struct spec_process *process)
{
	struct spec_caps *caps = &process->caps;

	drop_caps(r, &caps->effective, caps->permitted, "effective", "permitted");
	drop_caps(r, &caps->ambient, caps->permitted, "ambient", "permitted");
	drop_caps(r, &caps->ambient, caps->inheritable, "ambient", "inheritable");
	return 0;
}

/* V6: runc's rules, and those the kernel has for the deadline policy. */
static int check_deadline(struct rules *r, const struct spec_scheduler *s)
{
	if (s->policy != SCHED_DEADLINE) {
		if (s->runtime || s->deadline || s->period)
			return rule_error(r, "process.scheduler",
					  "runtime, deadline and period are for the policy SCHED_DEADLINE only");
		return 0;
	}
	if (s->runtime == 0 || s->runtime > s->deadline || (s->period && s->deadline > s->period))
		return rule_error(r, "process.scheduler", "must have 0 < runtime <= deadline <= period");
	return 0;
}

static int check_scheduler(struct rules *r, struct spec_process *process)
{
	const struct spec_scheduler *s = &process->scheduler;
	bool realtime = s->policy == SCHED_FIFO || s->policy == SCHED_RR;
	const char *policy = value_to_name(names_sched_policies, s->policy);

	if (!s->set)
		return 0;
	if (s->policy == SCHED_ISO)
		return rule_error(r, "process.scheduler.policy", "Linux does not implement SCHED_ISO");
	if (realtime && (s->priority < 1 || s->priority > 99))
		return rule_error(r, "process.scheduler.priority", "must be between 1 and 99 for %s, is %d", policy,
				  s->priority);
	if (!realtime && s->priority != 0)
		return rule_error(r, "process.scheduler.priority", "is for the policies SCHED_FIFO and SCHED_RR only");
	if (s->nice < -20 || s->nice > 19)
		return rule_error(r, "process.scheduler.nice", "must be between -20 and 19, is %d", s->nice);
	return check_deadline(r, s);
}

/* V7: config.md has consoleSize ignored without a terminal. */
static int check_console(struct rules *r, struct spec_process *process)
{
	if (!process->terminal || !process->console_size.set)
		return 0;
	if (process->console_size.height > UINT16_MAX || process->console_size.width > UINT16_MAX)
		return rule_error(r, "process.consoleSize", "must be at most 65535 by 65535");
	return 0;
}

/* V8 */
static int check_affinity(struct rules *r, struct spec_process *process)
{
	if (rule_list(r, "process.execCPUAffinity.initial", process->exec_cpu_affinity.initial) < 0)
		return -1;
	return rule_list(r, "process.execCPUAffinity.final", process->exec_cpu_affinity.final);
}

int validate_process(struct rules *r, struct spec_process *process)
{
	static int (*const rules[])(struct rules *, struct spec_process *) = {
		check_args, check_env,       check_cwd,     check_rlimits,
		check_caps, check_scheduler, check_console, check_affinity,
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i](r, process) < 0)
			return -1;
	return 0;
}

/* --- the top of the document */

static const char *skip_number(const char *p)
{
	size_t n = strspn(p, "0123456789");

	return n == 0 || n > 9 || (n > 1 && p[0] == '0') ? NULL : p + n;
}

/* V20: SemVer 2.0.0 of major version 1, with or without a pre-release ("1.0.0-rc5", "1.2.0+dev"). */
static int check_version(struct rules *r, const struct spec *spec)
{
	static const char word[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.";
	const char *p = skip_number(spec->oci_version);

	for (int dots = 0; p && dots < 2; dots++)
		p = *p == '.' ? skip_number(p + 1) : NULL;
	if (p && *p == '-')
		p = p[1] && p[1] != '+' ? p + 1 + strspn(p + 1, word) : NULL;
	if (p && *p == '+')
		p = p[1] ? p + 1 + strspn(p + 1, word) : NULL;
	if (!p || *p)
		return rule_error(r, "ociVersion", "'%s' is not a version as '1.3.0'", SHOWN(spec->oci_version));
	if (strncmp(spec->oci_version, "1.", 2) != 0)
		return rule_error(r, "ociVersion", "ociVersion '%s' is not supported", SHOWN(spec->oci_version));
	return 0;
}

/* V21: names are the UTS namespace's, and only a container's own one may be changed. */
static int check_uts(struct rules *r, const struct spec *spec)
{
	const struct {
		const char *path, *name;
	} names[] = {
		{"hostname", spec->hostname},
		{"domainname", spec->domainname},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!names[i].name)
			continue;
		if (!spec->linux_.namespaces[NS_UTS].set)
			return rule_error(r, names[i].path, "needs a 'uts' namespace in linux.namespaces");
		if (strlen(names[i].name) > UTS_NAME_MAX)
			return rule_error(r, names[i].path, "must be at most %d bytes long", UTS_NAME_MAX);
	}
	return 0;
}

/* V22: an id-mapped mount has both mappings, its own or the container's. */
static int check_mount_mappings(struct rules *r, const struct spec *spec, size_t i, const struct mount_options *options)
{
	const struct spec_mount *m = &spec->mounts.v[i];
	const char *path = RULE_PATH("mounts[%zu]", i);
	bool own = m->uid_mappings.n || (options->idmap_uids && options->idmap_gids);

	if (!m->uid_mappings.n != !m->gid_mappings.n)
		return rule_error(r, path, "uidMappings and gidMappings must be given together");
	if ((options->idmap || options->ridmap) && !own && !spec->linux_.namespaces[NS_USER].set)
		return rule_error(r, path, "an id-mapped mount needs uidMappings and gidMappings or a user namespace");
	if (rule_mappings(r, RULE_PATH("mounts[%zu].uidMappings", i), &m->uid_mappings) < 0)
		return -1;
	return rule_mappings(r, RULE_PATH("mounts[%zu].gidMappings", i), &m->gid_mappings);
}

/* V23: the kernel would ignore file system options of a bind mount, so they are an error, as in runc. Only what sizes a
 * tmpfs can be meant for none: it stays behind when a list of options is used for mounts of both kinds. */
static int check_bind_data(struct rules *r, const struct mount_options *options, size_t i)
{
	static const char *const of_tmpfs[] = {"mode", "size", "uid", "gid", "nr_blocks", "nr_inodes"};

	for (size_t n = 0; n < options->data.n; n++) {
		const char *key = options->data.v[n].key;
		bool known = false;
		for (size_t k = 0; k < ARRAY_SIZE(of_tmpfs); k++)
			known |= strcmp(key, of_tmpfs[k]) == 0;
		if (!known)
			return rule_error(r, RULE_PATH("mounts[%zu].options", i),
					  "a bind mount cannot have the file system option '%s'", SHOWN(key));
		decode_warn(r->decoder, "mounts[%zu].options: a bind mount has no '%s', that of its source remains", i, key);
	}
	return 0;
}

static int check_mount(struct rules *r, const struct spec *spec, size_t i, struct arena *a)
{
	const struct spec_mount *m = &spec->mounts.v[i];
	struct mount_options options;

	mount_options_parse(a, &m->options, &options);
	if (m->destination[0] != '/')
		decode_warn(r->decoder, "mounts[%zu].destination '%s' is relative, taking it as relative to /", i,
			    SHOWN(m->destination));
	if (options.data.n > MOUNT_OPTIONS_MAX)
		return rule_error(r, RULE_PATH("mounts[%zu].options", i), "must have at most %d entries, has %zu",
				  MOUNT_OPTIONS_MAX, options.data.n);
	if (options.bind && !options.remount && !m->source)
		return rule_error(r, RULE_PATH("mounts[%zu]", i), "a bind mount needs a source");
	if (options.bind && check_bind_data(r, &options, i) < 0)
		return -1;
	if (!options.bind && !options.remount && !m->type)
		return rule_error(r, RULE_PATH("mounts[%zu]", i), "a mount that is no bind mount needs a type");
	return check_mount_mappings(r, spec, i, &options);
}

int validate_mounts(struct rules *r, const struct spec *spec)
{
	auto_arena struct arena a = {0};

	for (size_t i = 0; i < spec->mounts.n; i++) {
		if (check_mount(r, spec, i, &a) < 0)
			return -1;
		if (a.total > SCRATCH_MAX)
			arena_done(&a);
	}
	return 0;
}

/* V24: hooks are executed without a search. */
static int check_hooks(struct rules *r, const struct spec *spec)
{
	for (const struct spec_name *kind = names_hooks; kind->name; kind++) {
		const struct spec_hook_list *list = &spec->hooks[kind->value];
		for (size_t i = 0; i < list->n; i++)
			if (rule_absolute(r, RULE_PATH("hooks.%s[%zu].path", kind->name, i), list->v[i].path) < 0)
				return -1;
	}
	return 0;
}

int validate_spec(struct rules *r, struct spec *spec)
{
	static int (*const rules[])(struct rules *, const struct spec *) = {
		check_version, check_uts, validate_mounts, check_hooks, validate_linux,
	};

	if (spec->process.set && validate_process(r, &spec->process) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i](r, spec) < 0)
			return -1;
	return 0;
}
