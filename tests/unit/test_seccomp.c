/* SPDX-License-Identifier: Apache-2.0 */
/* What a compiled profile answers, instruction by instruction, and that the kernel agrees. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "tests/unit/seccomp_util.h"

#define TIOCSTI_ 0x5412U

static void test_actions(struct arena *a)
{
	const struct spec_seccomp profile = {
		.default_action = SECCOMP_RET_ALLOW,
		RULES({.names = STRINGS("unlinkat", "mkdirat"), .action = SECCOMP_RET_ERRNO},
		      {.names = STRINGS("fchmod"), ERRNO(100)},
		      {.names = STRINGS("acct"), .action = SECCOMP_RET_KILL_THREAD},
		      {.names = STRINGS("bpf"), .action = SECCOMP_RET_KILL_PROCESS},
		      {.names = STRINGS("reboot"), .action = SECCOMP_RET_TRAP},
		      {.names = STRINGS("sync"), .action = SECCOMP_RET_LOG},
		      {.names = STRINGS("swapon"), .action = SECCOMP_RET_TRACE},
		      {.names = STRINGS("swapoff"), .action = SECCOMP_RET_TRACE, .errno_ret = {true, 5}},
		      {.names = STRINGS("no_such_syscall", "vhangup"), ERRNO(ENXIO)},
		      {.names = STRINGS("read"), ALLOW}),
	};
	struct seccomp_program p = compile(&profile, a, "one rule of each action");

	is_int(eval(&p, SYS_unlinkat), RET_ERRNO(EPERM), "errno without a value is EPERM");
	is_int(eval(&p, SYS_mkdirat), RET_ERRNO(EPERM), "each name of a rule");
	is_int(eval(&p, SYS_fchmod), RET_ERRNO(100), "errnoRet");
	is_int(eval(&p, SYS_acct), SECCOMP_RET_KILL_THREAD, "kill");
	is_int(eval(&p, SYS_bpf), SECCOMP_RET_KILL_PROCESS, "kill process");
	is_int(eval(&p, SYS_reboot), SECCOMP_RET_TRAP, "trap");
	is_int(eval(&p, SYS_sync), SECCOMP_RET_LOG, "log");
	is_int(eval(&p, SYS_swapon), SECCOMP_RET_TRACE | EPERM, "trace without a value");
	is_int(eval(&p, SYS_swapoff), SECCOMP_RET_TRACE | 5, "trace with a value");
	is_int(eval(&p, SYS_vhangup), RET_ERRNO(ENXIO), "the name after an unknown one");
	is_int(eval(&p, SYS_read), SECCOMP_RET_ALLOW, "a rule that says what the default says");
	is_int(eval(&p, 600), SECCOMP_RET_ALLOW, "no ENOSYS where the default is to allow");
	is_int(eval6(&p, AUDIT_ARCH_I386, 39, 0, 0, 0), SECCOMP_RET_KILL_THREAD, "an architecture that is not in the list");
}

static void test_enosys(struct arena *a)
{
	static const struct { uint32_t action; bool stub; } defaults[] = {
		{SECCOMP_RET_ERRNO, true}, {SECCOMP_RET_KILL_THREAD, true}, {SECCOMP_RET_KILL_PROCESS, true},
		{SECCOMP_RET_TRAP, true}, {SECCOMP_RET_ALLOW, false}, {SECCOMP_RET_LOG, false}, {SECCOMP_RET_TRACE, false},
	};
	struct spec_seccomp profile = {
		.default_errno_ret = {true, ENXIO},
		RULES({.names = STRINGS("read", "openat2"), .action = SECCOMP_RET_KILL_PROCESS}),
	};

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		uint32_t other;

		profile.default_action = defaults[i].action;
		profile.syscalls.v[0].action =
			defaults[i].action == SECCOMP_RET_KILL_PROCESS ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS;
		bool data = defaults[i].action == SECCOMP_RET_ERRNO || defaults[i].action == SECCOMP_RET_TRACE;
		profile.default_errno_ret.set = data;
		other = defaults[i].action | (data ? ENXIO : 0);

		struct seccomp_program p = compile(&profile, a, "a default action");
		is_int(eval(&p, SYS_openat2 + 1), defaults[i].stub ? RET_ERRNO(ENOSYS) : other, "default %#x: newer",
		       defaults[i].action);
		is_int(eval(&p, SYS_openat2 - 1), other, "default %#x: older and not named", defaults[i].action);
		is_int(eval(&p, SYS_openat2), profile.syscalls.v[0].action, "default %#x: named", defaults[i].action);
	}
	profile.default_action = SECCOMP_RET_ERRNO;
	profile.default_errno_ret = (struct opt_u32){true, ENOSYS};
	struct seccomp_program p = compile(&profile, a, "ENOSYS as the default");
	is_int(eval(&p, 600), RET_ERRNO(ENOSYS), "default ENOSYS: newer");
	ok(p.insns[1].code == (BPF_JMP | BPF_JEQ | BPF_K) && p.n < 16, "default ENOSYS: no prefix is needed (%zu instructions)", p.n);

	const struct spec_seccomp none = {.default_action = SECCOMP_RET_ERRNO, RULES({.names = STRINGS("no_such"), ALLOW})};
	p = compile(&none, a, "no known name");
	is_int(eval(&p, 600), RET_ERRNO(EPERM), "nothing is newer than nothing");
}

#if defined(__x86_64__)
#define NATIVE 0
#else
#define NATIVE 3
#endif

/* Every subset of the architectures that share code or numbers. */
static void test_architectures(struct arena *a)
{
	static char *const names[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64",
				      "SCMP_ARCH_S390X"};
	static const struct { uint32_t audit; int allowed, other, newer; } where[] = {
		{AUDIT_ARCH_X86_64, 437, 163, 600},
		{AUDIT_ARCH_X86_64, X32 + 437, X32 + 163, X32 + 600},
		{AUDIT_ARCH_I386, 437, 51, 600},
		{AUDIT_ARCH_AARCH64, 437, 89, 600},
	};
	bool good = true;

	for (unsigned mask = 0; mask < 16; mask++) {
		char *list[4];
		struct spec_seccomp profile = {
			.default_action = SECCOMP_RET_ERRNO,
			.architectures = {.v = list},
			RULES({.names = STRINGS("openat2"), ALLOW}),
		};
		struct seccomp_program p;
		struct error e = {};

		for (unsigned i = 0; i < 4; i++)
			if (mask & 1U << i)
				list[profile.architectures.n++] = names[i];
		if (seccomp_compile(&profile, -1, a, &p, &e) < 0) {
			diag("mask %u: %s", mask, e.msg);
			good = false;
			continue;
		}
		for (unsigned i = 0; i < 4; i++) {
			bool in = mask & 1U << i || i == NATIVE;
			uint32_t allowed = eval6(&p, where[i].audit, where[i].allowed, 0, 0, 0);
			uint32_t other = eval6(&p, where[i].audit, where[i].other, 0, 0, 0);
			uint32_t newer = eval6(&p, where[i].audit, where[i].newer, 0, 0, 0);

			if (in ? allowed == SECCOMP_RET_ALLOW && other == RET_ERRNO(EPERM) && newer == RET_ERRNO(ENOSYS)
			       : allowed == SECCOMP_RET_KILL_THREAD && newer == allowed && other == allowed)
				continue;
			diag("mask %u, %s: %#x %#x %#x", mask, names[i], allowed, other, newer);
			good = false;
		}
	}
	ok(good, "16 sets of architectures: each in the set is filtered, each outside is killed, the native one is always in");

	const struct spec_seccomp twice = {
		.default_action = SECCOMP_RET_ERRNO,
		.architectures = STRINGS("SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X86"),
		RULES({.names = STRINGS("openat2"), ALLOW}),
	};
	struct seccomp_program p = compile(&twice, a, "an architecture twice");
	is_int(eval6(&p, AUDIT_ARCH_I386, 600, 0, 0, 0), RET_ERRNO(ENOSYS), "the 32-bit one has its own newest");
	is_int(eval6(&p, AUDIT_ARCH_X86_64, -1, 0, 0, 0), RET_ERRNO(EPERM), "syscall -1 has the x32 bit, and is none of x32's");
}

