/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what the programs found, without libbpf: the ring, the counters, and the start of a sweep. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "base/sys.h"
#include "guard/programs.h"

#define CPUS_MAX 8192

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int guard_ring_open(int bpf_dir, struct guard_ring *ret, struct error *e)
{
	struct guard_ring ring = {.fd = guard_pin_open(bpf_dir, "records"), .mask = GUARD_RING_BYTES - 1};

	if (ring.fd < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot open the ring of records");
	ring.consumer = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, 0);
	/* The position of the producer, then the data, twice: a record is never in two pieces. */
	ring.producer = mmap(NULL, page_size() + (size_t)2 * GUARD_RING_BYTES, PROT_READ, MAP_SHARED, ring.fd,
			     (off_t)page_size());
	if (ring.consumer == MAP_FAILED || ring.producer == MAP_FAILED) {
		error_set(e, ERROR_HOST, errno, "drift guard: cannot map the ring of records");
		guard_ring_done(&ring);
		return -1;
	}
	*ret = ring;
	return 0;
}

int guard_ring_read(struct guard_ring *ring, guard_record_function *function, void *ctx)
{
	const char *data = (const char *)ring->producer + page_size();
	uint64_t at = __atomic_load_n((uint64_t *)ring->consumer, __ATOMIC_ACQUIRE);
	int n = 0;

	while (at < __atomic_load_n((uint64_t *)ring->producer, __ATOMIC_ACQUIRE)) {
		const char *header = data + (at & ring->mask);
		uint32_t length = __atomic_load_n((const uint32_t *)(const void *)header, __ATOMIC_ACQUIRE);

		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(length & BPF_RINGBUF_DISCARD_BIT) && length == sizeof(struct guard_record)) {
			function(ctx, (const struct guard_record *)(const void *)(header + BPF_RINGBUF_HDR_SZ));
			n++;
		}
		length &= ~(uint32_t)BPF_RINGBUF_DISCARD_BIT;
		at += ((uint64_t)length + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		__atomic_store_n((uint64_t *)ring->consumer, at, __ATOMIC_RELEASE);
	}
	return n;
}

void guard_ring_done(struct guard_ring *ring)
{
	if (ring->consumer && ring->consumer != MAP_FAILED)
		munmap(ring->consumer, page_size());
	if (ring->producer && ring->producer != MAP_FAILED)
		munmap(ring->producer, page_size() + (size_t)2 * GUARD_RING_BYTES);
	macro_close(&ring->fd);
	*ring = (struct guard_ring){.fd = -1};
}

int guard_counter_read(int bpf_dir, enum guard_counter which, uint64_t *ret, struct error *e)
{
	uint32_t key = which;
	auto_free uint64_t *values = calloc(CPUS_MAX, sizeof(*values));
	union bpf_attr attr = {.key = (uint64_t)(uintptr_t)&key, .value = (uint64_t)(uintptr_t)values};
	uint64_t sum = 0;

	auto_close int fd = guard_pin_open(bpf_dir, "counters");
	attr.map_fd = (uint32_t)fd;
	if (!values || fd < 0 || sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot read the counters");
	for (size_t i = 0; i < CPUS_MAX; i++)
		sum += values[i];
	*ret = sum;
	return 0;
}

int guard_sweep(int bpf_dir, struct error *e)
{
	char buf[64];
	ssize_t n;

	auto_close int link = guard_pin_open(bpf_dir, "sweep");
	union bpf_attr attr = {.iter_create = {.link_fd = (uint32_t)link}};
	auto_close int iter = link < 0 ? -1 : sys_bpf(BPF_ITER_CREATE, &attr, sizeof(attr));
	if (iter < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot start a sweep");
	do
		n = read(iter, buf, sizeof(buf));
	while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	if (n < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: a sweep did not end");
	return 0;
}
