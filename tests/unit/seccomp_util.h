/* What the tests of seccomp/ share: profiles built by hand, and a machine that runs a compiled program. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "seccomp/seccomp.h"
#include "spec/json.h"
#include "tests/unit/seccomp_profile.h"
#include "tests/unit/tap.h"

#define RET_ERRNO(n) (SECCOMP_RET_ERRNO | (n))
#define BROKEN 0xdeadbeefU /* no action has this value */
#define X32 0x40000000

/* The part of classic BPF that filters are made of. */
__attribute__((unused)) static uint32_t run_filter(const struct seccomp_program *p, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < p->n; pc++) {
		const struct sock_filter *i = &p->insns[pc];
		bool yes = false;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 != 0 || i->k > sizeof(*data) - 4)
				return BROKEN;
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K: a &= i->k; continue;
		case BPF_RET | BPF_K: return i->k;
		case BPF_JMP | BPF_JA: pc += i->k; continue;
		case BPF_JMP | BPF_JEQ | BPF_K: yes = a == i->k; break;
		case BPF_JMP | BPF_JGT | BPF_K: yes = a > i->k; break;
		case BPF_JMP | BPF_JGE | BPF_K: yes = a >= i->k; break;
		case BPF_JMP | BPF_JSET | BPF_K: yes = a & i->k; break;
		default: return BROKEN;
		}
		pc += yes ? i->jt : i->jf;
	}
	return BROKEN;
}

__attribute__((unused)) static uint32_t eval6(const struct seccomp_program *p, uint32_t arch, int nr, uint64_t a0,
					      uint64_t a1, uint64_t a2)
{
	return run_filter(p, &(struct seccomp_data){.arch = arch, .nr = nr, .args = {a0, a1, a2}});
}

#if defined(__x86_64__)
#define AUDIT_ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_NATIVE AUDIT_ARCH_AARCH64
#endif

#define eval(p, nr) eval6(p, AUDIT_ARCH_NATIVE, nr, 0, 0, 0)

/* A string list in static memory of the call's block. */
#define STRINGS(...)                                                                                                   \
	((struct spec_strings){                                                                                        \
		.n = sizeof((char *[]){__VA_ARGS__}) / sizeof(char *),                                                 \
		.v = (char *[]){__VA_ARGS__},                                                                          \
	})
#define ARGS(...)                                                                                                      \
	.args = {                                                                                                      \
		.n = sizeof((struct spec_seccomp_arg[]){__VA_ARGS__}) / sizeof(struct spec_seccomp_arg),               \
		.v = (struct spec_seccomp_arg[]){__VA_ARGS__},                                                         \
	}
#define RULES(...)                                                                                                     \
	.syscalls = {                                                                                                  \
		.n = sizeof((struct spec_seccomp_rule[]){__VA_ARGS__}) / sizeof(struct spec_seccomp_rule),             \
		.v = (struct spec_seccomp_rule[]){__VA_ARGS__},                                                        \
	}
#define ERRNO(n) .action = SECCOMP_RET_ERRNO, .errno_ret = {true, n}
#define ALLOW .action = SECCOMP_RET_ALLOW

/* Compiles without a cache; a failure is a failed check. */
__attribute__((unused)) static struct seccomp_program compile(const struct spec_seccomp *profile, struct arena *arena,
							      const char *what)
{
	struct seccomp_program p = {};
	struct error e = {};

	ok(seccomp_compile(profile, -1, arena, &p, &e) == 0, "compiles: %s", what);
	if (e.kind)
		diag("%s", e.msg);
	return p;
}

/* The realistic profile: Docker's shape with names of our own. */
__attribute__((unused)) static struct spec_seccomp big_profile(void)
{
	static struct spec_seccomp_arg personality[] = {{.value = 0, .op = SCMP_CMP_EQ}};
	static struct spec_seccomp_arg socket_[] = {{.value = 40, .op = SCMP_CMP_NE}};
	static struct spec_seccomp_arg clone_[] = {{.value = 0x7e020000, .value_two = 0, .op = SCMP_CMP_MASKED_EQ}};
	static char *names[] = {"personality", "socket", "clone", "clone3", "ioctl"};
	static struct spec_seccomp_rule rules[] = {
		{.names = {0, (char **)(uintptr_t)profile_allowed}, ALLOW},
		{.names = {1, &names[0]}, ALLOW, .args = {1, personality}},
		{.names = {1, &names[1]}, ALLOW, .args = {1, socket_}},
		{.names = {1, &names[2]}, ALLOW, .args = {1, clone_}},
		{.names = {1, &names[3]}, ERRNO(ENOSYS)},
		{.names = {1, &names[4]}, ALLOW},
	};
	static char *archs[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};

	rules[0].names.n = ARRAY_SIZE(profile_allowed);
	return (struct spec_seccomp){
		.set = true,
		.default_action = SECCOMP_RET_ERRNO,
		.default_errno_ret = {true, EPERM},
		.architectures = {ARRAY_SIZE(archs), archs},
		.syscalls = {ARRAY_SIZE(rules), rules},
	};
}

