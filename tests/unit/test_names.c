/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "spec/spec.h"
#include "tests/unit/tap.h"

static int value(const struct spec_name *table, const char *name)
{
	int64_t v = -1000;

	return name_to_value(table, name, &v) ? (int)v : -1000;
}

static int sig(const char *text)
{
	struct error e = {0};

	return signal_parse(text, &e);
}

static int cap(const char *text)
{
	struct error e = {0};

	return cap_parse(text, &e);
}

static void test_tables(void)
{
	is_int(value(names_namespaces, "network"), NS_NETWORK, "network");
	is_int(value(names_namespaces, "net"), -1000, "net is no namespace of the specification");
	is_int(value(names_rlimits, "RLIMIT_NOFILE"), RLIMIT_NOFILE, "RLIMIT_NOFILE");
	is_int(value(names_seccomp_actions, "SCMP_ACT_KILL"), SECCOMP_RET_KILL_THREAD, "KILL is KILL_THREAD");
	is_int((uint32_t)value(names_seccomp_actions, "SCMP_ACT_KILL_PROCESS"), SECCOMP_RET_KILL_PROCESS,
	       "KILL_PROCESS");
	is_int(value(names_seccomp_actions, "SCMP_ACT_NOTIFY"), SECCOMP_RET_USER_NOTIF, "NOTIFY");
	is_int(value(names_seccomp_ops, "SCMP_CMP_MASKED_EQ"), SCMP_CMP_MASKED_EQ, "MASKED_EQ");
	is_int((uint32_t)value(names_seccomp_archs, "SCMP_ARCH_X86_64"), SCMP_ARCH_X86_64, "X86_64");
	is_int((uint32_t)value(names_seccomp_archs, "SCMP_ARCH_LOONGARCH64"), 0xC0000102, "LOONGARCH64");
	is_int(value(names_seccomp_flags, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"), 32, "WAIT_KILLABLE_RECV");
	is_int(value(names_sched_policies, "SCHED_DEADLINE"), SCHED_DEADLINE, "SCHED_DEADLINE");
	is_int(value(names_ioprio_classes, "IOPRIO_CLASS_IDLE"), 3, "IOPRIO_CLASS_IDLE");
	is_int(value(names_mpol_modes, "MPOL_WEIGHTED_INTERLEAVE"), 6, "MPOL_WEIGHTED_INTERLEAVE");
	is_int(value(names_mpol_flags, "MPOL_F_STATIC_NODES"), 1 << 15, "MPOL_F_STATIC_NODES");
	is_int(value(names_hooks, "poststop"), HOOK_POSTSTOP, "poststop");
	is_str(value_to_name(names_seccomp_actions, SECCOMP_RET_LOG), "SCMP_ACT_LOG", "and back");
	is_str(value_to_name(names_hooks, 99), NULL, "a value without a name");
	for (int i = 0; i <= CAP_LAST_CAP; i++)
		if (value(names_caps, value_to_name(names_caps, i) ?: "") != i)
			fail("capability %d", i);
	pass("every capability of the headers has its name");
	for (int i = 0; i < RLIM_NLIMITS; i++)
		if (!value_to_name(names_rlimits, i))
			fail("limit %d", i);
	pass("every resource limit of the headers has its name");
	for (int i = 1; i < 32; i++)
		if (!value_to_name(names_signals, i))
			fail("signal %d", i);
	pass("every signal has its name");
}

static void test_signals(void)
{
	struct error e = {0};

	is_int(sig("TERM"), SIGTERM, "TERM");
	is_int(sig("SIGTERM"), SIGTERM, "SIGTERM");
	is_int(sig("sigterm"), SIGTERM, "sigterm");
	is_int(sig("15"), 15, "15");
	is_int(sig("0"), 0, "0");
	is_int(sig("64"), 64, "64");
	is_int(sig("SIGRTMIN"), SIGRTMIN, "SIGRTMIN");
	is_int(sig("RTMIN+1"), SIGRTMIN + 1, "RTMIN+1");
	is_int(sig("sigrtmax-2"), SIGRTMAX - 2, "sigrtmax-2");
	is_int(sig("POLL"), SIGIO, "POLL");
	static const char *const bad[] = {"",        "65",         "-1",         "+9",       "9 ",
					  "0x9",     "4294967305", "SIGSIGTERM", "KILLER",   "RTMIN+31",
					  "RTMIN-1", "RTMAX+1",    "RTMIN+",     "RTMIN+ 1", "SIG"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(sig(bad[i]) < 0, "'%s' is no signal", bad[i]);
	ok(signal_parse("FOO", &e) < 0 && strstr(e.msg, "unknown signal \"FOO\""), "the message callers look for");
}

static void test_caps(void)
{
	struct error e = {0};

	is_int(cap("CAP_CHOWN"), CAP_CHOWN, "CAP_CHOWN");
	is_int(cap("sys_admin"), CAP_SYS_ADMIN, "sys_admin");
	is_int(cap("cap_Bpf"), CAP_BPF, "cap_Bpf");
	ok(cap("") < 0 && cap("CAP_") < 0 && cap("CAP_NO") < 0 && cap("CHOWN ") < 0, "others are unknown");
	ok(cap_parse("CAP_NO", &e) < 0 && strstr(e.msg, "unknown capability \"CAP_NO\""), "and told by name");
	ok(cap_last() >= CAP_WAKE_ALARM && cap_last() < 64, "the kernel's last one is %d", cap_last());
	FILE *f = fopen("/proc/sys/kernel/cap_last_cap", "re");
	int last = -1;
	if (f && fscanf(f, "%d", &last) == 1)
		is_int(cap_last(), last, "as /proc has it");
	else
		skip(1, "no /proc/sys/kernel/cap_last_cap");
	if (f)
		fclose(f);
}

int main(void)
{
	test_tables();
	test_signals();
	test_caps();
	return done();
}