static void test_arguments(struct arena *a)
{
	const struct spec_seccomp profile = {
		.default_action = SECCOMP_RET_ALLOW,
		RULES({.names = STRINGS("ioctl"), ERRNO(1),
		       ARGS({.index = 1, .value = 0xffffffff, .value_two = TIOCSTI_, .op = SCMP_CMP_MASKED_EQ})},
		      {.names = STRINGS("socket"), ERRNO(2),
		       ARGS({.index = 0, .value = 40, .op = SCMP_CMP_EQ}, {.index = 1, .value = 3, .op = SCMP_CMP_GE},
			    {.index = 2, .value = 7, .op = SCMP_CMP_LT})},
		      {.names = STRINGS("kill"), ERRNO(3), ARGS({.index = 1, .value = 9, .op = SCMP_CMP_GT})},
		      {.names = STRINGS("dup"), ERRNO(4), ARGS({.index = 0, .value = 9, .op = SCMP_CMP_LE})},
		      {.names = STRINGS("umask"), ERRNO(5), ARGS({.index = 0, .value = 9, .op = SCMP_CMP_NE})},
		      {.names = STRINGS("getpgid"), ERRNO(6), ARGS({.index = 0, .value = 1UL << 32, .op = SCMP_CMP_EQ})}),
	};
	struct seccomp_program p = compile(&profile, a, "conditions");
	const uint32_t arch = AUDIT_ARCH_NATIVE;

	is_int(eval6(&p, arch, SYS_ioctl, 0, TIOCSTI_, 0), RET_ERRNO(1), "TIOCSTI");
	is_int(eval6(&p, arch, SYS_ioctl, 0, TIOCSTI_ | 1UL << 32, 0), RET_ERRNO(1), "TIOCSTI with a bit the kernel ignores");
	is_int(eval6(&p, arch, SYS_ioctl, 0, TIOCSTI_ | ~0UL << 32, 0), RET_ERRNO(1), "TIOCSTI with all bits the kernel ignores");
	is_int(eval6(&p, arch, SYS_ioctl, 0, TIOCSTI_ + 1, 0), SECCOMP_RET_ALLOW, "another ioctl");
	is_int(eval6(&p, arch, SYS_socket, 40, 3, 6), RET_ERRNO(2), "three conditions hold");
	is_int(eval6(&p, arch, SYS_socket, 41, 3, 6), SECCOMP_RET_ALLOW, "the first does not");
	is_int(eval6(&p, arch, SYS_socket, 40, 2, 6), SECCOMP_RET_ALLOW, "the second does not");
	is_int(eval6(&p, arch, SYS_socket, 40, 3, 7), SECCOMP_RET_ALLOW, "the third does not");
	is_int(eval6(&p, arch, SYS_kill, 0, 10, 0), RET_ERRNO(3), "greater: 10 > 9");
	is_int(eval6(&p, arch, SYS_kill, 0, 9, 0), SECCOMP_RET_ALLOW, "greater: 9 > 9");
	is_int(eval6(&p, arch, SYS_kill, 0, 1UL << 40, 0), RET_ERRNO(3), "greater in the upper half");
	is_int(eval6(&p, arch, SYS_dup, 9, 0, 0), RET_ERRNO(4), "not greater: 9 <= 9");
	is_int(eval6(&p, arch, SYS_dup, 10, 0, 0), SECCOMP_RET_ALLOW, "not greater: 10 <= 9");
	is_int(eval6(&p, arch, SYS_umask, 8, 0, 0), RET_ERRNO(5), "unequal: 8 != 9");
	is_int(eval6(&p, arch, SYS_umask, 9, 0, 0), SECCOMP_RET_ALLOW, "unequal: 9 != 9");
	is_int(eval6(&p, arch, SYS_getpgid, 1UL << 32, 0, 0), RET_ERRNO(6), "64 bits are compared");
	is_int(eval6(&p, arch, SYS_getpgid, 0, 0, 0), SECCOMP_RET_ALLOW, "64 bits are compared: upper half differs");
}

