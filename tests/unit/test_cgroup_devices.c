/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device program, run by a small machine over types, numbers and accesses, and compared with a judge that reads
 * the list of rules as the specification has it; then by the kernel's verifier.
 */
#include <errno.h>

#include "base/sys.h"
#include "cgroups/internal.h"
#include "tests/unit/tap.h"

#define R_ BPF_DEVCG_ACC_READ
#define W_ BPF_DEVCG_ACC_WRITE
#define M_ BPF_DEVCG_ACC_MKNOD
#define BROKEN -1

struct program {
	struct bpf_insn *v;
	size_t n;
};

static struct arena arena;

static uint64_t operand(const struct bpf_insn *i, const uint64_t *reg)
{
	return BPF_SRC(i->code) == BPF_X ? reg[i->src_reg] : (uint64_t)(int64_t)i->imm;
}

static bool jumps(const struct bpf_insn *i, const uint64_t *reg)
{
	uint64_t mask = BPF_CLASS(i->code) == BPF_JMP32 ? UINT32_MAX : UINT64_MAX;
	uint64_t a = reg[i->dst_reg] & mask, b = operand(i, reg) & mask;

	switch (BPF_OP(i->code)) {
	case BPF_JA: return true;
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JSET: return a & b;
	default: return false;
	}
}

static bool alu(const struct bpf_insn *i, uint64_t *reg)
{
	uint64_t b = operand(i, reg), *a = &reg[i->dst_reg];

	switch (BPF_OP(i->code)) {
	case BPF_MOV: *a = b; break;
	case BPF_AND: *a &= b; break;
	case BPF_OR: *a |= b; break;
	case BPF_LSH: *a <<= b; break;
	default: return false;
	}
	if (BPF_CLASS(i->code) == BPF_ALU)
		*a &= UINT32_MAX;
	return true;
}

/* The verdict, or BROKEN for anything that this program has no business to do. */
static int run(const struct program *p, int type, int access, uint32_t major, uint32_t minor)
{
	const uint32_t context[3] = {(uint32_t)access << 16 | (uint32_t)type, major, minor};
	uint64_t reg[11] = {};

	for (size_t pc = 0; pc < p->n; pc++) {
		const struct bpf_insn *i = &p->v[pc];
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			if (i->code != (BPF_LD | BPF_IMM | BPF_DW))
				return BROKEN;
			reg[i->dst_reg] = (uint32_t)i[0].imm | (uint64_t)(uint32_t)i[1].imm << 32;
			pc++;
			break;
		case BPF_LDX:
			if (i->code != (BPF_LDX | BPF_MEM | BPF_W) || i->src_reg != BPF_REG_1 || i->off < 0 ||
			    i->off > 8)
				return BROKEN;
			reg[i->dst_reg] = context[i->off / 4];
			break;
		case BPF_ALU:
		case BPF_ALU64:
			if (!alu(i, reg))
				return BROKEN;
			break;
		case BPF_JMP:
		case BPF_JMP32:
			if (BPF_OP(i->code) == BPF_EXIT)
				return (int)reg[0];
			if (i->off < 0)
				return BROKEN;
			if (jumps(i, reg))
				pc += (size_t)i->off;
			break;
		default: return BROKEN;
		}
	}
	return BROKEN;
}

/* One access by itself: the last rule that names it. */
static int judge_one(const struct spec_dev_rule *rules, size_t n, char type, char access, int64_t major, int64_t minor)
{
	for (size_t i = n; i > 0; i--) {
		const struct spec_dev_rule *r = &rules[i - 1];
		if ((r->type == 'a' || r->type == type) && (r->major < 0 || r->major == major) &&
		    (r->minor < 0 || r->minor == minor) && strchr(r->access, access))
			return r->allow;
	}
	return 0;
}

static int judge(const struct spec_dev_rule *rules, size_t n, char type, int access, uint32_t major, uint32_t minor)
{
	return (!(access & R_) || judge_one(rules, n, type, 'r', major, minor)) &&
	       (!(access & W_) || judge_one(rules, n, type, 'w', major, minor)) &&
	       (!(access & M_) || judge_one(rules, n, type, 'm', major, minor));
}

