/* SPDX-License-Identifier: Apache-2.0 */
/* The programs in this machine's kernel: labels, fingerprints, and the tiers that need no trampolines. */
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "guard/programs.h"
#include "tests/unit/guard_fixture.h"

/* --- the programs of containers */

static int do_unshare(int flags)
{
	return unshare(flags) < 0 ? 1 : spin(100);
}

/* A child drifts; what becomes of the parent is the question. */
static int do_child_drifts(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(do_unshare(CLONE_NEWUTS));
	wait_for(pid);
	return spin(100) == LIVES_ON ? 7 : 0;
}

static int do_many(void)
{
	pid_t pids[600];

	for (size_t i = 0; i < 600; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(unshare(CLONE_NEWUTS) < 0 || spin(10) < 0);
	}
	for (size_t i = 0; i < 600; i++)
		wait_for(pids[i]);
	return 0;
}

static int do_fork_storm(void)
{
	for (int i = 0; i < 500; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (wait_for(pid) != 0)
			return 1;
	}
	return 0;
}

static int do_clone(int flags)
{
	long pid = syscall(SYS_clone, (unsigned long)flags | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(spin(100));
	return pid < 0 ? 1 : spin(100);
}

static int program(const char *what, int fd)
{
	char byte;

	if (strcmp(what, "nothing") == 0 || strcmp(what, "slow") == 0)
		return 0;
	if (strcmp(what, "wait") == 0)
		return read(fd, &byte, 1) < 0;
	if (strcmp(what, "wait-unshare") == 0)
		return read(fd, &byte, 1) < 0 ? 1 : do_unshare(CLONE_NEWUTS);
	if (strcmp(what, "unshare") == 0)
		return do_unshare(CLONE_NEWUTS);
	if (strcmp(what, "unshare-user") == 0)
		return do_unshare(CLONE_NEWUSER);
	if (strcmp(what, "unshare-mount") == 0)
		return do_unshare(CLONE_NEWNS);
	if (strcmp(what, "setns") == 0)
		return setns(fd, 0) < 0 ? 1 : spin(100);
	if (strcmp(what, "clone") == 0)
		return do_clone(CLONE_NEWUTS);
	if (strcmp(what, "child") == 0)
		return do_child_drifts();
	if (strcmp(what, "many") == 0)
		return do_many();
	if (strcmp(what, "forks") == 0)
		return do_fork_storm();
	if (strcmp(what, "fchdir") == 0)
		return fchdir(fd) < 0 ? 1 : spin(100);
	if (strcmp(what, "chroot") == 0)
		return fchdir(fd) < 0 || chroot(".") < 0 || chdir("/") < 0 ? 1 : spin(100);
	if (strcmp(what, "chroot-inside") == 0)
		return chroot("/tmp") < 0 || chdir("/") < 0 ? 1 : spin(50) - LIVES_ON;
	if (strcmp(what, "cgroup") == 0)
		return write(fd, "0", 1) != 1 ? 1 : spin(100);
	if (strcmp(what, "syscalls") == 0) {
		/* Each write is a system call that came after the drift. */
		int failed = unshare(CLONE_NEWUSER);
		for (int i = 0; i < 100; i++)
			if (write(fd, "x", 1) != 1)
				return 1;
		return failed ? 1 : spin(100);
	}
	return 1;
}

/* --- tests */

static void test_seal(void)
{
	struct waiter w = waiter_start(GUARD_ENFORCE, 0, "wait");
	struct guard_entry entry = entry_of(w.cookie);
	struct stat st;
	char path[64];

	is_int(entry.state, GUARD_SEALED, "the second execve seals");
	is_int(entry.pid, w.pid, "the entry has the pid of init");
	snprintf(path, sizeof(path), "/proc/%d/ns/uts", w.pid);
	ok(stat(path, &st) == 0 && st.st_ino == entry.inum[GUARD_UTS], "and the inode of its namespace");
	snprintf(path, sizeof(path), "/proc/%d/ns/user", w.pid);
	ok(stat(path, &st) == 0 && st.st_ino == entry.inum[GUARD_USER], "that of its user namespace too");
	ok(entry.root_mount != 0 && entry.cgroup != 0 && entry.sealed_ns != 0, "its root, cgroup and time");
	is_int(map_count("pidns", 8), 1, "its pid namespace is registered");
	ok(map_count("owned", 4) >= 4, "its namespaces are its own");
	close(w.go);
	is_int(wait_for(w.pid), 0, "and it ends as it wants");
	is_int(entry_of(w.cookie).state, GUARD_ENDED, "then the entry has ended");
	is_int(map_count("pidns", 8), 0, "no pid namespace is left in the registry");
	is_int(map_count("owned", 4), 0, "and no namespace that anybody owns");
	disarm(w.cookie);
	is_int(records().n, 0, "nothing was found");
}

static void test_drift(void)
{
	int uts = namespace_fd(getpid(), "uts"), dir = open("/", O_RDONLY | O_DIRECTORY);
	struct found found;

	is_int(run(GUARD_ENFORCE, 0, "unshare", -1), KILLED, "unshare: killed");
	found = records();
	is_int(found.n, 1, "one record");
	is_int(found.first.drift, 1 << GUARD_UTS, "of the uts namespace");
	is_int(found.first.action, GUARD_ACTION_KILLED, "says that it was killed");
	ok(found.first.old_inum[GUARD_UTS] != found.first.new_inum[GUARD_UTS] && found.first.new_inum[GUARD_UTS],
	   "with the old and the new inode");
	is_int(run(GUARD_ENFORCE, 0, "unshare-mount", -1), KILLED, "unshare of the mount namespace: killed");
	is_int(run(GUARD_ENFORCE, 0, "unshare-user", -1), KILLED, "unshare of the user namespace: killed");
	is_int(run(GUARD_ENFORCE, 0, "setns", uts), KILLED, "setns to the host's: killed");
	is_int(run(GUARD_ENFORCE, 0, "clone", -1), KILLED, "clone with a namespace: killed");
	is_int(run(GUARD_ENFORCE, 0, "fchdir", dir), KILLED, "cwd on a directory of the host: killed");
	records();
	is_int(run(GUARD_ENFORCE, 0, "chroot", dir), KILLED, "root on a directory of the host: killed");
	ok(records().first.drift & (1 << GUARD_DRIFT_ROOT | 1 << GUARD_DRIFT_CWD), "and the record says so");
	is_int(run(GUARD_ENFORCE, 0, "chroot-inside", -1), 0, "chroot to what is the container's: lives");
	is_int(run(GUARD_ENFORCE, 0, "forks", -1), 0, "500 forks: lives");
	is_int(records().n, 0, "and nothing is recorded");
	close(uts);
	close(dir);
}

static void test_modes(void)
{
	int uts = namespace_fd(getpid(), "uts");
	struct found found;

	is_int(run(GUARD_AUDIT, 0, "unshare", -1), LIVES_ON, "audit: lives");
	found = records();
	is_int(found.n, 1, "one record, however often it was seen");
	is_int(found.first.action, GUARD_ACTION_LOGGED, "which says that it lives");
	is_int(run(GUARD_ENFORCE, 0, "child", -1), KILLED, "a child drifts: the whole container dies");
	is_int(records().n, 1, "with one record");
	is_int(run(GUARD_ENFORCE, GUARD_PROCESS_SCOPE, "child", -1), 7, "process scope: the parent lives");
	is_int(run(GUARD_ENFORCE, GUARD_NESTED, "unshare", -1), LIVES_ON, "nested: a namespace of its own is fine");
	is_int(run(GUARD_ENFORCE, GUARD_NESTED, "unshare-user", -1), LIVES_ON, "nested: a user namespace too");
	records();
	is_int(run(GUARD_ENFORCE, GUARD_NESTED, "setns", uts), KILLED, "nested: the host's is not");
	is_int(records().n, 1, "which is recorded");
	close(uts);
}

/* A runtime in namespaces of its own: `way` of them is what leaks into its container. */
static int run_in_sandbox(const char *way, const char *what)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS) < 0)
			_exit(1);
		_exit(run(GUARD_ENFORCE, GUARD_NESTED, what, namespace_fd(getpid(), way)));
	}
	return wait_for(pid);
}

