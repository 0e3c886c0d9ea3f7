/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/log.h"
#include "libcontainer/state.h"

#define LIST_MAX 1000000

struct listing {
	struct arena *a;
	struct container_info *v;
	size_t n, cap;
	uid_t owner_uid; /* of owner_name, looked up once: as good as always it is the same */
	char *owner_name;
};

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

static void file_closep(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* /etc/passwd itself: asking the name service would load libraries, and may ask the network. */
static char *user_name(struct arena *a, uid_t uid)
{
	auto_with(file_closep) FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw;

	while (f && (pw = fgetpwent(f)))
		if (pw->pw_uid == uid)
			return arena_strdup(a, pw->pw_name);
	return arena_printf(a, "#%u", uid);
}

static void add(struct listing *l, const struct container_info *info)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct container_info *v = arena_array(l->a, cap, sizeof(*v));

		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = *info;
}

static int read_one(struct listing *l, const struct statedir *dir, struct error *e)
{
	struct state state = {};
	struct container_info info = {};
	struct stat st;

	if (state_read(dir, l->a, &state, e) < 0)
		return -1;
	if (state_status(dir, &state, &info.status, e) < 0)
		return error_in(e, "container '%s'", dir->id);
	if (fstat(dir->fd, &st) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot look at state directory of container '%s'", dir->id);
	if (!l->owner_name || l->owner_uid != st.st_uid) {
		l->owner_name = user_name(l->a, st.st_uid);
		l->owner_uid = st.st_uid;
	}
	info.id = state.id;
	info.bundle = state.bundle;
	info.rootfs = state.rootfs;
	info.created = state.created;
	info.oci_version = state.oci_version;
	info.owner = l->owner_name;
	info.pid = info.status == STATUS_STOPPED ? 0 : state.pid;
	info.n_annotations = state.annotations.n;
	info.annotations = state.annotations.v;
	add(l, &info);
	return 0;
}

/* Without state.json: being created or deleted this moment, or left by one that was killed. The lock tells. */
static void warn(const struct statedir *dir, const struct error *why)
{
	struct stat st;
	char text[sizeof(why->msg) + 256];

	if (why->kind != ERROR_NOENT) {
		log_write(LOG_WARNING, "%s, skipping", error_text(why, text, sizeof(text)));
		return;
	}
	if (flock(dir->fd, LOCK_SH | LOCK_NB) == 0 && fstat(dir->fd, &st) == 0 && st.st_nlink > 0)
		log_write(LOG_WARNING, "container '%s' is incomplete: delete it, skipping", dir->id);
}

static void list_one(struct listing *l, int root_fd, const char *id)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	struct error e = {};

	dir.id = id;
	dir.fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir.fd < 0) {
		/* Not a directory is not ours; one that is gone was deleted. */
		if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			log_write(LOG_WARNING, "container '%s': cannot open state directory: %s, skipping", id,
				  strerrordesc_np(errno));
		return;
	}
	if (read_one(l, &dir, &e) < 0)
		warn(&dir, &e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every name that can be a container's, sorted; other things live here under names that cannot. */
static int read_ids(int root_fd, const struct runtime *rt, struct arena *a, char ***ret, size_t *n, struct error *e)
{
	auto_with(dir_closep) DIR *d = NULL;
	auto_close int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error ignored;
	size_t cap = 0;

	*n = 0;
	*ret = NULL;
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return error_set(e, ERROR_HOST, errno, "cannot list state root '%s'", rt->root);
	fd = -1;
	while (*n < LIST_MAX) {
		errno = 0;
		const struct dirent *entry = readdir(d);
		if (!entry && errno)
			return error_set(e, ERROR_HOST, errno, "cannot list state root '%s'", rt->root);
		if (!entry)
			break;
		ignored = (struct error){};
		if (container_check_id(entry->d_name, &ignored) < 0)
			continue;
		if (*n == cap) {
			char **v = arena_array(a, cap = cap ? cap * 2 : 64, sizeof(*v));
			if (*n > 0)
				memcpy(v, *ret, *n * sizeof(*v));
			*ret = v;
		}
		(*ret)[(*n)++] = arena_strdup(a, entry->d_name);
	}
	if (*n > 1)
		qsort(*ret, *n, sizeof(**ret), by_name);
	return 0;
}

int container_ids(const struct runtime *rt, struct arena *a, char ***ret, size_t *n, struct error *e)
{
	auto_close int root_fd = -1;

	if (statedir_open_root(rt, &root_fd, e) < 0)
		return -1;
	if (root_fd >= 0)
		return read_ids(root_fd, rt, a, ret, n, e);
	*ret = NULL;
	*n = 0;
	return 0;
}

int container_list(const struct runtime *rt, struct arena *a, struct container_info **ret, size_t *n, struct error *e)
{
	struct listing l = {.a = a};
	auto_close int root_fd = -1;
	char **ids = NULL;
	size_t n_ids = 0;

	if (statedir_open_root(rt, &root_fd, e) < 0)
		return -1;
	if (root_fd < 0 && rt->root_given)
		return error_set(e, ERROR_HOST, ENOENT, "cannot open state root '%s'", rt->root);
	if (root_fd >= 0 && read_ids(root_fd, rt, a, &ids, &n_ids, e) < 0)
		return -1;
	for (size_t i = 0; i < n_ids; i++)
		list_one(&l, root_fd, ids[i]);
	*ret = l.v;
	*n = l.n;
	return 0;
}
