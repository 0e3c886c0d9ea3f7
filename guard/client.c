/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's side of the guard: a few descriptors, two map writes and one small file a container. What is loaded and
 * pinned already is only opened here, by raw bpf(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "base/num.h"
#include "base/sys.h"
#include "guard/guard.h"
#include "guard/internal.h"
#include "guard/kernel.h"

#define DRIFT_MAX 16384
#define ARMED "armed"
#define PAST "past"
#define DRIFT "drift"

void guard_done(struct guard *g)
{
	macro_close(&g->dir);
	macro_close(&g->containers);
	macro_close(&g->labels);
	macro_close(&g->self);
	*g = (struct guard)GUARD_NONE;
}

static int pin_get(const char *prefix, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s" GUARD_DIR "/bpf/%d/%s", prefix, GUARD_ABI, name);
	return sys_bpf(BPF_OBJ_GET, &(union bpf_attr){.pathname = (uint64_t)(uintptr_t)path}, sizeof(union bpf_attr));
}

static int guard_root(int dir, char prefix[GUARD_PREFIX_MAX])
{
	auto_strbuf struct strbuf pid = {};
	uint32_t n;

	if (read_file_at(dir, "lock", 32, &pid) < 0 || pid.len == 0)
		return -1;
	pid.s[strcspn(pid.s, "\n")] = '\0';
	if (parse_u32(pid.s, INT32_MAX, &n) < 0)
		return -1;
	snprintf(prefix, GUARD_PREFIX_MAX, "/proc/%u/root", n);
	return 0;
}

/* kedge-guard mounts its bpffs where pid 1 sees it; who has a mount namespace of his own looks through pid 1, or where that is
 * closed, through kedge-guard. prefix: where the map was. */
static int containers_open(int dir, char prefix[GUARD_PREFIX_MAX])
{
	prefix[0] = '\0';
	int fd = pin_get(prefix, "containers");
	if (fd < 0 && errno == ENOENT) {
		snprintf(prefix, GUARD_PREFIX_MAX, "/proc/1/root");
		fd = pin_get(prefix, "containers");
	}
	if (fd >= 0 || (errno != ENOENT && errno != EACCES) || guard_root(dir, prefix) < 0)
		return fd;
	return pin_get(prefix, "containers");
}

static int map_update(int map, const void *key, const void *value)
{
	union bpf_attr attr = {.map_fd = (uint32_t)map,
			       .key = (uint64_t)(uintptr_t)key,
			       .value = (uint64_t)(uintptr_t)value,
			       .flags = BPF_ANY};

	return sys_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
}

static int map_delete(int map, const void *key)
{
	union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uint64_t)(uintptr_t)key};

	return sys_bpf(BPF_MAP_DELETE_ELEM, &attr, sizeof(attr));
}

static int open_maps(struct guard *g)
{
	g->containers = containers_open(g->dir, g->prefix);
	if (g->containers < 0)
		return -1;
	g->labels = pin_get(g->prefix, "labels");
	if (g->labels >= 0)
		return 0;
	macro_close(&g->containers);
	g->containers = -1;
	return -1;
}

const char *guard_devices(const struct guard *g, char path[GUARD_DEVICES_MAX])
{
	if (g->containers < 0)
		return NULL;
	snprintf(path, GUARD_DEVICES_MAX, "%s" GUARD_DIR "/bpf/" GUARD_DEVICES, g->prefix);
	return path;
}

