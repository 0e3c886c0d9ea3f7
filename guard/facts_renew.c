/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading, in a child that ends: it needs more memory than everything else together. What comes of it is in facts.json; a child
 * that fails leaves the poll tier and its reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/io.h"
#include "guard/daemon.h"

#define LOAD_WAIT_MS 50000
#define FACTS "facts.json"
#define LOADER "kedge-guard-load"

int guard_facts_write(int dir, const struct guard_facts *facts, struct error *e)
{
	auto_strbuf struct strbuf text = {};

	guard_facts_print(facts, &text);
	if (replace_file_at(dir, FACTS, text.s, text.len, 0600, e) < 0)
		return error_in(e, "%s", GUARD_DIR);
	return 0;
}

static int poll_tier(struct guard_daemon *d, char *why, struct error *e)
{
	struct utsname host;
	struct guard_facts facts = {.tiers = GUARD_TIER_POLL,
				    .no_sample = why,
				    .no_sweep = why,
				    .no_lsm = why,
				    .no_syscall = why};

	if (uname(&host) == 0)
		facts.kernel = host.release;
	return guard_facts_write(d->dir, &facts, e);
}

int guard_facts_renew(struct guard_daemon *d, struct error *e)
{
	char *argv[] = {(char *)LOADER, NULL}, path[32], text[512];
	struct error why = {};

	snprintf(path, sizeof(path), "/proc/self/fd/%d", d->loader);
	if (d->bpf < 0)
		error_set(&why, ERROR_HOST, d->no_bpffs, "cannot mount a bpf file system");
	else if (d->loader < 0)
		error_set(&why, ERROR_HOST, d->no_loader, "cannot execute '%s'", LOADER);
	else if (guard_run(path, argv, LOAD_WAIT_MS, &why) < 0)
		guard_report_event(d, "error", error_text(&why, text, sizeof(text)));
	if (why.kind != ERROR_NONE &&
	    poll_tier(d, arena_strdup(&d->arena, error_text(&why, text, sizeof(text))), e) < 0)
		return -1;
	return guard_facts_read(&d->arena, &d->facts, e);
}

int guard_loader_open(struct guard_daemon *d, struct error *e)
{
	auto_arena struct arena a = {};
	struct error ignored = {};
	char *path;

	if (guard_find_program(&a, LOADER, PKGLIBEXECDIR, &path, &ignored) < 0) {
		d->no_loader = ignored.sys;
		return 0;
	}
	d->loader = open(path, O_PATH | O_CLOEXEC);
	return d->loader < 0 ? error_set(e, ERROR_HOST, errno, "cannot open '%s'", path) : 0;
}

void guard_kernel_open(struct guard_daemon *d)
{
	struct error e = {};

	d->containers = d->bpf < 0 ? -1 : guard_pin_open(d->bpf, "containers");
	if (d->containers < 0 || !guard_has_programs(d))
		return;
	if (guard_ring_open(d->bpf, &d->ring, &e) < 0) {
		d->ring.fd = -1;
		guard_report_event(d, "error", e.msg);
	}
}

void guard_kernel_close(struct guard_daemon *d)
{
	if (d->ring.fd >= 0)
		guard_ring_done(&d->ring);
	d->ring.fd = -1;
	macro_close(&d->containers);
	d->containers = -1;
	for (size_t i = 0; i < d->armed.n; i++)
		d->armed.v[i]->entered = false;
}
