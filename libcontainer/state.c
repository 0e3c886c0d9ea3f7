/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "base/sys.h"
#include "cgroups/cgroup.h"
#include "libcontainer/guarding.h"
#include "libcontainer/plan.h"
#include "libcontainer/proc.h"
#include "spec/json.h"

static const char *const status_names[] = {
	[STATUS_CREATING] = "creating", [STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
	[STATUS_PAUSED] = "paused",	[STATUS_STOPPED] = "stopped",
};

/* The names in /proc/PID/ns; the spec has its own. */
static const char *const ns_files[NS_MAX] = {
	[NS_CGROUP] = "cgroup", [NS_IPC] = "ipc",   [NS_MOUNT] = "mnt", [NS_NETWORK] = "net",
	[NS_PID] = "pid",	[NS_TIME] = "time", [NS_USER] = "user", [NS_UTS] = "uts",
};

const char *status_name(enum status status)
{
	return status_names[status];
}

/* gmtime_r(3) reads the local time zone's file first. Days are counted from 1 March of year 0, so that a leap day is a year's last. */
static void civil_date(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t from_march = days + 719468, era = from_march / 146097;
	unsigned of_era = (unsigned)(from_march - era * 146097);
	unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned shifted = (5 * of_year + 2) / 153;

	*day = of_year - (153 * shifted + 2) / 5 + 1;
	*month = shifted < 10 ? shifted + 3 : shifted - 9;
	*year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

char *state_time_text(struct arena *a, struct timespec t)
{
	unsigned month, day, second = (unsigned)(t.tv_sec % 86400);
	int64_t year;

	civil_date(t.tv_sec / 86400, &year, &month, &day);
	return arena_printf(a, "%04jd-%02u-%02uT%02u:%02u:%02u.%09ldZ", (intmax_t)year, month, day, second / 3600,
			    second / 60 % 60, second % 60, t.tv_nsec);
}

char *state_timestamp(struct arena *a)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return state_time_text(a, now);
}

static void write_guard(const struct state_guard *g, struct json_writer *w)
{
	char cookie[GUARD_COOKIE_LEN + 1];

	jw_object(w, "guard");
	if (g->cookie) {
		guard_cookie_text(g->cookie, cookie);
		jw_str(w, "cookie", cookie);
	}
	jw_uint(w, "mode", g->mode);
	jw_uint(w, "require", g->require);
	if (g->why_not)
		jw_str(w, "whyNot", g->why_not);
	jw_end(w, '}');
}

static void write_record(const struct state *state, struct strbuf *out)
{
	struct json_writer w;

	jw_begin(&w, out, false);
	jw_object(&w, NULL);
	jw_str(&w, "ociVersion", state->oci_version);
	jw_str(&w, "id", state->id);
	jw_int(&w, "pid", state->pid);
	jw_uint(&w, "startTime", state->start_time);
	jw_str(&w, "bundle", state->bundle);
	jw_str(&w, "rootfs", state->rootfs);
	jw_str(&w, "created", state->created);
	if (state->cgroup)
		jw_str(&w, "cgroup", state->cgroup);
	jw_bool(&w, "cgroupExisted", state->cgroup_existed);
	jw_uint(&w, "cgroupInode", state->cgroup_ino);
	if (state->unit) {
		jw_str(&w, "unit", state->unit);
		jw_bool(&w, "userUnit", state->user_unit);
	}
	jw_bool(&w, "rootless", state->rootless);
	jw_bool(&w, "noNewKeyring", state->no_new_keyring);
	jw_bool(&w, "ownPidNamespace", state->own_pid_ns);
	if (state->own_time_ns)
		jw_bool(&w, "ownTimeNamespace", true);
	jw_map(&w, "annotations", &state->annotations);
	jw_object(&w, "namespaces");
	for (size_t i = 0; i < NS_MAX; i++)
		jw_uint(&w, ns_files[i], state->ns_ino[i]);
	jw_end(&w, '}');
	jw_uint(&w, "namespacesDevice", state->ns_dev);
	write_guard(&state->guard, &w);
	jw_end(&w, '}');
}

int state_write(const struct statedir *dir, const struct state *state, struct error *e)
{
	auto_strbuf struct strbuf text = {};

	write_record(state, &text);
	return replace_file_at(dir->fd, "state.json", text.s, text.len, 0600, e);
}

static void read_annotations(struct arena *a, const struct json *object, struct spec_map *ret)
{
	size_t n = 0;

	if (!object || object->type != JSON_OBJECT)
		return;
	ret->v = arena_array(a, object->n, sizeof(*ret->v));
	for (const struct json *j = object->child; j && n < object->n; j = j->next)
		if (j->type == JSON_STRING)
			ret->v[n++] = (struct spec_pair){arena_strdup(a, j->key), arena_strdup(a, j->text)};
	ret->n = n;
}

static int read_guard(struct arena *a, const struct json *object, struct state_guard *ret)
{
	const char *cookie = json_str(object, "cookie", NULL);

	*ret = (struct state_guard){.mode = (uint32_t)json_int(object, "mode", GUARD_OFF),
				    .require = (uint32_t)json_int(object, "require", GUARD_REQUIRE_NONE),
				    .why_not = json_dup(a, object, "whyNot")};
	return ret->mode > GUARD_ENFORCE || ret->require > GUARD_REQUIRE_SYSCALL ||
			       (cookie && guard_cookie_parse(cookie, &ret->cookie) < 0)
		       ? -1
		       : 0;
}

static int damaged(const struct statedir *dir, struct error *e)
{
	return error_set(e, ERROR_CONFIG, 0, "state of container '%s' is damaged", dir->id);
}

int state_read(const struct statedir *dir, struct arena *a, struct state *ret, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	struct json *root;

	if (read_file_at(dir->fd, "state.json", JSON_BYTES_MAX, &text) < 0) {
		if (errno == ENOENT)
			return error_set(e, ERROR_NOENT, 0, "container does not exist");
		return error_set(e, ERROR_HOST, errno, "cannot read state of container '%s'", dir->id);
	}
	if (json_parse(a, "state.json", strbuf_str(&text), text.len, &root, e) < 0)
		return error_in(e, "container '%s'", dir->id);
	struct state state = {
		.id = json_dup(a, root, "id"),
		.bundle = json_dup(a, root, "bundle"),
		.rootfs = json_dup(a, root, "rootfs"),
		.oci_version = json_dup(a, root, "ociVersion"),
		.created = json_dup(a, root, "created"),
		.pid = (pid_t)json_int(root, "pid", 0),
		.start_time = (uint64_t)json_int(root, "startTime", 0),
		.cgroup = json_dup(a, root, "cgroup"),
		.cgroup_existed = json_bool(root, "cgroupExisted", false),
		.cgroup_ino = (uint64_t)json_int(root, "cgroupInode", 0),
		.unit = json_dup(a, root, "unit"),
		.user_unit = json_bool(root, "userUnit", false),
		.rootless = json_bool(root, "rootless", false),
		.no_new_keyring = json_bool(root, "noNewKeyring", false),
		.own_pid_ns = json_bool(root, "ownPidNamespace", false),
		.own_time_ns = json_bool(root, "ownTimeNamespace", false),
	};
	if (!state.id || strcmp(state.id, dir->id) != 0 || !state.bundle || !state.rootfs || !state.oci_version ||
	    !state.created || state.pid <= 0 || state.start_time == 0 ||
	    read_guard(a, json_get(root, "guard"), &state.guard) < 0)
		return damaged(dir, e);
	read_annotations(a, json_get(root, "annotations"), &state.annotations);
	const struct json *ns = json_get(root, "namespaces");
	for (size_t i = 0; i < NS_MAX; i++)
		state.ns_ino[i] = (uint64_t)json_int(ns, ns_files[i], 0);
	state.ns_dev = (uint64_t)json_int(root, "namespacesDevice", 0);
	*ret = state;
	return 0;
}

/* The pidfd is had first: if the start time read after that is the recorded one, the pidfd is init's. */
int state_open_init(const struct state *state, int *pidfd, struct error *e)
{
	auto_close int fd = sys_pidfd_open(state->pid, 0);
	struct proc_stat st;

	*pidfd = -1;
	if (fd < 0) {
		/* EINVAL, ENOENT: the number is now a thread's. */
		if (errno == ESRCH || errno == EINVAL || errno == ENOENT)
			return 0;
		return error_set(e, ERROR_HOST, errno, "cannot open init of container '%s'", state->id);
	}
	if (proc_stat_read(state->pid, &st) < 0) {
		if (errno == ENOENT || errno == ESRCH)
			return 0;
		return error_set(e, ERROR_HOST, errno, "cannot read the state of process %d", (int)state->pid);
	}
	if (st.start_time == state->start_time && st.state != 'Z' && st.state != 'X')
		*pidfd = TAKE_FD(fd);
	return 0;
}

static int is_paused(const struct state *state, bool *ret, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1};

	*ret = false;
	if (!state->cgroup)
		return 0;
	if (cgroup_open(state->cgroup, &cg, e) < 0)
		return -1;
	return cg.fd < 0 ? 0 : cgroup_is_frozen(&cg, ret, e);
}

