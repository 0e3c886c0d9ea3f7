/* SPDX-License-Identifier: Apache-2.0 */
/* The programs in the kernel as kedge-guard handles them: loaded once a host, pinned, then only read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "guard/abi.h"
#include "guard/guard.h" /* struct guard_facts */

/* Pinned objects below GUARD_DIR/bpf/<GUARD_ABI>/, by raw bpf(2): a map by its name in abi.h, or a link of the build that is
 * on by the name of its program (guard/programs.h); -1 with errno. */
int guard_pin_open(int bpf_dir, const char *name);

/*
 * Probes what the kernel lets load, loads, attaches beside what an older build left, pins, and takes away the older build's
 * links: there is no moment without. Needs libbpf, 20 MB and 200-500 ms: called in a child of kedge-guard that ends after it.
 * syscall_tier: T3 too. The maps are kept when they are there already; every call loads anew. Where nothing loads, tiers is
 * GUARD_TIER_POLL alone. GUARD_TIER_SAMPLE is what labels and seals: without it there is no other. Not in two processes at a
 * time: the caller holds the lock of kedge-guard.
 */
must_check int guard_load(int bpf_dir, bool syscall_tier, struct arena *a, struct guard_facts *ret, struct error *e);
/* Detaches and unpins everything. */
must_check int guard_unload(int bpf_dir, struct error *e);
/* Every link of these tiers is pinned and still attached; *broken names the first that is not. */
must_check int guard_links_check(int bpf_dir, uint32_t tiers, char broken[64], struct error *e);

/* The ring, mapped: no libbpf. fd for poll; read calls back for each record and frees it. */
struct guard_ring {
	int fd;
	void *consumer, *producer;
	uint64_t mask;
};
must_check int guard_ring_open(int bpf_dir, struct guard_ring *ret, struct error *e);
typedef void guard_record_function(void *ctx, const struct guard_record *record);
int guard_ring_read(struct guard_ring *ring, guard_record_function *function, void *ctx);
void guard_ring_done(struct guard_ring *ring);

/*
 * T4: one run of the task iterator over the whole host; findings come through the ring. The programs can send a signal to the
 * current task only: what a record with GUARD_HOOK_SWEEP and GUARD_ACTION_KILLED names lives until its next event of T1 or T3,
 * so whoever reads it kills (pidfd of record->pid, or the container's cgroup.kill when its entry is GUARD_CONDEMNED).
 */
must_check int guard_sweep(int bpf_dir, struct error *e);
/* Sum over the CPUs. */
must_check int guard_counter_read(int bpf_dir, enum guard_counter which, uint64_t *ret, struct error *e);