static void test_any_of(struct arena *a)
{
	const struct spec_seccomp profile = {
		.default_action = SECCOMP_RET_ERRNO,
		RULES({.names = STRINGS("personality"), ALLOW,
		       ARGS({.index = 0, .value = 0, .op = SCMP_CMP_EQ}, {.index = 0, .value = 8, .op = SCMP_CMP_EQ},
			    {.index = 1, .value = 77, .op = SCMP_CMP_EQ})},
		      {.names = STRINGS("socket"), ALLOW,
		       ARGS({.index = 0, .value = 1, .op = SCMP_CMP_EQ}, {.index = 0, .value = 2, .op = SCMP_CMP_EQ},
			    {.index = 0, .value = 3, .op = SCMP_CMP_EQ}, {.index = 0, .value = 4, .op = SCMP_CMP_EQ},
			    {.index = 0, .value = 5, .op = SCMP_CMP_EQ}, {.index = 0, .value = 6, .op = SCMP_CMP_EQ},
			    {.index = 0, .value = 7, .op = SCMP_CMP_EQ}, {.index = 0, .value = 9, .op = SCMP_CMP_EQ})}),
	};
	struct seccomp_program p = compile(&profile, a, "conditions on the same argument");
	const uint32_t arch = AUDIT_ARCH_NATIVE;

	is_int(eval6(&p, arch, SYS_personality, 0, 0, 0), SECCOMP_RET_ALLOW, "the first alternative");
	is_int(eval6(&p, arch, SYS_personality, 8, 0, 0), SECCOMP_RET_ALLOW, "the second alternative");
	is_int(eval6(&p, arch, SYS_personality, 5, 0, 0), RET_ERRNO(EPERM), "no alternative");
	is_int(eval6(&p, arch, SYS_personality, 5, 77, 0), SECCOMP_RET_ALLOW, "another argument is an alternative as well");
	is_int(eval6(&p, arch, SYS_socket, 9, 0, 0), SECCOMP_RET_ALLOW, "more alternatives than arguments");
	is_int(eval6(&p, arch, SYS_socket, 8, 0, 0), RET_ERRNO(EPERM), "none of many alternatives");
}

