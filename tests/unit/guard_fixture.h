/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the guard's programs in the kernel share. A test program plays all parts, in a bpffs of its own: it labels
 * itself as the runtime does and clones; the child executes it again as kedge-init ("init") and once more as the container's
 * program ("program"), which then does what a member must not do, or may.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "guard/kernel.h"
#include "tests/unit/tap.h"

#define ALL_CAPS ((1ULL << 41) - 1)
#define KILLED (128 + SIGKILL)
#define LIVES_ON 42 /* a member that should have died */
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID)

/* The container's program; its result is the exit status. fd: a way out that it inherited, or the pipe on which it waits. */
static int program(const char *what, int fd);

/* --- for programs */

static long cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Time of a processor, enough for many ticks, without sleeping: that would be an event of its own. */
__attribute__((unused)) static int spin(long ms)
{
	long end = cpu_ms() + ms;

	while (cpu_ms() < end)
		syscall(SYS_getpid);
	return LIVES_ON;
}

__attribute__((unused)) static int wait_for(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

__attribute__((unused)) static int play(int argc, char **argv)
{
	char gone;

	if (argc != 4)
		return 1;
	if (strcmp(argv[1], "program") == 0)
		return program(argv[2], atoi(argv[3]));
	if (strcmp(argv[2], "slow") == 0 && (write(atoi(argv[3]), "x", 1) != 1 || read(atoi(argv[3]), &gone, 1) != 0))
		return 1;
	execl("/proc/self/exe", argv[0], "program", argv[2], argv[3], NULL);
	return 1;
}

/* --- the runtime */

static int bpf_dir = -1;
static char bpf_path[] = "/tmp/kedge-guard-unit.XXXXXX";
static struct guard_facts facts;
static struct guard_ring ring = {.fd = -1};
static uint64_t next_cookie = 0x1000;

__attribute__((unused)) static int map_call(int cmd, const char *name, const void *key, const void *value)
{
	auto_close int map = guard_pin_open(bpf_dir, name);
	union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uint64_t)(uintptr_t)key, .value = (uint64_t)(uintptr_t)value};

	return map < 0 ? -1 : sys_bpf(cmd, &attr, sizeof(attr));
}

__attribute__((unused)) static struct guard_entry entry_of(uint64_t cookie)
{
	struct guard_entry entry = {};

	map_call(BPF_MAP_LOOKUP_ELEM, "containers", &cookie, &entry);
	return entry;
}

__attribute__((unused)) static size_t map_count(const char *name, size_t key_size)
{
	char key[8], next[8];
	size_t n = 0;

	for (void *from = NULL; map_call(BPF_MAP_GET_NEXT_KEY, name, from, next) == 0; n++)
		from = memcpy(key, next, key_size);
	return n;
}

__attribute__((unused)) static uint64_t arm(uint32_t mode, uint32_t flags)
{
	struct guard_entry entry = {.mode = mode, .flags = flags, .state = GUARD_SETUP};
	uint64_t cookie = next_cookie++;

	if (map_call(BPF_MAP_UPDATE_ELEM, "containers", &cookie, &entry) < 0)
		fail("arms: %s", strerror(errno));
	return cookie;
}

__attribute__((unused)) static void disarm(uint64_t cookie)
{
	map_call(BPF_MAP_DELETE_ELEM, "containers", &cookie, NULL);
}

__attribute__((unused)) static void label_self(uint64_t cookie, uint64_t caps)
{
	struct guard_label label = {.cookie = cookie, .state = GUARD_LABEL_RUNTIME, .seal_after = 2, .caps_bound = caps};
	auto_close int self = sys_pidfd_open(getpid(), 0);

	if ((cookie ? map_call(BPF_MAP_UPDATE_ELEM, "labels", &self, &label)
		    : map_call(BPF_MAP_DELETE_ELEM, "labels", &self, NULL)) < 0)
		fail("labels itself: %s", strerror(errno));
}

