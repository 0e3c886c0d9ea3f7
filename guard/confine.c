/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left to kedge-guard when it guards. Not Landlock: it would forbid to look at /proc/PID/ns of others. The filter is
 * written out, as libseccomp costs more memory than the whole process; it denies what would undo the rest, and the child that
 * loads anew inherits it.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/io.h"
#include "base/sys.h"
#include "guard/daemon.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "no seccomp architecture"
#endif

/* KILL: processes of other users. SYS_PTRACE: their /proc/PID/ns. BPF and PERFMON: to load again what was detached. */
#define KEPT (1ULL << CAP_KILL | 1ULL << CAP_SYS_PTRACE | 1ULL << CAP_BPF | 1ULL << CAP_PERFMON)
#define FDS 65536
#define AROUND ((size_t)16384)

#define DENY(call) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

static struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef __x86_64__
	/* x32 has numbers of its own. */
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
#endif
	DENY(ptrace), DENY(process_vm_readv), DENY(process_vm_writev), DENY(pidfd_getfd),
	DENY(setns), DENY(unshare), DENY(mount), DENY(umount2), DENY(pivot_root), DENY(chroot), DENY(move_mount),
	DENY(open_tree), DENY(fsopen), DENY(fsmount), DENY(fsconfig), DENY(fspick), DENY(mount_setattr),
	DENY(open_by_handle_at), DENY(init_module), DENY(finit_module), DENY(delete_module), DENY(kexec_load),
	DENY(reboot), DENY(swapon), DENY(swapoff), DENY(keyctl), DENY(add_key), DENY(request_key), DENY(userfaultfd),
	DENY(io_uring_setup), DENY(io_uring_enter), DENY(io_uring_register), DENY(setuid), DENY(setgid),
	DENY(setreuid), DENY(setregid), DENY(setresuid), DENY(setresgid), DENY(setgroups), DENY(bind), DENY(listen),
	DENY(accept), DENY(accept4), DENY(settimeofday), DENY(clock_settime), DENY(sethostname), DENY(personality),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static int drop_capabilities(struct error *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read the capabilities");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(KEPT >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	/* Before the capability for it goes. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(KEPT >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return error_set(e, ERROR_HOST, errno, "cannot bound the capabilities");
	if (syscall(SYS_capset, &head, data) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot drop capabilities");
	return 0;
}

/* Calls back for what is of the program and never written to: what was ever writable holds relocations. */
static int each_segment(struct dl_phdr_info *info, size_t size unused_arg, void *ctx)
{
	void (*const *function)(char *from, char *to) = ctx;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t from = (info->dlpi_addr + segment->p_vaddr) & ~page;
		uintptr_t to = (info->dlpi_addr + segment->p_vaddr + segment->p_memsz + page) & ~page;

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && from < to)
			(*function)((char *)from, (char *)to);
	}
	/* The others are shared libraries, of a build that is linked so. */
	return 1;
}

/* A fault maps the 64 kB around it, but never beyond the mapping: two kinds of advice in turn make many of one. */
static void split(char *from, char *to)
{
	for (char *p = from; p < to; p += 2 * AROUND)
		madvise(p, MIN(AROUND, (size_t)(to - p)), MADV_DONTDUMP); /* advice only */
}

/* What comes back from the page cache by itself when it is needed. */
static void drop(char *from, char *to)
{
	madvise(from, (size_t)(to - from), MADV_DONTNEED); /* advice only */
}

void guard_split(void)
{
	void (*function)(char *, char *) = split;

	dl_iterate_phdr(each_segment, &function);
}

void guard_trim(void)
{
	void (*function)(char *, char *) = drop;

	malloc_trim(0);
	dl_iterate_phdr(each_segment, &function);
}

int guard_confine(struct error *e)
{
	struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = filter};
	struct rlimit fds, size;

	/* The log grows, whatever whoever started us may write. */
	if (getrlimit(RLIMIT_FSIZE, &size) == 0) {
		size.rlim_cur = size.rlim_max;
		if (setrlimit(RLIMIT_FSIZE, &size) < 0)
			return error_set(e, ERROR_HOST, errno, "cannot raise the limit of file sizes");
	}
	/* Polling keeps one for each process. What cannot be had is done without. */
	if (getrlimit(RLIMIT_NOFILE, &fds) == 0) {
		fds.rlim_cur = MIN(fds.rlim_max, (rlim_t)FDS);
		if (setrlimit(RLIMIT_NOFILE, &fds) < 0)
			return error_set(e, ERROR_HOST, errno, "cannot raise the limit of descriptors");
	}
	/* Needs CAP_SYS_RESOURCE, which a guest may not have. */
	if (write_file_at(AT_FDCWD, "/proc/self/oom_score_adj", "-999") < 0 && errno != EACCES && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "cannot set the OOM score");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot forbid dumps");
	if (drop_capabilities(e) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot set no_new_privs");
	if (sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program) < 0 && errno != ENOSYS && errno != EINVAL)
		return error_set(e, ERROR_HOST, errno, "cannot load the seccomp filter");
	return 0;
}
