/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup that is a scope of systemd. A scope starts with the processes that it is told of, at least one: here a holder,
 * a process that only waits. So the cgroup is there with all its limits before init, which is born in it as with the
 * other driver, and the holder is ended. It dies with its parent, too: a scope whose maker was killed is empty, and then
 * systemd takes it away. See docs/adr/0007.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"
#include "base/num.h"
#include "base/sys.h"
#include "cgroups/internal.h"
#include "cgroups/unit.h"

#define AGAIN_TRIES 20
#define AGAIN_PAUSE_MS 100

bool cgroup_has_systemd(void)
{
#ifdef HAVE_LIBSYSTEMD
	return true;
#else
	return false;
#endif
}

static int take_string(char **ret, const char *text, struct error *e)
{
	char *copy = strdup(text);

	if (!copy)
		return error_set(e, ERROR_HOST, ENOMEM, "cannot remember '%s'", text);
	free(*ret);
	*ret = copy;
	return 0;
}

int cgroup_set_unit(struct cgroup *cg, const char *unit, bool user, struct error *e)
{
	cg->user = user;
	return unit ? take_string(&cg->unit, unit, e) : 0;
}

int cgroup_place_systemd(const char *cgroups_path, const char *id, bool user, struct cgroup *ret, struct error *e)
{
	auto_cgroup struct cgroup cg = {.fd = -1, .mount_fd = -1};
	auto_arena struct arena a = {};
	auto_bus struct bus *bus = NULL;
	struct unit_place place;
	char *own;

	if (unit_place(cgroups_path, id, user, &a, &place, e) < 0 || bus_open(user, &bus, e) < 0 ||
	    bus_own_cgroup(bus, &a, &own, e) < 0)
		return -1;
	if (cgroup_open(arena_printf(&a, "%s/%s", own, place.path), &cg, e) < 0 ||
	    cgroup_set_unit(&cg, place.name, user, e) < 0 || take_string(&cg.slice, place.slice, e) < 0 ||
	    take_string(&cg.title, arena_printf(&a, "kedge container %s", id), e) < 0)
		return -1;
	/* The slices are systemd's own. */
	cg.made = cg.fd < 0;
	cg.bus = TAKE(bus);
	cgroup_take(ret, &cg);
	return 0;
}

/* --- the holder */

static int holder_start(struct cgroup *cg, struct error *e)
{
	pid_t parent = getpid(), pid = (pid_t)syscall(SYS_clone, (long)SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0)
		return error_set(e, ERROR_HOST, errno, "cannot make a process for unit '%s'", cg->unit);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (syscall(SYS_getppid) == parent)
			pause();
		_exit(0);
	}
	cg->holder = pid;
	return 0;
}

void cgroup_release(struct cgroup *cg)
{
	int status;

	if (cg->holder <= 0)
		return;
	kill(cg->holder, SIGKILL);
	while (waitpid(cg->holder, &status, 0) < 0 && errno == EINTR)
		;
	cg->holder = 0;
}