static void test_big(struct arena *a)
{
	struct spec_seccomp profile = big_profile();
	struct seccomp_program p = compile(&profile, a, "a realistic profile");
	const uint32_t arch = AUDIT_ARCH_NATIVE;
	size_t allowed = 0, wrong = 0;

	is_int(eval(&p, SYS_read), SECCOMP_RET_ALLOW, "read");
	is_int(eval(&p, SYS_execve), SECCOMP_RET_ALLOW, "execve");
	is_int(eval(&p, SYS_mount), RET_ERRNO(EPERM), "mount");
	is_int(eval(&p, SYS_clone3), RET_ERRNO(ENOSYS), "clone3");
	is_int(eval(&p, 600), RET_ERRNO(ENOSYS), "number 600");
	is_int(eval6(&p, AUDIT_ARCH_I386, 600, 0, 0, 0), RET_ERRNO(ENOSYS), "number 600 of x86");
	is_int(eval6(&p, AUDIT_ARCH_I386, 21, 0, 0, 0), RET_ERRNO(EPERM), "mount of x86");
	is_int(eval6(&p, AUDIT_ARCH_X86_64, X32 + 600, 0, 0, 0), RET_ERRNO(ENOSYS), "number 600 of x32");
	is_int(eval6(&p, arch, SYS_clone, 0x11, 0, 0), SECCOMP_RET_ALLOW, "clone");
	is_int(eval6(&p, arch, SYS_clone, 0x10000011, 0, 0), RET_ERRNO(EPERM), "clone with a user namespace");
	is_int(eval6(&p, arch, SYS_socket, 40, 0, 0), RET_ERRNO(EPERM), "a vsock");
	is_int(eval6(&p, arch, SYS_socket, 2, 0, 0), SECCOMP_RET_ALLOW, "another socket");
	is_int(eval6(&p, AUDIT_ARCH_S390X, 3, 0, 0, 0), SECCOMP_RET_KILL_THREAD, "an architecture outside");
	for (int nr = 0; nr < 1024; nr++) {
		allowed += eval(&p, nr) == SECCOMP_RET_ALLOW;
		wrong += eval(&p, nr) == BROKEN || eval6(&p, AUDIT_ARCH_I386, nr, ~0UL, ~0UL, ~0UL) == BROKEN ||
			 eval6(&p, AUDIT_ARCH_X86_64, X32 + nr, 0, 0, 0) == BROKEN;
	}
	diag("%zu names, %zu instructions", ARRAY_SIZE(profile_allowed), p.n);
	ok(allowed > 240, "%zu numbers of this architecture are allowed without a condition", allowed);
	is_int(wrong, 0, "no number runs off the program");
}

