/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion scripts, printed from the option table. They complete commands, options, the values of an option (words of
 * "a|b", else files or directories by the argument's name) and ids by asking `kedge list -q`.
 */
#include <string.h>

#include "src/commands.h"

/* The words of "a|b" with blanks between them; false when it is no such list. */
static bool add_words(struct strbuf *out, const char *argument)
{
	if (!argument || !strchr(argument, '|'))
		return false;
	for (; *argument; argument++)
		strbuf_addc(out, *argument == '|' ? ' ' : *argument);
	return true;
}

static bool wants_dir(const struct option_row *row)
{
	/* exec --cwd is a directory inside the container. */
	return strcmp(row->argument, "DIR") == 0 && !(row->commands & ON(EXEC));
}

static bool wants_file(const struct option_row *row)
{
	return strcmp(row->argument, "FILE") == 0 || strcmp(row->argument, "SOCKET") == 0;
}

/* create and run want an id that does not exist yet. */
static bool wants_id(enum command_id c)
{
	return c != CMD_NONE && c != CMD_CREATE && c != CMD_RUN &&
	       strncmp(command_rows[c].arguments, "<container-id>", 14) == 0;
}

static bool row_of(const struct option_row *row, enum command_id c)
{
	return row->commands & (1U << c);
}

static void add_command_names(struct strbuf *out)
{
	for (enum command_id c = CMD_NONE + 1; c < CMD_MAX; c++)
		strbuf_addf(out, "%s%s", c > CMD_NONE + 1 ? " " : "", command_rows[c].name);
}

static void bash_option_names(enum command_id c, struct strbuf *out)
{
	for (size_t i = 0; i < n_option_rows; i++) {
		if (!row_of(&option_rows[i], c))
			continue;
		strbuf_addf(out, "--%s ", option_rows[i].name);
		if (option_rows[i].letter)
			strbuf_addf(out, "-%c ", option_rows[i].letter);
	}
}

/* "command:option" -> what follows it. */
static void bash_values(enum command_id c, struct strbuf *out)
{
	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];
		const char *name = c == CMD_NONE ? "" : command_rows[c].name;

		if (!row->argument || !row_of(row, c))
			continue;
		strbuf_addf(out, "\t%s:--%s", name, row->name);
		if (row->letter)
			strbuf_addf(out, " | %s:-%c", name, row->letter);
		strbuf_adds(out, ") ");
		if (strchr(row->argument, '|')) {
			strbuf_adds(out, "mapfile -t COMPREPLY < <(compgen -W '");
			add_words(out, row->argument);
			strbuf_adds(out, "' -- \"$cur\")");
		} else if (wants_dir(row)) {
			strbuf_adds(out, "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")");
		} else if (wants_file(row)) {
			strbuf_adds(out, "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")");
		} else {
			strbuf_adds(out, "COMPREPLY=()");
		}
		strbuf_adds(out, "; return ;;\n");
	}
}

static void bash_takes_value(struct strbuf *out)
{
	const char *between = "";

	for (size_t i = 0; i < n_option_rows; i++) {
		/* --root has a line of its own. */
		if (!option_rows[i].argument || !row_of(&option_rows[i], CMD_NONE) || strcmp(option_rows[i].name, "root") == 0)
			continue;
		strbuf_addf(out, "%s--%s", between, option_rows[i].name);
		between = " | ";
	}
}

static void bash_command(enum command_id c, struct strbuf *out)
{
	strbuf_addf(out, "\t%s)\n\t\tif [[ $cur == -* ]]; then words='", command_rows[c].name);
	bash_option_names(c, out);
	strbuf_adds(out, "'");
	if (wants_id(c)) {
		strbuf_adds(out, "; else words=$(kedge \"${root[@]}\" list -q 2>/dev/null)");
	} else if (c == CMD_HELP) {
		strbuf_adds(out, "; else words='");
		add_command_names(out);
		strbuf_adds(out, "'");
	} else if (strchr(command_rows[c].arguments, '|')) {
		strbuf_adds(out, "; else words='");
		add_words(out, command_rows[c].arguments);
		strbuf_adds(out, "'");
	}
	strbuf_adds(out, "; fi ;;\n");
}

