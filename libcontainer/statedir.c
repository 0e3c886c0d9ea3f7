/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of statedir.h, and the races they answer:
 *
 *   two creators       mkdir is exclusive: one of them makes the directory, the other is told that it exists
 *   create and delete  delete may take the lock between create's mkdir and its flock, and remove the empty directory. Then a
 *                      third process may make it anew, so that create locks a directory that it did not make. Hence, with
 *                      the lock held: the name must still lead here, and nobody may have left a record in it
 *   delete and delete  the second one finds its locked directory unlinked, looks the name up again and finds nothing
 *
 * The lock is a property of the open file description. The descriptor is close-on-exec and a process that shares it dies
 * with the runtime, so it never outlives the command.
 */
#include "libcontainer/statedir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "guard/guard.h"
#include "spec/json.h"

#define ID_MAX 1024
#define INTENT_MAX (64UL << 10)
#define DEPTH_MAX 8
#define RACE_TRIES 64
#define LOCK_WAIT_US (60L * 1000 * 1000)
#define LOCK_PAUSE_MAX_US 20000L

static const int dir_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

int container_check_id(const char *id, struct error *e)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-";
	size_t len = strlen(id);

	if (len == 0 || len > ID_MAX || strspn(id, allowed) != len || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return error_set(e, ERROR_USAGE, 0, "invalid container ID format");
	return 0;
}

static int no_such_container(struct error *e)
{
	return error_set(e, ERROR_NOENT, 0, "container does not exist");
}

/* Whoever may write to the root can plant records that make us kill and remove what they name. */
static int root_check(int fd, const char *root, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot look at state root '%s'", root);
	if (st.st_uid != geteuid())
		return error_set(e, ERROR_HOST, 0, "cannot use state root '%s': it belongs to user %u, not to user %u", root,
				 st.st_uid, geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		error_set(e, ERROR_HOST, 0, "cannot use state root '%s': others may write to it (mode %04o)", root,
			  st.st_mode & 07777U);
		return error_hint(e, "take the permission away with chmod go-w, or name another directory with --root");
	}
	return 0;
}

