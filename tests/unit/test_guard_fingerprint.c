/* SPDX-License-Identifier: Apache-2.0 */
/* The comparison of the poll tier: on recorded numbers, and on this process. */
#include "guard/fingerprint.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/fixture.h"

/* Of a container without namespaces for time and users of its own, and of its host. */
static const struct guard_fingerprint recorded = {.inum = {
	[GUARD_MOUNT] = 4026532178, [GUARD_UTS] = 4026532179, [GUARD_IPC] = 4026532180, [GUARD_NETWORK] = 4026532182,
	[GUARD_PID] = 4026532181, [GUARD_PID_CHILDREN] = 4026532181, [GUARD_CGROUP] = 4026532240, [GUARD_TIME] = 4026531834,
	[GUARD_TIME_CHILDREN] = 4026531834, [GUARD_USER] = 4026531837}};
static const uint64_t host_inum[GUARD_OBJECTS_N] = {
	[GUARD_MOUNT] = 4026531832, [GUARD_UTS] = 4026531838, [GUARD_IPC] = 4026531839, [GUARD_NETWORK] = 4026531833,
	[GUARD_PID] = 4026531836, [GUARD_PID_CHILDREN] = 4026531836, [GUARD_CGROUP] = 4026531835, [GUARD_TIME] = 4026531834,
	[GUARD_TIME_CHILDREN] = 4026531834, [GUARD_USER] = 4026531837};

static void test_compare(void)
{
	uint64_t now[GUARD_OBJECTS_N];

	memcpy(now, recorded.inum, sizeof(now));
	is_int(guard_fingerprint_compare(&recorded, now, host_inum, false), 0, "the same");
	is_int(guard_fingerprint_compare(&recorded, now, host_inum, true), 0, "the same, though some are the host's: nested");
	for (int i = 0; i < GUARD_OBJECTS_N; i++) {
		memcpy(now, recorded.inum, sizeof(now));
		now[i] = 4026539999;
		is_int(guard_fingerprint_compare(&recorded, now, host_inum, false), 1LL << i, "another namespace %d", i);
		is_int(guard_fingerprint_compare(&recorded, now, host_inum, true), 0, "nested: it may be its own");
		if (host_inum[i] == recorded.inum[i])
			continue;
		now[i] = host_inum[i];
		is_int(guard_fingerprint_compare(&recorded, now, host_inum, true), 1LL << i, "nested: the host's is not");
	}
	memcpy(now, recorded.inum, sizeof(now));
	now[GUARD_PID_CHILDREN] = 0;
	is_int(guard_fingerprint_compare(&recorded, now, host_inum, false), 1LL << GUARD_PID_CHILDREN,
	       "unshare of pid, before the first child");
	struct guard_fingerprint old = recorded;
	old.inum[GUARD_TIME] = 0;
	memcpy(now, recorded.inum, sizeof(now));
	is_int(guard_fingerprint_compare(&old, now, host_inum, false), 0, "a kind that was not recorded is not compared");
}

static void test_mounts(void)
{
	static const char text[] = "41 31 0:38 / / rw,relatime - ext4 /dev/vda rw\n"
				   "9 41 0:5 / /proc rw shared:1 - proc proc rw\n"
				   "x\n"
				   "1203 41 0:99 / /a\\040b rw - tmpfs tmpfs rw";
	auto_free uint64_t *ids = NULL;
	size_t n = 0;

	is_int(guard_mounts_parse(text, &ids, &n), 0, "parses a mountinfo");
	is_int(n, 3, "three mounts");
	ok(n == 3 && ids[0] == 9 && ids[1] == 41 && ids[2] == 1203, "sorted");
}

static void test_state(void)
{
	struct guard_fingerprint fp = {};
	pid_t pid = spawn_sleeper();
	struct error e = {};

	fixture_make();
	is_int(guard_fingerprint_read(fixture_root, "c1", &fp, &e), 0, "no state yet is no error");
	struct state s = fixture_state("c1", pid);
	fixture_container(&s, &(struct intent){});
	if (!is_int(guard_fingerprint_read(fixture_root, "c1", &fp, &e), 1, "reads what create recorded"))
		diag("%s", e.msg);
	is_int(fp.init, pid, "init");
	is_int(fp.inum[GUARD_MOUNT], s.ns_ino[NS_MOUNT], "its mount namespace");
	is_int(fp.inum[GUARD_PID_CHILDREN], s.ns_ino[NS_PID], "its children's pid namespace is its own");
	ok(guard_fingerprint_is_init(&fp), "init is known again");
	fp.start_time++;
	ok(!guard_fingerprint_is_init(&fp), "but not a later process of the same number");
	put_file(fixture_path("run/state/c1/state.json"), "{\"pid\":1}");
	ok(guard_fingerprint_read(fixture_root, "c1", &fp, &e) < 0 && e.kind == ERROR_CONFIG, "a damaged one: %s", e.msg);
	kill(pid, SIGKILL);
	reap_status(pid);
	fixture_remove();
}

