/* SPDX-License-Identifier: Apache-2.0 */
/*
 * armed/: which containers there are. The directory is the truth, inotify says when to look. Who comes is looked at soon. Who
 * has gone needs nothing but a line in the log, and telling us would take the processor from the runtime that just ends: so
 * nobody waits for that descriptor, it is read whenever there is something else to do. Until then the record is in past/: what
 * has come and gone in between has its lines too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/io.h"
#include "base/sys.h"
#include "guard/daemon.h"

#define RECORD_MAX 65536

/* *past: it has gone already. */
static int read_record(const struct guard_daemon *d, uint64_t cookie, struct arena *a, struct guard_container *ret,
		       bool *past, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	char name[GUARD_COOKIE_LEN + 1];

	guard_cookie_text(cookie, name);
	int err = read_file_at(d->armed_dir, name, RECORD_MAX, &text);
	*past = err < 0 && errno == ENOENT;
	if (*past)
		err = read_file_at(d->past_dir, name, RECORD_MAX, &text);
	if (err < 0)
		return error_set(e, errno == ENOENT ? ERROR_NOENT : ERROR_HOST, errno, "cannot read '%s/armed/%s'", GUARD_DIR,
				 name);
	return guard_container_parse(a, name, strbuf_str(&text), text.len, ret, e);
}

void guard_armed_describe(const struct guard_daemon *d, uint64_t cookie, const struct guard_armed *armed, struct arena *a,
			  struct guard_container *ret)
{
	struct error ignored = {};
	bool past;

	if (read_record(d, cookie, a, ret, &past, &ignored) == 0)
		return;
	*ret = (struct guard_container){.cookie = cookie};
	if (armed)
		*ret = (struct guard_container){.cookie = cookie, .id = armed->id, .mode = armed->mode, .flags = armed->flags};
}

bool guard_armed_entry(const struct guard_daemon *d, uint64_t cookie, struct guard_entry *ret)
{
	union bpf_attr attr = {.map_fd = (uint32_t)d->containers,
			       .key = (uint64_t)(uintptr_t)&cookie,
			       .value = (uint64_t)(uintptr_t)ret};

	return d->containers >= 0 && sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) == 0;
}

static struct guard_armed *find(const struct guard_daemon *d, uint64_t cookie)
{
	for (size_t i = 0; i < d->armed.n; i++)
		if (d->armed.v[i]->cookie == cookie)
			return d->armed.v[i];
	return NULL;
}

/* One allocation a container: there may be thousands, and the process is to stay small. */
static struct guard_armed *make(const struct guard_container *c)
{
	size_t id = strlen(c->id) + 1, cgroup = c->cgroup ? strlen(c->cgroup) + 1 : 0;
	struct guard_armed *armed = calloc(1, sizeof(*armed) + id + cgroup);

	if (!armed)
		return NULL;
	armed->cookie = c->cookie;
	armed->mode = c->mode;
	armed->flags = c->flags;
	armed->sweep_ms = c->sweep_ms;
	armed->id = memcpy(armed->text, c->id, id);
	if (cgroup)
		armed->cgroup = memcpy(armed->text + id, c->cgroup, cgroup);
	return armed;
}

static struct guard_armed *add(struct guard_daemon *d, const struct guard_container *c)
{
	struct guard_armed_set *l = &d->armed;

	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 16;
		struct guard_armed **v = reallocarray(l->v, size, sizeof(struct guard_armed *));
		if (!v)
			return NULL;
		l->v = v;
		l->size = size;
	}
	struct guard_armed *armed = make(c);
	if (!armed)
		return NULL;
	l->v[l->n++] = armed;
	/* It has no program yet that a sweep could find. */
	int64_t due = guard_ms() + armed->sweep_ms;
	d->sweep_due_ms = d->sweep_due_ms < 0 ? due : MIN(d->sweep_due_ms, due);
	return armed;
}

static struct guard_armed *enter(struct guard_daemon *d, uint64_t cookie, bool complete)
{
	auto_arena struct arena a = {};
	struct guard_container c = {};
	struct error e = {};
	char text[512];
	bool past;

	if (read_record(d, cookie, &a, &c, &past, &e) < 0) {
		/* It may still be being written; the end of that is told. */
		if (complete && e.kind != ERROR_NOENT)
			guard_report_event(d, "error", error_text(&e, text, sizeof(text)));
		return NULL;
	}
	struct guard_armed *armed = add(d, &c);
	if (armed)
		armed->past = past;
	guard_report_container(d, "armed", &c);
	return armed;
}