/* What an engine of this machine would send, where one is installed. */
static void test_installed(struct arena *a)
{
	const char *path = "/usr/share/containers/seccomp.json";
	struct spec_seccomp profile;

	if (!read_profile(path, a, &profile)) {
		skip(6, "no %s", path);
		return;
	}
	struct seccomp_program p = compile(&profile, a, path);
	/* Profiles differ in what they answer to what they do not name. */
	uint32_t refused = profile.default_errno_ret.set ? profile.default_errno_ret.v : EPERM;
	diag("%zu rules, %zu instructions", profile.syscalls.n, p.n);
	is_int(eval(&p, SYS_openat), SECCOMP_RET_ALLOW, "installed profile: openat");
	is_int(eval(&p, SYS_kexec_load), RET_ERRNO(EPERM), "installed profile: kexec_load");
	is_int(eval(&p, 600), RET_ERRNO(ENOSYS), "installed profile: number 600");
	is_int(eval6(&p, AUDIT_ARCH_NATIVE, SYS_personality, 8, 0, 0), SECCOMP_RET_ALLOW, "installed profile: PER_LINUX32");
	is_int(eval6(&p, AUDIT_ARCH_NATIVE, SYS_personality, 1, 0, 0), RET_ERRNO(refused), "installed profile: another personality");
}

static void refuses(const struct spec_seccomp *profile, const char *why, const char *what)
{
	auto_arena struct arena arena = {};
	struct seccomp_program p = {.n = 77};
	struct error e = {};

	int r = seccomp_compile(profile, -1, &arena, &p, &e);
	if (!ok(r < 0 && e.kind == ERROR_CONFIG && strstr(e.msg, why) && p.n == 77, "refuses %s", what))
		diag("%d, %zu instructions: %s", r, p.n, e.msg);
}

static void test_refusals(void)
{
	struct spec_seccomp_rule many[70];
	struct spec_seccomp_arg args[70][20];

	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_USER_NOTIF, .listener_path = (char[]){"/x"}},
		"SCMP_ACT_NOTIFY cannot be used as default action", "to notify by default");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW, .listener_path = (char[]){"/x"},
				       RULES({.names = STRINGS("mkdirat", "write"), .action = SECCOMP_RET_USER_NOTIF})},
		"SCMP_ACT_NOTIFY cannot be used for the write syscall", "to notify of write");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW, .listener_path = (char[]){""},
				       RULES({.names = STRINGS("mkdirat"), .action = SECCOMP_RET_USER_NOTIF})},
		"linux.seccomp.listenerPath", "to notify nobody");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW, .default_errno_ret = {true, 1}},
		"linux.seccomp.defaultErrnoRet", "an errno for SCMP_ACT_ALLOW as default");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW,
				       RULES({.names = STRINGS("acct"), .action = SECCOMP_RET_KILL_PROCESS, .errno_ret = {true, 1}})},
		"linux.seccomp.syscalls[0]", "an errno for SCMP_ACT_KILL_PROCESS");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW, RULES({.names = STRINGS("acct"), ERRNO(65536)})},
		"65536", "an errno that would be cut to 0");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW, .architectures = STRINGS("SCMP_ARCH_X86", "SCMP_ARCH_VAX")},
		"linux.seccomp.architectures[1] 'SCMP_ARCH_VAX'", "an unknown architecture");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW, .architectures = STRINGS("SCMP_ARCH_S390X")},
		"SCMP_ARCH_S390X", "an architecture of the other byte order");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW,
				       RULES({.names = STRINGS("acct"), ERRNO(1), ARGS({.index = 6, .op = SCMP_CMP_EQ})})},
		"args[0].index '6'", "a seventh argument");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW, .flags_set = true, .flags = 1U << 30},
		"linux.seccomp.flags", "a flag of no kernel");
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW, .flags_set = true, .flags = 1U << 5},
		"SCMP_ACT_NOTIFY", "WAIT_KILLABLE_RECV without a listener");
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		/* different values, since equal tails of a program are shared */
		for (size_t j = 0; j < ARRAY_SIZE(args[i]); j++)
			args[i][j] = (struct spec_seccomp_arg){.value = (i * 1000003 + j * 77777) << 24 | (i * 20 + j), .op = SCMP_CMP_EQ};
		many[i] = (struct spec_seccomp_rule){.names = {1, (char **)(uintptr_t)&profile_allowed[i]}, ERRNO(1),
						     .args = {ARRAY_SIZE(args[i]), args[i]}};
	}
	refuses(&(struct spec_seccomp){.default_action = SECCOMP_RET_ALLOW, .syscalls = {ARRAY_SIZE(many), many}}, "4096",
		"more instructions than the kernel takes");
}