static bool has_namespace_ids(void)
{
	auto_close int uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	uint64_t id;

	return ioctl(uts, _IOR(NSIO, 13, uint64_t), &id) == 0;
}

static void test_sandbox(void)
{
	is_int(run_in_sandbox("mnt", "setns"), KILLED, "nested: the mount namespace of a runtime in a sandbox is not its either");
	is_int(records().first.drift & (1 << GUARD_MOUNT), 1 << GUARD_MOUNT, "which is recorded");
	if (has_namespace_ids())
		is_int(run_in_sandbox("uts", "setns"), KILLED, "nor are the others");
	else
		skip(1, "namespaces of this kernel have no numbers");
	records();
	is_int(run_in_sandbox("net", "setns"), LIVES_ON, "but the one that it was given is");
	/* The inode numbers are the same each time, as the sandbox is gone. */
	for (int i = 0; i < 4; i++)
		is_int(run_in_sandbox("uts", "unshare"), LIVES_ON, "one that it makes is, whatever had the number before");
	is_int(run(GUARD_ENFORCE, GUARD_NESTED, "unshare", -1), LIVES_ON, "also when the sandbox has ended");
	is_int(records().n, 0, "without a record");
}

/* Into all namespaces of a container but those left out; its child is there. */
static int joiner(const struct waiter *w, uint64_t cookie, uint64_t caps, int without)
{
	pid_t pid = fork();

	if (pid == 0) {
		auto_close int target = sys_pidfd_open(w->pid, 0);

		if (setns(target, NAMESPACES & ~without) < 0)
			_exit(1);
		_exit(wait_for(start(cookie, caps, 0, "nothing", -1)));
	}
	return wait_for(pid);
}

