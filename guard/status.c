/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"
#include "base/sys.h"
#include "cgroups/cgroup.h"
#include "guard/internal.h"
#include "guard/programs.h"
#include "spec/json.h"

#define FILE_MAX 65536
#define STOP_WAIT_MS 5000

int guard_status_counts(int dir, struct guard_status *ret, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	auto_arena struct arena a = {};
	struct json *root;

	if (read_file_at(dir, "counts.json", FILE_MAX, &text) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read '%s/counts.json'", GUARD_DIR);
	if (json_parse(&a, "counts.json", strbuf_str(&text), text.len, &root, e) < 0)
		return -1;
	ret->counts = (struct guard_counts){.drift = (uint64_t)json_int(root, "drift", 0),
					    .killed = (uint64_t)json_int(root, "killed", 0),
					    .lost = (uint64_t)json_int(root, "recordsLost", 0),
					    .audit_failed = (uint64_t)json_int(root, "auditFailed", 0)};
	return 0;
}

static int open_directory(void)
{
	return open(GUARD_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Where pid 1 has them, or where that is closed, the guard; where neither can be asked, it was started from here. */
static int open_pins(pid_t guard)
{
	const pid_t views[] = {1, guard, getpid()};
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		if (views[i] <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/root" GUARD_DIR "/bpf", (int)views[i]);
		auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		auto_close int pins = fd < 0 ? -1 : guard_pins_dir(fd, false);
		if (pins >= 0)
			return TAKE_FD(fd);
	}
	return -1;
}

static pid_t read_pid(int dir)
{
	auto_strbuf struct strbuf text = {};
	uint64_t pid;

	if (!guard_alive(dir) || read_file_at(dir, "lock", FILE_MAX, &text) < 0 ||
	    parse_columns(strbuf_str(&text), &pid, 1) < 0 || pid == 0 || pid > INT32_MAX)
		return 0;
	return (pid_t)pid;
}

static uint64_t read_rss(struct arena *a, pid_t pid)
{
	auto_strbuf struct strbuf text = {};
	uint64_t kb;

	if (read_file_at(AT_FDCWD, arena_printf(a, "/proc/%d/status", (int)pid), FILE_MAX, &text) < 0)
		return 0;
	const char *line = strstr(strbuf_str(&text), "\nVmRSS:");
	return line && parse_columns(line + sizeof("\nVmRSS:") - 1, &kb, 1) == 0 ? kb : 0;
}

static void close_directory(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int read_container(int dir, const char *name, struct arena *a, struct guard_container *ret)
{
	auto_strbuf struct strbuf text = {};
	struct error gone = {};

	if (read_file_at(dir, name, FILE_MAX, &text) < 0)
		return -1;
	return guard_container_parse(a, name, strbuf_str(&text), text.len, ret, &gone);
}

int guard_armed_list(struct arena *a, struct guard_container **ret, size_t *n, struct error *e)
{
	int fd = open(GUARD_DIR "/armed", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_with(close_directory) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct guard_container *list = arena_array(a, GUARD_CONTAINERS_MAX, sizeof(*list));
	const struct dirent *entry;
	uint64_t cookie;
	size_t found = 0;

	if (!dir) {
		macro_close(&fd);
		return errno == ENOENT ? 0 : error_set(e, ERROR_HOST, errno, "cannot list '%s/armed'", GUARD_DIR);
	}
	/* One that goes away meanwhile was never there. */
	while ((entry = readdir(dir)) && found < GUARD_CONTAINERS_MAX)
		if (guard_cookie_parse(entry->d_name, &cookie) == 0 && read_container(fd, entry->d_name, a, &list[found]) == 0)
			found++;
	*ret = list;
	*n = found;
	return 0;
}

int guard_status_read(struct arena *a, struct guard_status *ret, struct error *e)
{
	struct guard_status status = {};
	struct guard_container *armed;
	struct error ignored = {};

	auto_close int dir = open_directory();
	if (dir < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "cannot open '%s'", GUARD_DIR);
	if (dir >= 0) {
		status.pid = read_pid(dir);
		if (status.pid > 0)
			status.rss_kb = read_rss(a, status.pid);
		if (guard_armed_list(a, &armed, &status.n_armed, e) < 0)
			return -1;
		if (guard_facts_read(a, &status.facts, &ignored) < 0 || guard_status_counts(dir, &status, &ignored) < 0)
			ignored = (struct error){};
	}
	auto_close int pins = open_pins(status.pid);
	auto_close int map = pins < 0 ? -1 : guard_pin_open(pins, "containers");
	status.pinned = map >= 0;
	if (status.pinned && (guard_counter_read(pins, GUARD_COUNT_SEALED, &status.sealed, &ignored) < 0 ||
			      guard_counter_read(pins, GUARD_COUNT_LOST, &status.counts.lost, &ignored) < 0))
		ignored = (struct error){};
	*ret = status;
	return 0;
}

/* It may be killed at any time, and one that is stopped, or hangs, has to be. */
static int end_daemon(int dir, bool force, struct error *e)
{
	static const int signals[] = {SIGTERM, SIGKILL};
	pid_t pid = read_pid(dir);

	if (pid == 0)
		return 0;
	auto_close int pidfd = sys_pidfd_open(pid, 0);
	/* The number is the guard's for as long as it holds the lock. */
	if (pidfd < 0 || !guard_alive(dir))
		return 0;
	for (size_t i = 0; i < (force ? 2 : 1); i++) {
		if (sys_pidfd_send_signal(pidfd, signals[i]) < 0 && errno != ESRCH)
			return error_set(e, ERROR_HOST, errno, "cannot end kedge-guard, process %d", (int)pid);
		if (poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, STOP_WAIT_MS) > 0)
			return 0;
	}
	error_set(e, ERROR_HOST, 0, "kedge-guard, process %d, has not ended after %d s", (int)pid, STOP_WAIT_MS / 1000);
	return force ? -1 : error_hint(e, "--force kills it");
}

/* Empty now; busy, if another one has come meanwhile. */
static int remove_cgroup(struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1, .mount_fd = -1};

	if (cgroup_place("/" GUARD_CGROUP, GUARD_CGROUP, &cg, e) < 0)
		return -1;
	if (unlinkat(cg.mount_fd, GUARD_CGROUP, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != EBUSY)
		return error_set(e, ERROR_HOST, errno, "cannot remove cgroup '%s'", GUARD_CGROUP);
	return 0;
}

int guard_stop(bool force, struct error *e)
{
	auto_arena struct arena a = {};
	struct guard_container *armed;
	size_t n = 0;

	auto_close int dir = open_directory();
	if (dir < 0)
		return errno == ENOENT ? 0 : error_set(e, ERROR_HOST, errno, "cannot open '%s'", GUARD_DIR);
	if (guard_armed_list(&a, &armed, &n, e) < 0)
		return -1;
	if (n > 0 && !force) {
		error_set(e, ERROR_STATE, 0, "%zu container(s) are guarded, among them '%s'", n, armed[0].id);
		return error_hint(e, "--force leaves them unguarded; kedge-guard alone can be ended and started at any time");
	}
	/* While there is a guard to ask where. */
	auto_close int pins = open_pins(read_pid(dir));
	if (end_daemon(dir, force, e) < 0 || remove_cgroup(e) < 0 || (pins >= 0 && guard_unload(pins, e) < 0))
		return -1;
	/* After the programs: to them a container without an entry is one that was not to start. */
	for (size_t i = 0; i < n; i++)
		if (guard_disarm(NULL, armed[i].cookie, e) < 0)
			return -1;
	return 0;
}
