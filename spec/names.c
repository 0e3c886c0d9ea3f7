/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/num.h"
#include "spec/spec.h"

/* --- what older headers lack */

#define MODE_WEIGHTED_INTERLEAVE 6 /* MPOL_WEIGHTED_INTERLEAVE, Linux 6.9 */
#ifndef SCHED_ISO
#define SCHED_ISO 4
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SCMP_ARCH_LOONGARCH64
#define SCMP_ARCH_LOONGARCH64 AUDIT_ARCH_LOONGARCH64
#endif
#ifndef AUDIT_ARCH_LOONGARCH64
#define AUDIT_ARCH_LOONGARCH64 (258 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#endif
#ifndef SCMP_ARCH_M68K
#define SCMP_ARCH_M68K AUDIT_ARCH_M68K
#endif
#ifndef SCMP_ARCH_SH
#define SCMP_ARCH_SH AUDIT_ARCH_SHEL
#endif
#ifndef SCMP_ARCH_SHEB
#define SCMP_ARCH_SHEB AUDIT_ARCH_SH
#endif
/* signal(7) has them, some architectures do not */
#ifndef SIGSTKFLT
#define SIGSTKFLT 16
#endif

/* --- tables, each in the order in which it is shown */

#define SAME(C)       \
	{             \
#C, C \
	}

const struct spec_name names_namespaces[] = {
	{"cgroup", NS_CGROUP},   {"ipc", NS_IPC}, {"mount", NS_MOUNT},
	{"network", NS_NETWORK}, {"pid", NS_PID}, {"time", NS_TIME},
	{"user", NS_USER},       {"uts", NS_UTS}, {NULL, 0},
};

const struct spec_name names_caps[] = {
	SAME(CAP_CHOWN),
	SAME(CAP_DAC_OVERRIDE),
	SAME(CAP_DAC_READ_SEARCH),
	SAME(CAP_FOWNER),
	SAME(CAP_FSETID),
	SAME(CAP_KILL),
	SAME(CAP_SETGID),
	SAME(CAP_SETUID),
	SAME(CAP_SETPCAP),
	SAME(CAP_LINUX_IMMUTABLE),
	SAME(CAP_NET_BIND_SERVICE),
	SAME(CAP_NET_BROADCAST),
	SAME(CAP_NET_ADMIN),
	SAME(CAP_NET_RAW),
	SAME(CAP_IPC_LOCK),
	SAME(CAP_IPC_OWNER),
	SAME(CAP_SYS_MODULE),
	SAME(CAP_SYS_RAWIO),
	SAME(CAP_SYS_CHROOT),
	SAME(CAP_SYS_PTRACE),
	SAME(CAP_SYS_PACCT),
	SAME(CAP_SYS_ADMIN),
	SAME(CAP_SYS_BOOT),
	SAME(CAP_SYS_NICE),
	SAME(CAP_SYS_RESOURCE),
	SAME(CAP_SYS_TIME),
	SAME(CAP_SYS_TTY_CONFIG),
	SAME(CAP_MKNOD),
	SAME(CAP_LEASE),
	SAME(CAP_AUDIT_WRITE),
	SAME(CAP_AUDIT_CONTROL),
	SAME(CAP_SETFCAP),
	SAME(CAP_MAC_OVERRIDE),
	SAME(CAP_MAC_ADMIN),
	SAME(CAP_SYSLOG),
	SAME(CAP_WAKE_ALARM),
	SAME(CAP_BLOCK_SUSPEND),
	SAME(CAP_AUDIT_READ),
	SAME(CAP_PERFMON),
	SAME(CAP_BPF),
	SAME(CAP_CHECKPOINT_RESTORE),
	{NULL, 0},
};

const struct spec_name names_rlimits[] = {
	SAME(RLIMIT_AS),     SAME(RLIMIT_CORE),   SAME(RLIMIT_CPU),        SAME(RLIMIT_DATA),
	SAME(RLIMIT_FSIZE),  SAME(RLIMIT_LOCKS),  SAME(RLIMIT_MEMLOCK),    SAME(RLIMIT_MSGQUEUE),
	SAME(RLIMIT_NICE),   SAME(RLIMIT_NOFILE), SAME(RLIMIT_NPROC),      SAME(RLIMIT_RSS),
	SAME(RLIMIT_RTPRIO), SAME(RLIMIT_RTTIME), SAME(RLIMIT_SIGPENDING), SAME(RLIMIT_STACK),
	{NULL, 0},
};

