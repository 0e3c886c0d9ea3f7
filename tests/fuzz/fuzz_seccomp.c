/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as linux.seccomp, through libseccomp: what comes out is a program that the kernel would take. */
#include "base/strbuf.h"
#include "seccomp/seccomp.h"
#include "tests/fuzz/fuzz.h"

#define INSNS_MAX 32768 /* times the kernel's limit for one filter: libseccomp may make what the kernel refuses */

/* Every jump leads forward, to an instruction of the program; the last one returns. */
static void check(const struct seccomp_program *program)
{
	must_hold(program->n > 0 && program->n < INSNS_MAX);
	for (size_t i = 0; i < program->n; i++) {
		const struct sock_filter *f = &program->insns[i];
		size_t left = program->n - 1 - i;
		if (BPF_CLASS(f->code) != BPF_JMP)
			continue;
		if (BPF_OP(f->code) == BPF_JA)
			must_hold(f->k < left);
		else
			must_hold(f->jt < left && f->jf < left);
	}
	must_hold(BPF_CLASS(program->insns[program->n - 1].code) == BPF_RET);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"seccomp\":";
	auto_strbuf struct strbuf text = {};
	auto_spec struct spec *spec = NULL;
	auto_arena struct arena a = {};
	struct seccomp_program program = {};
	struct error e = {};

	strbuf_adds(&text, head);
	strbuf_add(&text, data, size);
	strbuf_adds(&text, "}}");
	if (spec_parse("config.json", text.s, text.len, &spec, &e) < 0 || !spec->linux_.seccomp.set)
		return 0;
	if (seccomp_compile(&spec->linux_.seccomp, -1, &a, &program, &e) < 0)
		must_hold(e.msg[0]);
	else
		check(&program);
	return 0;
}
