/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint: criu is told what of the container is not its own (binds, namespaces that it joined, stdio), and takes the rest
 * from the kernel. The drift guard has nothing against it: criu works from outside, and what it has a program do for it is
 * done with that program's namespaces and credentials.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dl.h"
#include "base/io.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "base/sys.h"
#include "cgroups/cgroup.h"
#include "libcontainer/criu.h"
#include "libcontainer/launch.h"
#include "spec/json.h"
#include "spec/landlock.h"
#include "spec/mount_options.h"

#define LINK_MAX_BYTES 4096
#define PROC_MAX (4UL << 20)

struct checkpoint {
	const struct criu_options *o;
	struct arena arena;
	struct statedir dir;
	struct state state;
	struct spec *spec;
	struct cgroup cgroup;
	struct strbuf options;
	struct criu criu;
	int root;      /* of init */
	int status_fd; /* -1: nobody waits */
};

static void checkpoint_done(struct checkpoint *c)
{
	criu_done(&c->criu);
	macro_close(&c->root);
	strbuf_done(&c->options);
	cgroup_done(&c->cgroup);
	spec_free(c->spec);
	statedir_done(&c->dir);
	arena_done(&c->arena);
}

static int check(struct checkpoint *c, const struct runtime *rt, const char *id, struct error *e)
{
	struct privileges privileges;
	enum status status;

	if (privileges_read(rt, &privileges, e) < 0)
		return -1;
	if (!privileges.privileged || privileges.nested)
		return error_set(e, ERROR_HOST, EPERM, "checkpointing needs root's privileges on the host");
	if (statedir_open(rt, id, STATEDIR_LOCKED, &c->dir, e) < 0 || state_read(&c->dir, &c->arena, &c->state, e) < 0 ||
	    state_status(&c->dir, &c->state, &status, e) < 0)
		return -1;
	if (status == STATUS_CREATED || status == STATUS_STOPPED)
		return error_set(e, ERROR_STATE, 0, "Container cannot be checkpointed in %s state", status_name(status));
	if (spec_load(c->dir.fd, "config.json", &c->spec, e) < 0)
		return -1;
	if (spec_annotation(c->spec, LANDLOCK_ANNOTATION))
		return error_set(e, ERROR_CONFIG, 0, LANDLOCK_ORIGIN ": criu restores processes without it");
	/* The deletion talks to systemd, and then the command cannot be begun anew. */
	return c->state.unit && !c->o->leave_running && !c->o->pre_dump ? dl_prepare(0, e) : 0;
}

/* Relative to the images: both are moved together. */
static int check_parent(const struct checkpoint *c, struct error *e)
{
	const char *parent = c->o->parent_path;
	struct stat st;

	if (!parent)
		return 0;
	if (parent[0] == '/')
		return error_set(e, ERROR_USAGE, 0, "--parent-path must be relative");
	if (fstatat(c->criu.image_fd, parent, &st, 0) < 0)
		return error_set(e, ERROR_USAGE, errno, "invalid --parent-path '%s'", parent);
	return S_ISDIR(st.st_mode) ? 0 : error_set(e, ERROR_USAGE, ENOTDIR, "invalid --parent-path '%s'", parent);
}

static int check_status_fd(struct checkpoint *c, struct error *e)
{
	int flags;

	c->status_fd = -1;
	if (!c->o->status_fd_given)
		return 0;
	flags = fcntl((int)c->o->status_fd, F_GETFL);
	if (flags < 0)
		return error_set(e, ERROR_USAGE, errno, "invalid --status-fd argument %u", c->o->status_fd);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return error_set(e, ERROR_USAGE, 0, "invalid --status-fd argument %u: not writable", c->o->status_fd);
	c->status_fd = (int)c->o->status_fd;
	return 0;
}

static int open_root(struct checkpoint *c, struct error *e)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)c->state.pid);
	c->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return c->root < 0 ? error_set(e, ERROR_HOST, errno, "cannot open '%s'", path) : 0;
}

static void add_external_mounts(struct checkpoint *c)
{
	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		const struct spec_mount *m = &c->spec->mounts.v[i];
		struct mount_options o;

		mount_options_parse(&c->arena, &m->options, &o);
		bool cgroup = m->type && strncmp(m->type, "cgroup", 6) == 0 && c->spec->linux_.namespaces[NS_USER].set;
		if (o.remount || !(o.bind || cgroup || (m->type && strcmp(m->type, "bind") == 0)))
			continue;
		const char *point = criu_mount_point(&c->arena, c->root, path_join(&c->arena, "/", m->destination));
		wire_pair(&c->options, CRIU_EXT_MNT, point, point);
	}
	criu_add_host_nodes(&c->options, &c->arena, c->root, c->spec, false);
}

/* Those that it joined are somebody else's, and there again when it is restored. */
static void add_external_namespaces(struct checkpoint *c)
{
	static const enum spec_ns_type types[] = {NS_NETWORK, NS_PID};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const char *key = criu_namespace_key(&c->arena, types[i]);

		if (!c->spec->linux_.namespaces[types[i]].path)
			continue;
		wire_str(&c->options, CRIU_EXTERNAL,
			 arena_printf(&c->arena, "%s[%ju]:%s", types[i] == NS_PID ? "pid" : "net",
				      (uintmax_t)c->state.ns_ino[types[i]], key));
	}
}

static bool mount_is_in(const char *mountinfo, uint32_t id)
{
	char head[16];
	size_t len = (size_t)snprintf(head, sizeof(head), "\n%u ", id);

	return strncmp(mountinfo, head + 1, len - 1) == 0 || strstr(mountinfo, head);
}

