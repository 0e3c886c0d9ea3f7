/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile that denies by default denies what its author never heard of, and with EPERM: a libc that probes for a new
 * syscall takes that for a refusal and gives up, where ENOSYS would make it fall back (clone3 did this to glibc 2.34).
 * So before the filter proper stands a prefix: syscalls with a higher number than the highest one the profile names do
 * not exist. One section for each architecture:
 *
 *	ld arch
 *	jeq ARCH, next, to the next section
 *	ld nr
 *	jgt HIGHEST, nosys, filter
 *	filter: ja to the end of the prefix
 *	nosys: ret ENOSYS
 *
 * x32 has x86-64's ARCH and a bit in the number. Loads, jumps and returns of these kinds are those the kernel can
 * evaluate beforehand: syscalls that are always allowed keep their place in its bitmap (5.11) and cost nothing.
 */
#include <errno.h>
#include <linux/audit.h>
#include <stddef.h>

#include "seccomp/internal.h"

#define X32_BIT 0x40000000U

struct section {
	uint32_t audit_arch;
	uint32_t highest, highest_x32; /* 0: the profile names nothing there */
	bool has_setup; /* s390: syscall 0 */
};

/* Tracers and loggers are no refusal: they go on with the syscall, and the kernel itself says ENOSYS. */
static bool stub_wanted(const struct spec_seccomp *profile)
{
	switch (profile->default_action) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_TRACE:
		return false;
	case SECCOMP_RET_ERRNO:
		return !(profile->default_errno_ret.set && profile->default_errno_ret.v == ENOSYS);
	default:
		return true;
	}
}

static uint32_t highest_syscall(const struct spec_seccomp *profile, const struct library *lib, uint32_t token)
{
	int highest = 0;

	for (size_t i = 0; i < profile->syscalls.n; i++) {
		const struct spec_strings *names = &profile->syscalls.v[i].names;
		for (size_t j = 0; j < names->n; j++) {
			int number = lib->syscall_resolve_name_arch(token, names->v[j]);
			highest = MAX(highest, number);
		}
	}
	return (uint32_t)highest;
}

static size_t sections_find(const struct spec_seccomp *profile, const struct library *lib, const struct arch_set *archs,
			    struct section sections[ARCHS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < archs->n; i++) {
		/* libseccomp's tokens are the kernel's numbers, but for x32. */
		bool x32 = archs->token[i] == SCMP_ARCH_X32;
		uint32_t audit_arch = x32 ? AUDIT_ARCH_X86_64 : archs->token[i];
		uint32_t highest = highest_syscall(profile, lib, archs->token[i]);
		size_t at = 0;

		if (!highest)
			continue;
		while (at < n && sections[at].audit_arch != audit_arch)
			at++;
		if (at == n)
			sections[n++] = (struct section){.audit_arch = audit_arch};
		*(x32 ? &sections[at].highest_x32 : &sections[at].highest) = highest;
		/* A number that the kernel does not know arrives as 0 there, whatever it was. */
		sections[at].has_setup = audit_arch == AUDIT_ARCH_S390 || audit_arch == AUDIT_ARCH_S390X;
	}
	return n;
}

/* Where a jump inside a section leads; the numbers are patched when the section's length is known. */
enum target { NEXT = 0, SKIP = 1, FILTER = 254, NOSYS = 255 };

static void add_jump(struct sock_filter *out, size_t *n, uint16_t op, uint32_t k, uint8_t jt, uint8_t jf)
{
	out[(*n)++] = (struct sock_filter)BPF_JUMP(BPF_JMP | op | BPF_K, k, jt, jf);
}

static size_t section_build(const struct section *s, struct sock_filter *out)
{
	size_t n = 0;

	add_jump(out, &n, BPF_JEQ, s->audit_arch, NEXT, 0);
	out[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	if (s->has_setup)
		add_jump(out, &n, BPF_JEQ, 0, NOSYS, NEXT);
	if (s->audit_arch == AUDIT_ARCH_X86_64)
		add_jump(out, &n, BPF_JSET, X32_BIT, !s->highest_x32 ? FILTER : s->highest ? SKIP : NEXT,
			 s->highest ? NEXT : FILTER);
	if (s->highest)
		add_jump(out, &n, BPF_JGT, s->highest, NOSYS, FILTER);
	if (s->highest_x32)
		add_jump(out, &n, BPF_JGT, s->highest_x32, NOSYS, FILTER);
	for (size_t i = 1; i < n; i++) {
		uint8_t *to[] = {&out[i].jt, &out[i].jf};
		for (size_t j = 0; j < 2; j++)
			if (*to[j] == FILTER || *to[j] == NOSYS)
				*to[j] = (uint8_t)(n - i - (*to[j] == FILTER));
	}
	out[n++] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0);
	out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	out[0].jf = (uint8_t)(n - 1);
	return n;
}

size_t stub_build(const struct spec_seccomp *profile, const struct library *lib, const struct arch_set *archs,
		  struct sock_filter out[STUB_MAX])
{
	struct section sections[ARCHS_MAX];
	size_t n_sections, n = 0;

	if (!stub_wanted(profile))
		return 0;
	n_sections = sections_find(profile, lib, archs, sections);
	if (n_sections == 0)
		return 0;
	out[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < n_sections; i++)
		n += section_build(&sections[i], out + n);
	for (size_t i = 0; i < n; i++)
		if (out[i].code == (BPF_JMP | BPF_JA))
			out[i].k = (uint32_t)(n - i - 1);
	return n;
}
