/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's grammar, as the callers of runc use it. */
#include "src/options.h"

#include "src/commands.h"
#include "tests/unit/tap.h"

static struct options o;
static struct error e;

#define parse(...) parse_words((const char *[]){"kedge", __VA_ARGS__, NULL})

static int parse_words(const char **words)
{
	static char *argv[32];
	int argc = 0;

	options_done(&o);
	o = (struct options){};
	e = (struct error){};
	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	argv[argc] = NULL;
	return options_parse(argc, argv, &o, &e);
}

static void test_forms(void)
{
	ok(parse("create", "--bundle", "/b", "web1") == 0 && o.command == CMD_CREATE, "an option and its value");
	is_str(o.create.bundle, "/b", "the value is the next word");
	is_int(o.argc, 1, "the id remains");
	is_str(o.argv[0], "web1", "and is the id");
	ok(parse("create", "--bundle=/b=c", "web1") == 0, "--name=value");
	is_str(o.create.bundle, "/b=c", "cut at the first =");
	ok(parse("create", "-b", "/b", "web1") == 0, "-b value");
	is_str(o.create.bundle, "/b", "a letter");
	ok(parse("create", "-b=/b", "web1") == 0, "-b=value");
	is_str(o.create.bundle, "/b", "a letter with =");
	ok(parse("create", "-bundle", "/b", "web1") == 0, "a long name with one dash");
	is_str(o.create.bundle, "/b", "the same option");
	ok(parse("create", "--b", "/b", "web1") == 0, "a letter with two dashes");
	is_str(o.create.bundle, "/b", "the same option");
	ok(parse("run", "-no-subreaper", "web1") == 0 && o.run.no_subreaper, "-no-subreaper as go-runc writes it");
	ok(parse("create", "--bundle", "", "web1") == 0 && !o.create.bundle, "an empty value is no value");
	ok(parse("create", "--pid-file", "--weird", "web1") == 0, "a value may begin with a dash");
	is_str(o.create.pid_file, "--weird", "and is taken as it is");
	ok(parse("create", "-b", "/a", "-b", "/b", "web1") == 0, "given twice");
	is_str(o.create.bundle, "/b", "the last one counts");
}

static void test_switches(void)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
	char word[32];

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		snprintf(word, sizeof(word), "--detach=%s", yes[i]);
		ok(parse("run", word, "c") == 0 && o.run.detach, "%s", word);
		snprintf(word, sizeof(word), "-d=%s", no[i]);
		ok(parse("run", "-d", word, "c") == 0 && !o.run.detach, "%s", word);
	}
	ok(parse("run", "--detach=yes", "c") < 0, "--detach=yes is refused");
	is_str(e.msg, "invalid value \"yes\" for flag -detach: neither true nor false", "and named");
	ok(parse("run", "--detach=", "c") < 0, "--detach= is refused");
	ok(parse("run", "--detach", "false") == 0 && o.run.detach, "a switch takes no second word");
	is_str(o.argv[0], "false", "that word is the id");
	ok(parse("exec", "--tty=false", "c", "sh") == 0 && o.exec.tty_given && !o.exec.tty, "given, and false");
	ok(parse("exec", "c", "sh") == 0 && !o.exec.tty_given, "not given");
	ok(parse("exec", "-dt", "c", "sh") < 0, "letters are not bundled");
	is_str(e.msg, "flag provided but not defined: -dt", "as with runc");
}

static void test_positional(void)
{
	ok(parse("delete", "web1", "--force") == 0 && o.force, "an option after the id");
	is_int(o.argc, 1, "is no argument");
	ok(parse("create", "web1", "-b", "/b", "more") == 0, "an option between arguments");
	is_int(o.argc, 2, "two arguments");
	is_str(o.argv[1], "more", "in order");
	ok(parse("delete", "--", "--force") == 0 && !o.force, "-- ends the options");
	is_str(o.argv[0], "--force", "what follows is an argument");
	ok(parse("delete", "-") == 0 && o.argc == 1, "a lone dash is an argument");

	ok(parse("exec", "-e", "A=1", "web1", "sh", "-c", "-e", "x") == 0, "exec stops at the id");
	is_int(o.argc, 5, "the command keeps its words");
	is_str(o.argv[3], "-e", "options among them");
	is_int(o.exec.n_env, 1, "one variable");
	ok(parse("exec", "web1", "--help") == 0 && !o.help, "--help after the id belongs to the command");
	ok(parse("exec", "web1", "--", "sh") == 0 && o.argc == 3, "so does --");
	ok(parse("kill", "web1", "-9") == 0, "kill stops at the id");
	is_str(o.argv[1], "-9", "and leaves -9 alone");
	ok(parse("kill", "--all", "web1", "9") == 0 && o.all, "options before it are options");
	ok(parse("ps", "--format", "table", "web1", "-o pid,comm") == 0, "ps stops at the id");
	is_str(o.argv[1], "-o pid,comm", "and keeps a word with blanks");
}