static void test_joiners(void)
{
	struct waiter w = waiter_start(GUARD_ENFORCE, 0, "wait");

	is_int(joiner(&w, w.cookie, ALL_CAPS, 0), 0, "exec: who is labelled and matches runs");
	is_int(records().n, 0, "without a record");
	is_int(joiner(&w, w.cookie, ALL_CAPS, CLONE_NEWIPC), KILLED, "exec into other namespaces dies at its execve");
	is_int(records().first.drift, 1 << GUARD_IPC, "because of the one");
	is_int(joiner(&w, w.cookie, 1ULL << 5, 0), KILLED, "exec that keeps too many capabilities dies");
	is_int(records().first.drift, 1 << GUARD_DRIFT_CAPS, "because of them");
	is_int(joiner(&w, 0, 0, 0), KILLED, "who is not labelled dies");
	is_int(records().first.drift, 1 << GUARD_DRIFT_JOINER, "as a joiner");
	is_int(entry_of(w.cookie).state, GUARD_SEALED, "the container is not condemned for it");
	is_int(waiter_end(&w), 0, "and lives");
	w = waiter_start(GUARD_AUDIT, 0, "wait");
	is_int(joiner(&w, 0, 0, 0), 0, "audit: a joiner lives");
	is_int(records().n, 1, "and is recorded once");
	waiter_end(&w);
	w = waiter_start(GUARD_ENFORCE, GUARD_ANY_JOINER, "wait");
	is_int(joiner(&w, 0, 0, 0), 0, "where any joiner is let in, it lives");
	is_int(records().n, 0, "without a record");
	waiter_end(&w);
}

static void test_upgrade(void)
{
	struct waiter w = waiter_start(GUARD_ENFORCE, 0, "wait-unshare");
	struct error e = {};
	char broken[64];

	ok(load(false) == 0 && (facts.tiers & GUARD_TIER_SAMPLE), "another load takes over");
	is_int(guard_links_check(bpf_dir, facts.tiers, broken, &e), 0, "all links are there");
	is_int(guard_links_check(bpf_dir, facts.tiers | GUARD_TIER_SYSCALL, broken, &e), -1, "a tier without any is missed");
	is_str(broken, "sys_exits", "by its first program");
	is_int(entry_of(w.cookie).state, GUARD_SEALED, "what was sealed still is");
	is_int(waiter_end(&w), KILLED, "and who was labelled before dies when it drifts");
	is_int(records().n, 1, "recorded in the ring that was open before");
}