static void bash_print(struct strbuf *out)
{
	strbuf_adds(out, "# bash completion for kedge, printed by \"kedge completion bash\"\n\n"
			 "_kedge()\n{\n"
			 "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' i\n"
			 "\tlocal -a root=()\n\n"
			 "\t# bash takes the = of --name=value for a word.\n"
			 "\tif [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
			 "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			 "\t\tif [[ ${COMP_WORDS[i + 1]} == = && ${COMP_WORDS[i]} == -* ]]; then\n"
			 "\t\t\tif [[ ${COMP_WORDS[i]} == --root ]]; then root=(--root \"${COMP_WORDS[i + 2]}\"); fi\n"
			 "\t\t\t((i += 2))\n\t\t\tcontinue\n\t\tfi\n"
			 "\t\tcase ${COMP_WORDS[i]} in\n"
			 "\t\t--root) root=(--root \"${COMP_WORDS[++i]}\") ;;\n\t\t");
	bash_takes_value(out);
	strbuf_adds(out, ") ((++i)) ;;\n"
			 "\t\t-*) ;;\n"
			 "\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
			 "\t\tesac\n\tdone\n\n"
			 "\tcase $command:$prev in\n");
	for (enum command_id c = CMD_NONE; c < CMD_MAX; c++)
		bash_values(c, out);
	strbuf_adds(out, "\tesac\n\n\tcase $command in\n"
			 "\t'')\n\t\tif [[ $cur == -* ]]; then words='");
	bash_option_names(CMD_NONE, out);
	strbuf_adds(out, "'; else words='");
	add_command_names(out);
	strbuf_adds(out, "'; fi ;;\n");
	for (enum command_id c = CMD_NONE + 1; c < CMD_MAX; c++)
		bash_command(c, out);
	strbuf_adds(out, "\tesac\n\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n}\n"
			 "complete -F _kedge kedge\n");
}

/* Text inside '...' of zsh and fish; zsh's _arguments also takes [, ] and : for itself. */
static void add_quoted(struct strbuf *out, const char *text, bool zsh)
{
	for (; *text; text++) {
		if (*text == '\'')
			strbuf_adds(out, zsh ? "'\\''" : "\\'");
		else if (zsh && strchr("[]:", *text))
			strbuf_addf(out, "\\%c", *text);
		else
			strbuf_addc(out, *text);
	}
}

static void zsh_option(const struct option_row *row, struct strbuf *out)
{
	strbuf_adds(out, row->kind == OPTION_LIST ? "\t\t'*'" : "\t\t");
	if (row->letter)
		strbuf_addf(out, "{-%c,--%s}'", row->letter, row->name);
	else
		strbuf_addf(out, "--%s'", row->name);
	strbuf_addc(out, '[');
	add_quoted(out, row->help, true);
	strbuf_addc(out, ']');
	if (row->argument) {
		strbuf_addc(out, ':');
		add_quoted(out, row->argument, true);
		strbuf_addc(out, ':');
		if (strchr(row->argument, '|')) {
			strbuf_addc(out, '(');
			add_words(out, row->argument);
			strbuf_addc(out, ')');
		} else if (wants_dir(row)) {
			strbuf_adds(out, "_files -/");
		} else if (wants_file(row)) {
			strbuf_adds(out, "_files");
		}
	}
	strbuf_adds(out, "' \\\n");
}

static void zsh_options(enum command_id c, struct strbuf *out)
{
	for (size_t i = 0; i < n_option_rows; i++)
		if (row_of(&option_rows[i], c))
			zsh_option(&option_rows[i], out);
}