static const struct spec_dev_rule defaults[] = {
	{true, 'c', -1, -1, "m"},  {true, 'b', -1, -1, "m"},  {true, 'c', 1, 3, "rwm"},    {true, 'c', 1, 5, "rwm"},
	{true, 'c', 1, 7, "rwm"},  {true, 'c', 1, 8, "rwm"},  {true, 'c', 1, 9, "rwm"},    {true, 'c', 5, 0, "rwm"},
	{true, 'c', 5, 1, "rwm"},  {true, 'c', 5, 2, "rwm"},  {true, 'c', 136, -1, "rwm"}, {true, 'c', 10, 200, "rwm"},
};

static const struct program *compile(const struct spec_dev_rule *rules, size_t n, struct program *p)
{
	const struct spec_resources r = {.devices = {n, (struct spec_dev_rule *)rules}};
	struct error e = {};

	*p = (struct program){};
	if (cgroup_device_program(&r, &arena, &p->v, &p->n, &e) < 0)
		diag("%s", e.msg);
	return p;
}

/* Every device near a number that some rule names, with every access. */
static void agrees(const char *what, const struct spec_dev_rule *rules, size_t n)
{
	static const uint32_t numbers[] = {0,  1,   2,   3,   5,          7,          8,         9,
					   10, 136, 200, 229, 0x7fffffff, 0x80000000, 0xffffffff};
	struct spec_dev_rule all[64];
	struct program p;
	size_t wrong = 0;

	if (n)
		memcpy(all, rules, n * sizeof(*rules));
	memcpy(all + n, defaults, sizeof(defaults));
	compile(rules, n, &p);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(numbers); j++) {
			for (int access = 1; access <= (R_ | W_ | M_); access++) {
				for (int type = BPF_DEVCG_DEV_BLOCK; type <= BPF_DEVCG_DEV_CHAR; type++) {
					char t = type == BPF_DEVCG_DEV_BLOCK ? 'b' : 'c';
					int want =
						judge(all, n + ARRAY_SIZE(defaults), t, access, numbers[i], numbers[j]);
					int got = p.n ? run(&p, type, access, numbers[i], numbers[j]) : 1;
					if (got != want && !wrong++)
						diag("%c %u:%u access %d: got %d, want %d", t, numbers[i], numbers[j],
						     access, got, want);
				}
			}
		}
	}
	is_int(wrong, 0, "%s", what);
}

#define RULES(...) \
	(const struct spec_dev_rule[]){__VA_ARGS__}, ARRAY_SIZE(((const struct spec_dev_rule[]){__VA_ARGS__}))
#define DENY_ALL {false, 'a', -1, -1, "rwm"}
#define ALLOW_ALL {true, 'a', -1, -1, "rwm"}

static void test_verdicts(void)
{
	agrees("no rules: the default devices alone", NULL, 0);
	agrees("deny all", RULES(DENY_ALL));
	agrees("allow all", RULES(ALLOW_ALL));
	agrees("allow all, then deny all", RULES(ALLOW_ALL, DENY_ALL));
	agrees("deny all, then allow all", RULES(DENY_ALL, ALLOW_ALL));
	agrees("one device of all", RULES(DENY_ALL, {true, 'c', 10, 229, "rw"}));
	agrees("all but one device", RULES(ALLOW_ALL, {false, 'b', 8, 0, "rwm"}));
	agrees("all but writing to one", RULES(ALLOW_ALL, {false, 'b', 8, 0, "w"}));
	agrees("reading and writing by two rules", RULES({true, 'b', 8, -1, "r"}, {true, 'b', 8, 1, "w"}));
	agrees("a hole in a range",
	       RULES({true, 'c', 10, -1, "rwm"}, {false, 'c', 10, 9, "r"}, {true, 'c', 10, 9, "w"}));
	agrees("any major, one minor", RULES({true, 'a', -1, 7, "r"}, {false, 'c', 2, -1, "rm"}));
	agrees("both types by one rule", RULES({true, 'a', 8, 1, "rwm"}));
	agrees("mknod denied is still what every container may", RULES(ALLOW_ALL, {false, 'a', -1, -1, "m"}));
	agrees("the largest numbers",
	       RULES({true, 'b', 0xffffffff, 0x80000000, "rw"}, {true, 'c', 0x7fffffff, -1, "r"}));
	agrees("total rules in the middle",
	       RULES({true, 'b', 8, 0, "rwm"}, DENY_ALL, {true, 'b', 9, 0, "rwm"}, {false, 'b', 9, 0, "m"}));
	agrees("accesses of all devices by three rules",
	       RULES({true, 'a', -1, -1, "r"}, {true, 'a', -1, -1, "w"}, {true, 'a', -1, -1, "m"}));
}

