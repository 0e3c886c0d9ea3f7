/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dl.h"
#include "base/sys.h"
#include "seccomp/internal.h"

/* Where kedge is one file, these are in it (src/local.mk asks the linker for them), and elsewhere null. */
#pragma weak seccomp_version
#pragma weak seccomp_init
#pragma weak seccomp_release
#pragma weak seccomp_arch_add
#pragma weak seccomp_arch_native
#pragma weak seccomp_arch_resolve_name
#pragma weak seccomp_attr_set
#pragma weak seccomp_rule_add_array
#pragma weak seccomp_syscall_resolve_name
#pragma weak seccomp_syscall_resolve_name_arch
#pragma weak seccomp_export_bpf

static const struct library linked = {
	seccomp_version,
	seccomp_init,
	seccomp_release,
	seccomp_arch_add,
	seccomp_arch_native,
	seccomp_arch_resolve_name,
	seccomp_attr_set,
	seccomp_rule_add_array,
	seccomp_syscall_resolve_name,
	seccomp_syscall_resolve_name_arch,
	seccomp_export_bpf,
};
static struct library loaded;

int library_load(const struct library **ret, struct error *e)
{
	static const struct dl_symbol symbols[] = {
		{"seccomp_init", &loaded.init},
		{"seccomp_release", &loaded.release},
		{"seccomp_arch_add", &loaded.arch_add},
		{"seccomp_arch_native", &loaded.arch_native},
		{"seccomp_arch_resolve_name", &loaded.arch_resolve_name},
		{"seccomp_attr_set", &loaded.attr_set},
		{"seccomp_rule_add_array", &loaded.rule_add_array},
		{"seccomp_syscall_resolve_name", &loaded.syscall_resolve_name},
		{"seccomp_syscall_resolve_name_arch", &loaded.syscall_resolve_name_arch},
		{"seccomp_export_bpf", &loaded.export_bpf},
		/* last: it tells that all are there */
		{"seccomp_version", &loaded.version},
	};

	if (linked.version) {
		*ret = &linked;
		return 0;
	}
	if (!loaded.version && dl_load("libseccomp.so.2", "libseccomp2", symbols, ARRAY_SIZE(symbols), e) < 0)
		return -1;
	*ret = &loaded;
	return 0;
}

static bool library_path(char *path, size_t size)
{
	Dl_info info;
	void *p;

	/* It is as old as the program. */
	if (linked.version)
		return (size_t)snprintf(path, size, "/proc/self/exe") < size;
	memcpy(&p, &loaded.version, sizeof(p));
	/* A relative name means another file in another directory. */
	return dladdr(p, &info) && info.dli_fname && info.dli_fname[0] == '/' &&
	       (size_t)snprintf(path, size, "%s", info.dli_fname) < size;
}

static bool library_stat(const char *path, struct library_id *ret)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->size = (uint64_t)st.st_size;
	ret->mtime = st.st_mtim.tv_sec;
	ret->mtime_ns = st.st_mtim.tv_nsec;
	ret->ctime = st.st_ctim.tv_sec;
	ret->ctime_ns = st.st_ctim.tv_nsec;
	return true;
}

bool library_identify(struct library_id *ret)
{
	*ret = (struct library_id){};
	snprintf(ret->version, sizeof(ret->version), "%s", seccomp_library_version());
	return ret->version[0] && library_path(ret->path, sizeof(ret->path)) && library_stat(ret->path, ret);
}

bool library_unchanged(const struct library_id *id)
{
	struct library_id now = {};

	if (!memchr(id->path, 0, sizeof(id->path)) || !memchr(id->version, 0, sizeof(id->version)))
		return false;
	if (!id->path[0] || (linked.version && strcmp(id->path, "/proc/self/exe") != 0))
		return false;
	return library_stat(id->path, &now) && now.dev == id->dev && now.ino == id->ino && now.size == id->size &&
	       now.mtime == id->mtime && now.mtime_ns == id->mtime_ns && now.ctime == id->ctime &&
	       now.ctime_ns == id->ctime_ns;
}

const char *seccomp_library_version(void)
{
	static char text[32];
	const struct library *lib;
	struct error e = {};

	if (text[0] || library_load(&lib, &e) < 0)
		return text;
	const struct scmp_version *v = lib->version();
	snprintf(text, sizeof(text), "%u.%u.%u", v->major, v->minor, v->micro);
	return text;
}
