/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/state.h"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>

#include "base/num.h"
#include "libcontainer/proc.h"
#include "tests/unit/fixture.h"

static struct spec_pair pairs[] = {{(char *)"b", (char *)"2\n\"x\""}, {(char *)"a", (char *)""}};

static void test_proc(void)
{
	struct proc_stat st = {}, odd = {};
	struct error e = {};
	uint64_t start = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	ok(proc_stat_read(pid, &st) == 0 && st.state == 'Z', "sees a zombie");
	reap_status(pid);
	is_int(proc_stat_read(pid, &st), -1, "and that it is gone");
	is_int(proc_start_time(pid, &start, &e), -1, "which is an error to ask the time of");
	is_int(proc_stat_read(getpid(), &st), 0, "reads its own");
	prctl(PR_SET_NAME, "x) Z 1 (y");
	is_int(proc_stat_read(getpid(), &odd), 0, "whatever its name is");
	ok(odd.start_time == st.start_time && odd.state == 'R', "with the same result");
	is_int(proc_start_time(getpid(), &start, &e), 0, "reads the start time");
	ok(start == st.start_time && start > 0, "the same one");
}

static void test_round_trip(void)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	struct error e = {};
	struct state got, s = fixture_state("c1", getpid());
	struct stat st;

	s.cgroup = (char *)"a/b";
	s.cgroup_ino = 1234567890123;
	s.unit = (char *)"a.scope";
	s.cgroup_existed = s.user_unit = s.rootless = s.no_new_keyring = true;
	s.annotations = (struct spec_map){2, pairs};
	is_int(statedir_create(&rt, "c1", &dir, &e), 0, "creates");
	is_int(state_read(&dir, &a, &got, &e), -1, "no state yet");
	is_int(e.kind, ERROR_NOENT, "is as no container");
	is_str(e.msg, "container does not exist", "in the words that engines match");
	e = (struct error){};
	is_int(state_write(&dir, &s, &e), 0, "writes");
	ok(fstatat(dir.fd, "state.json", &st, 0) == 0 && (st.st_mode & 0777) == 0600, "for us alone");
	if (!is_int(state_read(&dir, &a, &got, &e), 0, "reads"))
		diag("%s", e.msg);
	is_str(got.id, "c1", "id");
	is_str(got.bundle, "/b", "bundle");
	is_str(got.rootfs, "/b/rootfs", "rootfs");
	is_str(got.oci_version, "1.3.0", "ociVersion");
	is_str(got.created, s.created, "created");
	is_str(got.cgroup, "a/b", "cgroup");
	ok(got.cgroup_ino == 1234567890123, "inode of the cgroup");
	is_str(got.unit, "a.scope", "unit");
	is_int(got.pid, getpid(), "pid");
	ok(got.start_time == s.start_time, "start time");
	ok(got.cgroup_existed && got.user_unit && got.rootless && got.no_new_keyring && got.own_pid_ns, "flags");
	is_int(got.annotations.n, 2, "annotations");
	is_str(got.annotations.v[0].key, "b", "in order");
	is_str(got.annotations.v[0].value, "2\n\"x\"", "escaped and back");
	is_str(got.annotations.v[1].value, "", "and empty");
	ok(memcmp(got.ns_ino, s.ns_ino, sizeof(s.ns_ino)) == 0, "namespaces");
	ok(stat("/proc/self/ns/mnt", &st) == 0 && st.st_ino == s.ns_ino[NS_MOUNT], "of which the mount one is right");
	ok(stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == s.ns_ino[NS_PID], "and the pid one");
	is_int(statedir_remove(&dir, &e), 0, "removes");
}

