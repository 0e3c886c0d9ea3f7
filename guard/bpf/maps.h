/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#pragma once

#include "guard/bpf/kernel.h"

#include "guard/abi.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, uint64_t);
	__type(value, struct guard_entry);
} containers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct guard_label);
} labels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, uint64_t);
	__type(value, uint64_t);
} pidns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GUARD_OWNED_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, uint32_t);
	__type(value, uint64_t);
} owned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GUARD_OUTSIDE_MAX);
	__type(key, uint64_t);
	__type(value, uint32_t);
} outside SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, GUARD_RING_BYTES);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GUARD_COUNT_N);
	__type(key, uint32_t);
	__type(value, uint64_t);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct guard_settings);
} settings SEC(".maps");

/* Of the loader: `owned` has all that members made, not only what was sealed. */
const volatile bool provenance;
/* To the loader: a hook was called. */
bool lsm_alive;

static __always_inline struct guard_settings *host_settings(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline void count(uint32_t which)
{
	uint64_t *n = bpf_map_lookup_elem(&counters, &which);

	if (n)
		(*n)++;
}

static __always_inline struct guard_label *label_of(struct task_struct *t)
{
	return bpf_task_storage_get(&labels, t, 0, 0);
}

/* The compiler would join comparisons by XOR, which the verifier forbids for pointers of the kernel. */
#define differs(pointer, value)                                                                    \
	({                                                                                         \
		uint64_t differs_ = (uint64_t)(pointer);                                           \
		asm volatile("" : "+r"(differs_));                                                 \
		differs_ != (value);                                                               \
	})
