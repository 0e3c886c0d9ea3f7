/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/num.h"
#include "libcontainer/launch.h"
#include "libcontainer/state.h"
#include "spec/json.h"
#include "spec/policy.h"

int audit_open(const struct runtime *rt, const char *command, const char *id, struct audit *ret, struct error *e)
{
	auto_policy struct policy policy = {};
	struct privileges privileges;

	if (policy_read(&policy, e) < 0)
		return -1;
	if (!policy.audit)
		return 0;
	if (privileges_read(rt, &privileges, e) < 0)
		return -1;
	if (!privileges.privileged || privileges.nested)
		return 0;
	int fd = open(policy.audit, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd < 0)
		return error_set(e, ERROR_HOST, errno, POLICY_FILE ": containers.audit: cannot open '%s'", policy.audit);
	*ret = (struct audit){fd, command, id};
	return 0;
}

/* Of /proc, without a newline; "" where there is none. */
static const char *line_of(const char *path, struct strbuf *out)
{
	if (read_file_at(AT_FDCWD, path, 256, out) == 0 && out->len > 0 && out->s[out->len - 1] == '\n')
		out->s[out->len - 1] = '\0';
	return strbuf_str(out);
}

static void write_caller(struct json_writer *w)
{
	auto_strbuf struct strbuf login = {}, parent = {};
	uint32_t id;
	char path[64];

	jw_uint(w, "uid", getuid());
	/* Who logged in, whatever he has become since. */
	if (parse_u32(line_of("/proc/self/loginuid", &login), UINT32_MAX - 1, &id) == 0)
		jw_uint(w, "loginUid", id);
	jw_int(w, "pid", getpid());
	jw_int(w, "parent", getppid());
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)getppid());
	jw_str(w, "parentComm", line_of(path, &parent));
}

static void write_line(const struct audit *a, const struct runtime *rt, const char *result, int status, const char *why)
{
	auto_strbuf struct strbuf line = {};
	auto_arena struct arena arena = {};
	struct json_writer w;

	jw_begin(&w, &line, false);
	jw_object(&w, NULL);
	jw_str(&w, "type", a->command);
	jw_str(&w, "time", state_timestamp(&arena));
	jw_str(&w, "id", a->id);
	jw_str(&w, "root", rt->root);
	jw_str(&w, "result", result);
	if (why)
		jw_str(&w, "error", why);
	else if (status >= 0)
		jw_int(&w, "status", status);
	write_caller(&w);
	jw_end(&w, '}');
	strbuf_addc(&line, '\n');
	/* One write, so that lines of commands at the same time stay whole. */
	if (write_all(a->fd, line.s, line.len) < 0)
		log_write(LOG_WARNING, "cannot write the audit log: %s", strerror(errno));
}

void audit_begun(const struct audit *a, const struct runtime *rt)
{
	if (a->fd >= 0)
		write_line(a, rt, "begun", -1, NULL);
}

void audit_ended(const struct audit *a, const struct runtime *rt, int status, const struct error *e)
{
	char text[sizeof(e->msg) + 256];

	if (a->fd >= 0)
		write_line(a, rt, status < 0 ? "failed" : "done", status, status < 0 ? error_text(e, text, sizeof(text)) : NULL);
}

void audit_close(struct audit *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}
