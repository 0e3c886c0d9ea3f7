/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads the programs: the only user of libbpf. What a kernel can is found out by loading, never by reading a list: there are
 * kernels that list bpf among their security modules and refuse every program of that kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

#include "guard/programs.h"

#ifdef HAVE_GUARD_BPF
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "guard/bpf/guard.skel.h"

struct loading {
	int pins;
	struct guard_bpf *object;
	struct btf *btf;
	uint32_t tiers;      /* to be loaded */
	bool no_tick;        /* local_timer_entry is not there: the other one */
	bool no_provenance;  /* the functions that it hooks do not load */
	char why[256];       /* what libbpf said first */
};

static char *said; /* where libbpf's first complaint goes; it knows no context */

static int listen_to_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level != LIBBPF_WARN || !said || said[0])
		return 0;
	vsnprintf(said, 256, fmt, ap);
	said[strcspn(said, "\n")] = '\0';
	if (strncmp(said, "libbpf: ", 8) == 0)
		memmove(said, said + 8, strlen(said + 8) + 1);
	return 0;
}

static void loading_done(struct loading *l)
{
	guard_bpf__destroy(l->object);
	btf__free(l->btf);
	said = NULL;
}

/* FNV-1a of the object: tells builds apart, nothing more. */
static void build_name(bool syscall_tier, char build[GUARD_BUILD_LEN + 1])
{
	uint64_t hash = 0xcbf29ce484222325;
	size_t n;
	const unsigned char *p = guard_bpf__elf_bytes(&n);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3;
	snprintf(build, GUARD_BUILD_LEN + 1, "%016llx%s", (unsigned long long)hash, syscall_tier ? "-s" : "");
}

static bool target_exists(const struct loading *l, const struct guard_program *p)
{
	char name[128];

	if (!p->target)
		return true;
	if (p->tier != GUARD_TIER_LSM)
		return snprintf(name, sizeof(name), "btf_trace_%s", p->target) > 0 &&
		       btf__find_by_name_kind(l->btf, name, BTF_KIND_TYPEDEF) > 0;
	return btf__find_by_name_kind(l->btf, p->target, BTF_KIND_FUNC) > 0;
}

static bool is_wanted(const struct loading *l, const struct guard_program *p)
{
	if (!(p->tier & l->tiers))
		return false;
	if ((strcmp(p->name, "tick_hr") == 0 && !l->no_tick) ||
	    (p->optional && p->tier == GUARD_TIER_LSM && l->no_provenance))
		return false;
	return !p->optional || target_exists(l, p);
}

static int open_object(struct loading *l)
{
	char path[64];

	l->object = guard_bpf__open();
	if (!l->object)
		return -1;
	for (const char *const *name = guard_maps; *name; name++) {
		struct bpf_map *map = bpf_object__find_map_by_name(l->object->obj, *name);

		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", l->pins, *name);
		if (!map || bpf_map__set_pin_path(map, path) < 0)
			return -1;
	}
	l->no_tick = true;
	for (const struct guard_program *p = guard_programs; p->name; p++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(l->object->obj, p->name);
		bool wanted = is_wanted(l, p);

		if (strcmp(p->name, "tick") == 0)
			l->no_tick = !wanted;
		if (!prog || bpf_program__set_autoload(prog, wanted) < 0)
			return -1;
	}
	l->object->rodata->provenance = bpf_program__autoload(l->object->progs.make_namespaces) &&
					bpf_program__autoload(l->object->progs.make_user) &&
					bpf_program__autoload(l->object->progs.free_inum);
	return bpf_program__set_autoload(l->object->progs.probe_open, l->tiers & GUARD_TIER_LSM);
}

/* Loading and attaching succeed where bpf is not among the security modules that are on; only nothing is called then. */
static int check_lsm_alive(struct loading *l)
{
	struct bpf_link *link = bpf_program__attach(l->object->progs.probe_open);

	if (!link)
		return -1;
	auto_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bpf_link__destroy(link);
	if (*(volatile bool *)&l->object->bss->lsm_alive)
		return 0;
	snprintf(l->why, sizeof(l->why), "they load but are not called: bpf is not in the kernel's lsm=");
	errno = EOPNOTSUPP;
	return -1;
}

