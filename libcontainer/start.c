/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "base/sys.h"
#include "libcontainer/destroy.h"
#include "libcontainer/hooks.h"
#include "libcontainer/spawn.h"
#include "libcontainer/state.h"
#include "libcontainer/terminal.h"

static int check_created(const struct statedir *dir, const struct state *state, struct error *e)
{
	enum status status;

	if (state_status(dir, state, &status, e) < 0)
		return -1;
	switch (status) {
	case STATUS_CREATED: return 0;
	case STATUS_STOPPED: return error_set(e, ERROR_STATE, 0, "cannot start a container that has stopped");
	case STATUS_RUNNING: return error_set(e, ERROR_STATE, 0, "cannot start an already running container");
	default: return error_set(e, ERROR_STATE, 0, "cannot start a container in the %s state", status_name(status));
	}
}

/* What init says: EXEC and then the end of the file, which the payload's execve makes by closing init's descriptor; or what failed. An
 * end without EXEC is a death before it. */
static int read_result(int result, int pidfd, struct plan_record *record, struct error *e)
{
	struct pollfd p[2] = {{.fd = result, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	bool executes = false;

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return error_set(e, ERROR_HOST, errno, "cannot wait for the container to start");
		if (!p[0].revents && !p[1].revents)
			continue;
		ssize_t n = read(result, record, sizeof(*record));
		if (n == sizeof(*record) && record->type == RECORD_EXEC) {
			executes = true;
			continue;
		}
		if (n == sizeof(*record))
			return 1;
		bool end = n == 0 || (n < 0 && errno == EAGAIN && p[1].revents);
		if (end && !executes)
			return error_set(e, ERROR_STATE, 0, "container init ended before it started the program");
		if (end)
			return 0;
		if (n > 0 || (errno != EAGAIN && errno != EINTR))
			return error_set(e, ERROR_HOST, n < 0 ? errno : EPROTO, "cannot read the result of start");
	}
}

static int start_init(const struct statedir *dir, int pidfd, struct plan_record *record, struct error *e)
{
	auto_close int result = openat(dir->fd, "result.fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	auto_close int fifo = openat(dir->fd, "exec.fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (result < 0 || fifo < 0)
		return error_set(e, ERROR_STATE, errno == ENXIO ? 0 : errno,
				 "cannot start a container that has stopped");
	if (write(fifo, "s", 1) != 1)
		return error_set(e, ERROR_HOST, errno, "cannot tell the container to start");
	int failed = read_result(result, pidfd, record, e);
	if (failed == 0) {
		unlinkat(dir->fd, "exec.fifo", 0);
		unlinkat(dir->fd, "result.fifo", 0);
	}
	return failed;
}

static const char *json(const struct state *state, enum status status, struct arena *a)
{
	auto_strbuf struct strbuf out = {};

	state_print_oci(state, status, status == STATUS_STOPPED ? 0 : state->pid, &out);
	return arena_strdup(a, strbuf_str(&out));
}

/* runtime.md: a failed startContainer or poststart hook ends and destroys the container. */
static void destroy(struct statedir *dir, const struct state *state, const struct spec *spec, int pidfd,
		    struct arena *a)
{
	struct intent intent = {};
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	struct error late = {};
	bool found;

	sys_pidfd_send_signal(pidfd, SIGKILL);
	poll(&p, 1, 10000);
	if (intent_read(dir, a, &intent, &found, &late) < 0 ||
	    container_destroy(dir, &intent, spec, json(state, STATUS_STOPPED, a), &late) < 0)
		return; /* delete --force has another try */
}

/* Waiting for the container's READY may take long: nobody else is kept from the container meanwhile. */
static int relay(struct statedir *dir, int sock, const struct state *state, int pidfd, struct error *e)
{
	if (sock < 0)
		return 0;
	statedir_done(dir);
	return sdnotify_relay(sock, secure_getenv("NOTIFY_SOCKET"), state->pid, pidfd, e);
}

int container_start(const struct runtime *rt, const char *id, struct error *e)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	auto_spec struct spec *spec = NULL;
	auto_close int pidfd = -1;
	auto_close int sock = -1;
	struct state state;
	struct plan_record record = {};

	if (statedir_open(rt, id, STATEDIR_LOCKED, &dir, e) < 0 || state_read(&dir, &a, &state, e) < 0 ||
	    check_created(&dir, &state, e) < 0 || spec_load(dir.fd, "config.json", &spec, e) < 0)
		return -1;
	if (!spec->process.set)
		return error_set(e, ERROR_CONFIG, 0, "process: missing, nothing to run");
	if (state_open_init(&state, &pidfd, e) < 0)
		return -1;
	const char *notify = secure_getenv("NOTIFY_SOCKET");
	if (notify && *notify && faccessat(dir.fd, "notify", F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (sock = sdnotify_listen(dir.fd, e)) < 0)
		return -1;
	int failed = start_init(&dir, pidfd, &record, e);
	if (failed < 0)
		return -1;
	if (failed && (record.value & 0xffff) != STEP_CONTAINER_HOOK)
		return spawn_failed_exec(&record, spec->process.args.v[0], e);
	if (failed)
		spawn_failed_hook(&record, "startContainer", record.value >> 16, e);
	else if (hooks_run(spec, HOOK_POSTSTART, json(&state, STATUS_RUNNING, &a), e) == 0)
		return relay(&dir, sock, &state, pidfd, e);
	destroy(&dir, &state, spec, pidfd, &a);
	return -1;
}