static void test_flags(struct arena *a)
{
	struct spec_seccomp profile = {
		.default_action = SECCOMP_RET_ALLOW,
		.listener_path = (char[]){"/run/agent"},
		RULES({.names = STRINGS("mkdirat"), ERRNO(1)}),
	};

	is_int(compile(&profile, a, "no flags").flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW, "absent: SPEC_ALLOW");
	profile.flags_set = true;
	is_int(compile(&profile, a, "empty flags").flags, 0, "empty: none");
	profile.flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG;
	is_int(compile(&profile, a, "TSYNC, LOG").flags, SECCOMP_FILTER_FLAG_LOG, "TSYNC has nothing to do");
	profile.syscalls.v[0] = (struct spec_seccomp_rule){.names = STRINGS("mkdirat"), .action = SECCOMP_RET_USER_NOTIF};
	profile.flags = SECCOMP_FILTER_FLAG_TSYNC | 1U << 5;
	struct seccomp_program p = compile(&profile, a, "notify");
	is_int(p.flags, SECCOMP_FILTER_FLAG_NEW_LISTENER | 1U << 5, "a listener, and WAIT_KILLABLE_RECV as asked");
	ok(p.notify, "notify is told");
	is_int(eval(&p, SYS_mkdirat), SECCOMP_RET_USER_NOTIF, "notify");
	ok(seccomp_flag_supported(SECCOMP_FILTER_FLAG_LOG), "LOG is supported");
	ok(seccomp_flag_supported(1U << 5), "WAIT_KILLABLE_RECV is supported");
	ok(!seccomp_flag_supported(1U << 30), "bit 30 is not");
	ok(strncmp(seccomp_library_version(), "2.", 2) == 0, "libseccomp %s", seccomp_library_version());
}

/* Bits of the exit status: which of the calls answered as the profile says. */
static int confined(const struct seccomp_program *p)
{
	struct sock_fprog prog = {.len = (unsigned short)p->n, .filter = p->insns};
	int good = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sys_seccomp(SECCOMP_SET_MODE_FILTER, p->flags, &prog) < 0)
		return 0;
	good |= syscall(SYS_mount, "", "", "", 0, "") < 0 && errno == EPERM ? 1 : 0;
	good |= syscall(600) < 0 && errno == ENOSYS ? 2 : 0;
	good |= syscall(SYS_ioctl, -1, TIOCSTI_ | 1UL << 32, "x") < 0 && errno == EXDEV ? 4 : 0;
	good |= syscall(SYS_ioctl, -1, TIOCSTI_ + 1, "x") < 0 && errno == EBADF ? 8 : 0;
	good |= getppid() > 0 ? 16 : 0;
	good |= syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS ? 32 : 0;
	return good;
}

static void test_kernel(struct arena *a)
{
	struct spec_seccomp profile = big_profile();
	struct spec_seccomp_arg tiocsti = {.index = 1, .value = 0xffffffff, .value_two = TIOCSTI_, .op = SCMP_CMP_MASKED_EQ};
	struct spec_seccomp_arg others = tiocsti;
	struct spec_seccomp_rule rules[8];
	struct seccomp_program p;
	int status = 0;
	pid_t pid;

	memcpy(rules, profile.syscalls.v, profile.syscalls.n * sizeof(rules[0]));
	others.op = SCMP_CMP_NE;
	others.value = TIOCSTI_;
	rules[5] = (struct spec_seccomp_rule){.names = STRINGS("ioctl"), ERRNO(EXDEV), .args = {1, &tiocsti}};
	rules[6] = (struct spec_seccomp_rule){.names = STRINGS("ioctl"), ALLOW, .args = {1, &others}};
	profile.syscalls.v = rules;
	profile.syscalls.n = 7;
	p = compile(&profile, a, "a profile for the kernel");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(confined(&p));
	ok(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status), "a confined child ends by itself");
	is_int(WEXITSTATUS(status), 63, "mount EPERM, 600 ENOSYS, TIOCSTI, other ioctl, getppid, clone3");
}

int main(void)
{
	auto_arena struct arena arena = {};

	test_actions(&arena);
	test_enosys(&arena);
	test_architectures(&arena);
	test_arguments(&arena);
	test_any_of(&arena);
	test_big(&arena);
	test_installed(&arena);
	test_refusals();
	test_flags(&arena);
	test_kernel(&arena);
	return done();
}
