/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.events. The kernel wakes a poll for POLLPRI when the file changed since it was last read, but delays a
 * second wake-up within 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV). So a wait reads the file again by itself after one,
 * two, four … milliseconds: a container that lived for a moment is not waited for longer than it lived.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "cgroups/internal.h"

#define EVENTS_SLICE_MAX_MS 64

int64_t cgroup_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int events_open(int dirfd)
{
	return openat(dirfd, "cgroup.events", O_RDONLY | O_CLOEXEC);
}

static bool events_key(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return line[len + 1] == '1';
	}
	return false;
}

static int events_read(int fd, struct events *ret)
{
	char buf[256];
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf) - 1, 0);

	*ret = (struct events){};
	if (n < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -1;
	buf[n] = '\0';
	ret->populated = events_key(buf, "populated");
	ret->frozen = events_key(buf, "frozen");
	return 0;
}

int cgroup_events_get(int dirfd, struct events *ret)
{
	auto_close int fd = events_open(dirfd);

	return events_read(fd, ret);
}

int cgroup_events_wait(int dirfd, enum events_wanted wanted, int timeout_ms)
{
	auto_close int fd = events_open(dirfd);
	int64_t deadline = cgroup_now_ms() + timeout_ms;

	for (int64_t slice = 1;; slice = MIN(slice * 2, EVENTS_SLICE_MAX_MS)) {
		struct events now;
		if (events_read(fd, &now) < 0)
			return -1;
		if (wanted == EVENTS_EMPTY ? !now.populated : now.frozen == (wanted == EVENTS_FROZEN))
			return 0;
		int64_t left = deadline - cgroup_now_ms();
		/* A removed cgroup cannot become frozen. */
		if (left <= 0 || fd < 0)
			return 1;
		struct pollfd pfd = {.fd = fd, .events = POLLPRI};
		if (poll(&pfd, 1, (int)MIN(left, slice)) < 0 && errno != EINTR)
			return -1;
	}
}
