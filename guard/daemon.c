/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/io.h"
#include "base/sys.h"
#include "guard/internal.h"

#define OTHER_WAIT_MS 55000 /* it may be loading */
#define OTHER_SLICE_NS 5000000

/* --- leaving the caller */

static bool same_namespace(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

/* Pid 1's: its bpffs is where every runtime looks. The caller's may end with him. A sandbox may close pid 1 even to root: then
 * there is no better one than the caller's, and runtimes look through kedge-guard itself. */
static int join_host(const char *kind, int flag, struct error *e)
{
	char own[32], host[32];

	snprintf(own, sizeof(own), "/proc/self/ns/%s", kind);
	snprintf(host, sizeof(host), "/proc/1/ns/%s", kind);
	if (same_namespace(own, host))
		return 0;
	auto_close int fd = open(host, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		return 0;
	if (fd < 0 || sys_setns(fd, flag) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot join the %s namespace of process 1", kind);
	return 0;
}

/* An engine ends its scope with everything in it. Where there is no cgroup2, nothing can be guarded by killing either. */
static int leave_cgroup(struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1, .mount_fd = -1};

	if (cgroup_place("/" GUARD_CGROUP, GUARD_CGROUP, &cg, e) < 0)
		return -1;
	if (mkdirat(cg.mount_fd, GUARD_CGROUP, 0755) < 0 && errno != EEXIST)
		return error_set(e, ERROR_HOST, errno, "cannot make cgroup '%s'", GUARD_CGROUP);
	if (cg.fd < 0)
		cg.fd = openat(cg.mount_fd, GUARD_CGROUP, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return cgroup_attach(&cg, 0, e);
}

static int leave_caller(struct error *e)
{
	/* It is no group leader: it was spawned. */
	if (setsid() < 0 && errno != EPERM)
		return error_set(e, ERROR_HOST, errno, "cannot leave the caller's process group");
	if (join_host("mnt", CLONE_NEWNS, e) < 0 || join_host("cgroup", CLONE_NEWCGROUP, e) < 0)
		return -1;
	if (chdir("/") < 0)
		return error_set(e, ERROR_HOST, errno, "cannot change to the root directory");
	return leave_cgroup(e);
}

/* --- GUARD_DIR */

static int open_directory(int at, const char *name, int *ret)
{
	struct stat st;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -1;
	auto_close int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (st.st_uid != geteuid() || (st.st_mode & 077)) {
		errno = EPERM;
		return -1;
	}
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_directories(struct guard_daemon *d, struct error *e)
{
	if (open_directory(AT_FDCWD, GUARD_DIR, &d->dir) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open '%s': it must be a directory of root's alone", GUARD_DIR);
	if (open_directory(d->dir, "armed", &d->armed_dir) < 0 || open_directory(d->dir, "past", &d->past_dir) < 0 ||
	    open_directory(d->dir, "drift", &d->drift_dir) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open the directories of '%s'", GUARD_DIR);
	return 0;
}

static int try_lock(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &lock);
}

/* "only" is held from the first step on, "lock" when the guard is ready: until then a runtime waits, or starts one, which ends
 * here. 1: another one is ready. */
static int take_only(struct guard_daemon *d, struct error *e)
{
	int64_t deadline = guard_ms() + OTHER_WAIT_MS;

	d->only = openat(d->dir, "only", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->only < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open '%s/only'", GUARD_DIR);
	while (try_lock(d->only) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return error_set(e, ERROR_HOST, errno, "cannot lock '%s/only'", GUARD_DIR);
		if (guard_alive(d->dir))
			return 1;
		if (guard_ms() > deadline)
			return error_set(e, ERROR_HOST, 0, "another kedge-guard is not ready after %d s", OTHER_WAIT_MS / 1000);
		nanosleep(&(struct timespec){.tv_nsec = OTHER_SLICE_NS}, NULL);
	}
	return 0;
}

static int take_lock(struct guard_daemon *d, struct error *e)
{
	char text[16];

	d->lock = openat(d->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (d->lock < 0 || ftruncate(d->lock, 0) < 0 || write_all(d->lock, text, strlen(text)) < 0 || try_lock(d->lock) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot lock '%s/lock'", GUARD_DIR);
	return 0;
}

/* A bpffs of its own: nobody else's pins, and 0700. Without one the poll tier is left. */
static int open_bpffs(struct guard_daemon *d, struct error *e)
{
	struct statfs fs;

	if (mkdirat(d->dir, "bpf", 0700) < 0 && errno != EEXIST)
		return error_set(e, ERROR_HOST, errno, "cannot make '%s/bpf'", GUARD_DIR);
	if (statfs(GUARD_DIR "/bpf", &fs) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot look at '%s/bpf'", GUARD_DIR);
	if (fs.f_type != BPF_FS_MAGIC &&
	    mount("bpf", GUARD_DIR "/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0) {
		d->no_bpffs = errno;
		return 0;
	}
	d->bpf = open(GUARD_DIR "/bpf", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->bpf < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open '%s/bpf'", GUARD_DIR);
	return 0;
}

/* --- the whole */

static int open_signals(struct guard_daemon *d, struct error *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot block signals");
	/* The journal may go away, so may a terminal, and the log may come to a limit. */
	if (sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) < 0 ||
	    sigaction(SIGHUP, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) < 0 ||
	    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot ignore signals");
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signals < 0 ? error_set(e, ERROR_HOST, errno, "cannot make a signalfd") : 0;
}

static void read_counts(struct guard_daemon *d)
{
	struct guard_status status = {};
	struct error ignored = {};

	if (guard_status_counts(d->dir, &status, &ignored) < 0)
		return;
	d->counts = status.counts;
	d->audit.failed = status.counts.audit_failed;
}

int guard_daemon_open(struct guard_daemon *d, enum guard_daemon_start start, struct error *e)
{
	*d = (struct guard_daemon){.dir = -1, .armed_dir = -1, .past_dir = -1, .drift_dir = -1, .bpf = -1, .loader = -1,
				   .only = -1, .lock = -1, .containers = -1, .came = -1, .gone = -1, .signals = -1, .ring = {.fd = -1},
				   .audit = GUARD_AUDIT_NONE, .sweep_due_ms = -1, .trim_due_ms = -1, .came_due_ms = -1};
	umask(077);
	/* What the C library has touched as it started: loading may take seconds. */
	guard_trim();
	if (guard_loader_open(d, e) < 0)
		return -1;
	if (start == GUARD_DAEMON_DETACHED && leave_caller(e) < 0)
		return -1;
	if (open_directories(d, e) < 0)
		return -1;
	int other = take_only(d, e);
	if (other)
		return other;
	if (guard_policy_read(&d->arena, &d->policy, e) < 0 || guard_audit_open(d->policy.log, &d->audit, e) < 0)
		return -1;
	d->last = guard_audit_last(&d->audit);
	read_counts(d);
	if (open_bpffs(d, e) < 0 || guard_facts_renew(d, e) < 0 || guard_host_read(&d->host, e) < 0 ||
	    open_signals(d, e) < 0 || guard_armed_watch(d, e) < 0)
		return -1;
	/* Before the ring is mapped: that is resident at once. */
	guard_trim();
	guard_kernel_open(d);
	if (guard_confine(e) < 0 || take_lock(d, e) < 0)
		return -1;
	guard_trim();
	d->watchdog_due_ms = guard_ms();
	guard_report_event(d, "started", NULL);
	guard_report_counts(d);
	return 0;
}

void guard_daemon_done(struct guard_daemon *d)
{
	guard_armed_done(d);
	guard_kernel_close(d);
	guard_host_done(&d->host);
	guard_audit_done(&d->audit);
	for (size_t i = 0; i < d->n_dying; i++)
		macro_close(&d->dying[i].events);
	macro_close(&d->came);
	macro_close(&d->gone);
	macro_close(&d->signals);
	macro_close(&d->bpf);
	macro_close(&d->loader);
	macro_close(&d->armed_dir);
	macro_close(&d->past_dir);
	macro_close(&d->drift_dir);
	macro_close(&d->dir);
	macro_close(&d->lock);
	macro_close(&d->only);
	free(d->last);
	arena_done(&d->arena);
}