static void test_lists(void)
{
	ok(parse("exec", "-e", "A=1,2", "--env=B=", "-env", "C", "-c", "CAP_X", "-g", "5", "-g=6", "c", "sh") == 0,
	   "repeated options");
	is_int(o.exec.n_env, 3, "three variables");
	is_str(o.exec.env[0], "A=1,2", "never split at a comma");
	is_str(o.exec.env[1], "B=", "an empty value stays");
	is_str(o.exec.env[2], "C", "in order");
	is_int(o.exec.n_caps, 1, "one capability");
	is_int(o.exec.n_gids, 2, "two groups");
	is_str(o.exec.gids[1], "6", "the second group");
	ok(parse("exec", "--cgroup", "a", "--cgroup", "b", "c", "sh") < 0, "two cgroups are refused");
}

static void test_numbers(void)
{
	ok(parse("create", "--preserve-fds", "3", "c") == 0, "a number");
	is_int(o.create.preserve_fds, 3, "three");
	ok(parse("create", "--preserve-fds=-1", "c") < 0, "a negative one is refused");
	ok(parse("create", "--preserve-fds=3x", "c") < 0, "so is what only begins as one");
	ok(parse("create", "--preserve-fds=", "c") < 0, "and an empty one");
	ok(parse("create", "--preserve-fds=4294967299", "c") < 0, "and one that would wrap");
	is_str(e.msg, "invalid value \"4294967299\" for flag -preserve-fds: not a number, or out of range", "and named");
}

static void test_globals(void)
{
	ok(parse("--root", "/r", "--log=/l", "--log-format", "json", "--systemd-cgroup", "--rootless=true", "--debug",
		 "state", "web1") == 0,
	   "containerd's prefix");
	is_str(o.runtime.root, "/r", "root");
	ok(o.runtime.root_given, "was given");
	is_str(o.log, "/l", "log");
	is_str(o.log_format, "json", "its format");
	is_str(o.rootless, "true", "rootless");
	ok(o.runtime.debug && o.runtime.systemd_cgroup, "switches");
	is_int(o.command, CMD_STATE, "the command");
	ok(parse("list", "--root", "/r", "-q") == 0 && o.runtime.root_given && o.quiet, "global ones after the command");
	ok(parse("list", "-f", "json") == 0 && !o.force, "a letter is the command's own");
	is_str(o.format, "json", "-f is the format of list");
	ok(parse("list", "--version") < 0 || o.version, "--version is known everywhere");
	ok(parse("--", "list") == 0 && o.command == CMD_LIST, "-- before the command");
	ok(parse("-v") == 0 && o.version, "-v");
	ok(parse("--version", "nonsense") == 0 && o.version, "--version ends the parsing");
}

static void test_failures(void)
{
	ok(parse("foo") < 0 && o.unknown, "an unknown command");
	is_str(e.msg, "No help topic for 'foo'", "in runc's words");
	ok(parse("foo", "-h") < 0 && !o.help, "its help is unknown too");
	ok(parse("--foo", "list") < 0, "an unknown global option");
	is_str(e.msg, "flag provided but not defined: -foo", "with one dash, as Go has it");
	is_int(o.command, CMD_NONE, "is no command's");
	ok(parse("--log", "/l", "state", "--foo=bar", "c") < 0, "an unknown option of a command");
	is_str(e.msg, "flag provided but not defined: -foo", "without its value");
	is_int(o.command, CMD_STATE, "the command is known");
	is_str(o.log, "/l", "and so is the log");
	ok(parse("create", "c", "--bundle") < 0, "a missing value");
	is_str(e.msg, "flag needs an argument: --bundle", "is named with two dashes");
	ok(parse("create", "c", "-b") < 0, "a missing value of a letter");
	is_str(e.msg, "flag needs an argument: --bundle", "by its long name");
	ok(parse("create", "-x") < 0, "an unknown letter");
	ok(parse("create", "--") == 0 && o.argc == 0, "nothing after --");
	ok(parse("create", "---bundle", "x") < 0, "three dashes");
	ok(parse("create", "--=x") < 0, "no name at all");
	is_int(e.kind, ERROR_USAGE, "is a usage error");
}