/* Opening a fifo for writing without blocking succeeds only while somebody reads it. */
static int fifo_status(const struct statedir *dir, int pidfd, enum status *ret, struct error *e)
{
	auto_close int fifo = openat(dir->fd, "exec.fifo", O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fifo >= 0) {
		*ret = STATUS_CREATED;
		return 0;
	}
	if (errno != ENXIO && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "cannot look at exec.fifo of container '%s'", dir->id);
	/* No reader may also mean that init died since it was looked at. */
	*ret = poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 0) > 0 ? STATUS_STOPPED : STATUS_RUNNING;
	return 0;
}

int state_status(const struct statedir *dir, const struct state *state, enum status *ret, struct error *e)
{
	auto_close int pidfd = -1;
	bool paused;

	if (state_open_init(state, &pidfd, e) < 0)
		return -1;
	if (pidfd < 0) {
		*ret = STATUS_STOPPED;
		return 0;
	}
	if (is_paused(state, &paused, e) < 0)
		return -1;
	if (paused) {
		*ret = STATUS_PAUSED;
		return 0;
	}
	return fifo_status(dir, pidfd, ret, e);
}

void state_print(const struct state *state, enum status status, struct strbuf *out)
{
	struct json_writer w;

	jw_begin(&w, out, true);
	jw_object(&w, NULL);
	jw_str(&w, "ociVersion", state->oci_version);
	jw_str(&w, "id", state->id);
	jw_int(&w, "pid", status == STATUS_STOPPED ? 0 : state->pid);
	jw_str(&w, "status", status_name(status));
	jw_str(&w, "bundle", state->bundle);
	jw_str(&w, "rootfs", state->rootfs);
	jw_str(&w, "created", state->created);
	if (state->annotations.n > 0)
		jw_map(&w, "annotations", &state->annotations);
	jw_str(&w, "owner", "");
	guarding_print(state, &w);
	jw_end(&w, '}');
}

