/* SPDX-License-Identifier: Apache-2.0 */
/* The host's ps knows every format that users ask for: its output is reduced to the container's processes. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/io.h"
#include "base/num.h"
#include "src/commands.h"

#define PS_OUTPUT_MAX (64UL << 20)
#define BLANKS " \t"

/* go-runc hands all options over as one word ("-o pid,comm"); several words are taken as they are. */
static char **ps_arguments(const struct options *o, struct arena *a)
{
	size_t given = o->argc - 1, n = 0;
	const char *all = given == 1 ? o->argv[1] : "";
	char **argv = arena_array(a, given + strlen(all) / 2 + 4, sizeof(*argv));

	argv[n++] = arena_strdup(a, "ps");
	if (given > 1) {
		memcpy(argv + n, o->argv + 1, given * sizeof(*argv));
		return argv;
	}
	for (const char *s = all + strspn(all, BLANKS); *s; s += strspn(s, BLANKS)) {
		size_t len = strcspn(s, BLANKS);

		argv[n++] = arena_strndup(a, s, len);
		s += len;
	}
	if (n == 1)
		argv[n] = arena_strdup(a, "-ef");
	return argv;
}

/* The output goes to memory files rather than pipes: two streams, and nothing to wait for but the end. */
static int ps_spawn(char **argv, int out_fd, int err_fd, int *status, struct error *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t ignored;
	pid_t pid;
	int err;

	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE);
	sigaddset(&ignored, SIGXFSZ);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return error_set(e, ERROR_HOST, ENOMEM, "cannot run ps");
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return error_set(e, ERROR_HOST, ENOMEM, "cannot run ps");
	}
	err = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	err = err ?: posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
	err = err ?: posix_spawnattr_setsigdefault(&attr, &ignored);
	err = err ?: posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	err = err ?: posix_spawnp(&pid, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (err)
		return error_set(e, ERROR_HOST, err, "cannot run ps");
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return error_set(e, ERROR_HOST, errno, "cannot wait for ps");
	return 0;
}

static int ps_read(int fd, struct strbuf *out, struct error *e)
{
	if (lseek(fd, 0, SEEK_SET) < 0 || read_all(fd, PS_OUTPUT_MAX, out) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read the output of ps");
	return 0;
}

static int ps_run(char **argv, struct strbuf *out, struct error *e)
{
	auto_close int out_fd = memfd_create("ps-output", MFD_CLOEXEC);
	auto_close int err_fd = memfd_create("ps-errors", MFD_CLOEXEC);
	auto_strbuf struct strbuf errors = {};
	const char *why;
	int status = 0;

	if (out_fd < 0 || err_fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot keep the output of ps");
	if (ps_spawn(argv, out_fd, err_fd, &status, e) < 0 || ps_read(out_fd, out, e) < 0)
		return -1;
	if (status == 0)
		return 0;
	if (ps_read(err_fd, &errors, e) < 0)
		return -1;
	if (WIFSIGNALED(status))
		return error_set(e, ERROR_HOST, 0, "ps was killed by signal %d", WTERMSIG(status));
	/* procps says what is wrong in its first line, and its usage in the rest. */
	why = strbuf_str(&errors) + strspn(strbuf_str(&errors), "\n");
	return error_set(e, ERROR_HOST, 0, "ps failed with status %d: %.*s", WEXITSTATUS(status),
			 (int)strcspn(why, "\n"), why);
}

/* The field with this index, or NULL when the line has fewer. */
static const char *field(const char *line, size_t index, size_t *len)
{
	for (line += strspn(line, BLANKS); *line; line += strspn(line, BLANKS)) {
		*len = strcspn(line, BLANKS);
		if (index-- == 0)
			return line;
		line += *len;
	}
	return NULL;
}

static int pid_column(const char *head, size_t *ret, struct error *e)
{
	const char *name;
	size_t len;

	for (size_t i = 0; (name = field(head, i, &len)); i++) {
		if (len == 3 && memcmp(name, "PID", 3) == 0) {
			*ret = i;
			return 0;
		}
	}
	error_set(e, ERROR_USAGE, 0, "couldn't find PID field in ps output");
	return error_hint(e, "the options for ps must leave the column PID and its title");
}

static bool is_member(const char *line, size_t column, struct arena *a, const pid_t *pids, size_t n)
{
	uint32_t pid;
	size_t len;
	const char *text = field(line, column, &len);

	if (!text || parse_u32(arena_strndup(a, text, len), INT32_MAX, &pid) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (pids[i] == (pid_t)pid)
			return true;
	return false;
}

static int ps_table(const struct options *o, struct arena *a, const pid_t *pids, size_t n, struct strbuf *out,
		    struct error *e)
{
	auto_strbuf struct strbuf text = {};
	size_t column = 0;
	char *line, *next;

	if (ps_run(ps_arguments(o, a), &text, e) < 0)
		return -1;
	for (line = text.s; line && *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		if (line == text.s) {
			if (pid_column(line, &column, e) < 0)
				return -1;
		} else if (!is_member(line, column, a, pids, n)) {
			continue;
		}
		strbuf_addf(out, "%s\n", line);
	}
	if (!text.len)
		return pid_column("", &column, e);
	return 0;
}

int cmd_ps(const struct options *o, struct error *e)
{
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf out = {};
	enum print_format format;
	pid_t *pids = NULL;
	size_t n = 0;

	if (print_format_parse(o->format, &format, e) < 0)
		return -1;
	if (container_pids(&o->runtime, o->argv[0], &a, &pids, &n, e) < 0)
		return -1;
	if (format == PRINT_TABLE) {
		if (ps_table(o, &a, pids, n, &out, e) < 0)
			return -1;
		return print_out(&out, e);
	}
	strbuf_addc(&out, '[');
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&out, "%s%d", i ? "," : "", pids[i]);
	strbuf_adds(&out, "]\n");
	return print_out(&out, e);
}
