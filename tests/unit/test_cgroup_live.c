/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real cgroups, below one of this test's own which is removed at the end. What enabling controllers changed above it
 * is set back. Without the right to make cgroups everything is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/sys.h"
#include "cgroups/internal.h"
#include "tests/unit/tap.h"

#define TIMEOUT_MS 10000

static struct arena arena;
static char top[64];
static int mount_fd = -1;

/* --- helpers */

static const char *below(const char *name)
{
	return arena_printf(&arena, "/%s/%s", top, name);
}

static bool there(const char *path)
{
	return faccessat(mount_fd, path + 1, F_OK, 0) == 0;
}

static bool good(int ret, const struct error *e, const char *what)
{
	char text[2200];

	ok(ret >= 0, "%s", what);
	if (ret < 0)
		diag("%s", error_text(e, text, sizeof(text)));
	return ret >= 0;
}

static void says(int ret, const struct error *e, const char *want, const char *what)
{
	char text[2200];

	error_text(e, text, sizeof(text));
	ok(ret < 0 && strstr(text, want), "%s", what);
	if (ret >= 0 || !strstr(text, want))
		diag("ret %d: got '%s', want '%s' in it", ret, text, want);
}

static bool place(const char *path, struct cgroup *cg)
{
	struct error e = {};

	return good(cgroup_place(path, "id", cg, &e), &e, path);
}

/* A child born into the cgroup, that runs f() and exits with its result. -1 with errno. */
static pid_t spawn(int fd, int (*f)(void *), void *arg)
{
	struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned)fd};

	fflush(NULL);
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(f(arg));
	}
	return pid;
}

static int sleeps(void *arg unused_arg)
{
	while (pause() < 0)
		;
	return 1;
}

static pid_t spawn_in(const struct cgroup *cg, const char *sub)
{
	struct error e = {};
	auto_close int fd = cgroup_join_fd(cg, sub, 0, &e);

	return good(fd, &e, "joining") ? spawn(fd, sleeps, NULL) : -1;
}