/* Whether what is on is what we can reach, and what is required; the table: what each level of it needs. */
static int check_tiers(const struct guard *g, const struct guard_policy *policy, struct error *e)
{
	static const uint32_t needs[] = {[GUARD_REQUIRE_SAMPLE] = GUARD_TIER_SAMPLE | GUARD_TIER_LSM | GUARD_TIER_SYSCALL,
					 [GUARD_REQUIRE_LSM] = GUARD_TIER_LSM,
					 [GUARD_REQUIRE_SYSCALL] = GUARD_TIER_SYSCALL};
	auto_arena struct arena a = {};
	struct guard_facts facts = {};
	int reason = errno;

	if (guard_facts_read(&a, &facts, e) < 0)
		return error_in(e, "drift guard");
	if (g->containers < 0 && (facts.tiers & ~(uint32_t)GUARD_TIER_POLL))
		return error_set(e, ERROR_HOST, reason, "drift guard: cannot open the maps of its programs");
	if (policy->require == GUARD_REQUIRE_NONE)
		return 0;
	if (facts.tiers & needs[policy->require])
		return 0;
	const char *why = policy->require == GUARD_REQUIRE_SAMPLE ? facts.no_sample
			  : policy->require == GUARD_REQUIRE_LSM  ? facts.no_lsm
								  : facts.no_syscall;
	return error_set(e, ERROR_HOST, 0, "drift guard: this host cannot: %s", why ?: "it is not on");
}

