/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads the device program and attaches it to the cgroup, which then owns it. Loading is the most expensive thing that a create asks
 * of the kernel beside a network namespace, and most containers have the same rules: their programs are one, pinned where the
 * caller has a place for that. Names are not trusted: a program is taken only if it is what would have been loaded, byte by byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "cgroups/internal.h"

#define BPF_LOG_SIZE (64U << 10)
#define BPF_TRIES 8     /* the verifier gives up with EAGAIN when a signal comes */
#define ATTACHED_MAX 64 /* of one type to one cgroup: BPF_CGROUP_MAX_PROGS */
#define SHARED_MAX 64   /* whoever comes first has the name */

#define D "linux.resources.devices"

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static int load_once(const struct bpf_insn *insns, size_t n, char *log, size_t log_size)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = (uint32_t)n,
		.insns = address(insns),
		.license = address("Apache-2.0"),
		.prog_name = "kedge_devices",
		.log_level = log != NULL,
		.log_size = (uint32_t)log_size,
		.log_buf = address(log),
	};
	int fd = -1;

	for (int i = 0; i < BPF_TRIES; i++) {
		fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

/* The verifier's reason is the last but one line; the last counts instructions. */
static const char *last_reason(char *log)
{
	size_t len = strlen(log);

	while (len > 0 && log[len - 1] == '\n')
		log[--len] = '\0';
	char *line = strrchr(log, '\n');
	if (line && strncmp(line + 1, "processed ", 10) == 0) {
		*line = '\0';
		line = strrchr(log, '\n');
	}
	return line ? line + 1 : log;
}

static int load_failed(const struct bpf_insn *insns, size_t n, int sys, struct error *e)
{
	auto_free char *log = calloc(1, BPF_LOG_SIZE);

	if (sys == ENOSYS || sys == EPERM) {
		error_set(e, ERROR_HOST, sys, D ": the kernel refuses to load the device program");
		return error_hint(e, sys == ENOSYS ? "the kernel is built without CONFIG_BPF_SYSCALL"
						   : "CAP_BPF (or CAP_SYS_ADMIN) is needed outside of user namespaces");
	}
	if (log) {
		auto_close int fd = load_once(insns, n, log, BPF_LOG_SIZE);
		if (fd < 0 && log[0])
			return error_set(e, ERROR_HOST, sys,
					 D ": the kernel refuses the device program of %zu instructions: %s", n,
					 last_reason(log));
	}
	error_set(e, ERROR_HOST, sys, D ": the kernel refuses the device program of %zu instructions", n);
	return sys == EINVAL ? error_hint(e, "the kernel is perhaps built without CONFIG_CGROUP_BPF") : -1;
}

/* --- programs that are shared */

static void shared_name(const char *dir, const struct bpf_insn *insns, size_t n, char *path, size_t size)
{
	const unsigned char *p = (const unsigned char *)insns;
	uint32_t hash = 2166136261; /* FNV-1a */

	for (size_t i = 0; i < n * sizeof(*insns); i++)
		hash = (hash ^ p[i]) * 16777619;
	snprintf(path, size, "%s/%u", dir, hash % SHARED_MAX);
}

static bool is_same(int fd, const struct bpf_insn *insns, size_t n)
{
	uint32_t size = (uint32_t)(n * sizeof(*insns));
	auto_free struct bpf_insn *have = calloc(n, sizeof(*have));
	struct bpf_prog_info info = {.xlated_prog_len = size, .xlated_prog_insns = address(have)};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = address(&info)}};

	return have && sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) == 0 &&
	       info.type == BPF_PROG_TYPE_CGROUP_DEVICE && info.xlated_prog_len == size && memcmp(have, insns, size) == 0;
}

/* -1: there is none. */
static int shared_get(const char *path, const struct bpf_insn *insns, size_t n)
{
	auto_close int fd = sys_bpf(BPF_OBJ_GET, &(union bpf_attr){.pathname = address(path)}, sizeof(union bpf_attr));

	return fd >= 0 && is_same(fd, insns, n) ? TAKE_FD(fd) : -1;
}

