/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log, for people or as it is. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/log.h"
#include "guard/guard.h"
#include "spec/json.h"
#include "src/commands.h"
#include "src/guard.h"

struct reader {
	const char *path;
	int fd;               /* of the log; -1: there is none yet */
	bool json;
	struct strbuf rest;   /* a line that is not complete */
};

static void reader_done(struct reader *r)
{
	macro_close(&r->fd);
	strbuf_done(&r->rest);
}

static void add_text(struct strbuf *out, const char *s)
{
	for (; *s; s++)
		strbuf_addc(out, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
}

/* "TIME  TYPE  CONTAINER  what": a member that is not there is left out. */
static void add_line(struct strbuf *out, const char *line, size_t len)
{
	auto_arena struct arena a = {};
	struct error bad = {};
	struct json *root;

	if (json_parse(&a, "line", line, len, &root, &bad) < 0) {
		/* A line that the end of a machine cut short. */
		strbuf_add(out, line, len);
		strbuf_addc(out, '\n');
		return;
	}
	add_text(out, json_str(root, "time", "-"));
	strbuf_addf(out, "  %-8s", json_str(root, "type", "-"));
	if (json_get(root, "id")) {
		strbuf_adds(out, "  ");
		add_text(out, json_str(root, "id", ""));
	}
	if (json_get(root, "pid")) {
		strbuf_addf(out, "  process %lld (", (long long)json_int(root, "pid", 0));
		add_text(out, json_str(root, "comm", "?"));
		strbuf_addf(out, "), uid %lld", (long long)json_int(root, "uid", 0));
	}
	static const char *const words[] = {"reason", "action", "hook", "mode", "text"};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!json_get(root, words[i]))
			continue;
		strbuf_adds(out, i == 0 ? ": " : "  ");
		add_text(out, json_str(root, words[i], ""));
	}
	strbuf_addc(out, '\n');
}

/* Complete lines of what there is now. */
static int read_lines(struct reader *r, struct error *e)
{
	auto_strbuf struct strbuf out = {};
	char buf[8192];
	ssize_t n;

	while ((n = read(r->fd, buf, sizeof(buf))) > 0) {
		strbuf_add(&r->rest, buf, (size_t)n);
		const char *line = r->rest.s, *end;
		while ((end = memchr(line, '\n', r->rest.len - (size_t)(line - r->rest.s)))) {
			if (r->json)
				strbuf_add(&out, line, (size_t)(end - line) + 1);
			else
				add_line(&out, line, (size_t)(end - line));
			line = end + 1;
		}
		/* The rest moves to the front. */
		size_t left = r->rest.len - (size_t)(line - r->rest.s);
		memmove(r->rest.s, line, left + 1);
		r->rest.len = left;
		if (print_out(&out, e) < 0)
			return -1;
		strbuf_clear(&out);
	}
	return n < 0 ? error_set(e, ERROR_HOST, errno, "cannot read '%s'", r->path) : 0;
}

static int open_log(struct reader *r, struct error *e)
{
	r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (r->fd < 0 && errno != ENOENT)
		return error_set(e, ERROR_HOST, errno, "cannot open '%s'", r->path);
	return 0;
}

/* After a rotation the name leads to another file: the old one to its end, then that. */
static int read_on(struct reader *r, struct error *e)
{
	struct stat have, named;

	if (r->fd >= 0 && read_lines(r, e) < 0)
		return -1;
	if (stat(r->path, &named) < 0)
		return errno == ENOENT ? 0 : error_set(e, ERROR_HOST, errno, "cannot look at '%s'", r->path);
	if (r->fd >= 0 && fstat(r->fd, &have) == 0 && have.st_ino == named.st_ino && have.st_dev == named.st_dev)
		return 0;
	macro_close(&r->fd);
	strbuf_clear(&r->rest);
	if (open_log(r, e) < 0)
		return -1;
	return r->fd >= 0 ? read_lines(r, e) : 0;
}

static int follow(struct reader *r, struct error *e)
{
	auto_arena struct arena a = {};
	char events[4096], *dir = arena_strdup(&a, r->path);

	*(strrchr(dir, '/') == dir ? dir + 1 : strrchr(dir, '/')) = '\0';
	auto_close int fd = inotify_init1(IN_CLOEXEC);
	if (fd < 0 || inotify_add_watch(fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot watch '%s'", dir);
	/* What came between the first reading and the watch. */
	do {
		if (read_on(r, e) < 0)
			return -1;
	} while (read(fd, events, sizeof(events)) > 0);
	return error_set(e, ERROR_HOST, errno, "cannot watch '%s'", dir);
}

int guard_events(const struct options *o, struct error *e)
{
	auto_with(reader_done) struct reader r = {.fd = -1, .json = o->json};
	auto_arena struct arena a = {};
	struct guard_policy policy = {};

	if (guard_policy_read(&a, &policy, e) < 0)
		return -1;
	r.path = policy.log;
	if (open_log(&r, e) < 0 || (r.fd >= 0 && read_lines(&r, e) < 0))
		return -1;
	return o->follow ? follow(&r, e) : 0;
}