/* Held, the link of the build before is still attached beside that of the next. */
static void test_two_builds(void)
{
	auto_close int link = guard_pin_open(bpf_dir, "exec");
	uint64_t cookie = arm(GUARD_ENFORCE, 0);
	int fds[2];
	char told;

	ok(link >= 0 && load(false) == 0, "two builds see the same execve");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 || fcntl(fds[0], F_SETFD, 0) < 0)
		fail("makes a pair of sockets");
	pid_t pid = start(cookie, ALL_CAPS, NAMESPACES, "slow", fds[0]);
	close(fds[0]);
	is_int(read(fds[1], &told, 1), 1, "the first execve is done");
	is_int(entry_of(cookie).state, GUARD_SETUP, "and was counted once");
	close(fds[1]);
	is_int(wait_for(pid), 0, "the program has run");
	is_int(entry_of(cookie).state, GUARD_ENDED, "sealed by its own");
	is_int(records().n, 0, "nothing was found");
	disarm(cookie);
}

static void test_ring(void)
{
	uint64_t lost = counter(GUARD_COUNT_LOST);

	is_int(run(GUARD_AUDIT, 0, "many", -1), 0, "600 drift, nobody reads");
	ok(counter(GUARD_COUNT_LOST) > lost, "records are lost");
	is_int(run(GUARD_ENFORCE, 0, "unshare", -1), KILLED, "but not the kill");
	ok(records().n > 200, "what there was room for is there");
	is_int(run(GUARD_ENFORCE, 0, "unshare", -1), KILLED, "then another");
	is_int(records().n, 1, "is recorded again");
}

static void test_host(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(do_unshare(CLONE_NEWUTS | CLONE_NEWNS));
	is_int(wait_for(pid), LIVES_ON, "a process of the host may unshare");
	is_int(wait_for(start(0, 0, NAMESPACES, "unshare", -1)), LIVES_ON, "so may one in a pid namespace that is nobody's");
	is_int(records().n, 0, "and nothing is recorded");
}

/* No pid namespace of its own: last, for from then on all processes of the host are looked up. */
static void test_host_pid(void)
{
	uint64_t cookie = arm(GUARD_ENFORCE, GUARD_HOST_PID);

	is_int(wait_for(start(cookie, ALL_CAPS, CLONE_NEWUTS, "unshare", -1)), KILLED,
	       "in the pid namespace of the host: killed all the same");
	is_int(records().n, 1, "with a record");
	is_int(map_count("pidns", 8), 0, "and the pid namespace of the host is not registered");
	disarm(cookie);
	test_host();
}