/* Where it cannot be pinned it is not shared, which is no error. */
static void shared_put(const char *dir, const char *path, int fd)
{
	union bpf_attr attr = {.pathname = address(path), .bpf_fd = (uint32_t)fd};

	if (sys_bpf(BPF_OBJ_PIN, &attr, sizeof(attr)) < 0 && errno == ENOENT && mkdir(dir, 0700) == 0)
		sys_bpf(BPF_OBJ_PIN, &attr, sizeof(attr));
}

static int load(const struct bpf_insn *insns, size_t n, const char *shared)
{
	char path[PATH_MAX];

	if (!shared)
		return load_once(insns, n, NULL, 0);
	shared_name(shared, insns, n, path, sizeof(path));
	int fd = shared_get(path, insns, n);
	if (fd >= 0)
		return fd;
	fd = load_once(insns, n, NULL, 0);
	if (fd >= 0)
		shared_put(shared, path, fd);
	return fd;
}

static int attach(int cgroup_fd, int prog_fd, int replace_fd)
{
	union bpf_attr attr = {
		.target_fd = (uint32_t)cgroup_fd,
		.attach_bpf_fd = (uint32_t)prog_fd,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI,
	};

	if (replace_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)replace_fd;
	}
	return sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
}

static int detach(int cgroup_fd, int prog_fd)
{
	union bpf_attr attr = {
		.target_fd = (uint32_t)cgroup_fd,
		.attach_bpf_fd = (uint32_t)prog_fd,
		.attach_type = BPF_CGROUP_DEVICE,
	};

	return sys_bpf(BPF_PROG_DETACH, &attr, sizeof(attr));
}

struct attached {
	size_t n;
	int fd[ATTACHED_MAX];
};

static void attached_done(struct attached *old)
{
	for (size_t i = 0; i < old->n; i++)
		close(old->fd[i]);
}

/* Those that this process may not touch (another security label) only restrict further: they stay. */
static int find_attached(int cgroup_fd, struct attached *ret)
{
	uint32_t ids[ATTACHED_MAX];
	union bpf_attr query = {.query = {
		.target_fd = (uint32_t)cgroup_fd,
		.attach_type = BPF_CGROUP_DEVICE,
		.prog_ids = address(ids),
		.prog_cnt = ATTACHED_MAX,
	}};

	if (sys_bpf(BPF_PROG_QUERY, &query, sizeof(query)) < 0)
		return -1;
	for (uint32_t i = 0; i < MIN(query.query.prog_cnt, (uint32_t)ATTACHED_MAX); i++) {
		union bpf_attr get = {.prog_id = ids[i]};
		int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &get, sizeof(get));
		if (fd < 0 && errno != EPERM && errno != EACCES && errno != ENOENT)
			return -1;
		if (fd >= 0)
			ret->fd[ret->n++] = fd;
	}
	return 0;
}

/* prog_fd -1: what is there goes, and nothing comes. */
static int replace_attached(int cgroup_fd, int prog_fd)
{
	auto_with(attached_done) struct attached old = {};

	if (find_attached(cgroup_fd, &old) < 0)
		return -1;
	/* In one step where there is one; else the new one first, so that there is no moment without any. */
	bool one = old.n == 1 && prog_fd >= 0;
	if (prog_fd >= 0 && attach(cgroup_fd, prog_fd, one ? old.fd[0] : -1) < 0)
		return -1;
	for (size_t i = 0; !one && i < old.n; i++) {
		if (detach(cgroup_fd, old.fd[i]) < 0 && errno != ENOENT)
			return -1;
	}
	return 0;
}

int cgroup_device_attach(const struct cgroup *cg, const struct bpf_insn *insns, size_t n, bool fresh, const char *shared,
			 struct error *e)
{
	auto_close int prog = -1;

	if (n == 0 && fresh)
		return 0;
	if (n > 0) {
		prog = load(insns, n, shared);
		if (prog < 0)
			return load_failed(insns, n, errno, e);
	}
	if ((fresh ? attach(cg->fd, prog, -1) : replace_attached(cg->fd, prog)) < 0) {
		error_set(e, ERROR_HOST, errno, D ": cannot attach the device program to cgroup '%s'", cg->path);
		return error_hint(e,
				  "a cgroup above it may have a device program that allows no others (attached without "
				  "BPF_F_ALLOW_MULTI)");
	}
	return 0;
}