int statedir_open_root(const struct runtime *rt, int *ret, struct error *e)
{
	auto_close int fd = open(rt->root, dir_flags | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		*ret = -1;
		return 0;
	}
	if (fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open state root '%s'", rt->root);
	if (root_check(fd, rt->root, e) < 0)
		return -1;
	*ret = TAKE_FD(fd);
	return 0;
}

static int root_make(const char *root, struct error *e)
{
	auto_strbuf struct strbuf path = {};

	strbuf_adds(&path, root);
	for (char *p = path.s; (p = strchr(p + 1, '/'));) {
		*p = '\0';
		if (mkdir(path.s, 0755) < 0 && errno != EEXIST)
			return error_set(e, ERROR_HOST, errno, "cannot make directory '%s'", path.s);
		*p = '/';
	}
	if (mkdir(root, 0700) < 0 && errno != EEXIST)
		return error_set(e, ERROR_HOST, errno, "cannot make state root '%s'", root);
	return 0;
}

/* The XDG base directory specification: what lacks the sticky bit may be removed from the runtime directory. */
static int root_keep(const struct runtime *rt, int fd, struct error *e)
{
	const char *xdg = rt->root_given ? NULL : secure_getenv("XDG_RUNTIME_DIR");
	size_t len = xdg ? strlen(xdg) : 0;
	struct stat st;

	if (len == 0 || strncmp(rt->root, xdg, len) != 0 || rt->root[len] != '/')
		return 0;
	if (fstat(fd, &st) == 0 && (st.st_mode & S_ISVTX))
		return 0;
	if (fchmod(fd, 0700 | S_ISVTX) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot set the sticky bit of state root '%s'", rt->root);
	return 0;
}

/* flock() has no time limit, and an alarm would disturb the caller's signals. Waiting at all is the exception. */
static int dir_lock(int fd, const char *id, struct error *e)
{
	long waited = 0, pause = 100;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_set(e, ERROR_HOST, errno, "cannot lock container '%s'", id);
		if (waited >= LOCK_WAIT_US)
			return error_set(e, ERROR_STATE, 0, "container '%s' is busy: another command holds its lock", id);
		nanosleep(&(struct timespec){.tv_nsec = pause * 1000}, NULL);
		waited += pause;
		pause = MIN(pause * 2, LOCK_PAUSE_MAX_US);
	}
	return 0;
}

/* 1: the name leads to fd. 0: it does not, or not any more. */
static int still_linked(int root_fd, const char *id, int fd)
{
	struct stat here, there;

	if (fstat(fd, &here) < 0)
		return -1;
	if (fstatat(root_fd, id, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	return here.st_nlink > 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* 0: locked and still what the name leads to. 1: it went away meanwhile. */
static int dir_enter(int root_fd, const char *id, int *ret, struct error *e)
{
	auto_close int fd = openat(root_fd, id, dir_flags | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open state directory of container '%s'", id);
	if (dir_lock(fd, id, e) < 0)
		return -1;
	int linked = still_linked(root_fd, id, fd);
	if (linked < 0)
		return error_set(e, ERROR_HOST, errno, "cannot look at state directory of container '%s'", id);
	if (!linked)
		return 1;
	*ret = TAKE_FD(fd);
	return 0;
}

/* A directory that another creator made and filled meanwhile is its own. */
static int has_record(int fd, bool *ret)
{
	static const char *const records[] = {"intent", "state.json"};

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		if (faccessat(fd, records[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
			*ret = true;
			return 0;
		}
		if (errno != ENOENT)
			return -1;
	}
	*ret = false;
	return 0;
}

static int already_exists(struct error *e)
{
	return error_set(e, ERROR_EXISTS, 0, "container with given ID already exists");
}

/* 0: made, locked and empty. 1: it went away before it could be locked. */
static int dir_try_make(int root_fd, const char *id, int *ret, struct error *e)
{
	auto_close int fd = -1;
	bool taken = false;

	if (mkdirat(root_fd, id, 0700) < 0) {
		if (errno == EEXIST)
			return already_exists(e);
		return error_set(e, ERROR_HOST, errno, "cannot make state directory of container '%s'", id);
	}
	int r = dir_enter(root_fd, id, &fd, e);
	if (r == 0 && has_record(fd, &taken) < 0)
		r = error_set(e, ERROR_HOST, errno, "cannot look into state directory of container '%s'", id);
	if (r == 0 && taken)
		return already_exists(e);
	if (r == 0 && fchmod(fd, 0700) < 0)
		r = error_set(e, ERROR_HOST, errno, "cannot protect state directory of container '%s'", id);
	if (r < 0)
		unlinkat(root_fd, id, AT_REMOVEDIR);
	if (r == 0)
		*ret = TAKE_FD(fd);
	return r;
}

static int dir_make(int root_fd, const char *id, int *ret, struct error *e)
{
	for (unsigned i = 0; i < RACE_TRIES; i++) {
		int r = dir_try_make(root_fd, id, ret, e);
		if (r <= 0)
			return r;
	}
	return error_set(e, ERROR_STATE, 0, "cannot create container '%s': it is deleted again and again", id);
}

int statedir_create(const struct runtime *rt, const char *id, struct statedir *ret, struct error *e)
{
	auto_close int root_fd = -1;
	int fd = -1;

	if (container_check_id(id, e) < 0 || statedir_open_root(rt, &root_fd, e) < 0)
		return -1;
	if (root_fd < 0) {
		if (root_make(rt->root, e) < 0 || statedir_open_root(rt, &root_fd, e) < 0)
			return -1;
		if (root_fd < 0)
			return error_set(e, ERROR_HOST, ENOENT, "cannot open state root '%s'", rt->root);
	}
	if (root_keep(rt, root_fd, e) < 0 || dir_make(root_fd, id, &fd, e) < 0)
		return -1;
	*ret = (struct statedir){.root_fd = TAKE_FD(root_fd), .fd = fd, .id = id};
	return 0;
}

static int dir_open_locked(int root_fd, const char *id, int *ret, struct error *e)
{
	struct stat st;

	for (unsigned i = 0; i < RACE_TRIES; i++) {
		int r = dir_enter(root_fd, id, ret, e);
		if (r <= 0)
			return r;
		if (fstatat(root_fd, id, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			return no_such_container(e);
	}
	return error_set(e, ERROR_STATE, 0, "container '%s' is busy: it is made and deleted again and again", id);
}

int statedir_open(const struct runtime *rt, const char *id, enum statedir_lock lock, struct statedir *ret, struct error *e)
{
	auto_close int root_fd = -1;
	auto_close int fd = -1;

	if (container_check_id(id, e) < 0 || statedir_open_root(rt, &root_fd, e) < 0)
		return -1;
	if (root_fd < 0)
		return no_such_container(e);
	if (lock == STATEDIR_LOCKED) {
		if (dir_open_locked(root_fd, id, &fd, e) < 0)
			return -1;
	} else {
		fd = openat(root_fd, id, dir_flags | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			return no_such_container(e);
		if (fd < 0)
			return error_set(e, ERROR_HOST, errno, "cannot open state directory of container '%s'", id);
	}
	*ret = (struct statedir){.root_fd = TAKE_FD(root_fd), .fd = TAKE_FD(fd), .id = id};
	return 0;
}

void statedir_done(struct statedir *dir)
{
	macro_close(&dir->fd);
	macro_close(&dir->root_fd);
	*dir = (struct statedir)STATEDIR_NONE;
}

void statedir_unlock(const struct statedir *dir)
{
	if (dir->fd >= 0)
		flock(dir->fd, LOCK_UN);
}

int statedir_relock(const struct statedir *dir, struct error *e)
{
	if (dir_lock(dir->fd, dir->id, e) < 0)
		return -1;
	int linked = still_linked(dir->root_fd, dir->id, dir->fd);
	if (linked < 0)
		error_set(e, ERROR_HOST, errno, "cannot look at state directory of container '%s'", dir->id);
	if (linked <= 0)
		statedir_unlock(dir);
	return linked < 0 ? -1 : !linked;
}

static int clear_dir(int fd, unsigned depth);

static int remove_entry(int dirfd, const char *name, unsigned depth)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	if (depth > DEPTH_MAX) {
		errno = ELOOP;
		return -1;
	}
	auto_close int fd = openat(dirfd, name, dir_flags | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (clear_dir(fd, depth + 1) < 0)
		return -1;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -1 : 0;
}

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

static bool is_record(const char *name)
{
	return strcmp(name, "intent") == 0 || strcmp(name, "state.json") == 0;
}

/* Everything below fd; at the top the records stay. */
static int clear_dir(int fd, unsigned depth)
{
	int own = openat(fd, ".", dir_flags | O_CLOEXEC);
	auto_with(dir_closep) DIR *d = own < 0 ? NULL : fdopendir(own);

	if (!d) {
		int saved = errno;
		macro_close(&own);
		errno = saved;
		return -1;
	}
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(d);
		if (!entry)
			return errno ? -1 : 0;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (depth == 0 && is_record(entry->d_name))
			continue;
		if (remove_entry(fd, entry->d_name, depth) < 0)
			return -1;
	}
}

int statedir_remove(struct statedir *dir, struct error *e)
{
	for (unsigned i = 0; i < 4; i++) {
		if (remove_entry(dir->fd, "config.json", 0) < 0 || clear_dir(dir->fd, 0) < 0 ||
		    remove_entry(dir->fd, "intent", 0) < 0 || remove_entry(dir->fd, "state.json", 0) < 0)
			return error_set(e, ERROR_HOST, errno, "cannot empty state directory of container '%s'", dir->id);
		if (unlinkat(dir->root_fd, dir->id, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		/* A file can have come since only from a process that just died in its create: once more. */
		if (errno != ENOTEMPTY && errno != EEXIST)
			break;
	}
	return error_set(e, ERROR_HOST, errno, "cannot remove state directory of container '%s'", dir->id);
}

int intent_write(const struct statedir *dir, const struct intent *intent, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	struct json_writer w;

	jw_begin(&w, &text, false);
	jw_object(&w, NULL);
	if (intent->cgroup)
		jw_str(&w, "cgroup", intent->cgroup);
	jw_bool(&w, "cgroupExisted", intent->cgroup_existed);
	jw_uint(&w, "cgroupMade", intent->cgroup_made);
	if (intent->rdt_clos)
		jw_str(&w, "rdtClos", intent->rdt_clos);
	if (intent->guard_cookie) {
		char cookie[GUARD_COOKIE_LEN + 1];
		guard_cookie_text(intent->guard_cookie, cookie);
		jw_str(&w, "guardCookie", cookie);
	}
	if (intent->rdt_keep)
		jw_bool(&w, "rdtKeep", true);
	if (intent->rdt_mon)
		jw_str(&w, "rdtMonitor", intent->rdt_mon);
	if (intent->unit) {
		jw_str(&w, "unit", intent->unit);
		jw_bool(&w, "userUnit", intent->user_unit);
	}
	if (intent->root_path) {
		jw_str(&w, "rootPath", intent->root_path);
		jw_uint(&w, "rootMount", intent->root_mount);
	}
	jw_end(&w, '}');
	return replace_file_at(dir->fd, "intent", text.s, text.len, 0600, e);
}

int intent_read(const struct statedir *dir, struct arena *a, struct intent *ret, bool *found, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	struct json *root;

	if (read_file_at(dir->fd, "intent", INTENT_MAX, &text) < 0) {
		if (errno != ENOENT)
			return error_set(e, ERROR_HOST, errno, "cannot read intent of container '%s'", dir->id);
		*ret = (struct intent){};
		*found = false;
		return 0;
	}
	if (json_parse(a, "intent", strbuf_str(&text), text.len, &root, e) < 0)
		return error_in(e, "container '%s'", dir->id);
	uint64_t cookie = 0;
	const char *cookie_text = json_str(root, "guardCookie", NULL);
	if (cookie_text && guard_cookie_parse(cookie_text, &cookie) < 0)
		return error_set(e, ERROR_CONFIG, 0, "intent of container '%s' is damaged", dir->id);
	*ret = (struct intent){
		.cgroup = json_str(root, "cgroup", NULL),
		.cgroup_existed = json_bool(root, "cgroupExisted", false),
		.cgroup_made = (unsigned)json_int(root, "cgroupMade", 1),
		.rdt_clos = json_str(root, "rdtClos", NULL),
		.guard_cookie = cookie,
		.rdt_keep = json_bool(root, "rdtKeep", false),
		.rdt_mon = json_str(root, "rdtMonitor", NULL),
		.unit = json_str(root, "unit", NULL),
		.user_unit = json_bool(root, "userUnit", false),
		.root_path = json_str(root, "rootPath", NULL),
		.root_mount = (uint64_t)json_int(root, "rootMount", 0),
	};
	*found = true;
	return 0;
}
