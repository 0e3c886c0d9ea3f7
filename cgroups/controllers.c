/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers are enabled from the mount down to the parent of the container's cgroup. Besides those that a limit
 * needs, every available one is: engines read memory.current, pids.current and io.stat of containers without limits
 * as well. Only a needed one that is refused is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "cgroups/internal.h"

#define SEPARATORS " \t\n"

/* A word of a list such as that of cgroup.controllers. */
static const char *word_next(const char **rest, size_t *len)
{
	const char *p = *rest + strspn(*rest, SEPARATORS);

	*len = strcspn(p, SEPARATORS);
	*rest = p + *len;
	return *len ? p : NULL;
}

static bool word_in(const char *list, const char *word, size_t n)
{
	const char *w;
	size_t len;

	while ((w = word_next(&list, &len))) {
		if (len == n && memcmp(w, word, n) == 0)
			return true;
	}
	return false;
}

/* "memory.max" needs "memory"; the files of "cgroup" need none. */
static size_t controller_of(const char *file)
{
	size_t n = strcspn(file, ".");

	return n == 6 && memcmp(file, "cgroup", 6) == 0 ? 0 : n;
}

static int read_controllers(int dirfd, const char *shown, struct strbuf *ret, struct error *e)
{
	strbuf_clear(ret);
	if (read_file_at(dirfd, "cgroup.controllers", CGROUP_FILE_MAX, ret) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read 'cgroup.controllers' of cgroup '%s'", shown);
	return 0;
}

/* "+a +b" of what is in `want` and not in `have`. */
static void missing_words(const char *want, const char *have, struct strbuf *ret)
{
	const char *w;
	size_t len;

	strbuf_clear(ret);
	while ((w = word_next(&want, &len))) {
		if (word_in(have, w, len))
			continue;
		strbuf_adds(ret, ret->len ? " +" : "+");
		strbuf_add(ret, w, len);
	}
}

/* Is it one that may not have controllers for its children, because it has processes? The kernel itself refuses only
 * "domain" controllers there; cpu, cpuset and pids it takes, and silently makes the cgroup the root of a threaded tree,
 * in which no container can be. The real root, the only cgroup without a type, may have both. */
static bool has_processes(int dirfd)
{
	auto_close int fd = -1;
	char c;

	if (faccessat(dirfd, "cgroup.type", F_OK, 0) < 0)
		return false;
	fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &c, 1) == 1;
}

/* errno */
static int enable_in(int dirfd, const char *words)
{
	if (has_processes(dirfd)) {
		errno = EBUSY;
		return -1;
	}
	return write_file_at(dirfd, "cgroup.subtree_control", words);
}

/* All in one write; one by one when that is refused, because one bad controller refuses all of them. What stays
 * refused is looked into only if a limit needs it. */
static void enable_all_in(int dirfd, const char *words)
{
	const char *w;
	size_t len;

	/* These are about the place, so every controller would be refused. */
	if (enable_in(dirfd, words) == 0 || errno == EACCES || errno == EPERM || errno == EROFS || errno == EBUSY)
		return;
	while ((w = word_next(&words, &len))) {
		auto_free char *one = strndup(w, len);
		if (one && enable_in(dirfd, one) < 0)
			continue;
	}
}

/* *have: what the mount's root has, on return what the cgroup has. */
static int enable_down(const struct cgroup *cg, struct strbuf *have, struct error *e)
{
	auto_strbuf struct strbuf below = {};
	auto_strbuf struct strbuf words = {};
	auto_close int fd = cgroup_open_dir(cg->mount_fd, ".", O_PATH);
	const char *rest = cg->path, *part;
	size_t len;

	while ((part = cgroup_path_next(&rest, &len))) {
		auto_free char *name = strndup(part, len);
		auto_close int parent = TAKE_FD(fd);

		fd = name ? cgroup_open_dir(parent, name, O_PATH) : -1;
		if (fd < 0)
			return error_set(e, ERROR_HOST, errno, "cannot open cgroup '%s' below '%s'", cg->path,
					 cg->mountpoint);
		if (read_controllers(fd, cg->path, &below, e) < 0)
			return -1;
		missing_words(strbuf_str(have), strbuf_str(&below), &words);
		if (words.len) {
			enable_all_in(parent, words.s);
			if (read_controllers(fd, cg->path, &below, e) < 0)
				return -1;
		}
		strbuf_clear(have);
		strbuf_adds(have, strbuf_str(&below));
	}
	return 0;
}

