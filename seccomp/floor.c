/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile of our own, for a second filter below whatever the configuration asks for: the kernel takes the strictest answer of
 * all. It is compiled and cached as any other, and denies what programs in containers have no use for and exploits have.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>

#include "seccomp/internal.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif
#define NO_CAP (-1)

/* cap: whoever is given this one by the configuration is meant to make the call. */
struct floor_row {
	const char *names[6];
	int cap;
	bool masked;          /* only where bits `mask` of argument `index` are `value` */
	uint32_t index, mask, value;
	uint32_t error;
};

static const struct floor_row floor_rows[] = {
	{{"init_module", "finit_module", "delete_module", "create_module", "query_module"}, CAP_SYS_MODULE, .error = EPERM},
	{{"kexec_load", "kexec_file_load", "reboot"}, CAP_SYS_BOOT, .error = EPERM},
	{{"iopl", "ioperm"}, CAP_SYS_RAWIO, .error = EPERM},
	{{"swapon", "swapoff", "quotactl", "quotactl_fd"}, CAP_SYS_ADMIN, .error = EPERM},
	{{"acct"}, CAP_SYS_PACCT, .error = EPERM},
	{{"open_by_handle_at"}, CAP_DAC_READ_SEARCH, .error = EPERM},
	{{"bpf"}, CAP_BPF, .error = EPERM},
	{{"perf_event_open"}, CAP_PERFMON, .error = EPERM},
	{{"userfaultfd"}, CAP_SYS_PTRACE, .error = EPERM},
	{{"add_key", "request_key", "keyctl"}, CAP_SYS_ADMIN, .error = EPERM},
	/* The kernel looks at 32 bits of a request: more would let a request with others above through (CVE-2019-10063). */
	{{"ioctl"}, CAP_SYS_ADMIN, true, 1, UINT32_MAX, TIOCSTI, EPERM},
	{{"ioctl"}, CAP_SYS_ADMIN, true, 1, UINT32_MAX, TIOCLINUX, EPERM},
	{{"lookup_dcookie", "nfsservctl", "uselib", "_sysctl", "vm86", "vm86old"}, NO_CAP, .error = ENOSYS},
};
/* clone3 has its flags in memory, where no filter sees them; C libraries then use clone. */
static const struct floor_row userns_rows[] = {
	{{"clone", "unshare"}, NO_CAP, true, 0, CLONE_NEWUSER, CLONE_NEWUSER, EPERM},
	{{"clone3"}, NO_CAP, .error = ENOSYS},
};

static char *architectures[] = {
#if defined(__x86_64__)
	(char[]){"SCMP_ARCH_X86"}, (char[]){"SCMP_ARCH_X32"},
#elif defined(__aarch64__)
	(char[]){"SCMP_ARCH_ARM"},
#endif
};

static void add_rows(const struct floor_row *rows, size_t n, uint64_t caps, struct arena *a, struct spec_seccomp *ret)
{
	for (size_t i = 0; i < n; i++) {
		const struct floor_row *row = &rows[i];
		struct spec_seccomp_rule *rule = &ret->syscalls.v[ret->syscalls.n];

		if (row->cap != NO_CAP && (caps >> row->cap & 1))
			continue;
		*rule = (struct spec_seccomp_rule){.action = SECCOMP_RET_ERRNO, .errno_ret = {true, row->error}};
		rule->names.v = arena_array(a, ARRAY_SIZE(row->names), sizeof(char *));
		for (size_t k = 0; k < ARRAY_SIZE(row->names) && row->names[k]; k++)
			rule->names.v[rule->names.n++] = arena_strdup(a, row->names[k]);
		if (row->masked) {
			rule->args.n = 1;
			rule->args.v = arena_alloc(a, sizeof(*rule->args.v));
			rule->args.v[0] = (struct spec_seccomp_arg){
				.index = row->index, .op = SCMP_CMP_MASKED_EQ, .value = row->mask, .value_two = row->value};
		}
		ret->syscalls.n++;
	}
}

bool seccomp_floor(const struct policy *policy, uint64_t caps, struct arena *a, struct spec_seccomp *ret)
{
	*ret = (struct spec_seccomp){.set = true,
				     .default_action = SECCOMP_RET_ALLOW,
				     .architectures = {ARRAY_SIZE(architectures), architectures}};
	ret->syscalls.v = arena_array(a, ARRAY_SIZE(floor_rows) + ARRAY_SIZE(userns_rows), sizeof(*ret->syscalls.v));
	if (policy->seccomp_floor != POLICY_FLOOR_OFF)
		add_rows(floor_rows, ARRAY_SIZE(floor_rows), policy->seccomp_floor == POLICY_FLOOR_ALL ? 0 : caps, a, ret);
	if (policy->no_user_namespaces.v)
		add_rows(userns_rows, ARRAY_SIZE(userns_rows), 0, a, ret);
	return ret->syscalls.n > 0;
}
