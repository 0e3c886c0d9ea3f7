/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/fingerprint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/num.h"
#include "spec/json.h"

#define MOUNTINFO_MAX (16U << 20)
#define STATUS_MAX 16384
#define STAT_FIELD_START 22
/* /proc/PID/task of a process with one thread: ".", "..", and the thread. */
#define TASK_LINKS_ONE 3
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000U
#endif

/* In /proc/PID/ns, and in state.json, which has no names for the children's. */
static const struct {
	const char *file, *recorded;
} objects[GUARD_OBJECTS_N] = {
	[GUARD_MOUNT] = {"mnt", "mnt"},
	[GUARD_UTS] = {"uts", "uts"},
	[GUARD_IPC] = {"ipc", "ipc"},
	[GUARD_NETWORK] = {"net", "net"},
	[GUARD_PID] = {"pid", "pid"},
	[GUARD_PID_CHILDREN] = {"pid_for_children", "pid"},
	[GUARD_CGROUP] = {"cgroup", "cgroup"},
	[GUARD_TIME] = {"time", "time"},
	[GUARD_TIME_CHILDREN] = {"time_for_children", "time"},
	[GUARD_USER] = {"user", "user"},
};

/* --- what is recorded */

int guard_fingerprint_read(const char *root, const char *id, struct guard_fingerprint *ret, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	auto_arena struct arena a = {};
	struct guard_fingerprint fp = {};
	char *path = arena_printf(&a, "%s/%s/state.json", root, id);
	struct json *state;

	if (read_file_at(AT_FDCWD, path, JSON_BYTES_MAX, &text) < 0)
		return errno == ENOENT ? 0 : error_set(e, ERROR_HOST, errno, "cannot read '%s'", path);
	if (json_parse(&a, path, strbuf_str(&text), text.len, &state, e) < 0)
		return -1;
	const struct json *ns = json_get(state, "namespaces");
	for (int i = 0; i < GUARD_OBJECTS_N; i++)
		fp.inum[i] = (uint64_t)json_int(ns, objects[i].recorded, 0);
	fp.init = (pid_t)json_int(state, "pid", 0);
	fp.start_time = (uint64_t)json_int(state, "startTime", 0);
	if (fp.init <= 0 || !fp.start_time || !fp.inum[GUARD_MOUNT])
		return error_set(e, ERROR_CONFIG, 0, "state of container '%s' is damaged", id);
	*ret = fp;
	return 1;
}

bool guard_fingerprint_is_init(const struct guard_fingerprint *fp)
{
	auto_strbuf struct strbuf text = {};
	char path[32];
	uint64_t start;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)fp->init);
	if (read_file_at(AT_FDCWD, path, STATUS_MAX, &text) < 0)
		return false;
	/* proc(5): fields are counted from behind the command, which may hold blanks and parentheses; its own is the second. */
	const char *p = strrchr(strbuf_str(&text), ')');
	for (int field = 2; p && field < STAT_FIELD_START; field++)
		p = strchr(p + 1, ' ');
	return p && parse_columns(p, &start, 1) == 0 && start == fp->start_time;
}

uint64_t guard_fingerprint_compare(const struct guard_fingerprint *fp, const uint64_t now[GUARD_OBJECTS_N],
				   const uint64_t host[GUARD_OBJECTS_N], bool nested)
{
	uint64_t drift = 0;

	for (int i = 0; i < GUARD_OBJECTS_N; i++) {
		if (!fp->inum[i] || now[i] == fp->inum[i])
			continue;
		if (!nested || now[i] == host[i])
			drift |= 1ULL << i;
	}
	return drift;
}

