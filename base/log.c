/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/io.h"
#include "base/strbuf.h"

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static struct {
	int fd; /* 0: not opened, stderr */
	enum log_format format;
	int debug;
	enum { TO_FILE, TO_JOURNAL, TO_SYSLOG } kind;
	char id[64]; /* of the entries in a journal or syslog */
} log_state;

static const struct log_socket {
	const char *prefix, *path;
} sockets[] = {
	[TO_JOURNAL] = {"journald:", "/run/systemd/journal/socket"},
	[TO_SYSLOG] = {"syslog:", "/dev/log"},
};

/* One datagram an entry. Without a reader the command is refused: nobody would ever see why it failed. */
static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int open_target(const char *target)
{
	for (size_t i = TO_JOURNAL; i < ARRAY_SIZE(sockets); i++) {
		size_t len = strlen(sockets[i].prefix);
		if (strncmp(target, sockets[i].prefix, len) != 0)
			continue;
		log_state.kind = i;
		snprintf(log_state.id, sizeof(log_state.id), "%s", target[len] ? target + len : "kedge");
		return open_socket(sockets[i].path);
	}
	log_state.kind = TO_FILE;
	if (strncmp(target, "file:", 5) == 0)
		target += 5;
	return open(target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
}

int log_open(const char *target, enum log_format format, int debug, struct error *e)
{
	log_state.format = format;
	log_state.debug = debug;
	if (!target)
		return 0;
	log_state.fd = open_target(target);
	if (log_state.fd < 0) {
		log_state.fd = 0;
		return error_set(e, ERROR_USAGE, errno, "cannot open log file '%s'", target);
	}
	return 0;
}

static bool continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Length of the UTF-8 sequence at s, 0 when there is none: overlong forms, surrogates and beyond U+10FFFF are none. */
static size_t utf8_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return continues(s[1]) ? 2 : 0;
	if (s[0] >= 0xe0 && s[0] <= 0xef) {
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
			return 0;
		return continues(s[1]) && continues(s[2]) ? 3 : 0;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
			return 0;
		return continues(s[1]) && continues(s[2]) && continues(s[3]) ? 4 : 0;
	}
	return 0;
}

/* A message may hold a file's name or a hook's output, so any byte: JSON gets U+FFFD for what is not UTF-8, text gets
 * \xNN as Go's %q writes it. Neither can begin a line of its own. */
static void add_quoted(struct strbuf *out, const char *s, enum log_format format)
{
	size_t n;

	strbuf_addc(out, '"');
	for (; *s; s += n) {
		unsigned char c = (unsigned char)*s;

		n = utf8_length(s);
		if (n == 0) {
			n = 1;
			if (format == LOG_JSON)
				strbuf_adds(out, "\xef\xbf\xbd");
			else
				strbuf_addf(out, "\\x%02x", c);
		} else if (n > 1) {
			strbuf_add(out, s, n);
		} else if (c == '"' || c == '\\') {
			strbuf_addf(out, "\\%c", c);
		} else if (c == '\n' || c == '\t' || c == '\r') {
			strbuf_addf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
		} else if (c < 0x20 || c == 0x7f) {
			strbuf_addf(out, format == LOG_JSON ? "\\u%04x" : "\\x%02x", c);
		} else {
			strbuf_addc(out, (char)c);
		}
	}
	strbuf_addc(out, '"');
}

/* Whether logrus, whose text lines these are, would write the message without quotes. */
static bool is_plain(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++) {
		bool word = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');

		if (!word && !strchr("-._/@^+", *s))
			return false;
	}
	return true;
}

static void make_line(enum log_level level, const char *msg, struct strbuf *line)
{
	char when[64];
	struct tm tm;
	time_t now = time(NULL);

	/* UTC: local time would need the time zone's file, which the process may no longer see. */
	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (log_state.format == LOG_JSON) {
		strbuf_addf(line, "{\"level\":\"%s\",\"msg\":", level_names[level]);
		add_quoted(line, msg, LOG_JSON);
		strbuf_addf(line, ",\"time\":\"%s\"}\n", when);
	} else {
		strbuf_addf(line, "time=\"%s\" level=%s msg=", when, level_names[level]);
		if (is_plain(msg))
			strbuf_adds(line, msg);
		else
			add_quoted(line, msg, LOG_TEXT);
		strbuf_addc(line, '\n');
	}
}

