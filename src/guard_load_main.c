/* SPDX-License-Identifier: Apache-2.0 */
/* kedge-guard-load: what kedge-guard starts to load its programs into the kernel. It ends when they are there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "guard/daemon.h"

static int load(struct error *e)
{
	auto_arena struct arena a = {};
	struct guard_facts facts = {};
	struct guard_policy policy;

	auto_close int dir = open(GUARD_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_close int bpf = dir < 0 ? -1 : openat(dir, "bpf", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (bpf < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open '%s/bpf'", GUARD_DIR);
	if (guard_policy_read(&a, &policy, e) < 0 || guard_load(bpf, policy.syscall_tier, &a, &facts, e) < 0)
		return -1;
	return guard_facts_write(dir, &facts, e);
}

/* Ends at once: a check for leaks, in a build with sanitizers, needs a call that the guard's own filter denies to its children. */
int main(void)
{
	struct error e = {};
	char text[sizeof(e.msg) + 256];

	if (load(&e) == 0)
		_exit(EXIT_SUCCESS);
	fprintf(stderr, "%s\n", error_text(&e, text, sizeof(text)));
	_exit(EXIT_FAILURE);
}
