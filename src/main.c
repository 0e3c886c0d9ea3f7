/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "libcontainer/audit.h"
#include "src/commands.h"

static command_function *const functions[CMD_MAX] = {
#define X(id, function, name) [CMD_##id] = cmd_##function,
	COMMANDS(X)
#undef X
};

/* exec: so that a caller can tell our failure from the program's own status. */
#define EXIT_EXEC_FAILED 255

/* A closed stdio descriptor would be the number of the next file that we open, and the container would get that as its
 * stdio. One poll(2) tells of all three. */
static int fill_stdio(void)
{
	struct pollfd fds[] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};

	if (poll(fds, 3, 0) <= 0)
		return 0;
	for (int i = 0; i < 3; i++) {
		if (!(fds[i].revents & POLLNVAL))
			continue;
		/* The lowest free number is i, because those below are open by now. */
		if (open("/dev/null", O_RDWR | O_NOCTTY) != i) /* inherited: it stands in for the container's stdio */
			return -1;
	}
	return 0;
}

/* The caller's umask is left alone, as runc leaves it: the payload gets its own from the plan. */
static int prepare_process(void)
{
	/* What was inherited reaches a container only when the plan says so (--preserve-fds, LISTEN_FDS). */
	if (sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -1;
	if (fill_stdio() < 0)
		return -1;
	/* A reader that went away or a limit of file sizes is an error of write(2), with the state still to be cleaned up.
	 * kedge-init sets every signal back to its default before the payload. */
	if (sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) < 0)
		return -1;
	return sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
}

/* The help goes to stdout and the one error line to stderr, as with runc. */
static int usage_failure(const struct options *o, const char *reason, const struct error *usage)
{
	auto_strbuf struct strbuf out = {};
	struct error unheard = {};

	strbuf_adds(&out, "Incorrect Usage");
	if (reason)
		strbuf_addf(&out, ": %s", reason);
	strbuf_adds(&out, reason ? "\n\n" : ".\n\n");
	help_print(o->command, &out);
	/* The usage error is the one to report, even when the help could not be written. */
	if (print_out(&out, &unheard) < 0)
		log_write(LOG_DEBUG, "%s", unheard.msg);
	log_failure(usage);
	return EXIT_FAILURE;
}

static int parse_failure(const struct options *o, const struct error *usage)
{
	struct error unheard = {};

	/* Engines read the log even of a call that was wrong. */
	if (globals_open_log(o, &unheard) < 0)
		log_failure(&unheard);
	if (o->unknown) {
		log_failure(usage);
		return EXIT_FAILURE;
	}
	return usage_failure(o, usage->msg, usage);
}

/* The container's id is the first word, but that of mounts is its own: add or remove. */
static const char *id_of(const struct options *o)
{
	size_t i = o->command == CMD_MOUNTS;

	return o->argc > i ? o->argv[i] : "";
}

/* "create 'web1': ..." unless the library has said so. */
static void name_command(const struct options *o, struct error *e)
{
	const struct command_row *row = &command_rows[o->command];
	size_t n = strlen(row->name);

	if (e->kind == ERROR_USAGE || e->kind == ERROR_EXECVE || row->min == 0)
		return;
	if (strncmp(e->msg, row->name, n) == 0 && strncmp(e->msg + n, " '", 2) == 0)
		return;
	error_in(e, "%s '%s'", row->name, id_of(o));
}

/* What changes a container; true for those that last as long as a program. */
static const struct { bool is, lasts; } audited[CMD_MAX] = {
	[CMD_CHECKPOINT] = {true, false}, [CMD_CREATE] = {true, false}, [CMD_DELETE] = {true, false},
	[CMD_EXEC] = {true, true},	  [CMD_KILL] = {true, false},	[CMD_MOUNTS] = {true, false},
	[CMD_PAUSE] = {true, false},	  [CMD_RESTORE] = {true, true}, [CMD_RESUME] = {true, false},
	[CMD_RUN] = {true, true},	  [CMD_START] = {true, false},	[CMD_UPDATE] = {true, false},
};

static int call(struct options *o, struct error *e)
{
	auto_with(audit_close) struct audit audit = AUDIT_NONE;
	int status = -1;

	if (!audited[o->command].is)
		return functions[o->command](o, e);
	if (audit_open(&o->runtime, command_rows[o->command].name, id_of(o), &audit, e) == 0) {
		if (audited[o->command].lasts)
			audit_begun(&audit, &o->runtime);
		status = functions[o->command](o, e);
	}
	audit_ended(&audit, &o->runtime, status, e);
	return status;
}

static int run_command(struct options *o, struct error *e)
{
	const char *first = o->argc > 0 ? o->argv[0] : "";
	int status;

	log_write(LOG_DEBUG, "kedge " PACKAGE_VERSION ": %s %s, state in %s", command_rows[o->command].name, first,
		  o->runtime.root);
	status = call(o, e);
	if (status >= 0)
		return status;
	name_command(o, e);
	log_failure(e);
	return o->command == CMD_EXEC ? EXIT_EXEC_FAILED : EXIT_FAILURE;
}

/* Help and version: before anything is opened or checked. */
static int show(const struct options *o, struct error *e)
{
	auto_strbuf struct strbuf out = {};

	if (o->version)
		version_print(&out);
	else
		help_print(o->command, &out);
	if (print_out(&out, e) == 0)
		return EXIT_SUCCESS;
	log_failure(e);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	auto_with(options_done) struct options o = {};
	struct error e = {};

	if (prepare_process() < 0) {
		error_set(&e, ERROR_HOST, errno, "cannot set up the process");
		log_failure(&e);
		return EXIT_FAILURE;
	}
	help_called(argv[0]);
	if (options_parse(argc, argv, &o, &e) < 0)
		return parse_failure(&o, &e);
	if (o.help || o.version || o.command == CMD_NONE)
		return show(&o, &e);
	if (globals_apply(&o, &e) < 0) {
		log_failure(&e);
		return EXIT_FAILURE;
	}
	if (options_check_args(&o, &e) < 0)
		return usage_failure(&o, NULL, &e);
	return run_command(&o, &e);
}
