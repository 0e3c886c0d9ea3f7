/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/io.h"
#include "base/num.h"

/* No character of it may stand in a container's id. */
#define SECCOMP_CACHE "seccomp,cache"

static bool in_initial_userns(void)
{
	auto_strbuf struct strbuf map = {};
	uint64_t range[3];

	if (read_file_at(AT_FDCWD, "/proc/self/uid_map", 65536, &map) < 0)
		return true;
	return parse_columns(strbuf_str(&map), range, 3) == 0 && range[0] == 0 && range[1] == 0 &&
	       range[2] == UINT32_MAX;
}

int privileges_read(const struct runtime *rt, struct privileges *ret, struct error *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &head, data) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read our capabilities");
	ret->caps = data[0].permitted | (uint64_t)data[1].permitted << 32;
	ret->privileged = geteuid() == 0 && (ret->caps >> CAP_SYS_ADMIN & 1);
	ret->nested = !in_initial_userns();
	ret->rootless = rt->rootless == ROOTLESS_TRUE ||
			(rt->rootless == ROOTLESS_AUTO && (!ret->privileged || ret->nested));
	return 0;
}

uint64_t caps_available(const struct spec *spec, const struct privileges *p)
{
	if (spec->linux_.namespaces[NS_USER].set)
		return (2ULL << cap_last()) - 1;
	return p->caps;
}

int terminal_check(bool terminal, bool detach, const char *console_socket, struct error *e)
{
	if (detach && terminal && !console_socket)
		return error_set(e, ERROR_USAGE, 0,
				 "cannot allocate tty if kedge will detach without setting console socket");
	if ((!detach || !terminal) && console_socket)
		return error_set(e, ERROR_USAGE, 0,
				 "cannot use console socket if kedge will not detach or allocate tty");
	return 0;
}

int preserved_check(uint32_t n, struct error *e)
{
	for (uint32_t i = 0; i < n; i++)
		if (fcntl((int)(3 + i), F_GETFD) < 0)
			return error_set(e, ERROR_USAGE, errno, "unable to stat preserved-fd %u (of %u)", i + 1, n);
	return 0;
}

uint32_t listen_fds(void)
{
	const char *fds = secure_getenv("LISTEN_FDS"), *pid = secure_getenv("LISTEN_PID");
	uint32_t n, owner;

	if (!fds || parse_u32(fds, 1024, &n) < 0)
		return 0;
	/* sd_listen_fds(3): meant for another process. */
	if (pid && (parse_u32(pid, INT32_MAX, &owner) < 0 || (pid_t)owner != getpid()))
		return 0;
	return n;
}

static int compile(const struct spec_seccomp *profile, int root_fd, struct arena *a, const struct seccomp_program **ret,
		   struct error *e)
{
	struct seccomp_program *program = arena_alloc(a, sizeof(*program));
	int cache = -1;
	if (root_fd >= 0 && (mkdirat(root_fd, SECCOMP_CACHE, 0700) == 0 || errno == EEXIST))
		cache = openat(root_fd, SECCOMP_CACHE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int done = seccomp_compile(profile, cache, a, program, e);
	if (cache >= 0)
		close(cache);
	if (done < 0)
		return -1;
	*ret = program;
	return 0;
}

int seccomp_filters(const struct spec *spec, const struct policy *policy, int root_fd, struct arena *a, struct filters *ret,
		    struct error *e)
{
	struct spec_seccomp floor;

	if (seccomp_floor(policy, spec->process.caps.bounding, a, &floor) &&
	    compile(&floor, root_fd, a, &ret->floor, e) < 0)
		return error_in(e, "seccomp floor of the host's policy");
	return spec->linux_.seccomp.set ? compile(&spec->linux_.seccomp, root_fd, a, &ret->own, e) : 0;
}

uint64_t namespaces_of(const struct spec *spec)
{
	uint64_t flags = 0;

	for (int type = 0; type < NS_MAX; type++)
		if (spec->linux_.namespaces[type].set)
			flags |= ns_info[type].flag;
	return flags;
}
