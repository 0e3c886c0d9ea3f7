/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources as a list of {file, value}. Pure: what the kernel has is not asked here. Numbers of 0 that stand for
 * "unset" in v1 write nothing, because engines send them for limits that nobody asked for. What v2 cannot do is
 * refused, not ignored (config-linux.md, "Unified").
 */
#include "cgroups/cgroup.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "cgroups/internal.h"

#define R "linux.resources."

struct list {
	struct arena *a;
	struct cgroup_writes *w;
	size_t size;
};

static struct cgroup_write *add(struct list *l, const char *property, const char *file, const char *value)
{
	struct cgroup_writes *w = l->w;

	if (w->n == l->size) {
		size_t size = l->size ? l->size * 2 : 16;
		struct cgroup_write *v = arena_array(l->a, size, sizeof(*v));
		if (w->n)
			memcpy(v, w->v, w->n * sizeof(*v));
		w->v = v;
		l->size = size;
	}
	w->v[w->n] = (struct cgroup_write){.file = file, .value = value, .property = property};
	return &w->v[w->n++];
}

static const char *number(struct list *l, uint64_t v)
{
	return arena_printf(l->a, "%" PRIu64, v);
}

/* -1 is "max". Lifting a limit is done as well where there is no controller to set one. */
static void add_limit(struct list *l, const char *property, const char *file, int64_t v)
{
	add(l, property, file, v < 0 ? "max" : number(l, (uint64_t)v))->optional = v < 0;
}

static int no_equivalent(const char *property, struct error *e)
{
	return error_set(e, ERROR_CONFIG, 0, "%s: cgroup v2 has no equivalent", property);
}

static bool nonzero(struct opt_i64 v)
{
	return v.set && v.v != 0;
}

/* --- memory */

static int check_bytes(const char *property, struct opt_i64 v, struct error *e)
{
	if (v.set && v.v < -1)
		return error_set(e, ERROR_CONFIG, 0, "%s: %jd: must be -1 (no limit) or a number of bytes", property,
				 (intmax_t)v.v);
	return 0;
}

/* v1 limits memory and swap together, v2 swap alone. */
static int memory_swap(const struct spec_resources *r, struct list *l, struct error *e)
{
	int64_t limit = r->memory.limit.set ? r->memory.limit.v : 0;
	int64_t swap = r->memory.swap.set ? r->memory.swap.v : 0;

	/* Without a word on swap, lifting the limit lifted both in v1. */
	if (swap == 0 && limit == -1)
		swap = -1;
	if (swap == 0)
		return 0;
	if (swap > 0 && limit == 0)
		return error_set(e, ERROR_CONFIG, 0, R "memory.swap: unable to set swap limit without memory limit");
	if (swap > 0 && limit > 0) {
		if (swap < limit)
			return error_set(e, ERROR_CONFIG, 0,
					 R "memory.swap: %jd: memory+swap limit should be >= memory limit "
					   "(%jd)",
					 (intmax_t)swap, (intmax_t)limit);
		swap -= limit;
	}
	add_limit(l, R "memory.swap", "memory.swap.max", swap);
	/* No swap in the kernel: nothing can be swapped out, as asked. */
	if (swap == 0)
		l->w->v[l->w->n - 1].optional = true;
	return 0;
}

static int memory(const struct spec_resources *r, struct list *l, struct error *e)
{
	if (check_bytes(R "memory.limit", r->memory.limit, e) < 0 ||
	    check_bytes(R "memory.swap", r->memory.swap, e) < 0 ||
	    check_bytes(R "memory.reservation", r->memory.reservation, e) < 0)
		return -1;
	/* v2 counts kernel memory within the limit; "no limit of its own" is what it does. */
	if (nonzero(r->memory.kernel) && r->memory.kernel.v != -1)
		return no_equivalent(R "memory.kernel", e);
	if (nonzero(r->memory.kernel_tcp) && r->memory.kernel_tcp.v != -1)
		return no_equivalent(R "memory.kernelTCP", e);
	if (r->memory.swappiness.set)
		return no_equivalent(R "memory.swappiness", e);
	if (r->memory.disable_oom_killer.set && r->memory.disable_oom_killer.v)
		return no_equivalent(R "memory.disableOOMKiller", e);
	/* v2 is hierarchical, always. */
	if (r->memory.use_hierarchy.set && !r->memory.use_hierarchy.v)
		return error_set(e, ERROR_CONFIG, 0, R "memory.useHierarchy: false: cgroup v2 has no equivalent");
	/* The limit first: what lowering it pushes out can still go to swap. */
	if (nonzero(r->memory.limit))
		add_limit(l, R "memory.limit", "memory.max", r->memory.limit.v);
	if (memory_swap(r, l, e) < 0)
		return -1;
	if (nonzero(r->memory.reservation))
		add_limit(l, R "memory.reservation", "memory.low", r->memory.reservation.v);
	return 0;
}

/* --- cpu */