static void forget(struct guard_daemon *d, uint64_t cookie)
{
	char name[GUARD_COOKIE_LEN + 1];

	guard_cookie_text(cookie, name);
	unlinkat(d->past_dir, name, 0);
}

static void leave(struct guard_daemon *d, size_t i)
{
	struct guard_armed *armed = d->armed.v[i];
	struct guard_container c = {.cookie = armed->cookie, .id = armed->id, .mode = armed->mode};

	guard_report_container(d, "disarmed", &c);
	forget(d, armed->cookie);
	guard_poll_done(armed->poll);
	free(armed);
	d->armed.v[i] = d->armed.v[--d->armed.n];
	if (!d->armed.n)
		d->sweep_due_ms = -1;
}

struct guard_armed *guard_armed_find(struct guard_daemon *d, uint64_t cookie)
{
	return find(d, cookie) ?: enter(d, cookie, false);
}

static void close_directory(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Calls it with every cookie that is the name of a file there. */
static int each(struct guard_daemon *d, int at, void (*call)(struct guard_daemon *d, uint64_t cookie))
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_with(close_directory) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint64_t cookie;

	if (!dir) {
		macro_close(&fd);
		return -1;
	}
	while ((entry = readdir(dir)))
		if (guard_cookie_parse(entry->d_name, &cookie) == 0)
			call(d, cookie);
	return 0;
}

static void see(struct guard_daemon *d, uint64_t cookie)
{
	struct guard_armed *armed = guard_armed_find(d, cookie);

	if (armed)
		armed->seen = true;
}

void guard_armed_scan(struct guard_daemon *d)
{
	for (size_t i = 0; i < d->armed.n; i++)
		d->armed.v[i]->seen = false;
	if (each(d, d->armed_dir, see) < 0) {
		guard_report_event(d, "error", "cannot list " GUARD_DIR "/armed");
		return;
	}
	for (size_t i = d->armed.n; i-- > 0;)
		if (!d->armed.v[i]->seen)
			leave(d, i);
	each(d, d->past_dir, forget);
}

static int watch(const struct guard_daemon *d, uint32_t events)
{
	char path[] = "/proc/self/fd/4294967295";
	auto_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", d->armed_dir);
	return fd < 0 || inotify_add_watch(fd, path, events) < 0 ? -1 : TAKE_FD(fd);
}

int guard_armed_watch(struct guard_daemon *d, struct error *e)
{
	d->came = watch(d, IN_CLOSE_WRITE | IN_MOVED_TO);
	d->gone = d->came < 0 ? -1 : watch(d, IN_DELETE | IN_MOVED_FROM);
	return d->gone < 0 ? error_set(e, ERROR_HOST, errno, "cannot watch '%s/armed'", GUARD_DIR) : 0;
}

static void gone(struct guard_daemon *d, uint64_t cookie)
{
	for (size_t i = 0; i < d->armed.n; i++) {
		if (d->armed.v[i]->cookie == cookie) {
			leave(d, i);
			return;
		}
	}
}

/* That it has gone may have been read before. */
static void came(struct guard_daemon *d, uint64_t cookie)
{
	const struct guard_armed *armed = find(d, cookie) ?: enter(d, cookie, true);

	if (armed && armed->past)
		gone(d, cookie);
}

static void changes(struct guard_daemon *d, int inotify, void (*change)(struct guard_daemon *d, uint64_t cookie))
{
	_Alignas(struct inotify_event) char buf[4096];
	uint64_t cookie;
	ssize_t n;

	while ((n = read(inotify, buf, sizeof(buf))) > 0) {
		const struct inotify_event *event;
		for (char *p = buf; p < buf + n; p += sizeof(*event) + event->len) {
			event = (const void *)p;
			if (event->mask & IN_Q_OVERFLOW)
				guard_armed_scan(d);
			else if (event->len && guard_cookie_parse(event->name, &cookie) == 0)
				change(d, cookie);
		}
	}
}

void guard_armed_came(struct guard_daemon *d)
{
	changes(d, d->came, came);
}

void guard_armed_gone(struct guard_daemon *d)
{
	if (d->armed.n)
		changes(d, d->gone, gone);
}

void guard_armed_done(struct guard_daemon *d)
{
	for (size_t i = 0; i < d->armed.n; i++) {
		guard_poll_done(d->armed.v[i]->poll);
		free(d->armed.v[i]);
	}
	free(d->armed.v);
	d->armed = (struct guard_armed_set){};
}