/* The scope is where it was expected, and the holder is all there is in it. */
static int check_place(struct cgroup *cg, struct error *e)
{
	auto_strbuf struct strbuf where = {};
	auto_arena struct arena a = {};
	pid_t *pids;
	size_t n;

	if (cgroup_of(cg->holder, &where) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot find the cgroup of unit '%s'", cg->unit);
	if (strcmp(strbuf_str(&where), cg->path) != 0)
		return error_set(e, ERROR_HOST, 0, "unit '%s' has cgroup '%s', not '%s'", cg->unit, strbuf_str(&where),
				 cg->path);
	if (cg->fd >= 0)
		close(cg->fd);
	cg->fd = cgroup_open_dir(cg->mount_fd, cg->path, O_PATH);
	if (cg->fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open cgroup '%s' below '%s'", cg->path, cg->mountpoint);
	if (cgroup_pids(cg, &a, &pids, &n, e) < 0)
		return -1;
	return n == 1 ? 0
		      : error_set(e, ERROR_HOST, 0, "container's cgroup is not empty: %zu process(es) found in '%s'",
				  n > 0 ? n - 1 : 0, cg->path);
}

/* --- starting and stopping */

static void describe(const struct cgroup *cg, struct unit_properties *p)
{
	static const char *const on[] = {"Delegate", "MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"};
	struct unit_value *pids;

	unit_property_string(p, "Description", cg->title);
	unit_property_string(p, "Slice", cg->slice);
	pids = unit_property_add(p, "PIDs", 'a');
	pids->signature = "u";
	pids->n = 1;
	pids->v = arena_alloc(p->a, sizeof(*pids->v));
	pids->v[0] = (struct unit_value){.type = 'u', .number = (uint64_t)cg->holder};
	for (size_t i = 0; i < ARRAY_SIZE(on); i++)
		unit_property_number(p, on[i], 'b', true);
	/* Containers are ended by their engine, after and before what it says. */
	unit_property_number(p, "DefaultDependencies", 'b', false);
}

static bool populated(const struct cgroup *cg)
{
	auto_close int fd = cgroup_open_dir(cg->mount_fd, cg->path, O_PATH);
	struct events now = {};

	return fd >= 0 && cgroup_events_get(fd, &now) == 0 && now.populated;
}

/* A unit of the name may be one that failed, or one that is empty and about to go: both make room. */
static int start_unit(struct cgroup *cg, const struct unit_properties *p, struct error *e)
{
	int n = bus_start_unit(cg->bus, cg->unit, p, e);

	if (n == 1 && bus_reset_failed(cg->bus, cg->unit, e) < 0)
		return -1;
	for (int i = 0; n == 1 && i < AGAIN_TRIES && !populated(cg); i++) {
		if (i > 0)
			nanosleep(&(struct timespec){.tv_nsec = AGAIN_PAUSE_MS * 1000000L}, NULL);
		n = bus_start_unit(cg->bus, cg->unit, p, e);
	}
	if (n == 1)
		return error_set(e, ERROR_HOST, 0, "%scannot start unit '%s': systemd has a unit of this name",
				 populated(cg) ? "container's cgroup is not empty: " : "", cg->unit);
	return n;
}

/* A new scope has the default period. The annotations come last: who writes them knows what he wants. */
static int add_asked_for(const struct cgroup_writes *writes, const struct spec_map *annotations, struct unit_properties *p,
			 struct error *e)
{
	return unit_add_limits(p, writes, 0, e) < 0 ? -1 : unit_add_annotations(p, annotations, e);
}

int cgroup_print_properties(const struct cgroup_writes *writes, const struct spec_map *annotations,
			    const char *prefix, struct strbuf *out, struct error *e)
{
	auto_arena struct arena a = {};
	struct unit_properties p = {.a = &a};

	if (add_asked_for(writes, annotations, &p, e) < 0)
		return -1;
	for (size_t i = 0; i < p.n; i++) {
		strbuf_addf(out, "%s%s=@%s ", prefix, p.v[i].name, unit_value_signature(&p.v[i].value, &a));
		unit_value_print(&p.v[i].value, out);
		strbuf_addc(out, '\n');
	}
	return 0;
}

/* Init is cloned beside the holder: where one process is all that may be, two may be until cgroup_settle(). Moving init in
 * afterwards would not do, because it would make its cgroup namespace elsewhere. */
static bool make_room(struct cgroup_writes *writes)
{
	bool one = false;

	for (size_t i = 0; i < writes->n; i++) {
		struct cgroup_write *w = &writes->v[i];
		if (strcmp(w->file, "pids.max") != 0)
			continue;
		one = strcmp(w->value, "1") == 0;
		if (one)
			w->value = "2";
	}
	return one;
}

int cgroup_settle(struct cgroup *cg, struct error *e)
{
	auto_arena struct arena a = {};
	struct unit_properties p = {.a = &a};

	cgroup_release(cg);
	if (!cg->one_task)
		return 0;
	unit_property_number(&p, "TasksMax", 't', 1);
	if (bus_set_properties(cg->bus, cg->unit, &p, e) < 0)
		return -1;
	if (write_file_at(cg->fd, "pids.max", "1") < 0)
		return error_set(e, ERROR_HOST, errno, "cannot write '1' to 'pids.max' of cgroup '%s'", cg->path);
	return 0;
}

/* What is frozen would hang init. The cgroup may be there before its unit is; else its slice tells, or what is above that. */
static int check_thawed(const struct cgroup *cg, struct error *e)
{
	auto_arena struct arena a = {};
	char *path = arena_strdup(&a, cg->path);
	struct events now = {};

	for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
		*end = '\0';
		auto_close int fd = cgroup_open_dir(cg->mount_fd, path, O_PATH);
		if (fd < 0)
			continue;
		if (cgroup_events_get(fd, &now) < 0)
			return error_set(e, ERROR_HOST, errno, "cannot read 'cgroup.events' of cgroup '%s'", path);
		return now.frozen ? error_set(e, ERROR_HOST, 0, "container's cgroup unexpectedly frozen: '%s'", path) : 0;
	}
	return 0;
}

int cgroup_create_systemd(struct cgroup *cg, const struct spec_resources *resources, bool devices,
			  const struct spec_map *annotations, struct error *e)
{
	auto_arena struct arena a = {};
	struct unit_properties p = {.a = &a};
	struct cgroup_writes writes = {};

	if (check_thawed(cg, e) < 0 || (resources && cgroup_writes(resources, &a, &writes, e) < 0) || holder_start(cg, e) < 0)
		return -1;
	cgroup_writes_for_unit(&writes, 0, &a);
	cg->one_task = make_room(&writes);
	describe(cg, &p);
	if (add_asked_for(&writes, annotations, &p, e) == 0 && start_unit(cg, &p, e) == 0) {
		cg->created = true;
		cg->made = 1;
		if (check_place(cg, e) == 0 && cgroup_equip(cg, resources, &writes, devices, e) == 0)
			return 0;
		struct error late = {};
		cgroup_release(cg);
		if (bus_stop_unit(cg->bus, cg->unit, &late) < 0)
			error_in(e, "%s", late.msg);
	}
	cgroup_release(cg);
	cg->created = false;
	cg->made = 0;
	return -1;
}

static int bus_for(const struct cgroup *cg, struct bus **own, struct bus **ret, struct error *e)
{
	*ret = cg->bus;
	if (cg->bus)
		return 0;
	if (bus_open(cg->user, own, e) < 0)
		return error_in(e, "unit '%s'", cg->unit);
	*ret = *own;
	return 0;
}

int cgroup_stop_unit(struct cgroup *cg, struct error *e)
{
	auto_bus struct bus *own = NULL;
	struct bus *bus;

	if (!cg->unit)
		return 0;
	if (bus_for(cg, &own, &bus, e) < 0 || bus_stop_unit(bus, cg->unit, e) < 0)
		return -1;
	return bus_reset_failed(bus, cg->unit, e);
}

int cgroup_attach_unit(const struct cgroup *cg, pid_t pid, struct error *e)
{
	auto_bus struct bus *own = NULL;
	struct bus *bus;

	if (bus_for(cg, &own, &bus, e) < 0)
		return -1;
	return bus_attach_process(bus, cg->unit, pid, e);
}

/* --- update */

/* "max 100000" */
uint64_t cgroup_period(const struct cgroup *cg)
{
	auto_strbuf struct strbuf text = {};
	uint64_t period = 0;

	if (read_file_at(cg->fd, "cpu.max", CGROUP_FILE_MAX, &text) < 0)
		return 0;
	const char *space = strchr(strbuf_str(&text), ' ');
	return space && parse_columns(space + 1, &period, 1) == 0 ? period : 0;
}

int cgroup_update_unit(const struct cgroup *cg, const struct cgroup_writes *writes, struct error *e)
{
	auto_arena struct arena a = {};
	auto_bus struct bus *own = NULL;
	struct unit_properties p = {.a = &a};
	struct bus *bus;

	if (!cg->unit)
		return 0;
	if (unit_add_limits(&p, writes, cgroup_period(cg), e) < 0)
		return -1;
	if (!p.n)
		return 0;
	if (bus_for(cg, &own, &bus, e) < 0)
		return -1;
	return bus_set_properties(bus, cg->unit, &p, e);
}