static void test_sizes(void)
{
	struct program p;

	is_int(compile(RULES(ALLOW_ALL), &p)->n, 0, "nothing is attached where everything is allowed");
	is_int(compile(RULES(DENY_ALL, ALLOW_ALL, {true, 'c', 1, 1, "r"}), &p)->n, 0,
	       "later allowing rules change nothing");
	is_int(compile(RULES({true, 'a', -1, -1, "r"}, {true, 'b', -1, -1, "wm"}, {true, 'c', -1, -1, "w"}), &p)->n, 0,
	       "nor where several rules together do");
	ok(compile(RULES(ALLOW_ALL, {false, 'c', 1, 1, "r"}), &p)->n > 0, "later denying rules do");
	ok(compile(NULL, 0, &p)->n > 0, "without rules there is a program all the same");
	size_t n = p.n;
	is_int(compile(RULES({true, 'b', 8, 0, "rwm"}, {false, 'b', 8, 0, "w"}, DENY_ALL), &p)->n, n,
	       "rules before a total one leave no trace");
	struct error e = {};
	is_int(cgroup_device_program(NULL, &arena, &p.v, &p.n, &e), 0, "without resources");
	is_int(p.n, n, "the default devices alone");
}

static void refuses(const char *want, const struct spec_dev_rule *rules, size_t n)
{
	const struct spec_resources r = {.devices = {n, (struct spec_dev_rule *)rules}};
	struct program p = {};
	struct error e = {};

	if (cgroup_device_program(&r, &arena, &p.v, &p.n, &e) == 0)
		fail("refused: %s", want);
	else
		is_str(e.msg, want, "refused: %s", want);
}

static void test_refused(void)
{
	refuses("linux.resources.devices[1].access: '': must be made of r, w and m",
		RULES(ALLOW_ALL, {true, 'c', 1, 1, ""}));
	refuses("linux.resources.devices[0].access: 'rx': must be made of r, w and m", RULES({true, 'c', 1, 1, "rx"}));
	refuses("linux.resources.devices[0].type: 'p': must be a, b or c", RULES({true, 'p', 1, 1, "r"}));
	refuses("linux.resources.devices[0]: 4294967296:0: is no device number", RULES({true, 'c', 1LL << 32, 0, "r"}));
}

/* As many rules as are possible, and of the kind that the verifier has the most work with. */
static void test_verifier(void)
{
	struct spec_dev_rule many[1024];
	struct program p;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct spec_dev_rule){i % 3 != 0, i % 2 ? 'c' : 'b', (int64_t)i, i % 5 ? 7 : -1, "rw"};
	compile(many, ARRAY_SIZE(many), &p);
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = (uint32_t)p.n,
		.insns = (uint64_t)(uintptr_t)p.v,
		.license = (uint64_t)(uintptr_t) "Apache-2.0",
	};
	auto_close int fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0 && (errno == EPERM || errno == ENOSYS))
		skip(1, "this process may not load BPF programs: %s", strerror(errno));
	else
		ok(fd >= 0, "the verifier takes %zu instructions of %zu rules", p.n, ARRAY_SIZE(many));
}

int main(void)
{
	test_verdicts();
	test_sizes();
	test_refused();
	test_verifier();
	arena_done(&arena);
	return done();
}
