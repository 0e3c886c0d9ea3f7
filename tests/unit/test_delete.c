/* SPDX-License-Identifier: Apache-2.0 */
/* What ends, holds and shows containers: delete, kill, pause, list, ps. Cgroups need root and a cgroup2 mount. */
#include <errno.h>

#include "cgroups/cgroup.h"
#include "libcontainer/destroy.h"
#include "libcontainer/proc.h"
#include "tests/unit/fixture.h"

static bool gone(pid_t pid)
{
	struct proc_stat st;

	return proc_stat_read(pid, &st) < 0 || st.state == 'Z';
}

static const char *state_path(const char *id, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s/%s", fixture_root, id, name);
	return path;
}

#define is_error(call, text, ...)                                                                  \
	do {                                                                                       \
		struct error e_ = {};                                                              \
		is_int(call(&e_), -1, __VA_ARGS__);                                                \
		is_str(e_.msg, text, "and says: %s", text);                                        \
	} while (0)

static int delete_c(struct error *e) { return container_delete(&rt, "c", false, e); }
static int delete_force_c(struct error *e) { return container_delete(&rt, "c", true, e); }
static int kill_c(struct error *e) { return container_kill(&rt, "c", SIGTERM, false, e); }
static int sigkill_c(struct error *e) { return container_kill(&rt, "c", SIGKILL, false, e); }
static int pause_c(struct error *e) { return container_pause(&rt, "c", e); }
static int resume_c(struct error *e) { return container_resume(&rt, "c", e); }

static void good(int (*call)(struct error *), const char *what)
{
	struct error e = {};

	if (!is_int(call(&e), 0, "%s", what))
		diag("%s", e.msg);
}

static void test_kill(void)
{
	pid_t pid = spawn_sleeper();
	struct state s = fixture_state("c", pid);

	is_error(kill_c, "container does not exist", "kill of an unknown one");
	fixture_container(&s, &(struct intent){});
	is_int(container_kill(&rt, "c", 0, false, &(struct error){}), 0, "signal 0");
	good(kill_c, "TERM");
	is_int(reap_status(pid), 128 + SIGTERM, "arrives");
	is_error(kill_c, "container not running", "kill of a stopped one");
	is_error(sigkill_c, "container not running", "with KILL too");
	is_int(container_kill(&rt, "c", SIGKILL, true, &(struct error){}), 0, "but not with --all");
	is_int(container_kill(&rt, "c", SIGTERM, true, &(struct error){}), 0, "whatever the signal");
	good(delete_c, "delete of a stopped one");
	ok(!exists(state_path("c", ".")), "leaves nothing");
}

