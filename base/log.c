/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/strbuf.h"

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static struct {
	int fd; /* 0: not opened, stderr */
	enum log_format format;
	int debug;
} log_state;

int log_open(const char *path, enum log_format format, int debug, struct error *e)
{
	log_state.format = format;
	log_state.debug = debug;
	if (!path)
		return 0;
	log_state.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	if (log_state.fd < 0) {
		log_state.fd = 0;
		return error_set(e, ERROR_USAGE, errno, "cannot open log file '%s'", path);
	}
	return 0;
}

static void add_quoted(struct strbuf *out, const char *s)
{
	strbuf_addc(out, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			strbuf_addf(out, "\\%c", c);
		else if (c == '\n')
			strbuf_adds(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			strbuf_addf(out, "\\u%04x", c);
		else
			strbuf_addc(out, (char)c);
	}
	strbuf_addc(out, '"');
}

static void log_line(enum log_level level, const char *msg)
{
	auto_strbuf struct strbuf line = {};
	char when[64];
	struct tm tm;
	time_t now = time(NULL);

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (log_state.format == LOG_JSON) {
		strbuf_addf(&line, "{\"level\":\"%s\",\"msg\":", level_names[level]);
		add_quoted(&line, msg);
		strbuf_addf(&line, ",\"time\":\"%s\"}\n", when);
	} else {
		strbuf_addf(&line, "time=\"%s\" level=%s msg=", when, level_names[level]);
		add_quoted(&line, msg);
		strbuf_addc(&line, '\n');
	}
	/* Nothing can be told to anybody when the log itself cannot be written. */
	if (write_all(log_state.fd > 0 ? log_state.fd : STDERR_FILENO, line.s, line.len) < 0)
		return;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char msg[2048];
	va_list ap;

	if (level == LOG_DEBUG && !log_state.debug)
		return;
	if (level != LOG_ERROR && log_state.fd > 0 && !log_state.debug)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	log_line(level, msg);
}

void log_failure(const struct error *e)
{
	char msg[sizeof(e->msg) + 256];

	error_text(e, msg, sizeof(msg));
	if (log_state.fd > 0 || log_state.format == LOG_JSON)
		log_line(LOG_ERROR, msg);
	if (log_state.fd <= 0 && log_state.format == LOG_JSON)
		return;
	dprintf(STDERR_FILENO, "kedge: %s\n", msg);
	if (e->hint)
		dprintf(STDERR_FILENO, "    hint: %s\n", e->hint);
}