__attribute__((unused)) static pid_t start(uint64_t cookie, uint64_t caps, int namespaces, const char *what, int fd)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", fd);
	if (cookie)
		label_self(cookie, caps);
	pid_t pid = (pid_t)syscall(SYS_clone, (unsigned long)namespaces | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		execl("/proc/self/exe", "guard", "init", what, text, NULL);
		_exit(1);
	}
	if (cookie)
		label_self(0, 0);
	return pid;
}

struct found {
	size_t n;
	struct guard_record first;
};

__attribute__((unused)) static void take(void *ctx, const struct guard_record *record)
{
	struct found *found = ctx;

	if (found->n++ == 0)
		found->first = *record;
}

__attribute__((unused)) static struct found records(void)
{
	struct found found = {};

	guard_ring_read(&ring, take, &found);
	return found;
}

/* One container from its start to its end. */
__attribute__((unused)) static int run(uint32_t mode, uint32_t flags, const char *what, int fd)
{
	uint64_t cookie = arm(mode, flags);
	int status = wait_for(start(cookie, ALL_CAPS, NAMESPACES, what, fd));

	disarm(cookie);
	return status;
}

/* A container that waits on a pipe until its end is closed. */
struct waiter {
	uint64_t cookie;
	pid_t pid;
	int go;
};

__attribute__((unused)) static struct waiter waiter_start(uint32_t mode, uint32_t flags, const char *what)
{
	struct waiter w = {.cookie = arm(mode, flags)};
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[0], F_SETFD, 0) < 0)
		fail("makes a pipe");
	w.go = fds[1];
	w.pid = start(w.cookie, ALL_CAPS, NAMESPACES, what, fds[0]);
	close(fds[0]);
	for (int i = 0; i < 500 && entry_of(w.cookie).state == GUARD_SETUP; i++)
		usleep(2000);
	return w;
}

__attribute__((unused)) static int waiter_end(struct waiter *w)
{
	close(w->go);
	int status = wait_for(w->pid);
	disarm(w->cookie);
	return status;
}

__attribute__((unused)) static uint64_t counter(enum guard_counter which)
{
	struct error e = {};
	uint64_t n = 0;

	if (guard_counter_read(bpf_dir, which, &n, &e) < 0)
		fail("reads a counter: %s", e.msg);
	return n;
}

__attribute__((unused)) static int namespace_fd(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	return open(path, O_RDONLY); /* inherited: the program's way out */
}

__attribute__((unused)) static int load(bool syscall_tier)
{
	static struct arena a; /* of the facts, until the next load */
	struct error e = {};

	arena_done(&a);
	if (guard_load(bpf_dir, syscall_tier, &a, &facts, &e) < 0) {
		fail("loads: %s", e.msg);
		return -1;
	}
	diag("tiers %#x, %u ms; no sample: %s; no sweep: %s; no lsm: %s; no syscall: %s", facts.tiers, facts.load_ms,
	     facts.no_sample, facts.no_sweep, facts.no_lsm, facts.no_syscall);
	return 0;
}

__attribute__((unused)) static bool set_up(void)
{
	struct error e = {};

	if (geteuid() != 0) {
		skip(1, "needs root");
		return false;
	}
	if (!mkdtemp(bpf_path) || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpf", bpf_path, "bpf", 0, "mode=0700") < 0) {
		skip(1, "no bpffs: %s", strerror(errno));
		return false;
	}
	bpf_dir = open(bpf_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (load(false) < 0)
		return false;
	if (!(facts.tiers & GUARD_TIER_SAMPLE)) {
		skip(1, "nothing loads here: %s", facts.no_sample);
		return false;
	}
	if (guard_ring_open(bpf_dir, &ring, &e) < 0) {
		fail("opens the ring: %s", e.msg);
		return false;
	}
	return true;
}

__attribute__((unused)) static void tear_down(void)
{
	struct error e = {};

	is_int(guard_unload(bpf_dir, &e), 0, "unloads everything");
	ok(guard_pin_open(bpf_dir, "containers") < 0, "and nothing is left");
	guard_ring_done(&ring);
}

