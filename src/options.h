/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as one table: parsing, --help, completion and the check of the man page all read these rows.
 *
 * The rules are those that callers of runc rely on: an option may be written --name value, --name=value or with a
 * single dash (-name), a switch may be --name=false, "--" ends the options, and options may stand after the container's
 * id but for exec, kill and ps, whose words belong to somebody else from the first positional argument on.
 */
#pragma once

#include "base/arena.h"
#include "libcontainer/container.h"

/* enum value, function cmd_*, name on the command line; in the order of the help. */
#define COMMANDS(X)                      \
	X(CHECK, check, "check")            \
	X(CHECKPOINT, checkpoint, "checkpoint") \
	X(CREATE, create, "create")         \
	X(DELETE, delete, "delete")         \
	X(EVENTS, events, "events")         \
	X(EXEC, exec, "exec")               \
	X(FEATURES, features, "features")   \
	X(GUARD, guard, "guard")            \
	X(KILL, kill, "kill")               \
	X(LIST, list, "list")               \
	X(MOUNTS, mounts, "mounts")         \
	X(PAUSE, pause, "pause")            \
	X(PLAN, plan, "plan")               \
	X(PS, ps, "ps")                     \
	X(RESTORE, restore, "restore")      \
	X(RESUME, resume, "resume")         \
	X(RUN, run, "run")                  \
	X(SPEC, spec, "spec")               \
	X(START, start, "start")            \
	X(STATE, state, "state")            \
	X(UPDATE, update, "update")         \
	X(COMPLETION, completion, "completion") \
	X(HELP, help, "help")

enum command_id {
	CMD_NONE,
#define X(id, function, name) CMD_##id,
	COMMANDS(X)
#undef X
	CMD_MAX
};

/* As written; NULL: not given. */
struct update_flags {
	const char *resources;
	const char *memory, *memory_reservation, *memory_swap, *kernel_memory, *kernel_memory_tcp;
	const char *cpu_share, *cpu_quota, *cpu_burst, *cpu_period, *cpu_rt_runtime, *cpu_rt_period, *cpu_idle;
	const char *cpuset_cpus, *cpuset_mems, *pids_limit, *blkio_weight, *l3_cache_schema, *mem_bw_schema;
};

struct options {
	enum command_id command; /* CMD_NONE: no command was given */
	bool help, version;
	bool unknown; /* there is no such command: nothing to show help for */

	struct runtime runtime; /* root as written, until globals_apply() */
	const char *log, *log_format, *rootless, *cgroup_manager;

	size_t argc; /* positional arguments of the command */
	char **argv;

	struct create_options create;
	struct run_options run;
	struct exec_options exec;
	struct update_flags update;
	struct plan_options plan;
	struct criu_options criu;
	const char *bundle, *format, *interval;
	bool spec_rootless, quiet, force, all, stats, regex, json, follow;

	struct arena arena;
};

/* Fills *ret as far as it got, also on failure: the command says whose help to show, log where to complain. */
must_check int options_parse(int argc, char **argv, struct options *ret, struct error *e);
void options_done(struct options *o);
/* The number of positional arguments is what the command wants; separate, as its failure has its own form. */
must_check int options_check_args(const struct options *o, struct error *e);
/* strconv.ParseBool's spellings: what callers may write after "=". */
must_check int option_bool(const char *text, bool *ret);

/* --- the table, for those who print it */

enum option_kind {
	OPTION_SWITCH, /* bool */
	OPTION_TEXT,   /* const char *; an empty one counts as absent */
	OPTION_ONCE,   /* the same, refused when given twice */
	OPTION_LIST,   /* const char **, in the order given, never split */
	OPTION_NUMBER, /* uint32_t */
};

struct option_row {
	uint32_t commands;     /* bit mask of command_id; CMD_NONE's bit: global */
	enum option_kind kind;
	const char *name;
	char letter;           /* or 0 */
	const char *argument;  /* what stands for the value; "a|b" lists all there are */
	uint32_t max;          /* of a number */
	size_t where, count;   /* in struct options; count: of a list */
	size_t given;          /* a bool that tells whether the option was there, or 0 */
	const char *help;
};
extern const struct option_row option_rows[];
extern const size_t n_option_rows;
#define ON(id) (1U << CMD_##id)

struct command_row {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *description; /* or NULL */
	size_t min, max;         /* positional arguments */
	bool stop;               /* no options after the first of them */
};
extern const struct command_row command_rows[CMD_MAX];

enum command_id command_find(const char *name); /* CMD_NONE: no such command */