static void test_delete(void)
{
	pid_t pid = spawn_sleeper();
	struct state s = fixture_state("c", pid);

	fixture_container(&s, &(struct intent){});
	is_error(delete_c, "cannot delete container c that is not stopped: running", "delete of a running one");
	ok(!gone(pid) && exists(state_path("c", "state.json")), "has no effect");
	good(delete_force_c, "delete --force");
	is_int(reap_status(pid), 137, "kills it");
	ok(!exists(state_path("c", ".")), "leaves nothing");
	good(delete_force_c, "delete --force of nothing");

	pid = spawn_sleeper();
	s = fixture_state("c", pid);
	fixture_container(&s, &(struct intent){});
	mkfifo(state_path("c", "exec.fifo"), 0600);
	auto_close int reader = open(state_path("c", "exec.fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	good(delete_c, "delete of a created one");
	is_int(reap_status(pid), 137, "kills it");
	ok(!exists(state_path("c", ".")), "leaves nothing");

	pid = spawn_sleeper();
	s = fixture_state("c", pid);
	s.start_time++;
	fixture_container(&s, &(struct intent){});
	good(delete_force_c, "delete --force of one whose pid belongs to another process now");
	ok(!gone(pid), "spares that");
	kill(pid, SIGKILL);
	reap_status(pid);
}

static void stopped_container(const char *config)
{
	pid_t pid = spawn_sleeper();
	struct state s = fixture_state("c", pid);

	kill(pid, SIGKILL);
	reap_status(pid);
	fixture_container(&s, &(struct intent){});
	if (config)
		put_file(state_path("c", "config.json"), config);
}

static const char *slurp(const char *name)
{
	static char text[512];
	auto_close int fd = open(fixture_path(name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_poststop(void)
{
	static const char *const spelt[] = {"poststop", "p\\u006fststop"};
	char config[1024];

	for (size_t i = 0; i < ARRAY_SIZE(spelt); i++) {
		snprintf(config, sizeof(config),
			 "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"hooks\":{\"%s\":[{\"path\":\"/bin/false\"},"
			 "{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"cat >%s/told; ls %s >>%s/told\"]}]}}",
			 spelt[i], fixture_dir, fixture_root, fixture_dir);
		stopped_container(config);
		good(delete_c, "delete with a poststop hook that fails and one that does not");
		is_str(slurp("told"), "{\"ociVersion\":\"1.3.0\",\"id\":\"c\",\"status\":\"stopped\",\"bundle\":\"/b\"}c\n",
		       "it has the state, while the directory is still there");
		unlink(fixture_path("told"));
	}
	stopped_container("{ damaged, with poststop");
	good(delete_c, "delete with a copy of the spec that is damaged");
	stopped_container(NULL);
	good(delete_c, "delete without one");
	ok(!exists(fixture_path("told")) && !exists(state_path("c", ".")), "runs no hook and leaves nothing");
}

static void test_list(void)
{
	auto_arena struct arena a = {};
	struct container_info *v = NULL;
	struct runtime nowhere = {.root = "/nonexistent/kedge"};
	struct spec_pair pair = {(char *)"k", (char *)"v"};
	struct error e = {};
	pid_t pid = spawn_sleeper(), dead = spawn_sleeper();
	size_t n = 99;

	ok(container_list(&nowhere, &a, &v, &n, &e) == 0 && n == 0, "no default root: no containers");
	nowhere.root_given = true;
	is_int(container_list(&nowhere, &a, &v, &n, &e), -1, "no such --root is an error");
	ok(strstr(e.msg, "/nonexistent/kedge"), "that names it");
	struct state s = fixture_state("b", pid);
	s.annotations = (struct spec_map){1, &pair};
	fixture_container(&s, &(struct intent){});
	s = fixture_state("a", dead);
	fixture_container(&s, &(struct intent){});
	kill(dead, SIGKILL);
	reap_status(dead);
	mkdir(fixture_path("run/state/incomplete"), 0700);
	mkdir(fixture_path("run/state/@cache"), 0700);
	put_file(fixture_path("run/state/file"), "x");
	mkdir(fixture_path("run/state/broken"), 0700);
	put_file(fixture_path("run/state/broken/state.json"), "{");
	e = (struct error){};
	is_int(container_list(&rt, &a, &v, &n, &e), 0, "lists in spite of what else is there");
	if (is_int(n, 2, "two containers")) {
		is_str(v[0].id, "a", "sorted");
		is_str(v[1].id, "b", "by id");
		is_int(v[0].pid, 0, "a stopped one has no pid");
		is_int(v[0].status, STATUS_STOPPED, "and is stopped");
		is_int(v[1].pid, pid, "a running one has");
		is_int(v[1].status, STATUS_RUNNING, "and runs");
		is_str(v[1].bundle, "/b", "bundle");
		is_str(v[1].rootfs, "/b/rootfs", "rootfs");
		is_str(v[1].oci_version, "1.3.0", "ociVersion");
		ok(v[1].owner && (geteuid() != 0 || strcmp(v[1].owner, "root") == 0), "owner");
		is_int(v[1].n_annotations, 1, "annotations");
	}
	is_int(container_kill(&rt, "b", SIGKILL, false, &e), 0, "kills one");
	reap_status(pid);
	static const char *const ids[] = {"a", "b", "incomplete"};
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		is_int(container_delete(&rt, ids[i], false, &(struct error){}), 0, "deletes '%s'", ids[i]);
	is_int(container_delete(&rt, "broken", false, &(struct error){}), -1, "a damaged state is no state to delete by");
	unlink(fixture_path("run/state/broken/state.json"));
	is_int(container_delete(&rt, "broken", true, &(struct error){}), 0, "deletes the rest");
	rmdir(fixture_path("run/state/@cache"));
	unlink(fixture_path("run/state/file"));
	ok(container_list(&rt, &a, &v, &n, &e) == 0 && n == 0, "none are left");
}

static void test_without_cgroup(void)
{
	auto_arena struct arena a = {};
	pid_t pid = spawn_sleeper(), *pids = NULL;
	struct state s = fixture_state("c", pid);
	size_t n = 0;

	s.own_pid_ns = false;
	fixture_container(&s, &(struct intent){});
	is_error(pause_c, "cannot freeze container 'c': it has no cgroup", "pause");
	is_error(resume_c, "container not paused", "resume");
	ok(container_pids(&rt, "c", &a, &pids, &n, &(struct error){}) == 0 && n == 1 && pids[0] == pid, "ps: init alone");
	good(sigkill_c, "KILL");
	is_int(reap_status(pid), 137, "arrives");
	is_error(sigkill_c, "container not running", "again");
	is_error(pause_c, "container not running", "pause of a stopped one");
	ok(container_pids(&rt, "c", &a, &pids, &n, &(struct error){}) == 0 && n == 0, "ps: nobody");
	good(delete_c, "delete");
}

/* --- with cgroups */

static char cgroup_path[64];

static bool cgroup_make(struct cgroup *cg)
{
	struct error e = {};

	snprintf(cgroup_path, sizeof(cgroup_path), "/kedge-unit-%d", (int)getpid());
	if (geteuid() != 0 || cgroup_place(cgroup_path, "c", cg, &e) < 0 || cgroup_create(cg, NULL, false, &e) < 0) {
		diag("%s", geteuid() ? "not root" : e.msg);
		return false;
	}
	return true;
}

static pid_t sleeper_in(const struct cgroup *cg)
{
	pid_t pid = spawn_sleeper();
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	auto_close int fd = openat(cg->fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (write(fd, text, strlen(text)) < 0)
		fail("moves a process into the cgroup");
	return pid;
}

static bool cgroup_exists(const struct cgroup *cg)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", cg->mountpoint, cg->path);
	return exists(path);
}

static struct state cgroup_container(const struct cgroup *cg, pid_t init, bool own_pid_ns, bool existed)
{
	struct state s = fixture_state("c", init);

	s.cgroup = cg->path;
	s.cgroup_existed = existed;
	s.own_pid_ns = own_pid_ns;
	fixture_container(&s, &(struct intent){.cgroup = cg->path, .cgroup_existed = existed});
	return s;
}

static void test_freezing(const struct cgroup *cg)
{
	auto_strbuf struct strbuf out = {};
	auto_arena struct arena a = {};
	pid_t init = sleeper_in(cg), other = sleeper_in(cg), *pids = NULL;
	size_t n = 0;

	cgroup_container(cg, init, false, false);
	ok(container_pids(&rt, "c", &a, &pids, &n, &(struct error){}) == 0 && n == 2, "ps: both");
	is_error(resume_c, "container not paused", "resume of a running one");
	good(pause_c, "pause");
	is_int(container_state(&rt, "c", &out, &(struct error){}), 0, "state");
	ok(strstr(strbuf_str(&out), "\"status\": \"paused\""), "is paused");
	is_error(pause_c, "container not running", "pause again");
	is_error(delete_c, "cannot delete container c that is not stopped: paused", "delete");
	good(resume_c, "resume");
	good(pause_c, "pause");
	good(sigkill_c, "KILL of a paused one");
	is_int(reap_status(init), 137, "kills init");
	is_int(reap_status(other), 137, "and the other");
	is_error(sigkill_c, "container not running", "again");
	good(delete_c, "delete");
	ok(!cgroup_exists(cg) && !exists(state_path("c", ".")), "leaves nothing");
}

static void test_paused_delete(const struct cgroup *cg)
{
	pid_t init = sleeper_in(cg);

	cgroup_container(cg, init, true, false);
	good(pause_c, "pause");
	good(delete_force_c, "delete --force of a paused one");
	is_int(reap_status(init), 137, "kills it");
	ok(!cgroup_exists(cg) && !exists(state_path("c", ".")), "leaves nothing");
}

static void test_left_processes(const struct cgroup *cg)
{
	pid_t init = sleeper_in(cg), other = sleeper_in(cg);

	cgroup_container(cg, init, false, false);
	kill(init, SIGKILL);
	reap_status(init);
	is_error(kill_c, "container not running", "TERM, when init is gone");
	ok(!gone(other), "does not reach the others");
	good(sigkill_c, "KILL does, without a pid namespace");
	is_int(reap_status(other), 137, "kills the other");
	other = sleeper_in(cg);
	good(delete_c, "delete of a stopped one with a process left");
	is_int(reap_status(other), 137, "kills it");
	ok(!cgroup_exists(cg) && !exists(state_path("c", ".")), "leaves nothing");
}

static void test_all(const struct cgroup *cg)
{
	pid_t init = sleeper_in(cg), other = sleeper_in(cg);

	cgroup_container(cg, init, true, false);
	is_int(container_kill(&rt, "c", SIGUSR1, true, &(struct error){}), 0, "kill --all USR1");
	is_int(reap_status(init), 128 + SIGUSR1, "reaches init");
	is_int(reap_status(other), 128 + SIGUSR1, "and the other");
	good(delete_c, "delete");
}

static void test_existing_cgroup(const struct cgroup *cg)
{
	pid_t init = sleeper_in(cg), other = sleeper_in(cg);

	cgroup_container(cg, init, true, true);
	good(pause_c, "pause");
	good(delete_force_c, "delete --force in a cgroup that existed before");
	is_int(reap_status(init), 137, "kills init");
	ok(cgroup_exists(cg) && !gone(other), "leaves the cgroup and what else is there");
	bool frozen = true;
	ok(cgroup_is_frozen(cg, &frozen, &(struct error){}) == 0 && !frozen, "thawed");
	kill(other, SIGKILL);
	is_int(reap_status(other), 137, "which can die");
}

static void test_intent_alone(const struct cgroup *cg)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	pid_t init = sleeper_in(cg);
	struct error e = {};

	ok(statedir_create(&rt, "c", &dir, &e) == 0 && intent_write(&dir, &(struct intent){.cgroup = cg->path}, &e) == 0,
	   "a creator records its intent, spawns and dies");
	statedir_done(&dir);
	good(delete_force_c, "delete --force");
	is_int(reap_status(init), 137, "kills what is in the cgroup");
	ok(!cgroup_exists(cg) && !exists(state_path("c", ".")), "leaves nothing");
	good(delete_force_c, "delete --force again");
}

static void with_cgroup(void (*test)(const struct cgroup *), int n)
{
	auto_cgroup struct cgroup cg = {.fd = -1};
	struct error e = {};

	if (!cgroup_make(&cg)) {
		skip(n, "no cgroup2 to write to");
		return;
	}
	test(&cg);
	if (cgroup_remove(&cg, &e) < 0)
		diag("%s", e.msg);
}

int main(void)
{
	fixture_make();
	test_kill();
	test_delete();
	test_poststop();
	test_list();
	test_without_cgroup();
	with_cgroup(test_freezing, 1);
	with_cgroup(test_paused_delete, 1);
	with_cgroup(test_left_processes, 1);
	with_cgroup(test_all, 1);
	with_cgroup(test_existing_cgroup, 1);
	with_cgroup(test_intent_alone, 1);
	fixture_remove();
	return done();
}
