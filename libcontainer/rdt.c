/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/rdt.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/num.h"

#define FILE_MAX (1U << 20)
#ifndef RDTGROUP_SUPER_MAGIC
#define RDTGROUP_SUPER_MAGIC 0x7655821
#endif

/* --- the file system */

static int try_root(const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != RDTGROUP_SUPER_MAGIC)
		return -1;
	return TAKE_FD(fd);
}

/* Where it usually is, else wherever it is. -1: nowhere. */
static int find_root(void)
{
	int fd = try_root("/sys/fs/resctrl");
	FILE *mounts = fd < 0 ? setmntent("/proc/self/mounts", "re") : NULL;
	const struct mntent *m;

	while (mounts && fd < 0 && (m = getmntent(mounts)))
		if (strcmp(m->mnt_type, "resctrl") == 0)
			fd = try_root(m->mnt_dir);
	if (mounts)
		endmntent(mounts);
	return fd;
}

static int open_root(struct error *e)
{
	int fd = find_root();

	if (fd >= 0)
		return fd;
	error_hint(e, "it needs a processor that has it: mount -t resctrl resctrl /sys/fs/resctrl");
	return error_set(e, ERROR_HOST, 0, "linux.intelRdt: no resctrl file system is mounted");
}

/* I: a name, so that nothing else can be made or removed. */
static bool is_name(const char *s)
{
	return *s && !strchr(s, '/') && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static int open_group(int root, const char *group)
{
	if (strcmp(group, "/") == 0)
		return openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!is_name(group)) {
		errno = EINVAL;
		return -1;
	}
	return openat(root, group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The kernel keeps the reason of its last refusal in a file. */
static int refused(int root, struct error *e, const char *what, const char *which)
{
	int err = errno;
	auto_strbuf struct strbuf status = {};

	if (read_file_at(root, "info/last_cmd_status", 4096, &status) == 0 && status.len > 1 &&
	    strcmp(strbuf_str(&status), "ok\n") != 0)
		return error_set(e, ERROR_HOST, err, "cannot %s '%s': %.*s", what, which,
				 (int)strcspn(status.s, "\n"), status.s);
	return error_set(e, ERROR_HOST, err, "cannot %s '%s'", what, which);
}

/* --- comparing */

/* The value of an id in "0=f;1=3f", NULL without it. */
static const char *value_of(const char *pairs, const char *id, size_t id_len, size_t *len)
{
	while (*pairs) {
		size_t n = strcspn(pairs, ";\n");
		const char *equals = memchr(pairs, '=', n);
		if (equals && (size_t)(equals - pairs) == id_len && memcmp(pairs, id, id_len) == 0) {
			*len = n - id_len - 1;
			return equals + 1;
		}
		pairs += n;
		if (*pairs != ';')
			return NULL;
		pairs++;
	}
	return NULL;
}

static bool same_value(const char *a, size_t a_len, const char *b, size_t b_len, unsigned step)
{
	char text[2][64];
	uint64_t bandwidth[2];

	/* The kernel fills masks up with zeros and bandwidths with blanks. */
	for (; a_len > 1 && (*a == '0' || *a == ' '); a++)
		a_len--;
	for (; b_len > 1 && (*b == '0' || *b == ' '); b++)
		b_len--;
	if (a_len == b_len && strncasecmp(a, b, a_len) == 0)
		return true;
	snprintf(text[0], sizeof(text[0]), "%.*s", (int)a_len, a);
	snprintf(text[1], sizeof(text[1]), "%.*s", (int)b_len, b);
	for (int i = 0; i < 2; i++)
		if (!step || parse_u64(text[i], UINT32_MAX, &bandwidth[i]) < 0)
			return false;
	return (bandwidth[0] + step - 1) / step == (bandwidth[1] + step - 1) / step;
}

/* The pairs of the line about a resource: blanks come before its name. */
static const char *pairs_of(const char *schemata, const char *resource, size_t len)
{
	for (const char *p = schemata; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		p += strspn(p, " \t");
		if (strncmp(p, resource, len) == 0 && p[len] == ':')
			return p + len + 1;
	}
	return NULL;
}

bool rdt_schema_matches(const char *schemata, const char *line, unsigned step)
{
	line += strspn(line, " \t");
	size_t len = strcspn(line, ":");
	const char *have = pairs_of(schemata, line, len);

	if (!have || line[len] != ':')
		return false;
	for (const char *p = line + len + 1; *p;) {
		size_t n = strcspn(p, ";"), have_len = 0, id_len = strcspn(p, "=;");
		const char *value = value_of(have, p, id_len, &have_len);
		if (p[id_len] != '=' || !value ||
		    !same_value(p + id_len + 1, n - id_len - 1, value, have_len, step))
			return false;
		p += n + (p[n] == ';');
	}
	return true;
}

static unsigned bandwidth_step(int root, const char *line)
{
	auto_strbuf struct strbuf text = {};
	uint32_t step;

	if (strncmp(line, "MB:", 3) != 0 || read_file_at(root, "info/MB/bandwidth_gran", 64, &text) < 0)
		return 0;
	text.s[strcspn(text.s, "\n")] = '\0';
	return parse_u32(text.s, 1000, &step) == 0 ? step : 0;
}

/* --- what is done */

const char *rdt_group(const struct spec_rdt *rdt, const char *id)
{
	return rdt->clos_id ?: id;
}

int rdt_place(const struct spec_rdt *rdt, const char *id, struct intent *intent, struct error *e)
{
	const char *group = rdt_group(rdt, id);
	auto_close int root = open_root(e);

	if (root < 0)
		return -1;
	auto_close int dir = open_group(root, group);
	if (dir < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "linux.intelRdt: cannot open group '%s'", group);
	if (dir < 0 && rdt->clos_id && !rdt->l3_cache_schema && !rdt->mem_bw_schema && !rdt->schemata.n)
		return error_set(e, ERROR_CONFIG, 0,
				 "linux.intelRdt.closID: there is no group '%s', and no schema to make it from", group);
	intent->rdt_clos = dir < 0 ? group : NULL;
	intent->rdt_keep = rdt->clos_id;
	if (!rdt->enable_monitoring)
		return 0;
	intent->rdt_mon = group;
	auto_close int monitors = dir < 0 ? -1 : openat(dir, "mon_groups", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (monitors >= 0 && faccessat(monitors, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(e, ERROR_HOST, 0,
				 "linux.intelRdt.enableMonitoring: group '%s' has a monitoring group '%s' already", group, id);
	return 0;
}

int rdt_make(const char *group, bool *existed, struct error *e)
{
	auto_close int root = open_root(e);

	if (root < 0)
		return -1;
	*existed = strcmp(group, "/") == 0;
	if (*existed || mkdirat(root, group, 0755) == 0)
		return 0;
	*existed = errno == EEXIST;
	return *existed ? 0 : refused(root, e, "make group", group);
}

int rdt_schema(const char *group, const char *line, bool compare, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	auto_close int root = open_root(e);

	if (root < 0)
		return -1;
	auto_close int dir = open_group(root, group);
	if (dir < 0)
		return refused(root, e, "open group", group);
	if (!compare) {
		strbuf_addf(&text, "%s\n", line);
		return write_file_at(dir, "schemata", text.s) < 0 ? refused(root, e, "set schema", line) : 0;
	}
	if (read_file_at(dir, "schemata", FILE_MAX, &text) < 0)
		return refused(root, e, "read the schemata of group", group);
	if (rdt_schema_matches(strbuf_str(&text), line, bandwidth_step(root, line)))
		return 0;
	return error_set(e, ERROR_CONFIG, 0, "group '%s' exists with other schemata than '%s'", group, line);
}

static int open_monitors(int root, const char *group)
{
	auto_close int dir = open_group(root, group);

	return dir < 0 ? -1 : openat(dir, "mon_groups", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int rdt_monitor(const char *group, const char *id, struct error *e)
{
	auto_close int root = open_root(e);

	if (root < 0)
		return -1;
	auto_close int monitors = open_monitors(root, group);
	if (monitors < 0 || mkdirat(monitors, id, 0755) < 0)
		return refused(root, e, "make monitoring group", id);
	return 0;
}

int rdt_open(const char *group, const char *id_or_null, int *root, int *dir, struct error *e)
{
	auto_close int root_fd = open_root(e);

	if (root_fd < 0)
		return -1;
	auto_close int monitors = id_or_null ? open_monitors(root_fd, group) : -1;
	int fd = id_or_null ? open_group(monitors, id_or_null) : open_group(root_fd, group);
	if (fd < 0)
		return refused(root_fd, e, "open group", id_or_null ?: group);
	*root = TAKE_FD(root_fd);
	*dir = fd;
	return 0;
}

/* The line about the schema's resource, without the blanks before it; NULL: there is none. */
static char *line_about(const char *schemata, const char *schema, struct arena *a)
{
	size_t len = strcspn(schema, ":");
	const char *pairs = pairs_of(schemata, schema, len);

	return pairs ? arena_printf(a, "%.*s:%.*s", (int)len, schema, (int)strcspn(pairs, "\n"), pairs) : NULL;
}

int rdt_update(const char *group, const char *l3, const char *mem_bw, struct arena *a, struct spec_strings *undo,
	       struct error *e)
{
	const char *const schemas[] = {l3, mem_bw};
	auto_strbuf struct strbuf before = {};
	auto_close int root = -1;
	auto_close int dir = -1;

	if (rdt_open(group, NULL, &root, &dir, e) < 0)
		return -1;
	if (read_file_at(dir, "schemata", FILE_MAX, &before) < 0)
		return refused(root, e, "read the schemata of group", group);
	*undo = (struct spec_strings){.v = arena_array(a, ARRAY_SIZE(schemas), sizeof(char *))};
	for (size_t i = 0; i < ARRAY_SIZE(schemas); i++) {
		char *old = schemas[i] ? line_about(strbuf_str(&before), schemas[i], a) : NULL;
		if (!schemas[i])
			continue;
		if (!old)
			return error_set(e, ERROR_HOST, 0, "group '%s' has no schema that '%s' could replace", group,
					 schemas[i]);
		if (rdt_schema(group, schemas[i], false, e) < 0)
			return -1;
		undo->v[undo->n++] = old;
	}
	return 0;
}

int rdt_join(const char *group, const char *id_or_null, pid_t pid, struct error *e)
{
	const char *which = id_or_null ?: group;
	char text[16];
	auto_close int root = open_root(e);

	if (root < 0)
		return -1;
	auto_close int monitors = id_or_null ? open_monitors(root, group) : -1;
	auto_close int dir = id_or_null ? open_group(monitors, id_or_null) : open_group(root, group);
	if (dir < 0)
		return refused(root, e, "open group", which);
	snprintf(text, sizeof(text), "%d", pid);
	return write_file_at(dir, "tasks", text) < 0 ? refused(root, e, "join group", which) : 0;
}

static int remove_group(int dir, const char *name, struct error *e)
{
	if (!is_name(name))
		return error_set(e, ERROR_CONFIG, 0, "cannot remove resctrl group '%s': not a name", name);
	if (dir >= 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "cannot remove resctrl group '%s'", name);
	return 0;
}

/* Others may have come to a group that has a name of its own. */
static bool has_tasks(int root, const char *group)
{
	auto_strbuf struct strbuf tasks = {};
	auto_close int dir = open_group(root, group);

	return dir >= 0 && (read_file_at(dir, "tasks", FILE_MAX, &tasks) < 0 || tasks.len);
}

int rdt_remove(const struct intent *intent, const char *id, struct error *e)
{
	if (!intent->rdt_clos && !intent->rdt_mon)
		return 0;
	auto_close int root = find_root();
	if (root < 0)
		return 0;
	if (intent->rdt_mon) {
		auto_close int monitors = open_monitors(root, intent->rdt_mon);
		if (remove_group(monitors, id, e) < 0)
			return -1;
	}
	if (!intent->rdt_clos || (intent->rdt_keep && has_tasks(root, intent->rdt_clos)))
		return 0;
	return remove_group(root, intent->rdt_clos, e);
}
