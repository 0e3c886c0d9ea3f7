/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device program: linux.resources.devices as BPF instructions. The list is a policy in which, for each kind of
 * access (read, write, mknod) by itself, the last entry that names the device and that access decides; what no entry
 * names is denied. A rule "deny writing" thus also holds for an open for reading and writing, and two rules for reading
 * and for writing together allow that open.
 *
 * The verifier's time is most of what the program costs (it is loaded for each container and runs at an open), and it
 * grows with the branches. So the list is taken apart into chains: one for each type of device and each group of
 * accesses that no rule tells apart, with the last rule first, cut where a rule names every device, and left out where
 * nothing is left to decide. A chain has one comparison a rule. It starts by loading the numbers again, so that the
 * verifier follows it once and not once for each number that the chain before could have found.
 *
 *	w2 access << 16 | type   w4 major   w5 minor   r6 major << 32 | minor   r7 a number to compare with
 */
#include <string.h>

#include "cgroups/internal.h"

#define DEVICE_RULES_MAX 1024 /* jumps have 16 bits, and the verifier keeps 8192 branches in mind */
#define RULE_INSNS 3
#define CHAIN_INSNS 8
#define CHAINS_MAX 6 /* two types, three accesses */
#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

/* Targets of jumps until they are known. All real ones lead forward. */
enum target { TO_DENY = -1, TO_ALLOW = -2, TO_NEXT_CHAIN = -3, TO_OTHER_TYPE = -4 };

/* What every runtime adds: engines count on it, and a container cannot work without most of it. */
static const struct spec_dev_rule default_rules[] = {
	{true, 'c', -1, -1, "m"},    {true, 'b', -1, -1, "m"},
	{true, 'c', 1, 3, "rwm"},    /* null */
	{true, 'c', 1, 5, "rwm"},    /* zero */
	{true, 'c', 1, 7, "rwm"},    /* full */
	{true, 'c', 1, 8, "rwm"},    /* random */
	{true, 'c', 1, 9, "rwm"},    /* urandom */
	{true, 'c', 5, 0, "rwm"},    /* tty */
	{true, 'c', 5, 1, "rwm"},    /* console */
	{true, 'c', 5, 2, "rwm"},    /* ptmx */
	{true, 'c', 136, -1, "rwm"}, /* pts */
	{true, 'c', 10, 200, "rwm"}, /* net/tun */
};

struct program {
	struct bpf_insn *v;
	size_t n;
};

static void emit(struct program *p, int code, unsigned dst, unsigned src, int off, int32_t imm)
{
	p->v[p->n++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = dst & 0xfU,
		.src_reg = src & 0xfU,
		.off = (int16_t)off,
		.imm = imm,
	};
}

static void resolve(struct program *p, enum target target, size_t from)
{
	for (size_t i = from; i < p->n; i++) {
		bool jump = BPF_CLASS(p->v[i].code) == BPF_JMP || BPF_CLASS(p->v[i].code) == BPF_JMP32;
		if (jump && p->v[i].off == (int16_t)target)
			p->v[i].off = (int16_t)(p->n - i - 1);
	}
}

static void emit_load(struct program *p, unsigned reg, int off)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_1, off, 0);
}

static void emit_verdict(struct program *p, bool allow)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int access_bits(const char *access)
{
	int bits = 0;

	for (; *access; access++) {
		switch (*access) {
		case 'r': bits |= BPF_DEVCG_ACC_READ; break;
		case 'w': bits |= BPF_DEVCG_ACC_WRITE; break;
		case 'm': bits |= BPF_DEVCG_ACC_MKNOD; break;
		default: return -1;
		}
	}
	return bits;
}

/* --- chains */

struct chain {
	const struct spec_dev_rule **rule; /* in the order in which they are tried */
	size_t n;
	int bits;
	bool rest; /* what no rule names */
};

struct rules {
	const struct spec_dev_rule **v; /* the last first: default_rules, then those of the container */
	size_t n;
};

static bool of_type(const struct spec_dev_rule *r, char type)
{
	return r->type == 'a' || r->type == type;
}

/* Accesses that every rule for this type names together with `bit`. */
static int group_of(const struct rules *rules, char type, int bit)
{
	int group = ACCESS_ALL;

	for (size_t i = 0; i < rules->n; i++) {
		const struct spec_dev_rule *r = rules->v[i];
		int bits = access_bits(r->access);
		if (!of_type(r, type))
			continue;
		if (bits == ACCESS_ALL && r->major < 0 && r->minor < 0)
			break;
		group &= bits & bit ? bits : ~bits;
	}
	return group;
}

static void chain_make(const struct rules *rules, char type, int bits, struct arena *a, struct chain *ret)
{
	*ret = (struct chain){.rule = arena_array(a, rules->n, sizeof(*ret->rule)), .bits = bits};
	for (size_t i = 0; i < rules->n; i++) {
		const struct spec_dev_rule *r = rules->v[i];
		if (!of_type(r, type) || !(access_bits(r->access) & bits))
			continue;
		if (r->major < 0 && r->minor < 0) {
			ret->rest = r->allow;
			break;
		}
		ret->rule[ret->n++] = r;
	}
	while (ret->n > 0 && ret->rule[ret->n - 1]->allow == ret->rest)
		ret->n--;
}

/* Chains that decide something, that is, any but "all are allowed". */
static size_t chains_of(const struct rules *rules, char type, struct arena *a, struct chain *ret)
{
	int done = 0;
	size_t n = 0;

	for (int bit = 1; bit <= ACCESS_ALL; bit <<= 1) {
		if (done & bit)
			continue;
		int group = group_of(rules, type, bit);
		chain_make(rules, type, group, a, &ret[n]);
		done |= group;
		if (ret[n].n > 0 || !ret[n].rest)
			n++;
	}
	return n;
}

