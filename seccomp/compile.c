/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/io.h"
#include "seccomp/internal.h"

/* libseccomp's tree of syscalls pays off from here on; with no rule at all 2.5.4 builds a broken one. */
#define TREE_MIN 32

struct compiler {
	const struct spec_seccomp *profile;
	const struct library *lib;
	scmp_filter_ctx ctx;
	uint32_t default_action;
	struct arch_set archs;
	size_t rules;
};

static void compiler_done(struct compiler *c)
{
	if (c->ctx)
		c->lib->release(c->ctx);
}

/* "SCMP_ARCH_X86_64" is "x86_64" for libseccomp. */
static uint32_t arch_token(const struct library *lib, const char *name)
{
	static const char prefix[] = "SCMP_ARCH_";
	char lower[32] = "";

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	name += sizeof(prefix) - 1;
	if (strlen(name) >= sizeof(lower))
		return 0;
	for (size_t i = 0; name[i]; i++)
		lower[i] = (char)tolower((unsigned char)name[i]);
	return lib->arch_resolve_name(lower);
}

static int add_architectures(struct compiler *c, struct error *e)
{
	const struct spec_strings *names = &c->profile->architectures;

	c->archs.token[c->archs.n++] = c->lib->arch_native();
	for (size_t i = 0; i < names->n; i++) {
		uint32_t token = arch_token(c->lib, names->v[i]);
		int r = token ? c->lib->arch_add(c->ctx, token) : -EINVAL;

		if (!token)
			return error_set(e, ERROR_CONFIG, 0, "linux.seccomp.architectures[%zu] '%s': unknown to libseccomp %s",
					 i, names->v[i], seccomp_library_version());
		if (r == -EEXIST)
			continue;
		if (r < 0 || c->archs.n == ARCHS_MAX)
			return error_set(e, ERROR_CONFIG, -r, "linux.seccomp.architectures[%zu] '%s': cannot be added to the filter",
					 i, names->v[i]);
		c->archs.token[c->archs.n++] = token;
	}
	return 0;
}

/* Two conditions on one argument cannot both stand in one rule of libseccomp's. What engines rely on is what runc made
 * of it: then every condition of the entry, on whichever argument, is a rule of its own. */
static bool any_of(const struct spec_seccomp_rule *rule)
{
	unsigned seen = 0;

	for (size_t i = 0; i < rule->args.n; i++) {
		unsigned bit = 1U << rule->args.v[i].index;
		if (seen & bit)
			return true;
		seen |= bit;
	}
	return false;
}

static struct scmp_arg_cmp condition(const struct spec_seccomp_arg *arg)
{
	return (struct scmp_arg_cmp){
		.arg = arg->index,
		.op = (enum scmp_compare)arg->op,
		.datum_a = arg->value,
		.datum_b = arg->value_two,
	};
}

/* 0, or libseccomp's negative errno. */
static int add_syscall(struct compiler *c, const struct spec_seccomp_rule *rule, uint32_t action, int nr)
{
	struct scmp_arg_cmp args[6];
	int r = 0;

	if (any_of(rule)) {
		for (size_t i = 0; i < rule->args.n && r == 0; i++) {
			args[0] = condition(&rule->args.v[i]);
			r = c->lib->rule_add_array(c->ctx, action, nr, 1, args);
		}
		return r;
	}
	for (size_t i = 0; i < rule->args.n; i++)
		args[i] = condition(&rule->args.v[i]);
	return c->lib->rule_add_array(c->ctx, action, nr, (unsigned)rule->args.n, args);
}

static int add_rule(struct compiler *c, const struct spec_seccomp_rule *rule, struct error *e)
{
	uint32_t action = action_value(rule->action, &rule->errno_ret);

	if (action == c->default_action)
		return 0; /* libseccomp refuses rules that change nothing */
	for (size_t i = 0; i < rule->names.n; i++) {
		int nr = c->lib->syscall_resolve_name(rule->names.v[i]);
		int r;

		if (nr == __NR_SCMP_ERROR)
			continue; /* profiles are written for more kernels and libraries than one */
		r = add_syscall(c, rule, action, nr);
		if (r < 0)
			return error_set(e, ERROR_CONFIG, -r, "cannot add a rule for syscall '%s'", rule->names.v[i]);
		c->rules++;
	}
	return 0;
}

static int add_rules(struct compiler *c, struct error *e)
{
	for (size_t i = 0; i < c->profile->syscalls.n; i++)
		if (add_rule(c, &c->profile->syscalls.v[i], e) < 0)
			return error_in(e, "linux.seccomp.syscalls[%zu]", i);
	/* An older library does without. */
	if (c->rules > TREE_MIN)
		(void)c->lib->attr_set(c->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return 0;
}

static int export_program(struct compiler *c, struct strbuf *ret, struct error *e)
{
	auto_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot create a memfd for the seccomp filter");
	r = c->lib->export_bpf(c->ctx, fd);
	if (r < 0)
		return error_set(e, ERROR_HOST, -r, "cannot compile the seccomp filter");
	if (lseek(fd, 0, SEEK_SET) < 0 || read_all(fd, sizeof(struct sock_filter) * (1U << 20), ret) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read the compiled seccomp filter");
	if (ret->len == 0 || ret->len % sizeof(struct sock_filter) != 0)
		return error_set(e, ERROR_HOST, 0, "cannot read the compiled seccomp filter: %zu bytes", ret->len);
	return 0;
}

int compile_profile(const struct spec_seccomp *profile, struct arena *arena, struct seccomp_program *ret, struct error *e)
{
	auto_with(compiler_done) struct compiler c = {.profile = profile};
	struct sock_filter stub[STUB_MAX];
	auto_strbuf struct strbuf bpf = {};
	size_t n_stub;

	if (library_load(&c.lib, e) < 0)
		return -1;
	c.default_action = action_value(profile->default_action, &profile->default_errno_ret);
	c.ctx = c.lib->init(c.default_action);
	if (!c.ctx)
		return error_set(e, ERROR_HOST, 0, "cannot create a seccomp filter: libseccomp %s refuses default action %#x",
				 seccomp_library_version(), c.default_action);
	if (add_architectures(&c, e) < 0 || add_rules(&c, e) < 0 || export_program(&c, &bpf, e) < 0)
		return -1;
	n_stub = stub_build(profile, c.lib, &c.archs, stub);
	ret->n = n_stub + bpf.len / sizeof(struct sock_filter);
	if (ret->n > BPF_MAXINSNS)
		return error_set(e, ERROR_CONFIG, 0, "linux.seccomp: the filter has %zu instructions, the kernel takes %d", ret->n,
				 BPF_MAXINSNS);
	ret->insns = arena_array(arena, ret->n, sizeof(struct sock_filter));
	memcpy(ret->insns, stub, n_stub * sizeof(struct sock_filter));
	memcpy(ret->insns + n_stub, bpf.s, bpf.len);
	return 0;
}

int seccomp_compile(const struct spec_seccomp *profile, int cache_dirfd, struct arena *arena, struct seccomp_program *ret,
		    struct error *e)
{
	struct seccomp_program program = {};
	auto_strbuf struct strbuf key = {};

	if (profile_check(profile, &program, e) < 0)
		return -1;
	if (cache_dirfd >= 0) {
		cache_key(profile, &key);
		program.from_cache = cache_load(cache_dirfd, &key, arena, &program);
	}
	if (!program.from_cache) {
		if (compile_profile(profile, arena, &program, e) < 0)
			return -1;
		if (cache_dirfd >= 0)
			cache_store(cache_dirfd, &key, &program);
	}
	*ret = program;
	return 0;
}