static int reap(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* --- tests */

static void test_life(void)
{
	auto_cgroup struct cgroup cg = {};
	struct error e = {};
	bool frozen = true;
	pid_t *pids;
	size_t n = 0;

	if (!place(below("a/b"), &cg) || !good(cgroup_create(&cg, NULL, false, &e), &e, "create"))
		return;
	is_int(cg.made, 2, "two levels were made");
	ok(cg.created && there(below("a/b")), "it is there");
	pid_t pid = spawn_in(&cg, NULL);
	ok(pid > 0, "a process is born into it");
	good(cgroup_pids(&cg, &arena, &pids, &n, &e), &e, "its processes");
	ok(n == 1 && pids[0] == pid, "are that one");
	good(cgroup_is_frozen(&cg, &frozen, &e), &e, "not asked to be frozen");
	ok(!frozen, "it is not");
	good(cgroup_freeze(&cg, true, &e), &e, "freeze");
	good(cgroup_is_frozen(&cg, &frozen, &e), &e, "asked to be frozen");
	ok(frozen, "it is");
	good(cgroup_freeze(&cg, false, &e), &e, "thaw");
	good(cgroup_freeze(&cg, true, &e), &e, "freeze again");

	auto_cgroup struct cgroup twin = {};
	struct error e2 = {};
	place(below("a/b"), &twin);
	is_int(twin.made, 0, "no level is missing for a second one");
	says(cgroup_create(&twin, NULL, false, &e2), &e2, "container's cgroup is not empty: 1 process(es) found",
	     "a second container is refused");
	ok(there(below("a/b")), "and the first one's cgroup stays");

	auto_cgroup struct cgroup again = {};
	good(cgroup_open(cg.path, &again, &e), &e, "open by the path in the state");
	again.made = cg.made;
	good(cgroup_kill(&again, TIMEOUT_MS, &e), &e, "kill, frozen as it is");
	is_int(reap(pid), SIGKILL, "the process was killed");
	good(cgroup_remove(&again, &e), &e, "remove");
	ok(!there(below("a")), "with the level above that it had made");
	good(cgroup_remove(&cg, &e), &e, "removing what has gone is no error");
}

static void test_vanished(void)
{
	auto_cgroup struct cgroup cg = {};
	struct error e = {};
	bool frozen = true;
	pid_t *pids;
	size_t n = 1;

	place(below("never"), &cg);
	good(cgroup_kill(&cg, 0, &e), &e, "kill");
	good(cgroup_signal(&cg, SIGTERM, &e), &e, "signal");
	good(cgroup_pids(&cg, &arena, &pids, &n, &e), &e, "processes");
	is_int(n, 0, "none");
	good(cgroup_is_frozen(&cg, &frozen, &e), &e, "is frozen");
	ok(!frozen, "no");
	is_int(cgroup_oom_kills(&cg), -1, "no memory controller");
	says(cgroup_freeze(&cg, true, &e), &e, "no such file or directory", "freeze");
	/* A directory that goes away while its fd is open. */
	auto_cgroup struct cgroup gone = {};
	struct error e2 = {};
	place(below("gone"), &gone);
	good(cgroup_create(&gone, NULL, false, &e2), &e2, "create");
	unlinkat(mount_fd, gone.path, AT_REMOVEDIR);
	good(cgroup_kill(&gone, 100, &e2), &e2, "kill of a removed one");
	good(cgroup_is_frozen(&gone, &frozen, &e2), &e2, "is it frozen");
	good(cgroup_pids(&gone, &arena, &pids, &n, &e2), &e2, "its processes");
	good(cgroup_remove(&gone, &e2), &e2, "remove");
}

static void test_refused(void)
{
	static const struct {
		const char *name, *file, *value, *want;
	} cases[] = {
		{"nowhere/at/all", "nosuchcontroller.max", "1",
		 "linux.resources.unified 'nosuchcontroller.max': controller "
		 "'nosuchcontroller' is not available in cgroup v2 here"},
		{"at", "cgroup.nosuchfile", "1",
		 "linux.resources.unified 'cgroup.nosuchfile': cannot write '1' to 'cgroup.nosuchfile'"},
		{"bad", "cgroup.max.depth", "x", "invalid argument"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct spec_pair pair = {arena_strdup(&arena, cases[i].file), arena_strdup(&arena, cases[i].value)};
		struct spec_resources r = {.unified = {1, &pair}};
		auto_cgroup struct cgroup cg = {};
		struct error e = {};
		place(below(cases[i].name), &cg);
		says(cgroup_create(&cg, &r, false, &e), &e, cases[i].want, "a limit that cannot be set");
		ok(!cg.created && cg.fd == -1, "is not created");
		ok(!there(below("nowhere")) && !there(below("at")) && !there(below("bad")), "nothing is left");
	}
}

/* A controller bound to v1 is the usual trap of hybrid hosts. */
static void test_v1(void)
{
	auto_strbuf struct strbuf have = {};
	auto_cgroup struct cgroup cg = {};
	struct error e = {};
	const struct spec_resources r = {.memory = {.limit = {true, 1 << 20}}};

	if (read_file_at(mount_fd, "cgroup.controllers", CGROUP_FILE_MAX, &have) == 0 &&
	    strstr(strbuf_str(&have), "memory")) {
		skip(3, "cgroup v2 has the memory controller here");
		return;
	}
	place(below("v1"), &cg);
	says(cgroup_create(&cg, &r, false, &e), &e,
	     "linux.resources.memory.limit: controller 'memory' is not available in cgroup v2 here", "memory.limit");
	ok(e.hint != NULL, "with a hint: %s", e.hint);
}

/* The first controller of cgroup v2 here, or NULL. */
static const char *some_controller(void)
{
	auto_strbuf struct strbuf have = {};

	if (read_file_at(mount_fd, "cgroup.controllers", CGROUP_FILE_MAX, &have) < 0 || have.len < 2)
		return NULL;
	return arena_strndup(&arena, have.s, strcspn(have.s, " \n"));
}

/* A cgroup with processes cannot have controllers for its children. */
static void test_internal_process(void)
{
	const char *controller = some_controller();
	auto_cgroup struct cgroup busy = {};
	struct error e = {};

	if (!controller) {
		skip(1, "cgroup v2 has no controller here");
		return;
	}
	place(below("busy"), &busy);
	good(cgroup_create(&busy, NULL, false, &e), &e, "create");
	pid_t pid = spawn_in(&busy, NULL);
	for (int needed = 0; needed < 2; needed++) {
		char *file = arena_printf(&arena, "%s.nosuchfile", needed ? controller : "cgroup");
		struct spec_pair pair = {file, (char[]){"1"}};
		const struct spec_resources r = {.unified = {1, &pair}};
		auto_cgroup struct cgroup cg = {};
		struct error e2 = {};
		place(below("busy/c"), &cg);
		if (needed)
			says(cgroup_create(&cg, &r, false, &e2), &e2,
			     arena_printf(&arena, "controller '%s' cannot be enabled in cgroup '/%s/busy': device or "
					  "resource busy", controller, top), "a needed controller is missed");
		else
			says(cgroup_create(&cg, &r, false, &e2), &e2, "cannot write '1' to 'cgroup.nosuchfile'",
			     "one that is not needed is not missed");
		ok(!there(below("busy/c")), "nothing is left");
	}
	auto_strbuf struct strbuf type = {};
	is_int(read_file_at(busy.fd, "cgroup.type", 99, &type), 0, "read the type");
	is_str(strbuf_str(&type), "domain\n", "the cgroup did not become a threaded one");
	good(cgroup_kill(&busy, TIMEOUT_MS, &e), &e, "kill");
	reap(pid);
	good(cgroup_remove(&busy, &e), &e, "remove");
}

static void test_existing(void)
{
	auto_cgroup struct cgroup cg = {};
	auto_cgroup struct cgroup frozen = {};
	struct error e = {}, e2 = {};

	mkdirat(mount_fd, below("mine") + 1, 0755);
	place(below("mine"), &cg);
	ok(cg.fd >= 0 && cg.made == 0, "an existing cgroup is found");
	good(cgroup_create(&cg, NULL, false, &e), &e, "an existing, empty cgroup will do");
	ok(!cg.created, "it was not created");
	good(write_file_at(cg.fd, "cgroup.freeze", "1"), &e, "frozen");
	place(below("mine"), &frozen);
	says(cgroup_create(&frozen, NULL, false, &e2), &e2, "container's cgroup unexpectedly frozen",
	     "a frozen one will not");
	ok(there(below("mine")), "neither is it removed");

	auto_cgroup struct cgroup child = {};
	struct error e3 = {};
	place(below("mine/child"), &child);
	says(cgroup_create(&child, NULL, false, &e3), &e3, "container's cgroup unexpectedly frozen",
	     "nor one whose parent is frozen");
	ok(!there(below("mine/child")), "which is not left behind");

	auto_cgroup struct cgroup scope = {};
	struct error e4 = {}, e5 = {};
	place(below("mine/x.scope"), &scope);
	good(cgroup_set_unit(&scope, "x.scope", false, &e4), &e4, "a scope");
	says(cgroup_create_systemd(&scope, NULL, false, NULL, &e4), &e4,
	     arena_printf(&arena, "container's cgroup unexpectedly frozen: '%s'", below("mine") + 1),
	     "nor a scope in one, before systemd is asked for it");
	mkdirat(mount_fd, below("mine/x.scope") + 1, 0755);
	says(cgroup_create_systemd(&scope, NULL, false, NULL, &e5), &e5,
	     arena_printf(&arena, "container's cgroup unexpectedly frozen: '%s'", below("mine/x.scope") + 1),
	     "nor one whose cgroup is there already");
	ok(there(below("mine/x.scope")) && scope.holder == 0, "which stays, and no process does");
	unlinkat(mount_fd, below("mine/x.scope") + 1, AT_REMOVEDIR);
	good(cgroup_remove(&cg, &e), &e, "remove");
}

/* Cgroups that a container made itself, deep ones and full ones. */
static void test_nested(void)
{
	auto_cgroup struct cgroup cg = {};
	struct error e = {};
	pid_t pids[4], *found;
	size_t n = 0;

	place(below("nest"), &cg);
	good(cgroup_create(&cg, NULL, false, &e), &e, "create");
	auto_strbuf struct strbuf deep = {};
	for (int i = 0; i < 40; i++) {
		strbuf_adds(&deep, i ? "/d" : "d");
		if (mkdirat(cg.fd, deep.s, 0755) < 0)
			fail("mkdir %s: %s", deep.s, strerror(errno));
	}
	mkdirat(cg.fd, "x", 0755);
	mkdirat(cg.fd, "x/y", 0755);
	pids[0] = spawn_in(&cg, NULL);
	pids[1] = spawn_in(&cg, "x/y");
	pids[2] = spawn_in(&cg, deep.s);
	pids[3] = spawn_in(&cg, "/x//./y/");
	good(cgroup_pids(&cg, &arena, &found, &n, &e), &e, "processes of all levels");
	is_int(n, 4, "all are found");
	struct error e2 = {};
	int64_t before = cgroup_now_ms();
	says(cgroup_remove(&cg, &e2), &e2, "device or resource busy", "a cgroup in use cannot be removed");
	ok(cgroup_now_ms() - before < 5000, "and that is known in bounded time");
	good(cgroup_kill(&cg, TIMEOUT_MS, &e), &e, "kill all of them");
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		is_int(reap(pids[i]), SIGKILL, "killed");
	good(cgroup_remove(&cg, &e), &e, "remove all of it");
	ok(!there(below("nest")), "nothing is left");
}

static int exits_at_usr1(void *arg)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (write(*(int *)arg, "r", 1) != 1)
		return 1;
	return sigwait(&set, &sig) == 0 && sig == SIGUSR1 ? 42 : 1;
}

/* More processes than are signalled at a time. */
static void test_signal(void)
{
	auto_cgroup struct cgroup cg = {};
	struct error e = {};
	pid_t pids[100];
	int ready[2], right = 0;
	char c;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return;
	place(below("sig"), &cg);
	good(cgroup_create(&cg, NULL, false, &e), &e, "create");
	auto_close int fd = cgroup_join_fd(&cg, NULL, 0, &e);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = spawn(fd, exits_at_usr1, &ready[1]);
		if (read(ready[0], &c, 1) != 1)
			fail("no word from a child");
	}
	good(cgroup_signal(&cg, SIGUSR1, &e), &e, "signal");
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		right += reap(pids[i]) == 42 << 8;
	is_int(right, ARRAY_SIZE(pids), "everyone got it");
	good(cgroup_remove(&cg, &e), &e, "remove");
	close(ready[0]);
	close(ready[1]);
}