static void test_damaged(void)
{
	static const char *const bad[] = {
		"", "{", "[]", "{}", "{\"id\":\"other\",\"pid\":1}",
		"{\"id\":\"d\",\"pid\":1,\"startTime\":1,\"bundle\":\"/\",\"rootfs\":\"/\",\"ociVersion\":\"1\"}",
		"{\"id\":\"d\",\"pid\":0,\"startTime\":1,\"bundle\":\"/\",\"rootfs\":\"/\",\"ociVersion\":\"1\",\"created\":\"x\"}",
		"{\"id\":\"d\",\"pid\":\"1\",\"startTime\":1,\"bundle\":\"/\",\"rootfs\":\"/\",\"ociVersion\":\"1\",\"created\":\"x\"}",
	};
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};

	is_int(statedir_create(&rt, "d", &dir, &(struct error){}), 0, "creates");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error e = {};
		struct state got;
		put_file(fixture_path("run/state/d/state.json"), bad[i]);
		ok(state_read(&dir, &a, &got, &e) < 0 && e.kind == ERROR_CONFIG && strstr(e.msg, "'d'"),
		   "damage number %zu is an error that names the container", i);
	}
	is_int(statedir_remove(&dir, &(struct error){}), 0, "removes");
}

static void test_open_init(void)
{
	pid_t pid = spawn_sleeper();
	struct state s = fixture_state("c", pid);
	struct error e = {};
	int fd = -1;

	ok(state_open_init(&s, &fd, &e) == 0 && fd >= 0, "opens init");
	ok(fcntl(fd, F_GETFD) == FD_CLOEXEC, "close-on-exec");
	close(fd);
	s.start_time++;
	ok(state_open_init(&s, &fd, &e) == 0 && fd == -1, "another process of the same number is not init");
	s.start_time--;
	kill(pid, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	ok(state_open_init(&s, &fd, &e) == 0 && fd == -1, "nor is its zombie");
	reap_status(pid);
	ok(state_open_init(&s, &fd, &e) == 0 && fd == -1, "nor nobody");
}

static enum status status_of(const struct statedir *dir, const struct state *s)
{
	enum status status = STATUS_CREATING;
	struct error e = {};

	if (state_status(dir, s, &status, &e) < 0)
		diag("%s", e.msg);
	return status;
}

static void test_status(void)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	pid_t pid = spawn_sleeper();
	struct state s = fixture_state("st", pid);
	struct error e = {};

	is_int(statedir_create(&rt, "st", &dir, &e), 0, "creates");
	is_int(status_of(&dir, &s), STATUS_RUNNING, "no exec.fifo: running");
	is_int(mkfifoat(dir.fd, "exec.fifo", 0600), 0, "makes it");
	is_int(status_of(&dir, &s), STATUS_RUNNING, "nobody reads it: running");
	auto_close int reader = openat(dir.fd, "exec.fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	is_int(status_of(&dir, &s), STATUS_CREATED, "somebody reads it: created");
	is_int(status_of(&dir, &s), STATUS_CREATED, "as often as one asks");
	kill(pid, SIGKILL);
	reap_status(pid);
	is_int(status_of(&dir, &s), STATUS_STOPPED, "no init: stopped");
	is_int(statedir_remove(&dir, &e), 0, "removes");
	is_str(status_name(STATUS_CREATING), "creating", "name");
	is_str(status_name(STATUS_PAUSED), "paused", "name");
}

static void test_print(void)
{
	auto_strbuf struct strbuf out = {};
	struct state s = {
		.id = (char *)"c1", .bundle = (char *)"/b", .rootfs = (char *)"/b/r", .oci_version = (char *)"1.3.0",
		.created = (char *)"2026-01-02T03:04:05.000000006Z", .pid = 42,
	};

	state_print(&s, STATUS_RUNNING, &out);
	is_str(out.s,
	       "{\n  \"ociVersion\": \"1.3.0\",\n  \"id\": \"c1\",\n  \"pid\": 42,\n  \"status\": \"running\",\n"
	       "  \"bundle\": \"/b\",\n  \"rootfs\": \"/b/r\",\n  \"created\": \"2026-01-02T03:04:05.000000006Z\",\n"
	       "  \"owner\": \"\",\n  \"guard\": {\n    \"mode\": \"off\",\n    \"namespaces\": {},\n    \"device\": 0\n  }\n}",
	       "as runc prints it, and the guard");
	strbuf_clear(&out);
	s.annotations = (struct spec_map){1, &(struct spec_pair){(char *)"k", (char *)"v"}};
	state_print(&s, STATUS_STOPPED, &out);
	ok(strstr(out.s, "\"pid\": 0,"), "stopped: no pid");
	ok(strstr(out.s, "\"annotations\": {\n    \"k\": \"v\"\n  },\n  \"owner\""), "annotations before the owner");
	strbuf_clear(&out);
	state_print_oci(&s, STATUS_CREATING, 7, &out);
	is_str(out.s,
	       "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"status\":\"creating\",\"pid\":7,\"bundle\":\"/b\","
	       "\"annotations\":{\"k\":\"v\"}}",
	       "the document of hooks");
	strbuf_clear(&out);
	state_print_oci(&s, STATUS_STOPPED, 0, &out);
	ok(!strstr(out.s, "pid"), "which leaves out a pid that is none");
}

static void test_timestamp(void)
{
	auto_arena struct arena a = {};
	const char *t = state_timestamp(&a);
	static const char form[] = "0000-00-00T00:00:00.000000000Z";
	bool same = strlen(t) == strlen(form);

	for (size_t i = 0; same && form[i]; i++)
		same = form[i] == '0' ? t[i] >= '0' && t[i] <= '9' : t[i] == form[i];
	ok(same, "time with nanoseconds: %s", t);
}

static void test_command(void)
{
	auto_strbuf struct strbuf out = {};
	pid_t pid = spawn_sleeper();
	struct state s = fixture_state("cmd", pid);
	struct error e = {};

	fixture_container(&s, &(struct intent){});
	is_int(container_state(&rt, "cmd", &out, &e), 0, "state");
	ok(strstr(strbuf_str(&out), "\"status\": \"running\""), "is running");
	kill(pid, SIGKILL);
	reap_status(pid);
	strbuf_clear(&out);
	is_int(container_state(&rt, "cmd", &out, &e), 0, "state");
	ok(strstr(strbuf_str(&out), "\"pid\": 0,\n  \"status\": \"stopped\""), "is stopped");
	is_int(container_state(&rt, "nobody", &out, &e), -1, "state of an unknown one");
	is_str(e.msg, "container does not exist", "says so");
	is_int(container_delete(&rt, "cmd", false, &(struct error){}), 0, "delete");
}

static void test_dates(void)
{
	static const time_t times[] = {0, 86399, 951782399, 951782400, 951868800, 1078012800, 1709164800, 1709251200, 4107542400, 253402300799};
	auto_arena struct arena a = {};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		char want[64];
		struct tm tm;
		gmtime_r(&times[i], &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000000007Z", &tm);
		is_str(state_time_text(&a, (struct timespec){.tv_sec = times[i], .tv_nsec = 7}), want, "as gmtime_r has it");
	}
}

static void test_observe(void)
{
	struct state s = fixture_state("c", getpid());
	struct error e = {};
	uint64_t mount = s.ns_ino[NS_MOUNT];

	s.ns_ino[NS_MOUNT] = s.ns_ino[NS_PID] = 1;
	is_int(state_observe_init(&s, getpid(), CLONE_NEWNS, &e), 0, "looks once more at the mount namespace");
	ok(s.ns_ino[NS_MOUNT] == mount && s.ns_ino[NS_PID] == 1, "and at no other");
	is_int(state_observe_init(&s, 0x7fffffff, CLONE_NEWNS | CLONE_NEWPID, &e), -1, "a process that is not there");
	ok(s.ns_ino[NS_PID] == 1 && s.pid == getpid(), "changes nothing");
}

int main(void)
{
	fixture_make();
	test_proc();
	test_round_trip();
	test_damaged();
	test_open_init();
	test_status();
	test_print();
	test_timestamp();
	test_dates();
	test_observe();
	test_command();
	fixture_remove();
	return done();
}
