/* SPDX-License-Identifier: Apache-2.0 */
/* `kedge check`: what users without privileges need, and which engines know kedge. */
#include "src/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/io.h"
#include "base/num.h"

#define TEXT_MAX (1U << 20)

/* --- rootless */

void check_mapper(struct check_host *host, const struct check_row *row, struct check *ret)
{
	struct stat st;

	ret->result = CHECK_LIMITED;
	if (stat(row->argument, &st) < 0) {
		ret->detail = arena_printf(host->arena, "%s: %s", row->argument, strerror(errno));
		return;
	}
	if (!(st.st_mode & S_ISUID) && getxattr(row->argument, "security.capability", NULL, 0) < 0) {
		ret->detail = arena_printf(host->arena, "%s has no privileges", row->argument);
		ret->hint = "it must be setuid, or have cap_setuid (newgidmap: cap_setgid)";
		return;
	}
	ret->result = CHECK_OK;
	ret->detail = row->argument;
}

/* The name of a uid as /etc/passwd has it; NULL: none. The C library's look-up needs shared libraries. */
static const char *user_name(struct check_host *host, uint32_t uid)
{
	auto_strbuf struct strbuf text = {};
	char *save = NULL;

	if (read_file_at(AT_FDCWD, "/etc/passwd", TEXT_MAX, &text) < 0)
		return NULL;
	for (char *line = text.s ? strtok_r(text.s, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *fields = NULL, *name = strtok_r(line, ":", &fields), *number;
		uint32_t found;

		strtok_r(NULL, ":", &fields);
		number = strtok_r(NULL, ":", &fields);
		if (name && number && parse_u32(number, UINT32_MAX, &found) == 0 && found == uid)
			return arena_strdup(host->arena, name);
	}
	return NULL;
}

/* NAME:START:COUNT, of the user or, for root, of anybody: how many ids in how many ranges. */
void check_ids(struct check_host *host, const struct check_row *row, struct check *ret)
{
	auto_strbuf struct strbuf text = {};
	const char *number = arena_printf(host->arena, "%u", (unsigned)geteuid());
	const char *name = user_name(host, geteuid());
	uint64_t ids = 0, ranges = 0;
	char *save = NULL;

	if (read_file_at(AT_FDCWD, row->argument, TEXT_MAX, &text) < 0) {
		ret->result = CHECK_LIMITED;
		ret->detail = arena_printf(host->arena, "%s: %s", row->argument, strerror(errno));
		return;
	}
	for (char *line = text.s ? strtok_r(text.s, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *fields = NULL, *owner = strtok_r(line, ":", &fields), *count;
		uint64_t n;

		strtok_r(NULL, ":", &fields);
		count = strtok_r(NULL, ":", &fields);
		if (!owner || !count || parse_u64(count, UINT32_MAX, &n) < 0)
			continue;
		if (!host->root && strcmp(owner, number) != 0 && (!name || strcmp(owner, name) != 0))
			continue;
		ids += n;
		ranges++;
	}
	ret->result = ranges ? CHECK_OK : CHECK_LIMITED;
	ret->detail = arena_printf(host->arena, "%llu ids in %llu ranges for %s", (unsigned long long)ids, (unsigned long long)ranges,
				   host->root ? "all users" : name ? name : number);
}

/* --- engines */

/* Files and directories of configuration that an engine reads, the later before the earlier. */
static const struct engine {
	const char *program;
	const char *files[4];
	const char *suffix; /* of the files in a directory */
} engines[] = {
	{"podman",
	 {"/etc/containers/containers.conf.d", "/etc/containers/containers.conf", "/usr/share/containers/containers.conf"},
	 ".conf"},
	{"containerd", {"/etc/containerd/config.toml", "/etc/containerd/conf.d"}, ".toml"},
	{"crio", {"/etc/crio/crio.conf.d", "/etc/crio/crio.conf"}, ".conf"},
	{"dockerd", {"/etc/docker/daemon.json"}, ""},
};

static bool installed(struct check_host *host, const char *program)
{
	static const char *const dirs[] = {"/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin"};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (access(arena_printf(host->arena, "%s/%s", dirs[i], program), X_OK) == 0)
			return true;
	return false;
}

/* A line that is no comment and names a program kedge by its path. */
static bool names_kedge(const char *file)
{
	auto_strbuf struct strbuf text = {};
	char *save = NULL;

	if (read_file_at(AT_FDCWD, file, TEXT_MAX, &text) < 0)
		return false;
	for (char *line = text.s ? strtok_r(text.s, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " \t");
		if (*line != '#' && (strstr(line, "/kedge\"") || strstr(line, "/kedge'")))
			return true;
	}
	return false;
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The file at `path`, or below it, that knows kedge; NULL: none. */
static const char *find_in(struct check_host *host, const char *path, const char *suffix)
{
	auto_with(close_dir) DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return names_kedge(path) ? path : NULL;
	while ((entry = readdir(dir))) {
		const char *file = arena_printf(host->arena, "%s/%s", path, entry->d_name);

		if (ends_with(entry->d_name, suffix) && names_kedge(file))
			return file;
	}
	return NULL;
}

void check_engine(struct check_host *host, const struct check_row *row, struct check *ret)
{
	const struct engine *engine = engines;
	const char *found = NULL;

	while (strcmp(engine->program, row->argument) != 0)
		engine++;
	for (size_t i = 0; i < ARRAY_SIZE(engine->files) && engine->files[i] && !found; i++)
		found = find_in(host, engine->files[i], engine->suffix);
	if (!installed(host, engine->program)) {
		ret->result = CHECK_NONE;
		ret->detail = found ? arena_printf(host->arena, "not installed; %s knows kedge", found) : "not installed";
	} else {
		ret->result = found ? CHECK_OK : CHECK_LIMITED;
		ret->detail = found ? found : "installed, and not told of kedge";
	}
}