static void test_join(void)
{
	const char *controller = some_controller();
	auto_cgroup struct cgroup cg = {};
	struct error e = {}, e1 = {}, e2 = {}, e3 = {};
	const struct spec_resources r = {.set = true};

	place(below("join"), &cg);
	good(cgroup_create(&cg, &r, false, &e), &e, "create");
	says(cgroup_join_fd(&cg, "../x", 0, &e1), &e1, "bad sub cgroup path", "'..' in a sub cgroup path");
	says(cgroup_join_fd(&cg, "nothing", 0, &e2), &e2, "cannot open cgroup 'nothing'", "no such sub cgroup");
	mkdirat(cg.fd, "init", 0755);
	pid_t init = spawn_in(&cg, "init");
	auto_close int plain = cgroup_join_fd(&cg, NULL, init, &e);
	pid_t pid = spawn(plain, sleeps, NULL);
	ok(pid > 0, "without controllers for children, the cgroup itself is joined");
	kill(pid, SIGKILL);
	reap(pid);
	if (!controller) {
		skip(5, "cgroup v2 has no controller here");
	} else {
		if (write_file_at(cg.fd, "cgroup.subtree_control", arena_printf(&arena, "+%s", controller)) < 0)
			diag("cannot enable %s: %s", controller, strerror(errno));
		is_int(spawn(plain, sleeps, NULL), -1, "with them, it has no processes");
		says(cgroup_explain(&cg, errno, &e3), &e3,
		     arena_printf(&arena, "its children have the controllers '%s'", controller), "which is explained");
		auto_close int fd = cgroup_join_fd(&cg, NULL, init, &e);
		good(fd, &e, "then init's cgroup is joined");
		ok((pid = spawn(fd, sleeps, NULL)) > 0, "and it takes processes");
	}
	good(cgroup_kill(&cg, TIMEOUT_MS, &e), &e, "kill");
	reap(pid);
	reap(init);
	good(cgroup_remove(&cg, &e), &e, "remove");
}

