/* SPDX-License-Identifier: Apache-2.0 */
/* The global options: where the state is, where the log goes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "src/commands.h"

#define ROOT_DEFAULT "/run/kedge"

int globals_open_log(const struct options *o, struct error *e)
{
	enum log_format format = LOG_TEXT;

	if (o->log_format && strcmp(o->log_format, "json") == 0)
		format = LOG_JSON;
	if (log_open(o->log, format, o->runtime.debug, e) < 0)
		return -1;
	if (o->log_format && format == LOG_TEXT && strcmp(o->log_format, "text") != 0)
		return error_set(e, ERROR_USAGE, 0, "invalid log-format: %s", o->log_format);
	return 0;
}

static int parse_rootless(const char *text, enum rootless_mode *ret, struct error *e)
{
	bool on;

	*ret = ROOTLESS_AUTO;
	if (!text || strcasecmp(text, "auto") == 0)
		return 0;
	if (option_bool(text, &on) < 0)
		return error_set(e, ERROR_USAGE, 0, "invalid value \"%s\" for flag -rootless: not true, false or auto", text);
	*ret = on ? ROOTLESS_TRUE : ROOTLESS_FALSE;
	return 0;
}

/* Inside a user namespace uid 0 is somebody else outside, and /run is not his. */
static bool in_user_namespace(void)
{
	auto_strbuf struct strbuf map = {};

	if (read_file_at(AT_FDCWD, "/proc/self/uid_map", 4096, &map) < 0)
		return false;
	return strcmp(strbuf_str(&map), "         0          0 4294967295\n") != 0;
}

static const char *xdg_runtime_dir(void)
{
	const char *dir = secure_getenv("XDG_RUNTIME_DIR"), *user;

	if (!dir || *dir != '/')
		return NULL;
	if (geteuid() != 0)
		return dir;
	if (!in_user_namespace())
		return NULL;
	user = secure_getenv("USER");
	return user && strcmp(user, "root") == 0 ? NULL : dir;
}

static int apply_root(struct options *o, struct error *e)
{
	const char *dir;
	char *root;

	if (!o->runtime.root_given) {
		dir = xdg_runtime_dir();
		o->runtime.root = dir ? arena_printf(&o->arena, "%s/kedge", dir) : ROOT_DEFAULT;
		return 0;
	}
	if (!o->runtime.root)
		return error_set(e, ERROR_USAGE, 0, "Option --root argument should not be empty");
	/* By the letters alone, as Go's filepath.Abs does it: the directory need not exist yet. */
	if (path_absolute(&o->arena, o->runtime.root, &root, e) < 0)
		return -1;
	if (strcmp(root, "/") == 0)
		return error_set(e, ERROR_USAGE, 0, "Option --root argument should not be set to /");
	o->runtime.root = root;
	return 0;
}

/* crun's name for what --systemd-cgroup chooses, with a third choice. */
static int apply_cgroup_manager(struct options *o, struct error *e)
{
	const char *name = o->cgroup_manager;
	bool systemd = name && strcmp(name, "systemd") == 0;

	if (!name)
		return 0;
	o->runtime.no_cgroup = strcmp(name, "disabled") == 0;
	if (!systemd && !o->runtime.no_cgroup && strcmp(name, "cgroupfs") != 0)
		return error_set(e, ERROR_USAGE, 0,
				 "invalid value \"%s\" for flag -cgroup-manager: not cgroupfs, systemd or disabled", name);
	if (o->runtime.systemd_cgroup && !systemd)
		return error_set(e, ERROR_USAGE, 0, "--systemd-cgroup contradicts --cgroup-manager %s", name);
	o->runtime.systemd_cgroup = systemd;
	return 0;
}

int globals_apply(struct options *o, struct error *e)
{
	if (globals_open_log(o, e) < 0 || apply_root(o, e) < 0 || apply_cgroup_manager(o, e) < 0)
		return -1;
	return parse_rootless(o->rootless, &o->runtime.rootless, e);
}

int globals_make_root(const struct options *o, struct error *e)
{
	const char *root = o->runtime.root;

	if (o->runtime.root_given || strcmp(root, ROOT_DEFAULT) == 0)
		return 0;
	/* The XDG base directory specification: what has the sticky bit is not pruned. */
	if ((mkdir(root, 0700) < 0 && errno != EEXIST) || chmod(root, 01700) < 0) {
		error_set(e, ERROR_HOST, errno, "cannot make the state directory '%s'", root);
		return error_hint(e, "$XDG_RUNTIME_DIR must be writable by the user, or --root be given");
	}
	return 0;
}
