/* SPDX-License-Identifier: Apache-2.0 */
#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sockios.h>
#include <linux/stat.h>

#include "init/init.h"

#define PTR_MAX        131072
#define SA_RESTORER_   0x04000000
#define PROC_ROOT_INO_ 1
#define AF_UNIX_       1
#define SOCK_DGRAM_    2
#define IFF_UP_        1

/* Tells where init stands and waits for leave to go on; the other end closing is an order to die. */
int do_BARRIER(struct init *i, const struct plan_step *s)
{
	struct plan_record answer;

	i->record.value = (uint32_t)s->num[0];
	int ret = init_send(i, RECORD_READY, s->reg == REG_NONE ? -1 : i->reg[s->reg]);
	if (ret < 0)
		return ret;
	long n;
	do
		n = sys3(__NR_read, i->sock, &answer, sizeof(answer));
	while (n == -EINTR);
	if (n < 0)
		return (int)n;
	if (n != sizeof(answer) || answer.type != RECORD_GO)
		sys1(__NR_exit_group, 1);
	if (s->num[0] != BARRIER_READY)
		return 0;
	/* The state is on disk: from now on the container outlives its creator. */
	return (int)sys2(__NR_prctl, PR_SET_PDEATHSIG, 0);
}

int do_SETNS(struct init *i, const struct plan_step *s)
{
	return (int)sys2(__NR_setns, i->reg[s->reg], s->num[0]);
}

int do_UNSHARE(struct init *i, const struct plan_step *s)
{
	(void)i;
	return (int)sys1(__NR_unshare, s->num[0]);
}

int do_LOOPBACK(struct init *i, const struct plan_step *s)
{
	struct {
		char name[16];
		short flags;
		char unused[22];
	} lo = {"lo", IFF_UP_, ""}; /* struct ifreq: its header wants the C library */
	/* Of a kind that every kernel has: what is asked of it concerns the namespace. */
	int fd = (int)sys3(__NR_socket, AF_UNIX_, SOCK_DGRAM_, 0);

	(void)i, (void)s;
	return fd < 0 ? fd : closed(fd, (int)sys3(__NR_ioctl, fd, SIOCSIFFLAGS, &lo));
}

int do_SETSID(struct init *i, const struct plan_step *s)
{
	(void)i, (void)s;
	int ret = (int)sys0(__NR_setsid);
	return ret < 0 ? ret : 0;
}

int do_HOSTNAME(struct init *i, const struct plan_step *s)
{
	const char *name = init_str(i, s->str);

	return (int)sys2(__NR_sethostname, name, strlen(name));
}

int do_DOMAINNAME(struct init *i, const struct plan_step *s)
{
	const char *name = init_str(i, s->str);

	return (int)sys2(__NR_setdomainname, name, strlen(name));
}