void state_print_oci(const struct state *state, enum status status, pid_t pid, struct strbuf *out)
{
	struct json_writer w;

	jw_begin(&w, out, false);
	jw_object(&w, NULL);
	jw_str(&w, "ociVersion", state->oci_version);
	jw_str(&w, "id", state->id);
	jw_str(&w, "status", status_name(status));
	if (pid > 0)
		jw_int(&w, "pid", pid);
	jw_str(&w, "bundle", state->bundle);
	if (state->annotations.n > 0)
		jw_map(&w, "annotations", &state->annotations);
	jw_end(&w, '}');
}

int container_state(const struct runtime *rt, const char *id, struct strbuf *out, struct error *e)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	struct state state = {};
	enum status status;

	if (statedir_open(rt, id, STATEDIR_SHARED, &dir, e) < 0 || state_read(&dir, &a, &state, e) < 0 ||
	    state_status(&dir, &state, &status, e) < 0)
		return -1;
	state_print(&state, status, out);
	return 0;
}

static int observe_namespace(pid_t pid, size_t i, uint64_t *ino, uint64_t *dev, struct error *e)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, ns_files[i]);
	if (stat(path, &st) == 0) {
		*ino = st.st_ino;
		*dev = st.st_dev;
	} else if (errno != ENOENT) /* a kernel without this kind has no such file */
		return error_set(e, ERROR_HOST, errno, "cannot look at the %s namespace of process %d", ns_files[i], (int)pid);
	return 0;
}

int state_observe_init(struct state *state, pid_t pid, uint64_t namespaces, struct error *e)
{
	uint64_t start_time, ino[NS_MAX], dev = state->ns_dev;

	memcpy(ino, state->ns_ino, sizeof(ino));
	for (size_t i = 0; i < NS_MAX; i++)
		if ((namespaces & ns_info[i].flag) && observe_namespace(pid, i, &ino[i], &dev, e) < 0)
			return -1;
	if (state->pid != pid) {
		if (proc_start_time(pid, &start_time, e) < 0)
			return -1;
		state->pid = pid;
		state->start_time = start_time;
	}
	memcpy(state->ns_ino, ino, sizeof(ino));
	state->ns_dev = dev;
	return 0;
}