static void cpu_bandwidth(const struct spec_resources *r, struct list *l)
{
	bool quota = nonzero(r->cpu.quota), period = r->cpu.period.set && r->cpu.period.v != 0;
	const char *limit = quota && r->cpu.quota.v > 0 ? number(l, (uint64_t)r->cpu.quota.v) : "max";

	/* The kernel wants burst <= quota at every moment: which of the two goes first depends on what is there. */
	if (r->cpu.burst.set) {
		struct cgroup_write *w = add(l, R "cpu.burst", "cpu.max.burst", number(l, r->cpu.burst.v));
		w->retry = quota || period;
		w->optional = r->cpu.burst.v == 0;
	}
	/* One number alone leaves the period as it is. */
	if (period)
		add(l, quota ? R "cpu.quota" : R "cpu.period", "cpu.max",
		    arena_printf(l->a, "%s %" PRIu64, limit, r->cpu.period.v));
	else if (quota)
		add(l, R "cpu.quota", "cpu.max", limit)->optional = r->cpu.quota.v < 0;
}

static int cpu(const struct spec_resources *r, struct list *l, struct error *e)
{
	uint64_t burst = r->cpu.burst.set ? r->cpu.burst.v : 0;
	bool idle = nonzero(r->cpu.idle);

	if (nonzero(r->cpu.rt_runtime))
		return no_equivalent(R "cpu.realtimeRuntime", e);
	if (r->cpu.rt_period.set && r->cpu.rt_period.v)
		return no_equivalent(R "cpu.realtimePeriod", e);
	if (r->cpu.quota.set && r->cpu.quota.v > 0 && burst > (uint64_t)r->cpu.quota.v)
		return error_set(e, ERROR_CONFIG, 0, R "cpu.burst: %ju: must not be larger than quota (%jd)",
				 (uintmax_t)burst, (intmax_t)r->cpu.quota.v);
	if (r->cpu.idle.set)
		add(l, R "cpu.idle", "cpu.idle", arena_printf(l->a, "%" PRId64, r->cpu.idle.v))->optional = !idle;
	/* An idle cgroup has the one weight of idle cgroups; the kernel refuses any other (EINVAL). */
	if (!spec_cpu_idle(r) && r->cpu.shares.set && r->cpu.shares.v)
		add(l, R "cpu.shares", "cpu.weight", number(l, cgroup_weight_of_shares(r->cpu.shares.v)));
	cpu_bandwidth(r, l);
	if (r->cpu.cpus && *r->cpu.cpus)
		add(l, R "cpu.cpus", "cpuset.cpus", r->cpu.cpus);
	if (r->cpu.mems && *r->cpu.mems)
		add(l, R "cpu.mems", "cpuset.mems", r->cpu.mems);
	return 0;
}

/* --- io */

/* v1's 10 … 1000 spread over v2's 1 … 10000. */
static uint64_t io_weight(uint32_t weight)
{
	return 1 + (uint64_t)(weight - 10) * 9999 / 990;
}

static int check_weight(const char *property, uint32_t weight, struct error *e)
{
	if (weight < 10 || weight > 1000)
		return error_set(e, ERROR_CONFIG, 0, "%s: %u: must be 10 to 1000", property, weight);
	return 0;
}

/* BFQ has a file and a scale of its own. */
static void add_weight(struct list *l, const char *property, const char *device, uint32_t weight)
{
	struct cgroup_write *w = add(l, property, "io.bfq.weight", arena_printf(l->a, "%s%u", device, weight));

	w->else_file = "io.weight";
	w->else_value = arena_printf(l->a, "%s%" PRIu64, device, io_weight(weight));
}

static int io_weights(const struct spec_resources *r, struct list *l, struct error *e)
{
	if (r->block_io.leaf_weight.set && r->block_io.leaf_weight.v)
		return no_equivalent(R "blockIO.leafWeight", e);
	if (r->block_io.weight.set && r->block_io.weight.v) {
		if (check_weight(R "blockIO.weight", r->block_io.weight.v, e) < 0)
			return -1;
		add_weight(l, R "blockIO.weight", "", r->block_io.weight.v);
	}
	for (size_t i = 0; i < r->block_io.weight_device.n; i++) {
		const struct spec_weight_dev *d = &r->block_io.weight_device.v[i];
		const char *property = arena_printf(l->a, R "blockIO.weightDevice[%zu]", i);

		if (d->leaf_weight.set && d->leaf_weight.v)
			return no_equivalent(arena_printf(l->a, "%s.leafWeight", property), e);
		if (!d->weight.set || !d->weight.v)
			continue;
		if (check_weight(arena_printf(l->a, "%s.weight", property), d->weight.v, e) < 0)
			return -1;
		add_weight(l, property, arena_printf(l->a, "%u:%u ", d->major, d->minor), d->weight.v);
	}
	return 0;
}

static void io_throttle(struct list *l, const struct spec_throttles *t, const char *name, const char *key)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct spec_throttle *d = &t->v[i];
		/* 0 lifted the limit in v1; v2 refuses it (ERANGE). */
		const char *rate = d->rate ? number(l, d->rate) : "max";
		add(l, arena_printf(l->a, R "blockIO.%s[%zu]", name, i), "io.max",
		    arena_printf(l->a, "%u:%u %s=%s", d->major, d->minor, key, rate))->optional = !d->rate;
	}
}