static int check(pid_t pid, const struct guard_fingerprint *fp, struct guard_host *host, struct guard_record *r)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	auto_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return guard_process_check(proc, fp, host, false, r);
}

/* As if this process were the container, and its child had left it. */
static void test_process(void)
{
	struct guard_fingerprint fp = {};
	struct guard_host host = {};
	struct guard_record r;
	struct error e = {};
	int ready[2];
	char byte;

	if (guard_host_read(&host, &e) < 0) {
		skip(8, "%s (needs root)", e.msg);
		return;
	}
	struct state s = {};
	if (state_observe_init(&s, getpid(), ~0ULL, &e) < 0)
		fail("%s", e.msg);
	fp.inum[GUARD_MOUNT] = s.ns_ino[NS_MOUNT];
	fp.inum[GUARD_UTS] = s.ns_ino[NS_UTS];
	is_int(check(getpid(), &fp, &host, &r), 0, "looks at itself");
	is_int(r.drift & 3, 0, "and finds nothing");
	if (pipe2(ready, O_CLOEXEC) < 0)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		byte = unshare(CLONE_NEWUTS) == 0 ? '1' : '0';
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	if (read(ready[0], &byte, 1) != 1 || byte != '1') {
		skip(6, "unshare is not permitted");
	} else {
		is_int(check(pid, &fp, &host, &r), 0, "looks at the child");
		is_int(r.drift & 3, 1 << GUARD_UTS, "it has left the uts namespace");
		is_int(r.old_inum[GUARD_UTS], (uint32_t)s.ns_ino[NS_UTS], "the old one");
		ok(r.new_inum[GUARD_UTS] != r.old_inum[GUARD_UTS] && r.new_inum[GUARD_UTS], "the new one");
		is_int(r.pid, pid, "its pid");
		is_str(r.comm, "test_guard_fing", "its name, cut as the kernel does");
	}
	kill(pid, SIGKILL);
	reap_status(pid);
	ok(check(pid, &fp, &host, &r) < 0, "one that is gone");
	guard_host_done(&host);
}

static void *leave(void *ready)
{
	char byte = unshare(CLONE_NEWUTS) == 0 ? '1' : '0';

	if (write(*(int *)ready, &byte, 1) == 1)
		pause();
	return NULL;
}

/* The first thread stays where it is. */
static void test_thread(void)
{
	struct guard_fingerprint fp = {};
	struct guard_host host = {};
	struct guard_record r;
	struct error e = {};
	struct state s = {};
	int ready[2];
	char byte;

	if (guard_host_read(&host, &e) < 0) {
		skip(3, "%s (needs root)", e.msg);
		return;
	}
	if (state_observe_init(&s, getpid(), ~0ULL, &e) < 0 || pipe2(ready, O_CLOEXEC) < 0) {
		fail("%s", e.msg);
		return;
	}
	fp.inum[GUARD_MOUNT] = s.ns_ino[NS_MOUNT];
	fp.inum[GUARD_UTS] = s.ns_ino[NS_UTS];
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, leave, &ready[1]) == 0)
			pause();
		_exit(1);
	}
	if (read(ready[0], &byte, 1) != 1 || byte != '1') {
		skip(3, "unshare is not permitted");
	} else {
		is_int(check(pid, &fp, &host, &r), 0, "looks at a process with two threads");
		is_int(r.drift & 1 << GUARD_UTS, 1 << GUARD_UTS, "the second has left the uts namespace");
		ok(r.pid == (uint32_t)pid && r.tid != r.pid, "and is named");
	}
	kill(pid, SIGKILL);
	reap_status(pid);
	guard_host_done(&host);
}

int main(void)
{
	test_compare();
	test_mounts();
	test_state();
	test_process();
	test_thread();
	return done();
}