const struct spec_name names_seccomp_actions[] = {
	{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
	{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
	{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
	{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_LOG", SECCOMP_RET_LOG},
	{"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
	{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
	{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
	{NULL, 0},
};

const struct spec_name names_seccomp_ops[] = {
	SAME(SCMP_CMP_EQ), SAME(SCMP_CMP_GE),        SAME(SCMP_CMP_GT), SAME(SCMP_CMP_LE),
	SAME(SCMP_CMP_LT), SAME(SCMP_CMP_MASKED_EQ), SAME(SCMP_CMP_NE), {NULL, 0},
};

const struct spec_name names_seccomp_flags[] = {
	SAME(SECCOMP_FILTER_FLAG_LOG),
	SAME(SECCOMP_FILTER_FLAG_SPEC_ALLOW),
	SAME(SECCOMP_FILTER_FLAG_TSYNC),
	SAME(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV),
	{NULL, 0},
};

const struct spec_name names_seccomp_archs[] = {
	SAME(SCMP_ARCH_AARCH64),  SAME(SCMP_ARCH_ARM),         SAME(SCMP_ARCH_LOONGARCH64), SAME(SCMP_ARCH_M68K),
	SAME(SCMP_ARCH_MIPS),     SAME(SCMP_ARCH_MIPS64),      SAME(SCMP_ARCH_MIPS64N32),   SAME(SCMP_ARCH_MIPSEL),
	SAME(SCMP_ARCH_MIPSEL64), SAME(SCMP_ARCH_MIPSEL64N32), SAME(SCMP_ARCH_PARISC),      SAME(SCMP_ARCH_PARISC64),
	SAME(SCMP_ARCH_PPC),      SAME(SCMP_ARCH_PPC64),       SAME(SCMP_ARCH_PPC64LE),     SAME(SCMP_ARCH_RISCV64),
	SAME(SCMP_ARCH_S390),     SAME(SCMP_ARCH_S390X),       SAME(SCMP_ARCH_SH),          SAME(SCMP_ARCH_SHEB),
	SAME(SCMP_ARCH_X32),      SAME(SCMP_ARCH_X86),         SAME(SCMP_ARCH_X86_64),      {NULL, 0},
};

const struct spec_name names_sched_policies[] = {
	SAME(SCHED_BATCH), SAME(SCHED_DEADLINE), SAME(SCHED_FIFO), SAME(SCHED_IDLE),
	SAME(SCHED_ISO),   SAME(SCHED_OTHER),    SAME(SCHED_RR),   {NULL, 0},
};

const struct spec_name names_sched_flags[] = {
	SAME(SCHED_FLAG_DL_OVERRUN),     SAME(SCHED_FLAG_KEEP_PARAMS),
	SAME(SCHED_FLAG_KEEP_POLICY),    SAME(SCHED_FLAG_RECLAIM),
	SAME(SCHED_FLAG_RESET_ON_FORK),  SAME(SCHED_FLAG_UTIL_CLAMP_MAX),
	SAME(SCHED_FLAG_UTIL_CLAMP_MIN), {NULL, 0},
};

const struct spec_name names_ioprio_classes[] = {
	SAME(IOPRIO_CLASS_BE),
	SAME(IOPRIO_CLASS_IDLE),
	SAME(IOPRIO_CLASS_RT),
	{NULL, 0},
};

const struct spec_name names_mpol_modes[] = {
	SAME(MPOL_BIND),
	SAME(MPOL_DEFAULT),
	SAME(MPOL_INTERLEAVE),
	SAME(MPOL_LOCAL),
	SAME(MPOL_PREFERRED),
	SAME(MPOL_PREFERRED_MANY),
	{"MPOL_WEIGHTED_INTERLEAVE", MODE_WEIGHTED_INTERLEAVE},
	{NULL, 0},
};

const struct spec_name names_mpol_flags[] = {
	SAME(MPOL_F_NUMA_BALANCING),
	SAME(MPOL_F_RELATIVE_NODES),
	SAME(MPOL_F_STATIC_NODES),
	{NULL, 0},
};

const struct spec_name names_hooks[] = {
	{"prestart", HOOK_PRESTART},
	{"createRuntime", HOOK_CREATE_RUNTIME},
	{"createContainer", HOOK_CREATE_CONTAINER},
	{"startContainer", HOOK_START_CONTAINER},
	{"poststart", HOOK_POSTSTART},
	{"poststop", HOOK_POSTSTOP},
	{NULL, 0},
};

const struct spec_name names_signals[] = {
	SAME(SIGHUP),  SAME(SIGINT),        SAME(SIGQUIT),       SAME(SIGILL),       SAME(SIGTRAP), SAME(SIGABRT),
	SAME(SIGBUS),  SAME(SIGFPE),        SAME(SIGKILL),       SAME(SIGUSR1),      SAME(SIGSEGV), SAME(SIGUSR2),
	SAME(SIGPIPE), SAME(SIGALRM),       SAME(SIGTERM),       SAME(SIGSTKFLT),    SAME(SIGCHLD), SAME(SIGCONT),
	SAME(SIGSTOP), SAME(SIGTSTP),       SAME(SIGTTIN),       SAME(SIGTTOU),      SAME(SIGURG),  SAME(SIGXCPU),
	SAME(SIGXFSZ), SAME(SIGVTALRM),     SAME(SIGPROF),       SAME(SIGWINCH),     SAME(SIGIO),   SAME(SIGPWR),
	SAME(SIGSYS),  {"SIGIOT", SIGABRT}, {"SIGCLD", SIGCHLD}, {"SIGPOLL", SIGIO}, {NULL, 0},
};

/* --- look-ups */

bool name_to_value(const struct spec_name *table, const char *name, int64_t *ret)
{
	for (; table->name; table++) {
		if (strcmp(table->name, name) == 0) {
			*ret = table->value;
			return true;
		}
	}
	return false;
}

const char *value_to_name(const struct spec_name *table, int64_t value)
{
	for (; table->name; table++)
		if (table->value == value)
			return table->name;
	return NULL;
}

static bool cap_known(int cap)
{
	return prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
}

int cap_last(void)
{
	static int last = -1;
	int low = 0, high = 63;

	if (last >= 0)
		return last;
	/* The headers' last one is the kernel's more often than not. */
	if (cap_known(CAP_LAST_CAP)) {
		low = CAP_LAST_CAP;
		if (!cap_known(low + 1))
			high = low;
	}
	while (low < high) {
		int middle = (low + high + 1) / 2;
		if (cap_known(middle))
			low = middle;
		else
			high = middle - 1;
	}
	last = low;
	return last;
}

int cap_parse(const char *name, struct error *e)
{
	const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;

	for (const struct spec_name *p = names_caps; p->name; p++)
		if (strcasecmp(p->name + 4, bare) == 0)
			return (int)p->value;
	return error_set(e, ERROR_USAGE, 0, "unknown capability \"%.64s\"", name);
}

/* "RTMIN", "RTMIN+3", "RTMAX-1" */
static int realtime_signal(const char *name)
{
	bool from_min = strncasecmp(name, "RTMIN", 5) == 0;
	uint32_t distance = 0;

	if (!from_min && strncasecmp(name, "RTMAX", 5) != 0)
		return -1;
	if (name[5] &&
	    (name[5] != (from_min ? '+' : '-') || parse_u32(name + 6, (uint32_t)(SIGRTMAX - SIGRTMIN), &distance) < 0))
		return -1;
	return from_min ? SIGRTMIN + (int)distance : SIGRTMAX - (int)distance;
}

int signal_parse(const char *text, struct error *e)
{
	const char *bare = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	uint32_t number;
	int sig;

	/* 0 asks whether there is a process, as in kill(2) */
	if (parse_u32(text, (uint32_t)SIGRTMAX, &number) == 0)
		return (int)number;
	for (const struct spec_name *p = names_signals; p->name; p++)
		if (strcasecmp(p->name + 3, bare) == 0)
			return (int)p->value;
	sig = realtime_signal(bare);
	if (sig >= 0)
		return sig;
	return error_set(e, ERROR_USAGE, 0, "unknown signal \"%.64s\"", text);
}
