/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "commit.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"
#include "src/commands.h"

static char program[64] = "kedge";

void help_called(const char *argv0)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const char *name = argv0 ? basename(argv0) : "";
	size_t len = strlen(name);

	/* One of our own names, or none that may be printed. */
	if (len == 0 || len >= sizeof(program) || strspn(name, allowed) != len || strncmp(name, "kedge", 5) == 0)
		return;
	memcpy(program, name, len + 1);
}

static void add_indented(struct strbuf *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		strbuf_adds(out, "   ");
		strbuf_add(out, text, n);
		strbuf_addc(out, '\n');
		text += n + (text[n] == '\n');
	}
}

static void option_head(const struct option_row *row, struct strbuf *out)
{
	strbuf_addf(out, "--%s", row->name);
	if (row->letter)
		strbuf_addf(out, ", -%c", row->letter);
	if (row->argument)
		strbuf_addf(out, " %s", row->argument);
}

static void add_options(enum command_id command, struct strbuf *out)
{
	size_t width = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n_option_rows; i++) {
			auto_strbuf struct strbuf head = {};

			if (!(option_rows[i].commands & (1U << command)))
				continue;
			option_head(&option_rows[i], &head);
			if (pass == 0)
				width = MAX(width, head.len);
			else
				strbuf_addf(out, "   %-*s   %s\n", (int)width, head.s, option_rows[i].help);
		}
	}
}

static void add_commands(struct strbuf *out)
{
	for (enum command_id c = CMD_NONE + 1; c < CMD_MAX; c++)
		strbuf_addf(out, "   %-12s   %s\n", c == CMD_HELP ? "help, h" : command_rows[c].name, command_rows[c].summary);
}

void help_print(enum command_id command, struct strbuf *out)
{
	const struct command_row *row = &command_rows[command];

	if (command == CMD_NONE) {
		strbuf_addf(out, "NAME:\n   %s - Open Container Initiative runtime\n\n"
				 "USAGE:\n   %s [global options] command [options] [arguments...]\n\n"
				 "VERSION:\n   " PACKAGE_VERSION "\n\nCOMMANDS:\n", program, program);
		add_commands(out);
		strbuf_adds(out, "\nGLOBAL OPTIONS:\n");
		add_options(command, out);
		return;
	}
	strbuf_addf(out, "NAME:\n   %s %s - %s\n\nUSAGE:\n   %s %s [options]%s%s\n", program, row->name, row->summary,
		    program, row->name, *row->arguments ? " " : "", row->arguments);
	if (row->description) {
		strbuf_adds(out, "\nDESCRIPTION:\n");
		add_indented(out, row->description);
	}
	strbuf_adds(out, "\nOPTIONS:\n");
	add_options(command, out);
}

/*
 * The form is runc's, the name is the one that we were called by. Engines take any: dockerd looks for the line with
 * "version" and the one with "commit:"; CRI-O and Podman show the text as it is. containerd's go-runc wants line 1 to
 * begin with "runc version ", as it does when we stand in for runc, and otherwise returns an empty struct without an
 * error; its callers only display that. Who we are the last line says then.
 */
void version_print(struct strbuf *out)
{
	const char *commit = KEDGE_COMMIT, *seccomp = seccomp_library_version();

	strbuf_addf(out, "%s version %s\ncommit: %s\nspec: %s\n", program, PACKAGE_VERSION,
		    *commit ? commit : "unknown", SPEC_VERSION);
	if (*seccomp)
		strbuf_addf(out, "libseccomp: %s\n", seccomp);
	if (strcmp(program, "kedge") != 0)
		strbuf_adds(out, "kedge: " PACKAGE_VERSION "\n");
}

int cmd_help(const struct options *o, struct error *e)
{
	auto_strbuf struct strbuf out = {};
	enum command_id command = CMD_NONE;

	if (o->argc > 0) {
		command = command_find(o->argv[0]);
		if (command == CMD_NONE)
			return error_set(e, ERROR_USAGE, 0, "No help topic for '%s'", o->argv[0]);
	}
	help_print(command, &out);
	return print_out(&out, e);
}