static void test_attach(void)
{
	auto_cgroup struct cgroup cg = {};
	struct error e = {};
	pid_t *pids;
	size_t n = 0;

	place(below("attach"), &cg);
	good(cgroup_create(&cg, NULL, false, &e), &e, "create");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(sleeps(NULL));
	good(cgroup_attach(&cg, pid, &e), &e, "attach");
	good(cgroup_pids(&cg, &arena, &pids, &n, &e), &e, "processes");
	ok(n == 1 && pids[0] == pid, "it is in");
	good(cgroup_kill(&cg, TIMEOUT_MS, &e), &e, "kill");
	reap(pid);
	good(cgroup_remove(&cg, &e), &e, "remove");
}

static void test_threaded(void)
{
	auto_cgroup struct cgroup parent = {};
	auto_cgroup struct cgroup cg = {};
	struct error e = {}, e2 = {};

	place(below("thr"), &parent);
	good(cgroup_create(&parent, NULL, false, &e), &e, "create");
	mkdirat(parent.fd, "t", 0755);
	if (write_file_at(parent.fd, "t/cgroup.type", "threaded") < 0) {
		skip(1, "cannot make a threaded cgroup: %s", strerror(errno));
	} else {
		place(below("thr/c"), &cg);
		good(cgroup_create(&cg, NULL, false, &e), &e, "create beside a threaded cgroup");
		auto_close int fd = cgroup_join_fd(&cg, NULL, 0, &e);
		is_int(spawn(fd, sleeps, NULL), -1, "no process can be there");
		says(cgroup_explain(&cg, errno, &e2), &e2, "its type is 'domain invalid'", "which is explained");
		good(cgroup_remove(&cg, &e), &e, "remove");
	}
	good(cgroup_remove(&parent, &e), &e, "remove the parent");
}

