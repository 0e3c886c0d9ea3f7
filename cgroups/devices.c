/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device program: linux.resources.devices as BPF instructions. The list is a policy in which, for each kind of
 * access (read, write, mknod) by itself, the last entry that names the device and that access decides; what no entry
 * names is denied. So the entries are tried from the last to the first, an allowing one crosses off the accesses that it
 * covers, a denying one that meets an access not yet crossed off ends it. A rule "deny writing" thus also holds for an
 * open for reading and writing, and two rules for reading and for writing together allow that open.
 *
 *	w2 type   w3 accesses not yet allowed   w4 major   w5 minor
 */
#include <string.h>

#include "cgroups/internal.h"

#define DEVICE_RULES_MAX 4096
#define RULE_INSNS_MAX 8
#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

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

static void emit_verdict(struct program *p, bool allow)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* struct bpf_cgroup_dev_ctx: access_type = access << 16 | type, major, minor */
static void emit_start(struct program *p)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
	emit(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
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

static void emit_unless(struct program *p, unsigned reg, int64_t value)
{
	emit(p, BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, 0, (int32_t)(uint32_t)value);
}

/* The comparisons at the front jump behind the rule when they fail: their offsets are known at its end. */
static void emit_rule(struct program *p, const struct spec_dev_rule *r)
{
	size_t start = p->n;
	int bits = access_bits(r->access);

	if (r->type != 'a')
		emit_unless(p, BPF_REG_2, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (r->major >= 0)
		emit_unless(p, BPF_REG_4, r->major);
	if (r->minor >= 0)
		emit_unless(p, BPF_REG_5, r->minor);
	size_t compared = p->n;
	if (bits != ACCESS_ALL && r->allow) {
		emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_3, 0, 0, ~bits);
		emit(p, BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_3, 0, 2, 0);
	} else if (bits != ACCESS_ALL) {
		emit(p, BPF_JMP32 | BPF_JSET | BPF_K, BPF_REG_3, 0, 1, bits);
		emit(p, BPF_JMP | BPF_JA, 0, 0, 2, 0);
	}
	emit_verdict(p, r->allow);
	for (size_t i = start; i < compared; i++)
		p->v[i].off = (int16_t)(p->n - i - 1);
}

/* Every device, every access: nothing before it in the list matters. */
static bool is_total(const struct spec_dev_rule *r)
{
	return r->type == 'a' && r->major < 0 && r->minor < 0 && access_bits(r->access) == ACCESS_ALL;
}

static int check_rules(const struct spec_dev_rule *v, size_t n, struct error *e)
{
	if (n > DEVICE_RULES_MAX)
		return error_set(e, ERROR_CONFIG, 0, "linux.resources.devices: %zu entries: at most %d are possible", n,
				 DEVICE_RULES_MAX);
	for (size_t i = 0; i < n; i++) {
		if (v[i].type != 'a' && v[i].type != 'b' && v[i].type != 'c')
			return error_set(e, ERROR_CONFIG, 0, "linux.resources.devices[%zu].type: '%c': must be a, b or c", i,
					 v[i].type);
		if (v[i].major > UINT32_MAX || v[i].minor > UINT32_MAX)
			return error_set(e, ERROR_CONFIG, 0, "linux.resources.devices[%zu]: %jd:%jd: is no device number", i,
					 (intmax_t)v[i].major, (intmax_t)v[i].minor);
		if (access_bits(v[i].access) <= 0)
			return error_set(e, ERROR_CONFIG, 0, "linux.resources.devices[%zu].access: '%s': must be made of r, w "
					 "and m", i, v[i].access);
	}
	return 0;
}

int devices_program(const struct spec_resources *resources, struct arena *a, struct bpf_insn **ret, size_t *n,
		    struct error *e)
{
	const struct spec_dev_rule *rules = resources ? resources->devices.v : NULL;
	size_t n_rules = resources ? resources->devices.n : 0, first = 0;
	bool allow_rest = false, any_deny = false;

	if (check_rules(rules, n_rules, e) < 0)
		return -1;
	for (size_t i = n_rules; i > 0 && !first; i--) {
		if (is_total(&rules[i - 1])) {
			first = i;
			allow_rest = rules[i - 1].allow;
		}
	}
	for (size_t i = first; i < n_rules; i++)
		any_deny |= !rules[i].allow;
	*n = 0;
	if (allow_rest && !any_deny)
		return 0;
	struct program p = {.v = arena_array(a, (n_rules - first + ARRAY_SIZE(default_rules) + 1) * RULE_INSNS_MAX,
					     sizeof(struct bpf_insn))};
	emit_start(&p);
	for (size_t i = ARRAY_SIZE(default_rules); i > 0; i--)
		emit_rule(&p, &default_rules[i - 1]);
	for (size_t i = n_rules; i > first; i--)
		emit_rule(&p, &rules[i - 1]);
	emit_verdict(&p, allow_rest);
	*ret = p.v;
	*n = p.n;
	return 0;
}