static void test_help(void)
{
	ok(parse("--help") == 0 && o.help && o.command == CMD_NONE, "--help");
	ok(parse("-h", "create") == 0 && o.help, "-h");
	ok(parse("create", "--help") == 0 && o.help && o.command == CMD_CREATE, "create --help");
	ok(parse("create", "-h", "--nonsense") == 0 && o.help, "help wins over what follows");
	ok(parse("h", "create") == 0 && o.command == CMD_HELP, "h is help");
	is_str(o.argv[0], "create", "of the command named");
}

static void test_counts(void)
{
	ok(parse("create") == 0 && options_check_args(&o, &e) < 0, "create without an id");
	is_str(e.msg, "\"create\" requires exactly 1 argument(s)", "in runc's words");
	ok(parse("create", "a", "b") == 0 && options_check_args(&o, &e) < 0, "create with two");
	ok(parse("kill") == 0 && options_check_args(&o, &e) < 0, "kill without an id");
	is_str(e.msg, "\"kill\" requires a minimum of 1 argument(s)", "a minimum");
	ok(parse("kill", "a", "9", "x") == 0 && options_check_args(&o, &e) < 0, "kill with three");
	is_str(e.msg, "\"kill\" requires a maximum of 2 argument(s)", "a maximum");
	ok(parse("list", "x") == 0 && options_check_args(&o, &e) < 0, "list with one");
	ok(parse("state", "") == 0 && options_check_args(&o, &e) < 0, "an empty id");
	is_str(e.msg, "container id cannot be empty", "is called so");
	ok(parse("exec", "a", "b", "c", "d") == 0 && options_check_args(&o, &e) == 0, "exec with many");
}

/* What the other readers of the table rely on. */
static void test_table(void)
{
	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];
		bool clash = false;

		for (size_t j = 0; j < i; j++) {
			const struct option_row *other = &option_rows[j];

			if ((row->commands & other->commands) &&
			    (strcmp(row->name, other->name) == 0 || (row->letter && row->letter == other->letter)))
				clash = true;
		}
		ok(!clash && row->help && strlen(row->name) > 1 && (row->kind == OPTION_SWITCH) == !row->argument,
		   "row --%s is sound", row->name);
		ok(strlen(row->help) < 80 && !strpbrk(row->help, "\n\t"), "help of --%s is one line", row->name);
	}
	for (enum command_id c = CMD_NONE + 1; c < CMD_MAX; c++) {
		static const char *const names[CMD_MAX] = {
#define X(id, function, name) [CMD_##id] = name,
			COMMANDS(X)
#undef X
		};

		is_str(command_rows[c].name, names[c], "command %s has its row", names[c]);
		ok(command_find(names[c]) == c && command_rows[c].summary && command_rows[c].arguments, "%s is whole", names[c]);
	}
}

static void test_output(void)
{
	static const char *const cells[] = {"ID", "PID", "OWNER", "a-longer-name", "1", "root", "b\n\x1b[m", "22", "\xc3\xa4"};
	auto_strbuf struct strbuf out = {};

	print_table(cells, 3, 3, &out);
	is_str(out.s,
	       "ID              PID         OWNER\n"
	       "a-longer-name   1           root\n"
	       "b??[m           22          \xc3\xa4\n",
	       "a table is laid out as tabwriter does, and cannot be broken by a name");
	strbuf_clear(&out);
	help_print(CMD_NONE, &out);
	ok(strncmp(out.s, "NAME:\n   kedge - Open Container Initiative runtime\n", 51) == 0, "help begins as runc's");
	strbuf_clear(&out);
	help_print(CMD_STATE, &out);
	ok(strncmp(out.s, "NAME:\n   kedge state", 20) == 0, "help of a command too");
}

int main(void)
{
	test_forms();
	test_switches();
	test_positional();
	test_lists();
	test_numbers();
	test_globals();
	test_failures();
	test_help();
	test_counts();
	test_table();
	test_output();
	options_done(&o);
	return done();
}
