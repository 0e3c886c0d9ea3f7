/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as config.json, as a process and as resources, and on through everything that is computed from them without
 * a system call: the cgroup's files, the device program. */
#include <linux/bpf.h>

#include "cgroups/cgroup.h"
#include "cgroups/internal.h"
#include "spec/spec.h"
#include "tests/fuzz/fuzz.h"

static void compute(const struct spec_resources *resources)
{
	auto_arena struct arena a = {};
	struct cgroup_writes writes = {};
	struct bpf_insn *program = NULL;
	struct error e = {}, e2 = {};
	size_t n = 0;

	if (cgroup_writes(resources, &a, &writes, &e) < 0)
		must_hold(e.msg[0]);
	else
		for (size_t i = 0; i < writes.n; i++)
			must_hold(writes.v[i].file && writes.v[i].value && writes.v[i].value[0]);
	if (cgroup_device_program(resources, &a, &program, &n, &e2) < 0)
		must_hold(e2.msg[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_spec struct spec *spec = NULL;
	struct spec_process process = {};
	struct spec_resources resources = {};
	struct error e = {}, e2 = {}, e3 = {};
	const char *text = (const char *)data;

	if (spec_parse("config.json", text, size, &spec, &e) < 0) {
		must_hold(e.kind != ERROR_NONE && e.kind != ERROR_BUG && e.msg[0]);
	} else {
		must_hold(spec);
		compute(&spec->linux_.resources);
	}
	if (!spec)
		return 0;
	if (spec_parse_process(spec, "process.json", text, size, &process, &e2) < 0)
		must_hold(e2.msg[0]);
	if (spec_parse_resources(spec, "resources.json", text, size, &resources, &e3) < 0)
		must_hold(e3.msg[0]);
	else
		compute(&resources);
	return 0;
}