static void test_delegate(void)
{
	static const char *const given[] = {".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"};
	auto_cgroup struct cgroup cg = {};
	struct error e = {};
	struct stat st;

	place(below("deleg"), &cg);
	good(cgroup_create(&cg, NULL, false, &e), &e, "create");
	good(cgroup_delegate(&cg, 12345, &e), &e, "delegate");
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		ok(fstatat(cg.fd, given[i], &st, 0) == 0 && st.st_uid == 12345 && st.st_gid == 0, "'%s' is the user's",
		   given[i]);
	ok(fstatat(cg.fd, "cgroup.max.depth", &st, 0) == 0 && st.st_uid == 0, "a limit is not");
	good(cgroup_remove(&cg, &e), &e, "remove");
}

static void test_update(void)
{
	auto_strbuf struct strbuf text = {};
	auto_cgroup struct cgroup cg = {};
	struct error e = {};
	struct spec_pair pairs[] = {{(char[]){"cgroup.max.depth"}, (char[]){"7"}},
				    {(char[]){"cgroup.max.descendants"}, (char[]){"3\n4"}}};
	struct spec_resources r = {.unified = {2, pairs}};

	place(below("upd"), &cg);
	good(cgroup_create(&cg, &r, false, &e), &e, "create with settings");
	is_int(read_file_at(cg.fd, "cgroup.max.depth", 99, &text), 0, "read a setting");
	is_str(strbuf_str(&text), "7\n", "it is as asked");
	strbuf_clear(&text);
	is_int(read_file_at(cg.fd, "cgroup.max.descendants", 99, &text), 0, "read the other");
	is_str(strbuf_str(&text), "4\n", "of two lines the last holds");
	pairs[0].value = (char[]){"max"};
	good(cgroup_update(&cg, &r, 0, &e), &e, "update");
	strbuf_clear(&text);
	is_int(read_file_at(cg.fd, "cgroup.max.depth", 99, &text), 0, "read it again");
	is_str(strbuf_str(&text), "max\n", "it has changed");
	good(cgroup_update(&cg, &(struct spec_resources){.set = true}, 0, &e), &e, "an empty update");
	good(cgroup_remove(&cg, &e), &e, "remove");
}

/* --- devices */