/* systemd's native journal protocol: a value with a newline in it is preceded by its length in 64 bits, little endian. */
static void add_journal_field(struct strbuf *out, const char *name, const char *value)
{
	size_t len = strlen(value);

	strbuf_adds(out, name);
	if (!strchr(value, '\n')) {
		strbuf_addf(out, "=%s\n", value);
		return;
	}
	strbuf_addc(out, '\n');
	for (size_t i = 0; i < 8; i++)
		strbuf_addc(out, (char)(len >> 8 * i & 0xff));
	strbuf_add(out, value, len);
	strbuf_addc(out, '\n');
}

/* Both logs know level and time by themselves, so that the text form is the message alone. */
static void make_entry(enum log_level level, const char *msg, struct strbuf *out)
{
	static const char priorities[] = {[LOG_ERROR] = '3', [LOG_WARNING] = '4', [LOG_INFO] = '6', [LOG_DEBUG] = '7'};
	auto_strbuf struct strbuf line = {};
	char priority[2] = {priorities[level]};

	if (log_state.format == LOG_JSON) {
		make_line(level, msg, &line);
		line.s[--line.len] = '\0';
		msg = line.s;
	}
	if (log_state.kind == TO_JOURNAL) {
		add_journal_field(out, "PRIORITY", priority);
		add_journal_field(out, "SYSLOG_IDENTIFIER", "kedge");
		add_journal_field(out, "ID", log_state.id);
		add_journal_field(out, "MESSAGE", msg);
	} else {
		/* The facility is user-level messages, 1; the daemon adds the time. */
		strbuf_addf(out, "<%d>%s[%d]: %s", 1 << 3 | (priority[0] - '0'), log_state.id, (int)getpid(), msg);
	}
}

static void log_line(enum log_level level, const char *msg)
{
	auto_strbuf struct strbuf text = {};

	if (log_state.fd > 0 && log_state.kind != TO_FILE)
		make_entry(level, msg, &text);
	else
		make_line(level, msg, &text);
	/* Nothing can be told to anybody when the log itself cannot be written. */
	if (write_all(log_state.fd > 0 ? log_state.fd : STDERR_FILENO, text.s, text.len) < 0)
		return;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char msg[2048];
	va_list ap;

	if ((level == LOG_DEBUG || level == LOG_INFO) && !log_state.debug)
		return;
	/* An engine may take the whole file for one error; journals are nobody's. */
	if (level != LOG_ERROR && log_state.fd > 0 && log_state.kind == TO_FILE && !log_state.debug)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	log_line(level, msg);
}

/* Names chosen by others must not drive the terminal. */
static void add_printable(struct strbuf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		strbuf_addc(out, (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?' : (char)c);
	}
}

void log_failure(const struct error *e)
{
	bool to_file = log_state.fd > 0;
	auto_strbuf struct strbuf full = {}, line = {};
	char msg[sizeof(e->msg) + 256];

	error_text(e, msg, sizeof(msg));
	strbuf_adds(&full, msg);
	if (e->hint)
		strbuf_addf(&full, " (%s)", e->hint);
	if (to_file || log_state.format == LOG_JSON)
		log_line(LOG_ERROR, full.s);
	if (!to_file && log_state.format == LOG_JSON)
		return;
	/* With a log file an engine reads stderr, and takes the whole of it for the message. A person gets the hint on a
	 * line of its own. */
	/* As runc, whose init tells it: nothing before the line. */
	if (!to_file && e->kind != ERROR_EXECVE)
		strbuf_adds(&line, "kedge: ");
	if (!to_file && e->hint && isatty(STDERR_FILENO)) {
		add_printable(&line, msg);
		strbuf_addf(&line, "\n    hint: %s", e->hint);
	} else {
		add_printable(&line, full.s);
	}
	strbuf_addc(&line, '\n');
	if (write_all(STDERR_FILENO, line.s, line.len) < 0)
		return;
}
