/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor [-m] [-n] [-u] [-s FILTER] ROOTFS PROGRAM...: the fewest system calls that give what `run` gives: a cgroup with a device
 * program, namespaces, the usual mounts and devices, masks, no capabilities, and the program. Nothing is parsed, nothing checked
 * beyond success, nothing written down, and a kill leaves everything behind: what is faster than this does less.
 *
 *   -m  minimal: pid and mount namespaces, /proc alone, no cgroup
 *   -n  no network namespace        -u  a user namespace        -s  a seccomp filter, as struct sock_filter
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define must(x) do { if ((long)(x) < 0) fail(#x); } while (0)

static const char *rootfs, *filter;
static char **program;
static int minimal, no_network, user;

static void fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static int file_system(const char *type, const char *options, unsigned attr)
{
	char copy[128], *rest = copy, *word;
	int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	snprintf(copy, sizeof(copy), "%s", options);
	must(fs);
	while ((word = strsep(&rest, ",")) != NULL && *word) {
		char *value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		must(syscall(SYS_fsconfig, fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, word, value, 0));
	}
	must(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	int mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attr);
	must(mnt);
	close(fs);
	return mnt;
}

static void place(int mnt, const char *path)
{
	mkdir(path, 0755);
	must(syscall(SYS_move_mount, mnt, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
	close(mnt);
}

/* In a user namespace no node can be made: the host's, whose root is still ours. */
static void bind_device(const char *name)
{
	char host[64];
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	must(fd);
	close(fd);
	snprintf(host, sizeof(host), "/%s", name);
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, host, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	must(tree);
	must(syscall(SYS_move_mount, tree, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH));
	close(tree);
}

static void devices(void)
{
	static const struct { const char *name; unsigned major, minor; } nodes[] = {
		{"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
	static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"},
		{"/proc/self/fd/1", "dev/stdout"}, {"/proc/self/fd/2", "dev/stderr"}, {"/proc/kcore", "dev/core"}, {"pts/ptmx", "dev/ptmx"}};

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
		if (user)
			bind_device(nodes[i].name);
		else
			must(mknod(nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		must(symlink(links[i][0], links[i][1]));
}

static void hide(void)
{
	static const char *const readonly[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
	static const char *const masked[] = {"proc/acpi", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/timer_list",
		"proc/timer_stats", "proc/sched_debug", "proc/scsi", "sys/firmware"};
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	struct stat st;
	int empty = -1;

	for (size_t i = 0; i < sizeof(readonly) / sizeof(*readonly); i++) {
		int tree = (int)syscall(SYS_open_tree, AT_FDCWD, readonly[i], OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC);
		if (tree < 0)
			continue;
		must(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)));
		place(tree, readonly[i]);
	}
	for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++) {
		if (stat(masked[i], &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && empty < 0)
			empty = file_system("tmpfs", "size=4096", MOUNT_ATTR_RDONLY);
		int tree = S_ISDIR(st.st_mode)
				   ? (int)syscall(SYS_open_tree, empty, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | OPEN_TREE_CLOEXEC)
				   : (int)syscall(SYS_open_tree, AT_FDCWD, "dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		must(tree);
		place(tree, masked[i]);
	}
}

static void file_systems(void)
{
	place(file_system("proc", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC), "proc");
	if (minimal)
		return;
	place(file_system("tmpfs", "mode=755,size=65536k", MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME), "dev");
	place(file_system("devpts", "newinstance,ptmxmode=0666,mode=0620", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), "dev/pts");
	place(file_system("tmpfs", "mode=1777,size=65536k", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC), "dev/shm");
	place(file_system("mqueue", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC), "dev/mqueue");
	if (!no_network) {
		place(file_system("sysfs", "", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC), "sys");
		place(file_system("cgroup2", "", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC),
		      "sys/fs/cgroup");
	}
	devices();
	hide();
}

static void loopback(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(ioctl(fd, SIOCSIFFLAGS, &lo));
	close(fd);
}

static void privileges(void)
{
	static struct sock_filter insns[BPF_MAXINSNS];
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {};

	for (int cap = 0; prctl(PR_CAPBSET_DROP, cap) == 0; cap++)
		;
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(syscall(SYS_capset, &head, none));
	if (!filter)
		return;
	int fd = atoi(filter);
	ssize_t n = read(fd, insns, sizeof(insns));
	struct sock_fprog prog = {.len = (unsigned short)((size_t)n / sizeof(*insns)), .filter = insns};
	must(n);
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog));
	close(fd);
}

static void child(int barrier)
{
	struct mount_attr slave = {.propagation = 1 << 19 /* MS_SLAVE */};
	char byte;

	if (user) {
		must(read(barrier, &byte, 1));
		must(setgid(0));
		must(setuid(0));
	}
	close(barrier);
	must(syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof(slave)));
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, rootfs, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	must(tree);
	must(syscall(SYS_move_mount, tree, "", AT_FDCWD, rootfs, MOVE_MOUNT_F_EMPTY_PATH));
	must(fchdir(tree));
	file_systems();
	if (!minimal)
		must(sethostname("floor", 5));
	if (!minimal && !no_network)
		loopback();
	must(syscall(SYS_pivot_root, ".", "."));
	must(syscall(SYS_umount2, ".", 2 /* MNT_DETACH */));
	must(chdir("/"));
	privileges();
	execv(program[0], program);
	fail(program[0]);
}

/* Everything is denied but what the defaults allow: as many instructions as kedge's own. */
static void device_program(int cgroup)
{
	struct bpf_insn insns[48] = {};
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = 48, .insns = (uintptr_t)insns, .license = (uintptr_t)"GPL"};

	for (int i = 0; i < 47; i++)
		insns[i] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1};
	insns[47] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	must(fd);
	union bpf_attr attach = {
		.target_fd = (uint32_t)cgroup, .attach_bpf_fd = (uint32_t)fd, .attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI};
	must(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)));
	close(fd);
}

static void write_map(pid_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd);
	must(write(fd, "0 100000 65536", 14));
	close(fd);
}

int main(int argc, char **argv)
{
	int option, cgroup = -1, barrier[2], status = 0;
	char path[64];

	while ((option = getopt(argc, argv, "+mnus:")) != -1)
		switch (option) {
		case 'm': minimal = 1; break;
		case 'n': no_network = 1; break;
		case 'u': user = 1; break;
		case 's':
			snprintf(path, sizeof(path), "%d", open(optarg, O_RDONLY));
			filter = strdup(path);
			break;
		default: return 2;
		}
	if (argc - optind < 2)
		return 2;
	rootfs = argv[optind];
	program = argv + optind + 1;
	uint64_t flags = CLONE_NEWNS | CLONE_NEWPID;
	if (!minimal)
		flags |= CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | (no_network ? 0 : CLONE_NEWNET) | (user ? CLONE_NEWUSER : 0);
	if (!minimal) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/floor-%d", getpid());
		must(mkdir(path, 0755));
		cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		must(cgroup);
		device_program(cgroup);
		flags |= CLONE_INTO_CGROUP;
	}
	must(pipe2(barrier, O_CLOEXEC));
	struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	must(pid);
	if (pid == 0)
		child(barrier[0]);
	if (user) {
		write_map(pid, "uid_map");
		write_map(pid, "gid_map");
		must(write(barrier[1], "x", 1));
	}
	must(waitpid(pid, &status, 0));
	if (cgroup >= 0)
		must(rmdir(path));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