/* --- mounts */

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int guard_mounts_parse(const char *mountinfo, uint64_t **ret, size_t *n)
{
	size_t lines = 1, found = 0;

	for (const char *p = mountinfo; (p = strchr(p, '\n')); p++)
		lines++;
	uint64_t *ids = calloc(lines, sizeof(*ids));
	if (!ids)
		return -1;
	for (const char *p = mountinfo; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (parse_columns(p, &ids[found], 1) == 0)
			found++;
	qsort(ids, found, sizeof(*ids), compare_ids);
	*ret = ids;
	*n = found;
	return 0;
}

void guard_host_done(struct guard_host *host)
{
	free(TAKE(host->mount));
	host->n_mounts = 0;
}

/* Proof that it is foreign: a mount that is in no list may also be one of the container's that was detached. */
static bool is_host_mount(struct guard_host *host, uint64_t id)
{
	auto_strbuf struct strbuf text = {};

	if (!host->mount && (read_file_at(AT_FDCWD, "/proc/1/mountinfo", MOUNTINFO_MAX, &text) < 0 ||
			     guard_mounts_parse(strbuf_str(&text), &host->mount, &host->n_mounts) < 0))
		return false;
	return bsearch(&id, host->mount, host->n_mounts, sizeof(id), compare_ids);
}

static bool on_host_mount(int proc, const char *name, struct guard_host *host)
{
	struct statx st;

	return statx(proc, name, AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) == 0 && (st.stx_mask & STATX_MNT_ID) &&
	       is_host_mount(host, st.stx_mnt_id);
}

/* --- processes */

/* "mnt:[4026531841]" */
static uint64_t parse_link(char *text)
{
	char *number = strchr(text, '[');
	uint64_t inum;

	if (!number)
		return 0;
	number[strcspn(number, "]")] = '\0';
	return parse_u64(number + 1, UINT64_MAX, &inum) == 0 ? inum : 0;
}

/* dir: "ns/", or "task/TID/ns/". Readlink is a third of the price of opening or stat'ing one. */
static int read_namespaces(int proc, const char *dir, uint64_t ret[GUARD_OBJECTS_N])
{
	char name[64], text[64];

	for (int i = 0; i < GUARD_OBJECTS_N; i++) {
		snprintf(name, sizeof(name), "%s%s", dir, objects[i].file);
		ssize_t n = readlinkat(proc, name, text, sizeof(text) - 1);
		ret[i] = 0;
		if (n < 0 && errno != ENOENT)
			return -1;
		if (n < 0)
			continue;
		text[n] = '\0';
		ret[i] = parse_link(text);
	}
	/* Who ends has no namespaces any more but that of users. The mount namespace is asked again, as the end may have
	 * come in between. */
	snprintf(name, sizeof(name), "%s%s", dir, objects[GUARD_MOUNT].file);
	if (!ret[GUARD_MOUNT] || readlinkat(proc, name, text, sizeof(text)) < 0) {
		errno = ESRCH;
		return -1;
	}
	return 0;
}

int guard_host_read(struct guard_host *ret, struct error *e)
{
	auto_close int proc = open("/proc/1", O_PATH | O_DIRECTORY | O_CLOEXEC);

	*ret = (struct guard_host){};
	if (proc >= 0 && read_namespaces(proc, "ns/", ret->inum) == 0)
		return 0;
	/* Closed even to root: what we are in is the nearest to the host that there is. */
	auto_close int self = errno == EACCES ? open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (self >= 0 && read_namespaces(self, "ns/", ret->inum) == 0)
		return 0;
	return error_set(e, ERROR_HOST, errno, "cannot read the namespaces of process 1");
}

static uint64_t status_number(const char *status, const char *key)
{
	const char *line = strstr(status, key);
	uint64_t n;

	return line && parse_columns(line + strlen(key) + strspn(line + strlen(key), " \t"), &n, 1) == 0 ? n : 0;
}

/* Only of who is guilty: it costs more than the check. */
static void describe(int proc, uint32_t tid, struct guard_record *record)
{
	auto_strbuf struct strbuf status = {}, comm = {};

	record->hook = GUARD_HOOK_POLL;
	record->tier = GUARD_TIER_POLL;
	if (read_file_at(proc, "comm", sizeof(record->comm), &comm) == 0 && comm.len > 0)
		memcpy(record->comm, comm.s, MIN(comm.len - 1, sizeof(record->comm) - 1));
	if (read_file_at(proc, "status", STATUS_MAX, &status) == 0) {
		record->pid = (uint32_t)status_number(strbuf_str(&status), "\nTgid:");
		record->uid = (uint32_t)status_number(strbuf_str(&status), "\nUid:");
	}
	record->tid = tid ?: record->pid;
}

static int check_thread(int proc, const char *dir, uint32_t tid, const struct guard_fingerprint *fp,
			const struct guard_host *host, bool nested, struct guard_record *record)
{
	uint64_t now[GUARD_OBJECTS_N];

	if (read_namespaces(proc, dir, now) < 0)
		return -1;
	record->drift = guard_fingerprint_compare(fp, now, host->inum, nested);
	if (!record->drift)
		return 0;
	for (int i = 0; i < GUARD_OBJECTS_N; i++) {
		record->old_inum[i] = (uint32_t)fp->inum[i];
		record->new_inum[i] = (uint32_t)now[i];
	}
	describe(proc, tid, record);
	return 0;
}

static void close_directory(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* A thread has namespaces, root and working directory of its own. */
static int check_threads(int proc, const struct guard_fingerprint *fp, struct guard_host *host, bool nested,
			 struct guard_record *record)
{
	int fd = openat(proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_with(close_directory) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		macro_close(&fd);
		return -1;
	}
	while ((entry = readdir(dir)) && !record->drift) {
		char ns[64], name[64];
		uint32_t tid;

		if (parse_u32(entry->d_name, INT32_MAX, &tid) < 0)
			continue;
		snprintf(ns, sizeof(ns), "task/%u/ns/", tid);
		if (check_thread(proc, ns, tid, fp, host, nested, record) < 0 && errno != ESRCH && errno != ENOENT)
			return -1;
		snprintf(name, sizeof(name), "task/%u/root", tid);
		if (!record->drift && fp->inum[GUARD_MOUNT] != host->inum[GUARD_MOUNT] && on_host_mount(proc, name, host)) {
			record->drift = 1ULL << GUARD_DRIFT_ROOT;
			describe(proc, tid, record);
		}
	}
	return 0;
}

int guard_process_check(int proc, const struct guard_fingerprint *fp, struct guard_host *host, bool nested,
			struct guard_record *record)
{
	struct stat task;

	*record = (struct guard_record){};
	if (check_thread(proc, "ns/", 0, fp, host, nested, record) < 0)
		return -1;
	/* A container in the host's mount namespace is on nothing but its mounts. */
	if (fp->inum[GUARD_MOUNT] != host->inum[GUARD_MOUNT]) {
		if (on_host_mount(proc, "root", host))
			record->drift |= 1ULL << GUARD_DRIFT_ROOT;
		if (on_host_mount(proc, "cwd", host))
			record->drift |= 1ULL << GUARD_DRIFT_CWD;
		if (record->drift && !record->pid)
			describe(proc, 0, record);
	}
	if (record->drift || fstatat(proc, "task", &task, 0) < 0 || task.st_nlink <= TASK_LINKS_ONE)
		return 0;
	return check_threads(proc, fp, host, nested, record);
}

bool guard_process_joining(int proc)
{
	static const char init[] = "/memfd:kedge-init";
	char exe[4096];
	ssize_t n = readlinkat(proc, "exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return false;
	exe[n] = '\0';
	const char *base = strrchr(exe, '/');
	return strncmp(exe, init, sizeof(init) - 1) == 0 ||
	       (base && (strcmp(base, "/kedge") == 0 || strcmp(base, "/kedge-shared") == 0));
}
