/* SPDX-License-Identifier: Apache-2.0 */
/* The tier of hooks and tripwires: what is refused, and that nothing happens after a drift. */
#include <sys/ptrace.h>

#include "tests/unit/guard_fixture.h"

/* errno 0: it could. */
static int could(bool did, int want)
{
	int got = did ? 0 : errno;

	return got == want ? 0 : got ? got : LIVES_ON;
}

static int do_ptrace_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(spin(5000));
	bool did = ptrace(PTRACE_SEIZE, pid, 0, 0) == 0;
	int ret = could(did, 0);
	kill(pid, SIGKILL);
	wait_for(pid);
	return ret;
}

/* What comes after the drift is counted in a file: each byte is a system call. */
static int count_syscalls(int fd)
{
	for (int i = 0; i < 100; i++)
		if (write(fd, "x", 1) != 1)
			return 1;
	return spin(100);
}

static int do_nested(void)
{
	if (unshare(CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
		return 1;
	pid_t pid = fork();
	if (pid == 0) {
		auto_close int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
		_exit(mount("t", "/tmp", "tmpfs", 0, NULL) < 0 || chdir("/tmp") < 0 || spin(30) != LIVES_ON);
	}
	return wait_for(pid) != 0 || spin(30) != LIVES_ON;
}

static int program(const char *what, int fd)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	if (strcmp(what, "openat") == 0)
		return could(openat(fd, "etc/passwd", O_RDONLY | O_CLOEXEC) >= 0, EPERM);
	if (strcmp(what, "openat-allowed") == 0)
		return could(openat(fd, "etc/passwd", O_RDONLY | O_CLOEXEC) >= 0, 0);
	if (strcmp(what, "stdin") == 0)
		return could(open("/proc/self/fd/0", O_RDONLY | O_CLOEXEC) >= 0, 0);
	if (strcmp(what, "bpf") == 0)
		return could(sys_bpf(BPF_MAP_CREATE, &attr, sizeof(attr)) >= 0, EPERM);
	if (strcmp(what, "getfd") == 0)
		return could(sys_pidfd_getfd(fd, 0) >= 0, EPERM);
	if (strcmp(what, "ptrace-child") == 0)
		return do_ptrace_child();
	if (strcmp(what, "unshare-user") == 0)
		return unshare(CLONE_NEWUSER) < 0 ? 1 : count_syscalls(fd);
	if (strcmp(what, "unshare-uts") == 0)
		return unshare(CLONE_NEWUTS) < 0 ? 1 : count_syscalls(fd);
	if (strcmp(what, "nested") == 0)
		return do_nested();
	if (strcmp(what, "wait") == 0)
		return read(fd, &attr, 1) < 0;
	return 1;
}

/* --- tests */

/* stdin is a file that was opened in the mount namespace of the host. */
static int run_with_stdin(uint32_t flags)
{
	int saved = dup(0), file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	dup2(file, 0);
	int status = run(GUARD_ENFORCE, flags, "stdin", -1);
	dup2(saved, 0);
	close(saved);
	close(file);
	return status;
}

static void test_open(void)
{
	int dir = open("/", O_RDONLY | O_DIRECTORY); /* inherited: the program's way out */

	is_int(run(GUARD_ENFORCE, 0, "openat-allowed", dir), 0, "foreign mounts off: a file below a leaked directory opens");
	is_int(records().n, 0, "without a record");
	is_int(run(GUARD_ENFORCE, GUARD_FOREIGN_DENY, "openat", dir), 0, "deny: EPERM, and the program lives");
	struct found found = records();
	is_int(found.first.drift, 1 << GUARD_DRIFT_FILE, "it is recorded");
	is_int(found.first.action, GUARD_ACTION_DENIED, "as denied");
	is_int(run(GUARD_ENFORCE, GUARD_FOREIGN_KILL, "openat", dir), KILLED, "kill: dies");
	is_int(run(GUARD_AUDIT, GUARD_FOREIGN_KILL, "openat-allowed", dir), 0, "audit: opens");
	is_int(records().n, 2, "both are recorded");
	is_int(run_with_stdin(GUARD_FOREIGN_DENY), 0, "stdin may be opened again, though it is the host's");
	is_int(records().n, 0, "without a record");
	close(dir);
}

static void test_denials(void)
{
	int host = sys_pidfd_open(getpid(), 0);

	fcntl(host, F_SETFD, 0);
	is_int(run(GUARD_ENFORCE, 0, "bpf", -1), 0, "bpf(2): EPERM");
	is_int(records().first.hook, GUARD_HOOK_BPF, "recorded");
	is_int(run(GUARD_ENFORCE, 0, "getfd", host), 0, "a descriptor of a process of the host: EPERM");
	is_int(records().first.hook, GUARD_HOOK_PTRACE, "recorded");
	is_int(run(GUARD_ENFORCE, 0, "ptrace-child", -1), 0, "a member may trace its child");
	is_int(records().n, 0, "without a record");
	close(host);
}

static void test_tripwires(void)
{
	static const struct {
		const char *what;
		uint32_t hook;
	} drifts[] = {{"unshare-user", GUARD_HOOK_COMMIT_CREDS}, {"unshare-uts", GUARD_HOOK_SWITCH_NAMESPACES}};

	for (size_t i = 0; i < ARRAY_SIZE(drifts); i++) {
		char path[] = "/tmp/kedge-guard-unit-XXXXXX";
		int fd = mkstemp(path);
		struct stat st;

		unlink(path);
		is_int(run(GUARD_ENFORCE, 0, drifts[i].what, fd), KILLED, "%s: killed", drifts[i].what);
		ok(fstat(fd, &st) == 0 && st.st_size == 0, "no system call came after it");
		struct found found = records();
		is_int(found.n, 1, "one record");
		is_int(found.first.hook, drifts[i].hook, "of the function that was called");
		uint32_t id = i == 0 ? GUARD_USER : GUARD_UTS;
		ok(found.first.new_inum[id] && found.first.new_inum[id] != found.first.old_inum[id],
		   "with the namespace that it would have got");
		close(fd);
	}
}

static void test_nested(void)
{
	is_int(run(GUARD_ENFORCE, GUARD_NESTED | GUARD_FOREIGN_DENY, "nested", -1), 0, "nested: namespaces in namespaces");
	struct found found = records();
	if (!is_int(found.n, 0, "without a record"))
		diag("hook %u drift %#llx", found.first.hook, (unsigned long long)found.first.drift);
	for (int i = 0; i < 200 && map_count("owned", 4); i++)
		usleep(10000);
	is_int(map_count("owned", 4), 0, "nothing is owned when all are gone");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		_exit(play(argc, argv)); /* a leak check would want a /proc, and ptrace */
	if (set_up()) {
		if (facts.tiers & GUARD_TIER_LSM) {
			test_open();
			test_denials();
			test_tripwires();
			test_nested();
		} else {
			skip(1, "%s", facts.no_lsm);
		}
		tear_down();
	}
	macro_close(&bpf_dir);
	umount2(bpf_path, MNT_DETACH);
	rmdir(bpf_path);
	return done();
}
