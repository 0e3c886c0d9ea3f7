/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is linked statically has glibc inside, and a library that it opens brings the machine's along: the two know
 * each other's structures, so they must be of one version. Nothing in glibc checks that. Where they are not, the same command is
 * started again as kedge-shared, the same program with the shared C library.
 */
#include "base/dl.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

#define SHARED_NAME "kedge-shared"
#define CMDLINE_MAX (4UL << 20)
#define ARGS_MAX    8192

static const char *const places[] = {LIBC_SO, "/lib64/libc.so.6", "/usr/lib/libc.so.6", "/lib/libc.so.6"};

/* libc.so.6 says "... stable release version 2.36." when it is executed. */
static bool says_version(const char *text, size_t size, const char *version)
{
	static const char mark[] = " release version ";
	const char *p = memmem(text, size, mark, sizeof(mark) - 1);
	size_t len = strlen(version);

	if (!p || size - (size_t)(p - text) < sizeof(mark) + len)
		return false;
	p += sizeof(mark) - 1;
	return memcmp(p, version, len) == 0 && (p[len] == '.' || p[len] == '\n');
}

bool dl_libc_is(const char *path, const char *version)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return false;
	void *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return false;
	bool same = says_version(text, (size_t)st.st_size, version);
	munmap(text, (size_t)st.st_size);
	return same;
}

/* A program without an interpreter is linked statically. */
static bool libc_fits(void)
{
	size_t i = 0;

	if (getauxval(AT_BASE) != 0)
		return true;
	while (i < ARRAY_SIZE(places) && access(places[i], F_OK) < 0)
		i++;
	return i < ARRAY_SIZE(places) && dl_libc_is(places[i], gnu_get_libc_version());
}

/* Beside this program, as in a build directory, or where it is installed. The arguments as they were: main() sorts its own. */
static void execute_shared(void)
{
	auto_strbuf struct strbuf words = {};
	char path[PATH_MAX], *argv[ARGS_MAX + 1];
	size_t argc = 0;

	if (read_file_at(AT_FDCWD, "/proc/self/cmdline", CMDLINE_MAX, &words) < 0)
		return;
	for (char *p = words.s; p && p < words.s + words.len && argc < ARGS_MAX; p += strlen(p) + 1)
		argv[argc++] = p;
	argv[argc] = NULL;
	if (argc == ARGS_MAX)
		return;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	char *slash = n > 0 && n < (ssize_t)sizeof(path) ? memrchr(path, '/', (size_t)n) : NULL;

	if (slash && (size_t)(slash + 1 - path) + sizeof(SHARED_NAME) <= sizeof(path)) {
		memcpy(slash + 1, SHARED_NAME, sizeof(SHARED_NAME));
		execv(path, argv);
	}
	execv(PKGLIBEXECDIR "/" SHARED_NAME, argv);
}

int dl_prepare(uint32_t preserve, struct error *e)
{
	if (libc_fits())
		return 0;
	for (uint32_t i = 0; i < preserve; i++)
		if (fcntl((int)(3 + i), F_SETFD, 0) < 0) /* inherited: they are the caller's, for the container */
			return error_set(e, ERROR_USAGE, errno, "cannot keep descriptor %u", 3 + i);
	execute_shared();
	error_hint(e, "install '" PKGLIBEXECDIR "/" SHARED_NAME "', or build with --disable-static-pie");
	return error_set(e, ERROR_HOST, 0, "cannot load libraries: kedge was linked with glibc %s, this machine has another, and "
			 SHARED_NAME " cannot be executed", gnu_get_libc_version());
}

static int *(*their_errno)(void);

void dl_take_errno(void)
{
	if (their_errno)
		errno = *their_errno();
}

int dl_load(const char *soname, const char *package, const struct dl_symbol *symbols, size_t n, struct error *e)
{
	if (dl_prepare(0, e) < 0)
		return error_in(e, "library '%s'", soname);
	void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return error_set(e, ERROR_HOST, 0, "cannot load library '%s': %s (package %s)", soname, dlerror(),
				 package);
	void *location = dlsym(handle, "__errno_location");
	memcpy(&their_errno, &location, sizeof(location));
	for (size_t i = 0; i < n; i++) {
		void *p = dlsym(handle, symbols[i].name);
		if (!p)
			return error_set(e, ERROR_HOST, 0, "library '%s' has no '%s'", soname, symbols[i].name);
		memcpy(symbols[i].where, &p, sizeof(p));
	}
	return 0;
}