/* The smallest program of a kind. 0, or -1 with errno. */
static int probe(const struct loading *l, enum bpf_prog_type type, enum bpf_attach_type attach, const char *target)
{
	static const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
						{.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);
	int id = btf__find_by_name_kind(l->btf, target, BTF_KIND_FUNC);

	if (id < 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	opts.attach_btf_id = (uint32_t)id;
	auto_close int prog = bpf_prog_load(type, "probe", "GPL", insns, ARRAY_SIZE(insns), &opts);
	auto_close int link = prog < 0 ? -1 : bpf_raw_tracepoint_open(NULL, prog);
	return link < 0 ? -1 : 0;
}

static bool probe_lsm(const struct loading *l, struct arena *a, struct guard_facts *facts)
{
	if (probe(l, BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf_lsm_file_open") < 0)
		facts->no_lsm = arena_printf(a, "the kernel refuses LSM programs: %s", strerror(errno));
	else if (probe(l, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "commit_creds") < 0)
		facts->no_lsm = arena_printf(a, "the kernel refuses programs at functions: %s", strerror(errno));
	return !facts->no_lsm;
}

static int attach_and_pin(struct loading *l)
{
	char path[128];

	if (guard_pins_remove(l->pins, GUARD_LOADING) < 0 || mkdirat(l->pins, GUARD_LOADING, 0700) < 0)
		return -1;
	for (const struct guard_program *p = guard_programs; p->name; p++) {
		struct bpf_program *prog = bpf_object__find_program_by_name(l->object->obj, p->name);

		if (!bpf_program__autoload(prog))
			continue;
		struct bpf_link *link = bpf_program__attach(prog);
		if (!link)
			return -1;
		snprintf(path, sizeof(path), "/proc/self/fd/%d/" GUARD_LOADING "/%s", l->pins, p->name);
		int err = bpf_link__pin(link, path);
		/* The pin keeps it; without one it ends here. */
		bpf_link__destroy(link);
		if (err < 0)
			return -1;
	}
	return 0;
}

/* One attempt, with l->tiers: all or nothing. */
static int load_tiers(struct loading *l)
{
	l->why[0] = '\0';
	said = l->why;
	if (open_object(l) < 0 || guard_bpf__load(l->object) < 0 ||
	    ((l->tiers & GUARD_TIER_LSM) && check_lsm_alive(l) < 0) || attach_and_pin(l) < 0) {
		int sys = errno;

		guard_pins_remove(l->pins, GUARD_LOADING);
		guard_bpf__destroy(l->object);
		l->object = NULL;
		errno = sys;
		return -1;
	}
	return 0;
}

static char *why_not(const struct loading *l, struct arena *a, const char *what)
{
	return arena_printf(a, "the kernel refuses %s: %s", what, l->why[0] ? l->why : strerror(errno));
}

/* From the most to the least: what does not load is left out, with the reason. */
static int load_what_goes(struct loading *l, struct arena *a, struct guard_facts *facts)
{
	const struct {
		uint32_t tier;
		const char *what;
		char **reason;
	} droppable[] = {{GUARD_TIER_LSM, "LSM programs", &facts->no_lsm},
			 {GUARD_TIER_SYSCALL, "programs at system calls", &facts->no_syscall},
			 {GUARD_TIER_SWEEP, "the task iterator", &facts->no_sweep}};

	for (size_t i = 0;;) {
		if (load_tiers(l) == 0)
			return 0;
		if ((l->tiers & GUARD_TIER_LSM) && !l->no_provenance) {
			l->no_provenance = true;
			continue;
		}
		while (i < ARRAY_SIZE(droppable) && !(l->tiers & droppable[i].tier))
			i++;
		if (i == ARRAY_SIZE(droppable))
			break;
		*droppable[i].reason = why_not(l, a, droppable[i].what);
		l->tiers &= ~droppable[i].tier;
	}
	facts->no_sample = why_not(l, a, "the programs");
	l->tiers = 0;
	return -1;
}

/* Makes what was loaded the build that is on, then ends the older ones: for a moment both see everything. */
static int take_over(struct loading *l, const char *build, struct error *e)
{
	if (guard_pins_remove(l->pins, build) < 0 || renameat(l->pins, GUARD_LOADING, l->pins, build) < 0 ||
	    guard_pins_remove_others(l->pins, build) < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot pin the programs");
	return 0;
}

static int load(struct loading *l, bool syscall_tier, struct arena *a, struct guard_facts *facts, struct error *e)
{
	libbpf_set_print(listen_to_libbpf);
	l->btf = btf__load_vmlinux_btf();
	if (!l->btf) {
		facts->no_sample = arena_printf(a, "the kernel does not describe itself (/sys/kernel/btf/vmlinux): %s",
						strerror(errno));
		return 0;
	}
	l->tiers = GUARD_TIER_SAMPLE | GUARD_TIER_SWEEP | (syscall_tier ? GUARD_TIER_SYSCALL : 0) |
		   (probe_lsm(l, a, facts) ? GUARD_TIER_LSM : 0);
	if (load_what_goes(l, a, facts) < 0)
		return 0;
	return take_over(l, facts->build, e);
}

static int load_into(int bpf_dir, bool syscall_tier, struct arena *a, struct guard_facts *facts, struct error *e)
{
	auto_with(loading_done) struct loading l = {};
	char build[GUARD_BUILD_LEN + 1];

	auto_close int pins = guard_pins_dir(bpf_dir, true);
	if (pins < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot make the directory of the pins");
	l.pins = pins;
	build_name(syscall_tier, build);
	facts->build = arena_strdup(a, build);
	if (load(&l, syscall_tier, a, facts, e) < 0)
		return -1;
	facts->tiers |= l.tiers;
	return 0;
}
#else
static int load_into(int bpf_dir, bool syscall_tier, struct arena *a, struct guard_facts *facts, struct error *e)
{
	(void)bpf_dir, (void)syscall_tier, (void)e;
	facts->no_sample = arena_strdup(a, "kedge-guard was built without BPF");
	return 0;
}
#endif

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A tier that needs one that is not there is not there for the same reason. */
static void complete_reasons(struct guard_facts *facts, bool syscall_tier, struct arena *a)
{
	char **reasons[] = {&facts->no_sweep, &facts->no_lsm, &facts->no_syscall};

	if (!(facts->tiers & GUARD_TIER_SAMPLE))
		for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
			*reasons[i] = facts->no_sample;
	else if (!syscall_tier)
		facts->no_syscall = arena_strdup(a, "the host's policy does not ask for it");
}

int guard_load(int bpf_dir, bool syscall_tier, struct arena *a, struct guard_facts *ret, struct error *e)
{
	struct guard_facts facts = {.tiers = GUARD_TIER_POLL};
	uint64_t begin = now_ms();
	struct utsname kernel;

	uname(&kernel);
	facts.kernel = arena_strdup(a, kernel.release);
	if (load_into(bpf_dir, syscall_tier, a, &facts, e) < 0)
		return -1;
	complete_reasons(&facts, syscall_tier, a);
	facts.load_ms = (uint32_t)(now_ms() - begin);
	*ret = facts;
	return 0;
}