static int own_procfs(void)
{
	int fs = (int)sys2(__NR_fsopen, "proc", FSOPEN_CLOEXEC);

	if (fs < 0)
		return fs;
	long ret = sys5(__NR_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (ret >= 0)
		ret = sys3(__NR_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return closed(fs, (int)ret);
}

/* The root directory of whatever procfs is at /proc: proc_open() sees what covers its files, and refuses. */
static int visible_procfs(void)
{
	long words[15]; /* struct statfs64: f_type is word 0 */
	struct statx st;
	int fd = (int)sys4(__NR_openat, AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	int ret = fd < 0 ? fd : (int)sys2(__NR_fstatfs, fd, words);

	if (ret >= 0)
		ret = (int)sys5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_INO, &st);
	if (ret >= 0 && (words[0] != PROC_SUPER_MAGIC || st.stx_ino != PROC_ROOT_INO_))
		ret = -EPERM;
	return ret < 0 ? closed(fd, ret) : fd;
}

/* Without rights over the mount namespace, or where /proc is partly hidden, the kernel gives out no further procfs. */
int do_PROCFS(struct init *i, const struct plan_step *s)
{
	int fd = own_procfs();

	if (fd == -EPERM)
		fd = visible_procfs();
	i->reg[s->reg] = fd;
	return fd < 0 ? fd : 0;
}

int do_SYSCTL(struct init *i, const struct plan_step *s)
{
	return proc_write(i->reg[s->reg], init_str(i, s->str), init_str(i, s->str2));
}

int do_RLIMIT(struct init *i, const struct plan_step *s)
{
	uint64_t want[2] = {s->num[1], s->num[2]};

	(void)i;
	return (int)sys4(__NR_prlimit64, 0, s->num[0], want, NULL);
}

int do_PERSONALITY(struct init *i, const struct plan_step *s)
{
	(void)i;
	long ret = sys1(__NR_personality, s->num[0]);
	return ret < 0 ? (int)ret : 0;
}

int do_MEMORY_POLICY(struct init *i, const struct plan_step *s)
{
	return (int)sys3(__NR_set_mempolicy, s->num[0], s->blob ? init_str(i, s->blob) : NULL, s->num[1]);
}

int do_UMASK(struct init *i, const struct plan_step *s)
{
	(void)i;
	sys1(__NR_umask, s->num[0]);
	return 0;
}

/* I: after chdir the working directory is inside the root (CVE-2024-21626): the kernel says "(unreachable)" otherwise. */
int do_CHDIR(struct init *i, const struct plan_step *s)
{
	char cwd[4096];
	if (i->cwd_done)
		return 0;
	long ret = sys1(__NR_chdir, init_str(i, s->str));
	/* Once as root, because the user may not reach it, and once as the user, because root may not (NFS). */
	if ((ret == -EACCES || ret == -EPERM) && (s->flags & PLAN_OPTIONAL))
		return 0;
	if (ret < 0)
		return (int)ret;
	i->cwd_done = 1;
	ret = sys2(__NR_getcwd, cwd, sizeof(cwd));
	if (ret < 0)
		return (int)ret;
	if (cwd[0] != '/') {
		init_note(i, "the working directory is outside of the container's root");
		return -EPERM;
	}
	return 0;
}

static int executable(const char *path)
{
	struct statx st;
	int ret = (int)sys5(__NR_statx, AT_FDCWD, path, 0, STATX_TYPE, &st);

	if (ret < 0)
		return ret;
	if ((st.stx_mode & 0170000) == 0040000)
		return -EISDIR;
	return (int)sys4(__NR_faccessat2, AT_FDCWD, path, 1 /* X_OK */, AT_EACCESS);
}

int do_FIND_EXEC(struct init *i, const struct plan_step *s)
{
	const uint32_t *list = init_list(i, s->list);
	int ret = -ENOENT;

	for (uint32_t n = 0; n < list[0]; n++) {
		int err = executable(init_str(i, list[n + 1]));
		if (err == 0) {
			i->exec_path = init_str(i, list[n + 1]);
			return 0;
		}
		if (ret == -ENOENT || ret == -ENOTDIR || err == -EACCES)
			ret = err;
	}
	return ret;
}

/* Third field uid, sixth field home, of "name:x:uid:gid:gecos:home:shell". */
static int passwd_home(char *line, const char *uid, struct init *i)
{
	char *field[7] = {line};
	int n = 1;

	for (char *p = line; *p && n < 7; p++)
		if (*p == ':') {
			*p = '\0';
			field[n++] = p + 1;
		}
	if (n < 6 || !streq(field[2], uid) || !field[5][0] || strlen(field[5]) > sizeof(i->home) - 6)
		return 0;
	memcpy(i->home, "HOME=", 5);
	memcpy(i->home + 5, field[5], strlen(field[5]) + 1);
	return 1;
}

/* The host's trouble, not a property of the image: the next try could have another result. */
static int short_of(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EIO;
}

/* Bounded: the file is the image's and may be anything. */
int do_HOME(struct init *i, const struct plan_step *s)
{
	static char buf[65536];
	char uid[24];
	int fd = root_open(i, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	long n = 1, got = 0;

	memcpy(i->home, "HOME=/", 7);
	if (fd < 0)
		return short_of(fd) ? fd : 0;
	put_number(uid, s->num[0]);
	while (got < (long)sizeof(buf) - 1 && n > 0) {
		n = sys3(__NR_read, fd, buf + got, sizeof(buf) - 1 - (size_t)got);
		if (n == -EINTR)
			n = 1;
		else if (n > 0)
			got += n;
	}
	closed(fd, 0);
	if (short_of((int)n))
		return (int)n;
	buf[got] = '\0';
	for (char *line = buf, *end; *line; line = end) {
		for (end = line; *end && *end != '\n'; end++)
			;
		if (*end)
			*end++ = '\0';
		if (passwd_home(line, uid, i))
			break;
	}
	return 0;
}

static int verify_opened(struct init *i, const struct plan_step *s, int *fd)
{
	*fd = hidden_open(i, s);
	return *fd == -ENOENT || *fd == -ENOTDIR ? 1 : *fd < 0 ? *fd : 0;
}

static int readonly_mount(int fd)
{
	/* struct statfs64 on both architectures: f_flags is word 10. */
	long words[15];
	int ret = (int)sys2(__NR_fstatfs, fd, words);

	return ret < 0 ? ret : words[10] & 1 ? 0 : -EROFS;
}

int do_VERIFY_READONLY(struct init *i, const struct plan_step *s)
{
	int fd, ret = verify_opened(i, s, &fd);

	if (ret)
		return ret < 0 ? ret : 0;
	ret = readonly_mount(fd);
	if (ret == -EROFS)
		init_note(i, "still writable");
	return closed(fd, ret);
}

int do_VERIFY_MASK(struct init *i, const struct plan_step *s)
{
	struct statx st;
	int fd, ret = verify_opened(i, s, &fd);

	if (ret)
		return ret < 0 ? ret : 0;
	ret = (int)sys5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE, &st);
	if (ret >= 0) {
		unsigned type = st.stx_mode & 0170000;
		if (type == 0040000)
			ret = readonly_mount(fd);
		else if (type != 0020000 || st.stx_rdev_major != 1 || st.stx_rdev_minor != 3)
			ret = -EPERM;
	}
	if (ret < 0)
		init_note(i, "not masked");
	return closed(fd, ret);
}

struct signal_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static void end_by_signal(int sig)
{
	sys1(__NR_exit_group, 128 + sig);
}

/* The first process of a pid namespace gets only signals that it handles, and a container that waits for start should end by a
 * TERM as its program would. execve forgets the handlers. */
static int take_signals(void)
{
	static const unsigned char ends[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGALRM,   SIGTERM, SIGUSR1,
					     SIGUSR2, SIGPIPE, SIGPROF, SIGVTALRM, SIGIO,   SIGPWR};
	struct signal_action action = {.flags = SA_RESTORER_};
	uint64_t none = 0;
	int ret = 0;

	/* No initialiser: clang would copy it from a constant, and an address in a constant is a relocation. */
	action.handler = end_by_signal;
	for (size_t n = 0; n < sizeof(ends) && ret >= 0; n++)
		ret = (int)sys4(__NR_rt_sigaction, ends[n], &action, NULL, sizeof(action.mask));
	/* Everything was blocked across the clone. */
	return ret < 0 ? ret : (int)sys4(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &none, NULL, sizeof(none));
}

int do_CLOSE_FDS(struct init *i, const struct plan_step *s)
{
	/* What set-up alone used goes at once. */
	closed(i->mask_dir, 0);
	closed(i->devnull, 0);
	root_parent_forget(i);
	/* Close-on-exec, not closed: the socket still has to tell of a failed execve. */
	int ret = (int)sys3(__NR_close_range, s->num[0], ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
	return ret < 0 ? ret : take_signals();
}

int do_WAIT_START(struct init *i, const struct plan_step *s)
{
	char byte;
	long n;

	i->result = i->reg[s->reg2];
	closed(i->sock, 0);
	i->sock = -1;
	do
		n = sys3(__NR_read, i->reg[s->reg], &byte, 1);
	while (n == -EINTR);
	if (n < 0)
		return (int)n;
	/* No reader may remain that a later start could mistake for a waiting container. */
	closed(i->reg[s->reg], 0);
	return 0;
}

static const char **pointers(struct init *i, uint32_t off, const char **to, const char *more)
{
	const uint32_t *list = init_list(i, off);
	uint32_t n;

	for (n = 0; n < list[0]; n++)
		to[n] = init_str(i, list[n + 1]);
	if (more)
		to[n++] = more;
	to[n] = NULL;
	return to + n + 1;
}

int do_EXEC(struct init *i, const struct plan_step *s)
{
	static const char *vectors[PTR_MAX]; /* untouched pages cost nothing */
	const uint32_t *argv = init_list(i, s->list), *envp = init_list(i, s->list2);

	if ((uint64_t)argv[0] + envp[0] + 3 > PTR_MAX)
		return -E2BIG;
	const char **env = pointers(i, s->list, vectors, NULL);
	pointers(i, s->list2, env, i->home[0] ? i->home : NULL);
	int ret = init_send(i, RECORD_EXEC, -1);
	return ret < 0 ? ret : (int)sys3(__NR_execve, i->exec_path, vectors, env);
}