/* The id of the mount that a descriptor is on: proc_pid_fdinfo(5). */
static int mount_of(int proc, int fd, uint32_t *ret)
{
	static const char key[] = "mnt_id:";
	auto_strbuf struct strbuf info = {};
	char name[32], *save = NULL;

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	if (read_file_at(proc, name, PROC_MAX, &info) < 0)
		return -1;
	char *line = info.s ? strstr(info.s, key) : NULL;
	const char *word = line ? strtok_r(line + strlen(key), " \t\n", &save) : NULL;
	return word ? parse_u32(word, UINT32_MAX, ret) : -1;
}

/* What is open on the caller's side: a pipe, or a file on a mount that the container does not have. In the words by which criu
 * finds it again. */
static char *external_descriptor(struct checkpoint *c, int proc, int fd, const char *mountinfo)
{
	char name[32], target[LINK_MAX_BYTES];
	struct stat st;
	uint32_t mount;

	snprintf(name, sizeof(name), "fd/%d", fd);
	ssize_t n = readlinkat(proc, name, target, sizeof(target) - 1);
	if (n < 0)
		return arena_strdup(&c->arena, "");
	char *link = arena_strndup(&c->arena, target, (size_t)n);
	if (fstatat(proc, name, &st, 0) < 0 || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)))
		return link;
	if (mount_of(proc, fd, &mount) < 0 || mount_is_in(mountinfo, mount))
		return link;
	return arena_printf(&c->arena, "file[%x:%jx]", mount, (uintmax_t)st.st_ino);
}

static int write_descriptors(struct checkpoint *c, struct error *e)
{
	auto_strbuf struct strbuf mountinfo = {}, text = {};
	struct json_writer w;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)c->state.pid);
	auto_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0 || read_file_at(proc, "mountinfo", PROC_MAX, &mountinfo) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read '%s/mountinfo'", path);
	jw_begin(&w, &text, false);
	jw_array(&w, NULL);
	for (int fd = 0; fd < 3; fd++) {
		const char *what = external_descriptor(c, proc, fd, strbuf_str(&mountinfo));
		jw_str(&w, NULL, what);
		if (strncmp(what, "file[", 5) == 0)
			wire_str(&c->options, CRIU_EXTERNAL, what);
	}
	jw_end(&w, ']');
	return replace_file_at(c->criu.image_fd, CRIU_DESCRIPTORS, text.s, text.len, 0600, e);
}

static int add_freezer(struct checkpoint *c, struct error *e)
{
	if (!c->state.cgroup)
		return 0;
	if (cgroup_open(c->state.cgroup, &c->cgroup, e) < 0)
		return -1;
	if (c->cgroup.fd >= 0)
		wire_str(&c->options, CRIU_FREEZE_CGROUP,
			 arena_printf(&c->arena, "%s/%s", c->cgroup.mountpoint, c->cgroup.path));
	return 0;
}

static int build(struct checkpoint *c, struct error *e)
{
	struct strbuf *out = &c->options;

	wire_uint(out, CRIU_PID, (uint64_t)c->state.pid);
	wire_str(out, CRIU_LOG_FILE, c->criu.log_file);
	wire_str(out, CRIU_ROOT, c->state.rootfs);
	add_external_namespaces(c);
	if (criu_common(out, c->o, c->spec, e) < 0 || add_freezer(c, e) < 0)
		return -1;
	if (c->o->pre_dump) {
		wire_uint(out, CRIU_TRACK_MEM, true);
		return 0;
	}
	if (open_root(c, e) < 0)
		return -1;
	add_external_mounts(c);
	return write_descriptors(c, e);
}

static int on_notify(void *ctx, struct criu_notice *notice, struct error *e unused_arg)
{
	struct checkpoint *c = ctx;

	if (strcmp(notice->script, "status-ready") != 0 || c->status_fd < 0)
		return 0;
	/* Who waits may have gone, which is no reason to give up. */
	if (write(c->status_fd, "", 1) != 1)
		log_write(LOG_WARNING, "cannot write to --status-fd: %s", strerror(errno));
	close(c->status_fd);
	c->status_fd = -1;
	return 0;
}

static int check_features(struct checkpoint *c, struct error *e)
{
	const struct criu_options *o = c->o;

	if ((o->pre_dump || o->parent_path) &&
	    criu_require(&c->criu, CRIU_MEM_TRACK, o->pre_dump ? "pre-dump" : "parent-path", e) < 0)
		return -1;
	return o->lazy_pages ? criu_require(&c->criu, CRIU_LAZY, "lazy-pages", e) : 0;
}

static int dump(struct checkpoint *c, const struct runtime *rt, const char *id, struct error *e)
{
	if (check(c, rt, id, e) < 0 || check_status_fd(c, e) < 0 || criu_open(&c->criu, c->o, true, e) < 0 ||
	    check_parent(c, e) < 0)
		return -1;
	c->criu.log_file = "dump.log";
	c->criu.notify = on_notify;
	c->criu.ctx = c;
	if (check_features(c, e) < 0 || build(c, e) < 0 || criu_start(&c->criu, NULL, NULL, 0, e) < 0)
		return -1;
	return criu_run(&c->criu, c->o->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP, &c->options, e);
}

int container_checkpoint(const struct runtime *rt, const char *id, const struct criu_options *o, struct error *e)
{
	auto_with(checkpoint_done) struct checkpoint c = {
		.o = o, .dir = STATEDIR_NONE, .criu = CRIU_NONE, .root = -1, .cgroup = {.fd = -1, .mount_fd = -1}};

	if (dump(&c, rt, id, e) < 0)
		return -1;
	if (o->leave_running || o->pre_dump)
		return 0;
	statedir_done(&c.dir);
	return container_delete(rt, id, true, e);
}
