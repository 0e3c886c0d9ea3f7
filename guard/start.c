/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting kedge-guard where no unit did: one caller at a time. `kedge-guard --daemon` ends with 0 when its child guards; what
 * it says on stderr before is the reason why not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "guard/internal.h"

#define START_WAIT_MS 60000 /* an emulated machine takes ten seconds and more to load */
#define PROGRAM "kedge-guard"

bool guard_alive(int dir)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	auto_close int fd = openat(dir, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int guard_start(struct error *e)
{
	char *argv[] = {(char *)PROGRAM, (char *)"--daemon", NULL}, *path;
	auto_arena struct arena a = {};
	struct stat st;

	if (guard_find_program(&a, PROGRAM, SBINDIR, &path, e) < 0)
		return error_in(e, "drift guard");
	if (mkdir(GUARD_DIR, 0700) < 0 && errno != EEXIST)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot make directory '%s'", GUARD_DIR);
	auto_close int dir = open(GUARD_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot open '%s'", GUARD_DIR);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return error_set(e, ERROR_HOST, 0, "drift guard: '%s' must be root's alone", GUARD_DIR);
	if ((mkdirat(dir, "armed", 0700) < 0 || mkdirat(dir, "drift", 0700) < 0) && errno != EEXIST)
		return error_set(e, ERROR_HOST, errno, "drift guard: cannot make the directories of '%s'", GUARD_DIR);
	/* The directory itself is the lock of starting; it ends with us. */
	while (flock(dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return error_set(e, ERROR_HOST, errno, "drift guard: cannot lock '%s'", GUARD_DIR);
	if (guard_alive(dir) || guard_run(path, argv, START_WAIT_MS, e) == 0)
		return 0;
	return error_in(e, "drift guard");
}
