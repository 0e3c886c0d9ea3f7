/* What the tests of libcontainer share: a state root of their own, and processes that play a container's init. */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libcontainer/state.h"
#include "tests/unit/tap.h"

static char fixture_dir[64];
static char fixture_root[96];
static struct runtime rt = {.root = fixture_root, .root_given = true};

__attribute__((unused)) static void fixture_make(void)
{
	snprintf(fixture_dir, sizeof(fixture_dir), "/tmp/kedge-unit.XXXXXX");
	if (!mkdtemp(fixture_dir)) {
		printf("Bail out! no temporary directory\n");
		exit(1);
	}
	snprintf(fixture_root, sizeof(fixture_root), "%s/run/state", fixture_dir);
}

__attribute__((unused)) static void fixture_remove(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf -- '%s'", fixture_dir);
	if (system(command) != 0)
		diag("cannot remove %s", fixture_dir);
}

/* A path below the fixture; four at a time. */
__attribute__((unused)) static const char *fixture_path(const char *name)
{
	static char path[4][256];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", fixture_dir, name);
	return path[i];
}

__attribute__((unused)) static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

__attribute__((unused)) static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		fail("writes '%s'", path);
}

/* Something that lives until it is killed. */
__attribute__((unused)) static pid_t spawn_sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

__attribute__((unused)) static int reap_status(pid_t pid)
{
	int status = -1;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A complete state whose init is pid. */
__attribute__((unused)) static struct state fixture_state(const char *id, pid_t pid)
{
	struct state s = {
		.id = (char *)(uintptr_t)id, .bundle = (char *)"/b", .rootfs = (char *)"/b/rootfs",
		.oci_version = (char *)"1.3.0", .created = (char *)"2026-01-02T03:04:05.000000006Z",
		.own_pid_ns = true,
	};
	struct error e = {};

	if (!is_int(state_observe_init(&s, pid, ~0ULL, &e), 0, "observes init of '%s'", id))
		diag("%s", e.msg);
	return s;
}

/* <root>/<id> as create leaves it; the lock is given back. */
__attribute__((unused)) static void fixture_container(const struct state *s, const struct intent *intent)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	struct error e = {};

	if (!ok(statedir_create(&rt, s->id, &dir, &e) == 0 && intent_write(&dir, intent, &e) == 0 &&
			state_write(&dir, s, &e) == 0,
		"makes container '%s'", s->id))
		diag("%s", e.msg);
}