struct nodes {
	char dir[64];
	int access; /* O_RDONLY … */
};

static int opens(const char *dir, const char *name, int access)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	auto_close int fd = open(path, access | O_CLOEXEC);
	return fd < 0;
}

/* Bit 0: null cannot be opened, 1: kmsg cannot, 2: mknod is refused. */
static int tries_devices(void *arg)
{
	const struct nodes *n = arg;
	char path[128];

	snprintf(path, sizeof(path), "%s/made", n->dir);
	int made = mknod(path, S_IFCHR | 0600, makedev(1, 11));
	if (made == 0)
		unlink(path);
	return opens(n->dir, "null", n->access) | opens(n->dir, "kmsg", n->access) << 1 | (made < 0) << 2;
}

static int verdict(const struct cgroup *cg, struct nodes *n, int access)
{
	struct error e = {};
	auto_close int fd = cgroup_join_fd(cg, NULL, 0, &e);

	n->access = access;
	return reap(spawn(fd, tries_devices, n)) >> 8;
}

static uint32_t attached(const struct cgroup *cg)
{
	uint32_t ids[64];
	auto_close int fd = cgroup_open_dir(cg->fd, ".", O_RDONLY);
	union bpf_attr q = {.query = {.target_fd = (uint32_t)fd, .attach_type = BPF_CGROUP_DEVICE,
				      .prog_ids = (uint64_t)(uintptr_t)ids, .prog_cnt = 64}};

	return sys_bpf(BPF_PROG_QUERY, &q, sizeof(q)) < 0 ? UINT32_MAX : q.query.prog_cnt;
}

static void check_devices(struct nodes *n)
{
	static const struct spec_dev_rule all[] = {{true, 'a', -1, -1, "rwm"}, {false, 'c', 1, 11, "w"}};
	struct spec_resources r = {.devices = {1, (struct spec_dev_rule *)all}};
	auto_cgroup struct cgroup cg = {};
	auto_cgroup struct cgroup again = {};
	struct error e = {};

	place(below("dev"), &cg);
	if (cgroup_create(&cg, NULL, true, &e) < 0) {
		says(-1, &e, "linux.resources.devices", "a refusal names the property");
		skip(10, "this kernel refuses device programs: %s", e.msg);
		return;
	}
	is_int(attached(&cg), 1, "one program is attached");
	is_int(verdict(&cg, n, O_RDWR), 2, "without rules: null and mknod, but not kmsg");
	place(below("dev"), &again);
	good(cgroup_create(&again, &r, true, &e), &e, "the same cgroup with all devices allowed");
	is_int(attached(&cg), 0, "no program is attached");
	is_int(verdict(&cg, n, O_RDWR), 0, "everything is allowed");
	r.devices.n = 2;
	good(cgroup_create(&again, &r, true, &e), &e, "all but writing to kmsg");
	good(cgroup_create(&again, &r, true, &e), &e, "and once more");
	is_int(attached(&cg), 1, "the program was replaced");
	is_int(verdict(&cg, n, O_RDONLY), 0, "reading is allowed");
	is_int(verdict(&cg, n, O_WRONLY), 2, "writing is not");
	is_int(verdict(&cg, n, O_RDWR), 2, "nor both");
	good(cgroup_remove(&cg, &e), &e, "remove");
}

static void test_devices(void)
{
	struct nodes n = {.dir = "/tmp/kedge-test-XXXXXX"};
	char null[128], kmsg[128];

	if (!mkdtemp(n.dir))
		return;
	snprintf(null, sizeof(null), "%s/null", n.dir);
	snprintf(kmsg, sizeof(kmsg), "%s/kmsg", n.dir);
	if (mknod(null, S_IFCHR | 0600, makedev(1, 3)) < 0 || mknod(kmsg, S_IFCHR | 0600, makedev(1, 11)) < 0 ||
	    opens(n.dir, "null", O_RDWR) || opens(n.dir, "kmsg", O_RDWR))
		skip(12, "device nodes cannot be made and opened in /tmp");
	else
		check_devices(&n);
	unlink(null);
	unlink(kmsg);
	rmdir(n.dir);
}