static int block_io(const struct spec_resources *r, struct list *l, struct error *e)
{
	if (io_weights(r, l, e) < 0)
		return -1;
	io_throttle(l, &r->block_io.read_bps, "throttleReadBpsDevice", "rbps");
	io_throttle(l, &r->block_io.write_bps, "throttleWriteBpsDevice", "wbps");
	io_throttle(l, &r->block_io.read_iops, "throttleReadIOPSDevice", "riops");
	io_throttle(l, &r->block_io.write_iops, "throttleWriteIOPSDevice", "wiops");
	return 0;
}

/* --- the rest */

static void pids(const struct spec_resources *r, struct list *l)
{
	if (!r->pids.set)
		return;
	/* 0 lets nothing be forked, and neither does 1 to a container whose init is there. But 0 refuses the init too,
	 * which is born into the cgroup. */
	add_limit(l, R "pids.limit", "pids.max", r->pids.limit == 0 ? 1 : r->pids.limit);
}

static bool file_name(const char *s)
{
	return *s && *s != '.' && !strchr(s, '/') && strlen(s) <= NAME_MAX;
}

static int hugepages(const struct spec_resources *r, struct list *l, struct error *e)
{
	for (size_t i = 0; i < r->hugepages.n; i++) {
		const struct spec_hugepage *h = &r->hugepages.v[i];
		const char *property = arena_printf(l->a, R "hugepageLimits[%zu]", i);
		const char *value = number(l, h->limit);

		if (!file_name(h->page_size) || strchr(h->page_size, '.'))
			return error_set(e, ERROR_CONFIG, 0, "%s.pageSize: '%s': must be a size such as 2MB", property,
					 h->page_size);
		add(l, property, arena_printf(l->a, "hugetlb.%s.max", h->page_size), value);
		/* Kernels before 5.7 count no reservations. */
		add(l, property, arena_printf(l->a, "hugetlb.%s.rsvd.max", h->page_size), value)->optional = true;
	}
	return 0;
}

static void rdma(const struct spec_resources *r, struct list *l)
{
	for (size_t i = 0; i < r->rdma.n; i++) {
		const struct spec_rdma *d = &r->rdma.v[i];
		const char *handles = "", *objects = "";

		if (d->hca_handles.set)
			handles = arena_printf(l->a, " hca_handle=%u", d->hca_handles.v);
		if (d->hca_objects.set)
			objects = arena_printf(l->a, " hca_object=%u", d->hca_objects.v);
		if (*handles || *objects)
			add(l, arena_printf(l->a, R "rdma.%s", d->device), "rdma.max",
			    arena_printf(l->a, "%s%s%s", d->device, handles, objects));
	}
}

static int network(const struct spec_resources *r, struct error *e)
{
	if (r->network.class_id.set && r->network.class_id.v)
		return no_equivalent(R "network.classID", e);
	if (r->network.priorities.n)
		return no_equivalent(R "network.priorities", e);
	return 0;
}

/* These act on processes, on this runtime's too: they are no settings. */
static bool is_action(const char *file)
{
	static const char *const actions[] = {"cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze"};

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(file, actions[i]) == 0)
			return true;
	}
	return false;
}

static int unified(const struct spec_resources *r, struct list *l, struct error *e)
{
	for (size_t i = 0; i < r->unified.n; i++) {
		const char *file = r->unified.v[i].key, *value = r->unified.v[i].value;

		if (!file_name(file) || !strchr(file, '.'))
			return error_set(e, ERROR_CONFIG, 0,
					 R "unified '%s': must be a file name CONTROLLER.PARAMETER, without "
					   "slashes",
					 file);
		if (is_action(file))
			return error_set(e, ERROR_CONFIG, 0, R "unified '%s': acts on processes and is no setting",
					 file);
		if (strcmp(file, "cpu.weight") == 0 && spec_cpu_idle(r))
			continue;
		/* The kernel takes one line a write. */
		while (*value) {
			size_t len = strcspn(value, "\n");
			if (len)
				add(l, arena_printf(l->a, R "unified '%s'", file), file,
				    arena_strndup(l->a, value, len));
			value += len + (value[len] == '\n');
		}
	}
	return 0;
}

int cgroup_writes(const struct spec_resources *resources, struct arena *a, struct cgroup_writes *ret, struct error *e)
{
	struct cgroup_writes w = {};
	struct list l = {.a = a, .w = &w};

	if (memory(resources, &l, e) < 0 || cpu(resources, &l, e) < 0)
		return -1;
	pids(resources, &l);
	if (block_io(resources, &l, e) < 0 || hugepages(resources, &l, e) < 0 || network(resources, e) < 0)
		return -1;
	rdma(resources, &l);
	/* Last: they override what was converted. */
	if (unified(resources, &l, e) < 0)
		return -1;
	*ret = w;
	return 0;
}
