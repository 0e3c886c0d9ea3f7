/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>

#include "init/init.h"

#define SIGKILL_ 9

struct cap_sets {
	uint64_t effective, permitted, inheritable;
};

static int cap_set(const struct cap_sets *sets)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)sets->effective, (uint32_t)sets->permitted, (uint32_t)sets->inheritable},
		{(uint32_t)(sets->effective >> 32), (uint32_t)(sets->permitted >> 32),
		 (uint32_t)(sets->inheritable >> 32)},
	};

	return (int)sys2(__NR_capset, &head, data);
}

/* Not dumpable: nobody in a namespace that we join may look into us (CVE-2016-9962). */
static int guard(void)
{
	int ret = (int)sys2(__NR_prctl, PR_SET_DUMPABLE, 0);

	return ret < 0 ? ret : (int)sys2(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL_);
}

int do_GUARD(struct init *i, const struct plan_step *s)
{
	(void)i;
	/* /proc/PID of a process that is not dumpable belongs to the host's root: a rootless parent could not write the id maps. */
	if (s->num[0])
		return (int)sys2(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL_);
	return guard();
}

int do_NS_ROOT(struct init *i, const struct plan_step *s)
{
	int ret = (int)sys2(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);

	(void)i;
	/* Without this right the list of groups cannot be changed at all (user_namespaces(7)), so nothing is lost. */
	if (ret >= 0 && s->num[2])
		ret = (int)sys2(__NR_setgroups, 0, NULL);
	if (ret == -EPERM)
		ret = 0;
	if (ret >= 0)
		ret = (int)sys3(__NR_setresgid, 0, 0, 0);
	if (ret >= 0)
		ret = (int)sys3(__NR_setresuid, 0, 0, 0);
	return ret < 0 ? ret : guard();
}

int do_NO_NEW_PRIVS(struct init *i, const struct plan_step *s)
{
	(void)i, (void)s;
	return (int)sys5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int do_BOUNDING(struct init *i, const struct plan_step *s)
{
	(void)i;
	for (int cap = 0; cap < 64; cap++) {
		if (s->num[0] >> cap & 1)
			continue;
		long ret = sys2(__NR_prctl, PR_CAPBSET_DROP, cap);
		if (ret == -EINVAL)
			break; /* beyond the kernel's last */
		if (ret < 0)
			return (int)ret;
	}
	return 0;
}

int do_IDS(struct init *i, const struct plan_step *s)
{
	int ret = (int)sys2(__NR_prctl, PR_SET_KEEPCAPS, 1);

	if (ret >= 0 && s->num[2])
		ret = (int)sys2(__NR_setgroups, s->blob_len / 4, init_str(i, s->blob));
	if (ret >= 0)
		ret = (int)sys3(__NR_setresgid, s->num[1], s->num[1], s->num[1]);
	if (ret >= 0)
		ret = (int)sys3(__NR_setresuid, s->num[0], s->num[0], s->num[0]);
	if (ret >= 0)
		ret = (int)sys2(__NR_prctl, PR_SET_KEEPCAPS, 0);
	/* A change of ids makes the process dumpable again and forgets its parent's death signal. */
	return ret < 0 ? ret : guard();
}

int do_CAPS(struct init *i, const struct plan_step *s)
{
	struct cap_sets sets = {s->num[0], s->num[1], s->num[2]};
	int ret = cap_set(&sets);

	(void)i;
	if (ret >= 0)
		ret = (int)sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int cap = 0; cap < 64 && ret >= 0; cap++)
		if (s->num[3] >> cap & 1)
			ret = (int)sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return ret;
}

/* I: what was written is read back: a file that is another one does not answer so (CVE-2025-52881). */
int do_LABEL(struct init *i, const struct plan_step *s)
{
	char path[64] = "self/attr/", have[512];
	const char *file = init_str(i, s->str), *want = init_str(i, s->str2);
	int proc = i->reg[s->reg];

	memcpy(path + 10, file, strlen(file) + 1);
	int ret = proc_write(proc, path, want);
	if (ret < 0)
		return ret;
	int fd = proc_open(proc, path, O_RDONLY);
	if (fd < 0)
		return fd;
	long n = sys3(__NR_read, fd, have, sizeof(have) - 1);
	closed(fd, 0);
	if (n <= 0) {
		init_note(i, "the label was not taken");
		return n < 0 ? (int)n : -EPERM;
	}
	/* AppArmor is written as "exec NAME" and read as "NAME (mode)". */
	if (memcmp(want, "exec ", 5) == 0)
		want += 5;
	size_t len = strlen(want);
	if ((size_t)n < len || memcmp(have, want, len) != 0) {
		init_note(i, "the label read back is another one");
		return -EPERM;
	}
	return 0;
}

struct bpf_program {
	unsigned short len;
	const void *filter;
};

int do_SECCOMP(struct init *i, const struct plan_step *s)
{
	struct bpf_program prog = {(unsigned short)(s->blob_len / 8), init_str(i, s->blob)};
	long ret = sys3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, s->num[0], &prog);

	if (ret < 0)
		return (int)ret;
	if (s->num[0] & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		i->record.extra = (int32_t)ret;
	else if (ret > 0)
		return -ESRCH; /* TSYNC names a thread that could not be synchronised */
	return 0;
}

int do_KEYRING(struct init *i, const struct plan_step *s)
{
	long key = sys2(__NR_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, init_str(i, s->str));

	/* A kernel without keys has nothing to keep apart. */
	return key < 0 && key != -ENOSYS ? (int)key : 0;
}
