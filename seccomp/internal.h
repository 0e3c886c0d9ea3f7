/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of seccomp/ share; nobody else includes this. */
#pragma once

#include <linux/seccomp.h>
#include <seccomp.h>

#include "seccomp/seccomp.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* --- library.c: libseccomp by function pointers, see base/dl.h for why */
struct library {
	const struct scmp_version *(*version)(void);
	scmp_filter_ctx (*init)(uint32_t action);
	void (*release)(scmp_filter_ctx ctx);
	int (*arch_add)(scmp_filter_ctx ctx, uint32_t arch);
	uint32_t (*arch_native)(void);
	uint32_t (*arch_resolve_name)(const char *name);
	int (*attr_set)(scmp_filter_ctx ctx, enum scmp_filter_attr attr, uint32_t value);
	int (*rule_add_array)(scmp_filter_ctx ctx, uint32_t action, int nr, unsigned n, const struct scmp_arg_cmp *args);
	int (*syscall_resolve_name)(const char *name);
	int (*syscall_resolve_name_arch)(uint32_t arch, const char *name);
	int (*export_bpf)(const scmp_filter_ctx ctx, int fd);
};
must_check int library_load(const struct library **ret, struct error *e);

/* Which libseccomp a filter came from, and that this one is still what would be loaded: as long as the file at `path`
 * (the name the loader used, symbolic links included) is the same one, a filter needs no libseccomp to be judged. */
struct library_id {
	uint64_t dev, ino, size;
	int64_t mtime, mtime_ns, ctime, ctime_ns;
	char version[32];
	char path[256];
};
bool library_identify(struct library_id *ret); /* loads the library; false: cannot be told, so do not cache */
bool library_unchanged(const struct library_id *id); /* one stat(2), nothing is loaded */

/* --- actions.c */
/* The action with its data; the profile was checked. */
uint32_t action_value(uint32_t action, const struct opt_u32 *errno_ret);
/* Everything that can be refused without libseccomp; fills flags and notify. */
must_check int profile_check(const struct spec_seccomp *profile, struct seccomp_program *ret, struct error *e);

/* --- compile.c */
must_check int compile_profile(const struct spec_seccomp *profile, struct arena *arena, struct seccomp_program *ret,
			       struct error *e);

/* --- stub.c */
#define ARCHS_MAX 32
struct arch_set {
	size_t n;
	uint32_t token[ARCHS_MAX]; /* SCMP_ARCH_*; [0] is the native one */
};
/* Room for the longest stub: an instruction to load the architecture and the longest section for each. */
#define STUB_MAX (1 + 8 * ARCHS_MAX)
/* Writes the ENOSYS prefix to out and returns its length, 0 when the profile gets none. */
size_t stub_build(const struct spec_seccomp *profile, const struct library *lib, const struct arch_set *archs,
		  struct sock_filter out[STUB_MAX]);

/* --- cache.c */
void cache_key(const struct spec_seccomp *profile, struct strbuf *ret);
bool cache_load(int dirfd, const struct strbuf *key, struct arena *arena, struct seccomp_program *ret);
void cache_store(int dirfd, const struct strbuf *key, const struct seccomp_program *program);