/* --- why not */

/* /proc/cgroups: name, hierarchy, count, enabled. A hierarchy other than 0 is one of v1. v1 calls io "blkio". */
static bool bound_to_v1(const char *name)
{
	auto_strbuf struct strbuf text = {};
	char *save = NULL;

	if (strcmp(name, "io") == 0)
		name = "blkio";
	if (read_file_at(AT_FDCWD, "/proc/cgroups", CGROUP_FILE_MAX, &text) < 0)
		return false;
	for (char *line = text.s ? strtok_r(text.s, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = strcspn(line, "\t");
		if (len == strlen(name) && memcmp(line, name, len) == 0)
			return line[len] == '\t' && line[len + 1] != '0';
	}
	return false;
}

/* Tries once more to enable it, for the place and the reason. 0: no level refuses it, the root does not have it. */
static int find_refusal(const struct cgroup *cg, const char *name, struct strbuf *ret_where)
{
	auto_close int fd = cgroup_open_dir(cg->mount_fd, ".", O_PATH);
	auto_strbuf struct strbuf words = {};
	const char *rest = cg->path, *part;
	size_t len;

	strbuf_addf(&words, "+%s", name);
	strbuf_addc(ret_where, '/');
	while ((part = cgroup_path_next(&rest, &len))) {
		auto_strbuf struct strbuf have = {};
		auto_free char *child = strndup(part, len);
		auto_close int parent = TAKE_FD(fd);

		if (read_file_at(parent, "cgroup.controllers", CGROUP_FILE_MAX, &have) < 0 ||
		    !word_in(strbuf_str(&have), name, strlen(name)))
			return 0;
		if (enable_in(parent, words.s) < 0)
			return errno;
		fd = child ? cgroup_open_dir(parent, child, O_PATH) : -1;
		if (fd < 0)
			return 0;
		if (ret_where->len > 1)
			strbuf_addc(ret_where, '/');
		strbuf_add(ret_where, part, len);
	}
	return 0;
}

static int refuse(const struct cgroup *cg, const char *property, const char *name, struct error *e)
{
	auto_strbuf struct strbuf where = {};

	if (bound_to_v1(name)) {
		error_set(e, ERROR_HOST, 0,
			  "%s: controller '%s' is not available in cgroup v2 here: it is bound to cgroup v1", property,
			  name);
		return error_hint(
			e, "boot with cgroup_no_v1=all, or with systemd.unified_cgroup_hierarchy=1 where systemd "
			   "mounts both versions");
	}
	int sys = find_refusal(cg, name, &where);
	if (!sys) {
		error_set(e, ERROR_HOST, 0, "%s: controller '%s' is not available in cgroup v2 here", property, name);
		return error_hint(e, "the kernel does not have it, or the cgroup mounted here does not pass it on");
	}
	error_set(e, ERROR_HOST, sys, "%s: controller '%s' cannot be enabled in cgroup '%s'", property, name,
		  strbuf_str(&where));
	if (sys == EBUSY)
		return error_hint(
			e, "that cgroup has processes of its own, and one with processes cannot have controllers "
			   "for its children: choose another linux.cgroupsPath");
	if (sys == EOPNOTSUPP)
		return error_hint(e, "that cgroup is threaded: choose a place below one of type 'domain'");
	return error_hint(e, "the controller is not delegated to this user");
}

int cgroup_controllers_enable(const struct cgroup *cg, const struct cgroup_writes *writes, struct error *e)
{
	auto_strbuf struct strbuf all = {};
	auto_strbuf struct strbuf have = {};
	auto_strbuf struct strbuf words = {};

	if (read_controllers(cg->mount_fd, "/", &all, e) < 0 || read_controllers(cg->fd, cg->path, &have, e) < 0)
		return -1;
	missing_words(strbuf_str(&all), strbuf_str(&have), &words);
	if (words.len) {
		strbuf_clear(&have);
		strbuf_adds(&have, strbuf_str(&all));
		if (enable_down(cg, &have, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < writes->n; i++) {
		const struct cgroup_write *w = &writes->v[i];
		size_t len = controller_of(w->file);
		if (!len || w->optional || word_in(strbuf_str(&have), w->file, len))
			continue;
		auto_free char *name = strndup(w->file, len);
		return refuse(cg, w->property, name ?: w->file, e);
	}
	return 0;
}