/* The v2 hierarchy, wherever it is mounted. */
static int cgroup_root(void)
{
	static const char *const paths[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs fs;

	for (size_t i = 0; i < 2; i++)
		if (statfs(paths[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return -1;
}

static bool move_to(int root, const char *cgroup, pid_t pid)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	auto_close int fd = openat(root, path, O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof(text), "%d", pid);
	return fd >= 0 && write(fd, text, (size_t)n) == n;
}

static void test_cgroup(void)
{
	static const char *const names[] = {"kedge-unit-a", "kedge-unit-b", "kedge-unit-a/below"};
	auto_close int root = cgroup_root();

	for (size_t i = 0; i < 3; i++)
		if (mkdirat(root, names[i], 0755) < 0 && errno != EEXIST) {
			skip(5, "no cgroup can be made: %s", strerror(errno));
			return;
		}
	int other = openat(root, "kedge-unit-b/cgroup.procs", O_WRONLY); /* inherited: the program's way out */
	int below = openat(root, "kedge-unit-a/below/cgroup.procs", O_WRONLY); /* inherited: as above */
	move_to(root, names[0], getpid());
	is_int(run(GUARD_ENFORCE, 0, "cgroup", other), KILLED, "a member that moves itself to another cgroup dies");
	is_int(records().first.drift, 1 << GUARD_DRIFT_CGROUP, "because of that");
	is_int(run(GUARD_ENFORCE, 0, "cgroup", below), LIVES_ON, "below its own it may move");
	struct waiter w = waiter_start(GUARD_ENFORCE, 0, "wait");
	ok(move_to(root, names[1], w.pid), "the host moves it");
	is_int(waiter_end(&w), 0, "and it lives");
	move_to(root, ".", getpid());
	close(other);
	close(below);
	unlinkat(root, names[2], AT_REMOVEDIR);
	unlinkat(root, names[1], AT_REMOVEDIR);
	unlinkat(root, names[0], AT_REMOVEDIR);
}

/* Detaches a program and waits until it is gone. */
static void detach(const char *name)
{
	struct bpf_link_info info = {};
	union bpf_attr attr = {.info = {.info_len = sizeof(info), .info = (uint64_t)(uintptr_t)&info}};
	char path[256];
	int fd = guard_pin_open(bpf_dir, name);

	if (fd < 0)
		return;
	attr.info.bpf_fd = (uint32_t)fd;
	if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0)
		fail("asks for the link of %s", name);
	close(fd);
	snprintf(path, sizeof(path), "%s/%d/%s/%s", bpf_path, GUARD_ABI, facts.build, name);
	unlink(path);
	for (int i = 0; i < 1000 && fd >= 0; i++) {
		attr = (union bpf_attr){.prog_id = info.prog_id};
		fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
		if (fd >= 0)
			close(fd);
		usleep(5000);
	}
}

/* Where there are hooks and tripwires, they would be first. */
static void detach_lsm(void)
{
	for (const struct guard_program *p = guard_programs; p->name; p++)
		if (p->tier == GUARD_TIER_LSM)
			detach(p->name);
}

static void test_syscall(void)
{
	char path[] = "/tmp/kedge-guard-unit-XXXXXX";
	int fd = mkstemp(path);
	struct stat st;

	unlink(path);
	if (load(true) < 0 || !(facts.tiers & GUARD_TIER_SYSCALL)) {
		skip(3, "no tier at system calls: %s", facts.no_syscall ?: "");
		close(fd);
		return;
	}
	detach_lsm();
	is_int(run(GUARD_ENFORCE, 0, "syscalls", fd), KILLED, "syscall tier: unshare of the user namespace dies");
	ok(fstat(fd, &st) == 0 && st.st_size == 0, "and completed no system call");
	is_int(records().first.hook, GUARD_HOOK_EXIT_SYSCALL, "seen at its exit");
	close(fd);
	load(false);
}

/* Without the samples the sweep is alone. */
static void test_sweep(void)
{
	struct error e = {};
	struct found found;
	char broken[64];

	if (!(facts.tiers & GUARD_TIER_SWEEP)) {
		skip(9, "no sweep: %s", facts.no_sweep);
		return;
	}
	is_int(guard_sweep(bpf_dir, &e), 0, "sweeps");
	is_int(records().n, 0, "and finds nothing");
	detach_lsm();
	detach("switches");
	detach("tick");
	detach("tick_hr");
	is_int(guard_links_check(bpf_dir, GUARD_TIER_SAMPLE, broken, &e), -1, "a link that is gone is missed");
	is_str(broken, "switches", "by name");
	struct waiter w = waiter_start(GUARD_ENFORCE, 0, "wait-unshare");
	if (write(w.go, "x", 1) != 1)
		fail("lets it go");
	/* It drifts when it comes to run, and does not stay for long. */
	int swept = 0;
	do {
		usleep(2000);
		swept |= guard_sweep(bpf_dir, &e);
		found = records();
	} while (found.n == 0 && entry_of(w.cookie).state == GUARD_SEALED);
	is_int(swept, 0, "sweeps again");
	is_int(found.n, 1, "and finds one");
	is_int(found.first.hook, GUARD_HOOK_SWEEP, "by itself");
	is_int(found.first.pid, w.pid, "who drifted");
	is_int(entry_of(w.cookie).state, GUARD_CONDEMNED, "the container is condemned");
	kill(w.pid, SIGKILL);
	waiter_end(&w);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		_exit(play(argc, argv)); /* a leak check would want a /proc, and ptrace */
	if (set_up()) {
		test_seal();
		test_drift();
		test_modes();
		test_sandbox();
		test_joiners();
		test_host();
		test_cgroup();
		test_upgrade();
		test_two_builds();
		test_ring();
		test_host_pid();
		test_syscall();
		test_sweep();
		tear_down();
	}
	macro_close(&bpf_dir);
	umount2(bpf_path, MNT_DETACH);
	rmdir(bpf_path);
	return done();
}
