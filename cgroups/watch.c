/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.events and cgroup.events wake a poll for POLLPRI when they changed since they were last read. So each wait reads
 * both first: what happened between two waits is not lost, and a cgroup that was removed meanwhile is an empty one.
 */
#include "cgroups/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "cgroups/internal.h"

#define NS 1000000000ULL

/* The value of a key; -1: the file is gone or has no such key. */
static int64_t read_key(int fd, const char *key)
{
	char buf[1024], *line, *value;
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);
	size_t len = strlen(key);
	uint64_t v;

	if (n < 0)
		return -1;
	buf[n] = '\0';
	for (char *rest = buf; (line = strtok_r(NULL, "\n", &rest));) {
		value = line + len;
		if (strncmp(line, key, len) == 0 && *value == ' ')
			return parse_u64(value + 1, INT64_MAX, &v) == 0 ? (int64_t)v : -1;
	}
	return -1;
}

int cgroup_watch_open(const struct cgroup *cg, struct cgroup_watch *ret, struct error *e)
{
	auto_close int events = openat(cg->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	auto_close int memory = openat(cg->fd, "memory.events", O_RDONLY | O_CLOEXEC);

	if (cg->fd < 0 || events < 0)
		return error_set(e, ERROR_HOST, cg->fd < 0 ? ENOENT : errno, "cannot watch cgroup '%s'", cg->path);
	*ret = (struct cgroup_watch){.memory_fd = TAKE_FD(memory), .events_fd = TAKE_FD(events)};
	ret->oom_kills = read_key(ret->memory_fd, "oom_kill");
	return 0;
}

void cgroup_watch_done(struct cgroup_watch *watch)
{
	/* An object that was only zeroed owns no fd, least of all 0. */
	if (watch->events_fd > 0)
		close(watch->events_fd);
	if (watch->memory_fd > 0)
		close(watch->memory_fd);
	*watch = (struct cgroup_watch){};
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

/* In this order: a kill is counted before the cgroup is empty. */
static enum cgroup_news look(struct cgroup_watch *watch)
{
	int64_t kills = watch->memory_fd > 0 ? read_key(watch->memory_fd, "oom_kill") : -1;

	if (kills > watch->oom_kills) {
		watch->oom_kills = kills;
		return CGROUP_NEWS_OOM;
	}
	return read_key(watch->events_fd, "populated") > 0 ? CGROUP_NEWS_NONE : CGROUP_NEWS_EMPTY;
}

int cgroup_watch_wait(struct cgroup_watch *watch, uint64_t deadline, int reader_fd, struct error *e)
{
	for (;;) {
		enum cgroup_news news = look(watch);
		uint64_t now = now_ns(), left = deadline > now ? deadline - now : 0;
		struct timespec timeout = {(time_t)(left / NS), (long)(left % NS)};
		/* A pipe without a reader is an error condition, which is always polled for. */
		struct pollfd fds[] = {{.fd = watch->events_fd, .events = POLLPRI},
				       {.fd = watch->memory_fd > 0 ? watch->memory_fd : -1, .events = POLLPRI},
				       {.fd = reader_fd}};

		if (news != CGROUP_NEWS_NONE || !left)
			return (int)news;
		if (ppoll(fds, ARRAY_SIZE(fds), &timeout, NULL) < 0 && errno != EINTR)
			return error_set(e, ERROR_HOST, errno, "cannot wait for events");
		if (fds[2].revents & POLLERR)
			return CGROUP_NEWS_NO_READER;
	}
}
