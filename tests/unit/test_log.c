/* SPDX-License-Identifier: Apache-2.0 */
/* What engines read: the log file and stderr of a command. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/io.h"
#include "spec/json.h"
#include "tests/unit/tap.h"

static char path[] = "/tmp/test_log.XXXXXX";
static struct strbuf logged, said;

/* Runs one failure with stderr in a memory file; level names what to log before. */
static void fail_with(enum log_format format, bool to_file, int debug, const struct error *failure)
{
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), memory = memfd_create("stderr", MFD_CLOEXEC);
	struct error e = {};

	strbuf_clear(&logged);
	strbuf_clear(&said);
	if (truncate(path, 0) < 0 || saved < 0 || memory < 0 || dup3(memory, STDERR_FILENO, O_CLOEXEC) < 0)
		exit(EXIT_FAILURE);
	if (log_open(to_file ? path : NULL, format, debug, &e) < 0)
		exit(EXIT_FAILURE);
	log_write(LOG_WARNING, "a warning");
	log_write(LOG_DEBUG, "a detail");
	if (failure)
		log_failure(failure);
	if (dup2(saved, STDERR_FILENO) < 0 || lseek(memory, 0, SEEK_SET) < 0) /* inherited: it is stderr */
		exit(EXIT_FAILURE);
	if (read_all(memory, 1 << 20, &said) < 0 || read_file_at(AT_FDCWD, path, 1 << 20, &logged) < 0)
		exit(EXIT_FAILURE);
	close(saved);
	close(memory);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static void test_json_file(const struct error *failure)
{
	auto_arena struct arena a = {};
	struct json *doc = NULL;
	struct error e = {};

	fail_with(LOG_JSON, true, 0, failure);
	is_int(count(strbuf_str(&logged), "\n"), 1, "the file has exactly one line");
	ok(json_parse(&a, "log", logged.s, logged.len, &doc, &e) == 0, "that is JSON: %s", e.msg);
	is_str(json_str(doc, "level", ""), "error", "of level error");
	is_str(json_str(doc, "msg", ""), "open '/x\"\\\x01\n\xef\xbf\xbd\xc3\xa4': no such file or directory (make it)",
	       "with the message, the errno and the hint");
	is_int(strlen(json_str(doc, "time", "")), strlen("2026-01-01T00:00:00Z"), "and a time");
	is_str(strbuf_str(&said), "open '/x\"\\?\n\xff\xc3\xa4': no such file or directory (make it)\n",
	       "stderr has the plain message alone");
	fail_with(LOG_JSON, true, 1, failure);
	is_int(count(strbuf_str(&logged), "\n"), 3, "with debug, the warning and the detail are there too");
	fail_with(LOG_JSON, true, 0, NULL);
	is_int(logged.len + said.len, 0, "success leaves both empty");
}

static void test_others(const struct error *failure)
{
	struct error plain = {};

	fail_with(LOG_TEXT, true, 0, failure);
	ok(strstr(strbuf_str(&logged), " level=error msg=\"open '/x\\\"\\\\\\x01\\n\\xff\xc3\xa4': no such"), "text as Go quotes it");
	is_int(count(strbuf_str(&logged), "\n"), 1, "in one line");
	error_set(&plain, ERROR_HOST, 0, "oops");
	fail_with(LOG_TEXT, true, 0, &plain);
	ok(strstr(strbuf_str(&logged), " level=error msg=oops\n"), "one plain word has no quotes");
	fail_with(LOG_TEXT, true, 1, &plain);
	ok(strstr(strbuf_str(&logged), "level=debug msg=\"a detail\"\n"), "debug");
	is_int(logged.len ? count(strbuf_str(&said), "\n") : 0, 1, "says no more on stderr than before");
}

/* First: log_open() never closes what it has opened. */
static void test_stderr(const struct error *failure)
{
	struct error program = {};

	fail_with(LOG_TEXT, false, 0, failure);
	ok(strstr(strbuf_str(&said), "kedge: open '/x"), "without a file stderr has the message");
	ok(strstr(strbuf_str(&said), "level=warning msg=\"a warning\"\n"), "and warnings");
	ok(!strstr(strbuf_str(&said), "level=debug"), "but no details");
	error_set(&program, ERROR_EXECVE, ENOENT, "exec /p");
	fail_with(LOG_TEXT, false, 0, &program);
	ok(strstr(strbuf_str(&said), "\nexec /p: no such file or directory\n") &&
		   !strstr(strbuf_str(&said), "kedge: "), "of the container's execve it has nothing but that");
	fail_with(LOG_JSON, false, 0, failure);
	is_int(count(strbuf_str(&said), "\"level\":\"error\""), 1, "JSON on stderr is written once");
	ok(!strstr(strbuf_str(&said), "kedge: "), "and not as text as well");
}

int main(void)
{
	int fd = mkostemp(path, O_CLOEXEC);
	struct error failure = {}, e = {};

	if (fd < 0)
		return EXIT_FAILURE;
	close(fd);
	error_set(&failure, ERROR_HOST, ENOENT, "open '/x\"\\\x01\n\xff\xc3\xa4'");
	error_hint(&failure, "make it");
	test_stderr(&failure);
	test_json_file(&failure);
	test_others(&failure);
	ok(log_open("/nonexistent/log", LOG_JSON, 0, &e) < 0, "a log that cannot be opened is an error");
	unlink(path);
	strbuf_done(&logged);
	strbuf_done(&said);
	return done();
}