/* A kernel without bpf(2), played by a filter. Bit 0: it was created, 1: the message is wrong, 2: something is left. */
static int lacks_bpf(void *arg)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)*(int *)arg),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = ARRAY_SIZE(insns), .filter = insns};
	auto_cgroup struct cgroup cg = {};
	struct error e = {};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ||
	    cgroup_place(below("nobpf/a"), "id", &cg, &e) < 0)
		return 8;
	int created = cgroup_create(&cg, NULL, true, &e) == 0;
	int wrong = e.sys != *(int *)arg || e.kind != ERROR_HOST || !e.hint ||
		    strncmp(e.msg, "linux.resources.devices: the kernel refuses", 43) != 0;
	return created | wrong << 1 | there(below("nobpf")) << 2;
}

static void test_no_bpf(void)
{
	int reasons[] = {ENOSYS, EPERM, EINVAL};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0)
			_exit(lacks_bpf(&reasons[i]));
		is_int(reap(pid) >> 8, 0, "bpf(2) that fails: %s", strerrorname_np(reasons[i]));
	}
}

/* --- many at once: a parent that one container made and takes away while another makes its own below it */

static int makes_and_removes(void *arg)
{
	const int *i = arg;

	for (int round = 0; round < 50; round++) {
		auto_cgroup struct cgroup cg = {};
		struct error e = {};
		if (cgroup_place(arena_printf(&arena, "/%s/shared/parent/c%d", top, *i), "id", &cg, &e) < 0 ||
		    cgroup_create(&cg, NULL, false, &e) < 0 || cgroup_remove(&cg, &e) < 0) {
			char text[2200];
			diag("%s", error_text(&e, text, sizeof(text)));
			return 1;
		}
	}
	return 0;
}

static void test_race(void)
{
	pid_t pids[4];
	int right = 0;

	fflush(NULL);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(makes_and_removes(&i));
	}
	for (int i = 0; i < 4; i++)
		right += reap(pids[i]) == 0;
	is_int(right, 4, "200 containers below a parent that comes and goes");
	/* The one that made the parent may have found it in use when it went. */
	cgroup_remove_levels(mount_fd, below("shared/parent") + 1, 2);
	ok(!there(below("shared")), "nothing else is left");
}

/* --- */

static bool prepare(struct strbuf *control)
{
	struct cgroup cg = {};
	struct error e = {};

	snprintf(top, sizeof(top), "kedge-test-%d", getpid());
	if (cgroup_place(arena_printf(&arena, "/%s", top), "id", &cg, &e) < 0) {
		skip(1, "%s", e.msg);
		return false;
	}
	mount_fd = dup(cg.mount_fd);
	cgroup_done(&cg);
	if (mount_fd < 0 || mkdirat(mount_fd, top, 0755) < 0) {
		skip(1, "this process may not make cgroups: %s", strerror(errno));
		return false;
	}
	return read_file_at(mount_fd, "cgroup.subtree_control", CGROUP_FILE_MAX, control) == 0;
}

static void put_back(const struct strbuf *control)
{
	auto_strbuf struct strbuf now = {};
	char *save = NULL;

	if (unlinkat(mount_fd, top, AT_REMOVEDIR) < 0)
		fail("the test's own cgroup cannot be removed: %s", strerror(errno));
	if (read_file_at(mount_fd, "cgroup.subtree_control", CGROUP_FILE_MAX, &now) < 0)
		return;
	for (char *w = now.s ? strtok_r(now.s, " \n", &save) : NULL; w; w = strtok_r(NULL, " \n", &save)) {
		if (!strstr(strbuf_str(control), w) &&
		    write_file_at(mount_fd, "cgroup.subtree_control", arena_printf(&arena, "-%s", w)) < 0)
			diag("%s stays enabled: %s", w, strerror(errno));
	}
}

int main(void)
{
	auto_strbuf struct strbuf control = {};

	if (prepare(&control)) {
		test_life();
		test_vanished();
		test_refused();
		test_v1();
		test_internal_process();
		test_existing();
		test_nested();
		test_signal();
		test_join();
		test_attach();
		test_threaded();
		test_delegate();
		test_update();
		test_devices();
		test_no_bpf();
		test_race();
		put_back(&control);
	}
	arena_done(&arena);
	return done();
}