static void emit_compare(struct program *p, const struct spec_dev_rule *r)
{
	int to = r->allow ? TO_NEXT_CHAIN : TO_DENY;

	if (r->minor < 0) {
		emit(p, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_4, 0, to, (int32_t)(uint32_t)r->major);
	} else if (r->major < 0) {
		emit(p, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_5, 0, to, (int32_t)(uint32_t)r->minor);
	} else {
		emit(p, BPF_LD | BPF_IMM | BPF_DW, BPF_REG_7, 0, 0, (int32_t)(uint32_t)r->minor);
		emit(p, 0, 0, 0, 0, (int32_t)(uint32_t)r->major);
		emit(p, BPF_JMP | BPF_JEQ | BPF_X, BPF_REG_6, BPF_REG_7, to, 0);
	}
}

static void emit_chain(struct program *p, const struct chain *c)
{
	size_t start = p->n;

	if (c->n == 0) {
		emit(p, BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_2, 0, TO_DENY, c->bits << 16);
		return;
	}
	emit(p, BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_2, 0, 1, c->bits << 16);
	emit(p, BPF_JMP | BPF_JA, 0, 0, TO_NEXT_CHAIN, 0);
	emit_load(p, BPF_REG_4, 4);
	emit_load(p, BPF_REG_5, 8);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_4, 0, 0);
	emit(p, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_6, 0, 0, 32);
	emit(p, BPF_ALU64 | BPF_OR | BPF_X, BPF_REG_6, BPF_REG_5, 0, 0);
	for (size_t i = 0; i < c->n; i++)
		emit_compare(p, c->rule[i]);
	if (!c->rest)
		emit(p, BPF_JMP | BPF_JA, 0, 0, TO_DENY, 0);
	resolve(p, TO_NEXT_CHAIN, start);
}

static void emit_type(struct program *p, const struct chain *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		emit_chain(p, &c[i]);
}

/* struct bpf_cgroup_dev_ctx: access << 16 | type, major, minor. Nothing that the kernel would take out of it: then a program that it
 * has can be compared (devices_bpf.c). */
static void emit_program(struct program *p, const struct chain *chars, size_t n_chars, const struct chain *blocks,
			 size_t n_blocks)
{
	emit_load(p, BPF_REG_2, 0);
	emit(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_3, 0, 0, 0xffff);
	emit(p, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_3, 0, TO_OTHER_TYPE, BPF_DEVCG_DEV_CHAR);
	emit_type(p, chars, n_chars);
	emit(p, BPF_JMP | BPF_JA, 0, 0, TO_ALLOW, 0);
	resolve(p, TO_OTHER_TYPE, 0);
	emit(p, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_3, 0, TO_DENY, BPF_DEVCG_DEV_BLOCK);
	emit_type(p, blocks, n_blocks);
	resolve(p, TO_ALLOW, 0);
	emit_verdict(p, true);
	resolve(p, TO_DENY, 0);
	emit_verdict(p, false);
}

static int check_rules(const struct spec_dev_rule *v, size_t n, struct error *e)
{
	if (n > DEVICE_RULES_MAX)
		return error_set(e, ERROR_CONFIG, 0, "linux.resources.devices: %zu entries: at most %d are possible", n,
				 DEVICE_RULES_MAX);
	for (size_t i = 0; i < n; i++) {
		if (v[i].type != 'a' && v[i].type != 'b' && v[i].type != 'c')
			return error_set(e, ERROR_CONFIG, 0,
					 "linux.resources.devices[%zu].type: '%c': must be a, b or c", i, v[i].type);
		if (v[i].major > UINT32_MAX || v[i].minor > UINT32_MAX)
			return error_set(e, ERROR_CONFIG, 0,
					 "linux.resources.devices[%zu]: %jd:%jd: is no device number", i,
					 (intmax_t)v[i].major, (intmax_t)v[i].minor);
		if (access_bits(v[i].access) <= 0)
			return error_set(e, ERROR_CONFIG, 0,
					 "linux.resources.devices[%zu].access: '%s': must be made of r, w "
					 "and m",
					 i, v[i].access);
	}
	return 0;
}

int cgroup_device_program(const struct spec_resources *resources, struct arena *a, struct bpf_insn **ret, size_t *n,
			  struct error *e)
{
	const struct spec_dev_rule *own = resources ? resources->devices.v : NULL;
	size_t n_own = resources ? resources->devices.n : 0;
	struct rules rules = {};
	struct chain chars[CHAINS_MAX / 2] = {}, blocks[CHAINS_MAX / 2] = {};

	if (check_rules(own, n_own, e) < 0)
		return -1;
	rules.v = arena_array(a, n_own + ARRAY_SIZE(default_rules), sizeof(*rules.v));
	for (size_t i = ARRAY_SIZE(default_rules); i > 0; i--)
		rules.v[rules.n++] = &default_rules[i - 1];
	for (size_t i = n_own; i > 0; i--)
		rules.v[rules.n++] = &own[i - 1];
	size_t n_chars = chains_of(&rules, 'c', a, chars), n_blocks = chains_of(&rules, 'b', a, blocks);
	*n = 0;
	if (n_chars == 0 && n_blocks == 0)
		return 0;
	struct program p = {.v = arena_array(a, CHAINS_MAX * (rules.n * RULE_INSNS + CHAIN_INSNS) + 16, sizeof(*p.v))};
	emit_program(&p, chars, n_chars, blocks, n_blocks);
	*ret = p.v;
	*n = p.n;
	return 0;
}