static int open_running(struct guard *g, struct error *e)
{
	g->dir = open(GUARD_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (g->dir < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot open '%s'", GUARD_DIR);
	if (g->dir >= 0 && guard_alive(g->dir))
		return 0;
	macro_close(&g->dir);
	g->dir = -1;
	if (guard_start(e) < 0)
		return -1;
	g->dir = open(GUARD_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (g->dir < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot open '%s'", GUARD_DIR);
	return 0;
}

int guard_open(struct guard *g, const struct guard_policy *policy, struct error *e)
{
	*g = (struct guard)GUARD_NONE;
	if (open_running(g, e) < 0)
		return -1;
	if (open_maps(g) == 0 && policy->require == GUARD_REQUIRE_NONE)
		return 0;
	return check_tiers(g, policy, e);
}

int guard_cookie(uint64_t *ret, struct error *e)
{
	do
		if (getrandom(ret, sizeof(*ret), 0) != sizeof(*ret))
			return error_set(e, ERROR_HOST, errno, "cannot get random numbers");
	while (*ret == 0);
	return 0;
}

int guard_arm(const struct guard *g, const struct guard_container *c, struct error *e)
{
	struct guard_entry entry = {.mode = c->mode, .flags = c->flags, .state = GUARD_SETUP};
	auto_strbuf struct strbuf text = {};
	char name[sizeof(ARMED) + 1 + GUARD_COOKIE_LEN] = ARMED "/";

	guard_cookie_text(c->cookie, name + sizeof(ARMED));
	guard_container_print(c, &text);
	auto_close int fd = openat(g->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write_all(fd, text.s, text.len) < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot write '%s/%s'", GUARD_DIR, name);
	if (g->containers < 0 || map_update(g->containers, &c->cookie, &entry) == 0)
		return 0;
	if (errno == E2BIG)
		error_hint(e, "delete containers that have stopped, or set org.kedge.guard.mode off in the host's policy");
	return error_set(e, ERROR_HOST, errno, "drift guard: cannot enter the container (%d at most)",
			 GUARD_CONTAINERS_MAX);
}

int guard_adopt(struct guard *g, uint64_t cookie, uint64_t caps_bound, struct error *e)
{
	struct guard_label label = {.cookie = cookie, .state = GUARD_LABEL_RUNTIME, .seal_after = 2, .caps_bound = caps_bound};

	if (g->labels < 0)
		return 0;
	/* Of the calling thread, which is the only one. */
	g->self = sys_pidfd_open(getpid(), 0);
	if (g->self >= 0 && map_update(g->labels, &g->self, &label) == 0)
		return 0;
	return error_set(e, ERROR_HOST, errno, "drift guard: cannot label the process");
}

void guard_release(struct guard *g)
{
	if (g->self < 0)
		return;
	if (map_delete(g->labels, &g->self) < 0 && errno != ENOENT)
		log_write(LOG_WARNING, "drift guard: cannot take the label off the runtime: %s", strerror(errno));
	close(g->self);
	g->self = -1;
}

static int entry_state(const struct guard *g, uint64_t cookie, struct guard_entry *entry)
{
	union bpf_attr attr = {.map_fd = (uint32_t)g->containers,
			       .key = (uint64_t)(uintptr_t)&cookie,
			       .value = (uint64_t)(uintptr_t)entry};

	return sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr));
}

/* Threads have their leader's label when the next sweep comes, and members of a nested container may be seen before init. */
#define SEAL_SWEEPS 3

static int sweep(const struct guard *g, struct error *e)
{
	char path[GUARD_PREFIX_MAX + sizeof(GUARD_DIR "/bpf")];

	snprintf(path, sizeof(path), "%s" GUARD_DIR "/bpf", g->prefix);
	auto_close int bpf = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bpf < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot open '%s'", path);
	for (int i = 0; i < SEAL_SWEEPS; i++)
		if (guard_sweep(bpf, e) < 0)
			return error_in(e, "drift guard: what was restored cannot be sealed");
	return 0;
}

int guard_seal(const struct guard *g, uint64_t cookie, const pid_t *pids, size_t n, struct error *e)
{
	struct guard_entry entry = {};

	if (g->labels < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct guard_label label = {
			.cookie = cookie, .state = GUARD_LABEL_RESTORED, .seal_after = i == 0, .caps_bound = UINT64_MAX};
		auto_close int pidfd = sys_pidfd_open(pids[i], 0);

		if (pidfd < 0 || map_update(g->labels, &pidfd, &label) < 0)
			return error_set(e, ERROR_HOST, errno, "drift guard: cannot label process %d", (int)pids[i]);
	}
	if (sweep(g, e) < 0)
		return -1;
	if (entry_state(g, cookie, &entry) < 0 || entry.state != GUARD_SEALED)
		return error_set(e, ERROR_HOST, 0, "drift guard: what was restored is not sealed");
	return 0;
}

bool guard_condemned(const struct guard *g, uint64_t cookie)
{
	struct guard_entry entry = {};

	return g->containers >= 0 && entry_state(g, cookie, &entry) == 0 && entry.state == GUARD_CONDEMNED;
}

static int forget(int dir, const char *name, struct error *e)
{
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot remove '%s/%s'", GUARD_DIR, name);
	return 0;
}

static int disarm(const struct guard *g, uint64_t cookie, struct error *e)
{
	char armed[] = ARMED "/0123456789abcdef", past[] = PAST "/0123456789abcdef", drift[] = DRIFT "/0123456789abcdef";

	guard_cookie_text(cookie, armed + sizeof(ARMED));
	guard_cookie_text(cookie, past + sizeof(PAST));
	guard_cookie_text(cookie, drift + sizeof(DRIFT));
	if (g->containers >= 0 && map_delete(g->containers, &cookie) < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot remove the container's entry");
	/* The record goes after the entry: whoever is killed in between finds both by the same cookie. */
	if (renameat(g->dir, armed, g->dir, past) == 0)
		return forget(g->dir, drift, e);
	return forget(g->dir, armed, e) < 0 || forget(g->dir, drift, e) < 0 ? -1 : 0;
}

int guard_disarm(const struct guard *g, uint64_t cookie, struct error *e)
{
	auto_guard struct guard own = GUARD_NONE;

	if (g && g->dir >= 0)
		return disarm(g, cookie, e);
	own.dir = open(GUARD_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (own.dir < 0)
		return errno == ENOENT ? 0 : error_set(e, ERROR_HOST, errno, "drift guard: cannot open '%s'", GUARD_DIR);
	own.containers = containers_open(own.dir, own.prefix);
	return disarm(&own, cookie, e);
}

int guard_drift_of(uint64_t cookie, struct arena *a, char **ret, struct error *e)
{
	char path[] = GUARD_DIR "/" DRIFT "/0123456789abcdef";
	auto_strbuf struct strbuf text = {};

	*ret = NULL;
	guard_cookie_text(cookie, path + sizeof(GUARD_DIR "/" DRIFT));
	if (read_file_at(AT_FDCWD, path, DRIFT_MAX, &text) < 0)
		return errno == ENOENT ? 0 : error_set(e, ERROR_HOST, errno, "cannot read '%s'", path);
	while (text.len > 0 && text.s[text.len - 1] == '\n')
		text.s[--text.len] = '\0';
	*ret = arena_strdup(a, strbuf_str(&text));
	return 0;
}
