/* SPDX-License-Identifier: Apache-2.0 */
/* tmpcopyup: what the image has under a tmpfs mount's destination appears inside the tmpfs. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "init/init.h"

#define COPY_DEPTH 64

struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

static int copy_tree(int from, int to, int depth);

static int copy_file(int from, int to, const char *name, const struct statx *st)
{
	long in = sys4(__NR_openat, from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0);

	if (in < 0)
		return (int)in;
	long out =
		sys4(__NR_openat, to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, st->stx_mode & 07777);
	if (out < 0)
		return closed((int)in, (int)out);
	long n;
	do
		n = sys4(__NR_sendfile, out, in, NULL, 1 << 20);
	while (n > 0);
	closed((int)in, 0);
	return closed((int)out, (int)n);
}

static int copy_dir(int from, int to, const char *name, const struct statx *st, int depth)
{
	int ret = (int)sys3(__NR_mkdirat, to, name, st->stx_mode & 07777);

	if (ret < 0)
		return ret;
	long in = sys4(__NR_openat, from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (in < 0)
		return (int)in;
	long out = sys4(__NR_openat, to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	ret = out < 0 ? (int)out : copy_tree((int)in, (int)out, depth + 1);
	closed((int)out, 0);
	return closed((int)in, ret);
}

static int copy_link(int from, int to, const char *name)
{
	char target[4096];
	long n = sys4(__NR_readlinkat, from, name, target, sizeof(target) - 1);

	if (n < 0)
		return (int)n;
	target[n] = '\0';
	return (int)sys3(__NR_symlinkat, target, to, name);
}

static int copy_entry(int from, int to, const char *name, int depth)
{
	struct statx st;
	int ret = (int)sys5(__NR_statx, from, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st);

	if (ret < 0)
		return ret;
	switch (st.stx_mode & 0170000) {
	case 0040000: ret = copy_dir(from, to, name, &st, depth); break;
	case 0120000: ret = copy_link(from, to, name); break;
	case 0100000: ret = copy_file(from, to, name, &st); break;
	default: return 0; /* devices, sockets and pipes are not content */
	}
	if (ret >= 0)
		ret = (int)sys5(__NR_fchownat, to, name, st.stx_uid, st.stx_gid, AT_SYMLINK_NOFOLLOW);
	if (ret >= 0 && (st.stx_mode & 0170000) != 0120000)
		ret = (int)sys3(__NR_fchmodat, to, name, st.stx_mode & 07777);
	return ret;
}

static int copy_tree(int from, int to, int depth)
{
	char buf[4096] __attribute__((aligned(8)));
	long n;

	if (depth > COPY_DEPTH)
		return -ELOOP;
	while ((n = sys3(__NR_getdents64, from, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			const struct entry *e = (const void *)(buf + at);
			at += e->len;
			if (streq(e->name, ".") || streq(e->name, ".."))
				continue;
			int ret = copy_entry(from, to, e->name, depth);
			if (ret < 0)
				return ret;
		}
	return (int)n;
}

int do_TMPCOPYUP(struct init *i, const struct plan_step *s)
{
	struct statx st;
	int from = root_open(i, init_str(i, s->str), O_RDONLY | O_DIRECTORY, 0);

	if (from == -ENOENT)
		return 0;
	if (from < 0)
		return from;
	/* The mount's root may be read through its own fd only after a reopen: fsmount gives O_PATH. */
	long to = sys4(__NR_openat, i->reg[s->reg], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int ret = to < 0 ? (int)to : copy_tree(from, (int)to, 0);
	if (ret >= 0)
		ret = (int)sys5(__NR_statx, from, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st);
	if (ret >= 0)
		ret = (int)sys5(__NR_fchownat, to, "", st.stx_uid, st.stx_gid, AT_EMPTY_PATH);
	closed((int)to, 0);
	return closed(from, ret);
}