/* --- profiles as engines ship them: the spec's object, plus conditions on capabilities and architectures */

static bool json_has(const struct json *list, const char *word)
{
	for (const struct json *i = list ? list->child : NULL; i; i = i->next)
		if (i->text && strcmp(i->text, word) == 0)
			return true;
	return false;
}

/* For a container without capabilities on x86-64. */
static bool rule_applies(const struct json *rule)
{
	const struct json *in = json_get(rule, "includes"), *out = json_get(rule, "excludes");
	const struct json *caps = json_get(in, "caps"), *arches = json_get(in, "arches");

	return !(caps && caps->n) && !(arches && arches->n && !json_has(arches, "amd64")) &&
	       !json_has(json_get(out, "arches"), "amd64");
}

static uint32_t json_action(const struct json *object, const char *key)
{
	int64_t v = 0;

	if (!name_to_value(names_seccomp_actions, json_str(object, key, ""), &v))
		fail("action '%s'", json_str(object, key, ""));
	return (uint32_t)v;
}

static struct opt_u32 json_errno(const struct json *object, const char *key)
{
	int64_t v = json_int(object, key, -1);

	return (struct opt_u32){.set = v >= 0, .v = v >= 0 ? (uint32_t)v : 0};
}

static void read_rule(const struct json *json, struct arena *arena, struct spec_seccomp_rule *rule)
{
	const struct json *names = json_get(json, "names"), *args = json_get(json, "args");

	rule->action = json_action(json, "action");
	rule->errno_ret = json_errno(json, "errnoRet");
	rule->names.v = (char **)arena_array(arena, names->n, sizeof(char *));
	for (const struct json *i = names->child; i; i = i->next)
		rule->names.v[rule->names.n++] = arena_strdup(arena, i->text);
	rule->args.v = (struct spec_seccomp_arg *)arena_array(arena, args ? args->n : 0, sizeof(rule->args.v[0]));
	for (const struct json *i = args ? args->child : NULL; i; i = i->next) {
		int64_t op = 0;

		name_to_value(names_seccomp_ops, json_str(i, "op", ""), &op);
		rule->args.v[rule->args.n++] = (struct spec_seccomp_arg){
			.index = (uint32_t)json_int(i, "index", 0),
			.value = (uint64_t)json_int(i, "value", 0),
			.value_two = (uint64_t)json_int(i, "valueTwo", 0),
			.op = (int)op,
		};
	}
}

/* false: there is none, or it cannot be read. */
__attribute__((unused)) static bool read_profile(const char *path, struct arena *arena, struct spec_seccomp *ret)
{
	static char *archs[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
	struct strbuf text = {};
	struct json *doc, *rules;
	struct error e = {};

	if (read_file_at(AT_FDCWD, path, 1 << 20, &text) < 0 ||
	    json_parse(arena, path, strbuf_str(&text), text.len, &doc, &e) < 0) {
		strbuf_done(&text);
		return false;
	}
	strbuf_done(&text);
	rules = json_get(doc, "syscalls");
	*ret = (struct spec_seccomp){
		.set = true,
		.default_action = json_action(doc, "defaultAction"),
		.default_errno_ret = json_errno(doc, "defaultErrnoRet"),
		.architectures = {ARRAY_SIZE(archs), archs},
	};
	ret->syscalls.v = (struct spec_seccomp_rule *)arena_array(arena, rules->n, sizeof(ret->syscalls.v[0]));
	for (const struct json *i = rules->child; i; i = i->next)
		if (rule_applies(i))
			read_rule(i, arena, &ret->syscalls.v[ret->syscalls.n++]);
	return true;
}

__attribute__((unused)) static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}
