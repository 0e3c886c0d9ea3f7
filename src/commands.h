/* SPDX-License-Identifier: Apache-2.0 */
/* What main.c calls. A command returns the exit status, or -1 with the error set. */
#pragma once

#include "base/strbuf.h"
#include "src/options.h"

typedef int command_function(const struct options *o, struct error *e);
#define X(id, function, name) command_function cmd_##function;
COMMANDS(X)
#undef X

/* globals.c: the log is open and runtime.root absolute afterwards. */
must_check int globals_apply(struct options *o, struct error *e);
/* The log alone, for errors of the command line itself. */
must_check int globals_open_log(const struct options *o, struct error *e);
/* The directory below $XDG_RUNTIME_DIR must outlive clean-ups: for commands that make it. */
must_check int globals_make_root(const struct options *o, struct error *e);

/* help.c */
void help_called(const char *argv0); /* the name for help and version; before, and for a strange one, it is kedge */
void help_print(enum command_id command, struct strbuf *out); /* CMD_NONE: of kedge itself */
void version_print(struct strbuf *out);

/* print.c */
must_check int print_out(const struct strbuf *text, struct error *e); /* to stdout, whole or an error */
enum print_format { PRINT_TABLE, PRINT_JSON };
must_check int print_format_parse(const char *text, enum print_format *ret, struct error *e);
/* Columns as Go's tabwriter lays them out (at least 12 wide, 3 apart), rows * columns cells, the first row the head. */
void print_table(const char *const *cells, size_t rows, size_t columns, struct strbuf *out);