static void zsh_print(struct strbuf *out)
{
	strbuf_adds(out, "#compdef kedge\n# zsh completion for kedge, printed by \"kedge completion zsh\"\n\n"
			 "_kedge_ids()\n{\n\tlocal -a ids root\n"
			 "\t[[ -n ${opt_args[--root]} ]] && root=(--root ${opt_args[--root]})\n"
			 "\tids=(${(f)\"$(kedge $root list -q 2>/dev/null)\"})\n"
			 "\tcompadd -a ids\n}\n\n"
			 "_kedge()\n{\n\tlocal context state line\n\tlocal -A opt_args\n\tlocal -a commands\n\n\tcommands=(\n");
	for (enum command_id c = CMD_NONE + 1; c < CMD_MAX; c++) {
		strbuf_addf(out, "\t\t'%s:", command_rows[c].name);
		add_quoted(out, command_rows[c].summary, true);
		strbuf_adds(out, "'\n");
	}
	strbuf_adds(out, "\t)\n\t_arguments -C \\\n");
	zsh_options(CMD_NONE, out);
	strbuf_adds(out, "\t\t'1:command:->command' \\\n\t\t'*::argument:->arguments'\n"
			 "\tcase $state in\n\tcommand) _describe command commands ;;\n\targuments)\n\t\tcase $line[1] in\n");
	for (enum command_id c = CMD_NONE + 1; c < CMD_MAX; c++) {
		strbuf_addf(out, "\t\t%s) _arguments \\\n", command_rows[c].name);
		zsh_options(c, out);
		if (wants_id(c)) {
			strbuf_adds(out, "\t\t'1:container:_kedge_ids' ;;\n");
		} else if (strchr(command_rows[c].arguments, '|')) {
			strbuf_adds(out, "\t\t'1:shell:(");
			add_words(out, command_rows[c].arguments);
			strbuf_adds(out, ")' ;;\n");
		} else if (c == CMD_HELP) {
			strbuf_adds(out, "\t\t\"1:command:(${commands%%:*})\" ;;\n");
		} else {
			strbuf_adds(out, "\t\t'*: :' ;;\n");
		}
	}
	/* A file of fpath is called as the function; otherwise the script was sourced. */
	strbuf_adds(out, "\t\tesac ;;\n\tesac\n}\n\n"
			 "if [[ ${funcstack[1]} == _kedge ]]; then _kedge \"$@\"; else compdef _kedge kedge; fi\n");
}

static void fish_options(enum command_id c, struct strbuf *out)
{
	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		if (!row_of(row, c))
			continue;
		strbuf_adds(out, "complete -c kedge -n ");
		if (c == CMD_NONE)
			strbuf_adds(out, "__fish_use_subcommand");
		else
			strbuf_addf(out, "'__fish_seen_subcommand_from %s'", command_rows[c].name);
		strbuf_addf(out, " -l %s", row->name);
		if (row->letter)
			strbuf_addf(out, " -s %c", row->letter);
		if (row->argument && strchr(row->argument, '|')) {
			strbuf_adds(out, " -x -a '");
			add_words(out, row->argument);
			strbuf_addc(out, '\'');
		} else if (row->argument && wants_dir(row)) {
			strbuf_adds(out, " -x -a '(__fish_complete_directories)'");
		} else if (row->argument) {
			strbuf_adds(out, wants_file(row) ? " -r -F" : " -x");
		}
		strbuf_adds(out, " -d '");
		add_quoted(out, row->help, false);
		strbuf_adds(out, "'\n");
	}
}

static void fish_print(struct strbuf *out)
{
	strbuf_adds(out, "# fish completion for kedge, printed by \"kedge completion fish\"\n\ncomplete -c kedge -f\n");
	for (enum command_id c = CMD_NONE + 1; c < CMD_MAX; c++) {
		strbuf_addf(out, "complete -c kedge -n __fish_use_subcommand -a %s -d '", command_rows[c].name);
		add_quoted(out, command_rows[c].summary, false);
		strbuf_adds(out, "'\n");
	}
	for (enum command_id c = CMD_NONE; c < CMD_MAX; c++) {
		fish_options(c, out);
		if (wants_id(c)) {
			strbuf_addf(out, "complete -c kedge -n '__fish_seen_subcommand_from %s' -a '(kedge list -q 2>/dev/null)'\n",
				    command_rows[c].name);
		} else if (c != CMD_NONE && strchr(command_rows[c].arguments, '|')) {
			strbuf_addf(out, "complete -c kedge -n '__fish_seen_subcommand_from %s' -a '", command_rows[c].name);
			add_words(out, command_rows[c].arguments);
			strbuf_adds(out, "'\n");
		}
	}
}

int cmd_completion(const struct options *o, struct error *e)
{
	static const struct {
		const char *name;
		void (*print)(struct strbuf *out);
	} shells[] = {{"bash", bash_print}, {"zsh", zsh_print}, {"fish", fish_print}};
	auto_strbuf struct strbuf out = {};

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (strcmp(o->argv[0], shells[i].name) == 0) {
			shells[i].print(&out);
			return print_out(&out, e);
		}
	}
	return error_set(e, ERROR_USAGE, 0, "no completion for shell '%s' (known: bash, zsh, fish)", o->argv[0]);
}
