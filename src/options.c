/* SPDX-License-Identifier: Apache-2.0 */
#include "src/options.h"

#include <string.h>

#include "base/num.h"

enum command_id command_find(const char *name)
{
	if (strcmp(name, "h") == 0)
		return CMD_HELP;
	for (enum command_id c = CMD_NONE + 1; c < CMD_MAX; c++)
		if (strcmp(name, command_rows[c].name) == 0)
			return c;
	return CMD_NONE;
}

int option_bool(const char *text, bool *ret)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {
		{"1", true},  {"t", true},  {"T", true},  {"true", true},   {"TRUE", true},   {"True", true},
		{"0", false}, {"f", false}, {"F", false}, {"false", false}, {"FALSE", false}, {"False", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(text, words[i].text) == 0) {
			*ret = words[i].value;
			return 0;
		}
	}
	return -1;
}

/* The options of the command, then the global ones: runc's newer releases take those after the command as well. */
static const struct option_row *find_row(enum command_id command, const char *name, size_t len)
{
	for (int global = command == CMD_NONE; global < 2; global++) {
		for (size_t i = 0; i < n_option_rows; i++) {
			const struct option_row *row = &option_rows[i];

			if (!(row->commands & (1U << (global ? CMD_NONE : command))))
				continue;
			if (len == 1 && row->letter && row->letter == name[0])
				return row;
			if (len > 1 && strlen(row->name) == len && memcmp(row->name, name, len) == 0)
				return row;
		}
	}
	return NULL;
}

static int invalid(const struct option_row *row, const char *value, const char *why, struct error *e)
{
	return error_set(e, ERROR_USAGE, 0, "invalid value \"%s\" for flag -%s: %s", value, row->name, why);
}

static int store(struct options *o, const struct option_row *row, const char *value, size_t limit, struct error *e)
{
	char *base = (char *)o;

	switch (row->kind) {
	case OPTION_SWITCH:
		if (option_bool(value, (bool *)(base + row->where)) < 0)
			return invalid(row, value, "neither true nor false", e);
		break;
	case OPTION_ONCE:
		if (*(const char **)(base + row->where))
			return invalid(row, value, "given twice", e);
		/* fall through */
	case OPTION_TEXT:
		*(const char **)(base + row->where) = *value ? value : NULL;
		break;
	case OPTION_LIST: {
		const char ***list = (const char ***)(base + row->where);
		size_t *n = (size_t *)(base + row->count);

		if (!*list)
			*list = arena_array(&o->arena, limit, sizeof(**list));
		(*list)[(*n)++] = value;
		break;
	}
	case OPTION_NUMBER:
		if (parse_u32(value, row->max, (uint32_t *)(base + row->where)) < 0)
			return invalid(row, value, "not a number, or out of range", e);
		break;
	}
	if (row->given)
		*(bool *)(base + row->given) = true;
	return 0;
}

/* One option at argv[*i]; moves *i to its last word. */
static int parse_option(struct options *o, int argc, char **argv, int *i, struct error *e)
{
	const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
	const char *value = strchr(name, '=');
	size_t len = value ? (size_t)(value - name) : strlen(name);
	const struct option_row *row = find_row(o->command, name, len);

	if (!row)
		return error_set(e, ERROR_USAGE, 0, "flag provided but not defined: -%.*s", (int)len, name);
	if (value)
		value++;
	else if (row->kind == OPTION_SWITCH)
		value = "true";
	else if (*i + 1 < argc)
		value = argv[++*i];
	else
		return error_set(e, ERROR_USAGE, 0, "flag needs an argument: --%s", row->name);
	return store(o, row, value, (size_t)argc, e);
}

/* The words after the command. Positional arguments are collected at the front of argv, which is ours. */
static int parse_command(struct options *o, int argc, char **argv, struct error *e)
{
	int i;

	o->argv = argv;
	for (i = 0; i < argc; i++) {
		if (command_rows[o->command].stop && o->argc > 0)
			break;
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			o->argv[o->argc++] = argv[i];
			continue;
		}
		if (parse_option(o, argc, argv, &i, e) < 0)
			return -1;
		if (o->help)
			return 0;
	}
	while (i < argc)
		o->argv[o->argc++] = argv[i++];
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret, struct error *e)
{
	enum command_id command;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0')
			break;
		if (parse_option(ret, argc, argv, &i, e) < 0)
			return -1;
		if (ret->help || ret->version)
			return 0;
	}
	if (i >= argc)
		return 0;
	command = command_find(argv[i]);
	ret->unknown = command == CMD_NONE;
	if (ret->unknown)
		return error_set(e, ERROR_USAGE, 0, "No help topic for '%s'", argv[i]);
	ret->command = command;
	return parse_command(ret, argc - i - 1, argv + i + 1, e);
}

void options_done(struct options *o)
{
	arena_done(&o->arena);
}

int options_check_args(const struct options *o, struct error *e)
{
	const struct command_row *row = &command_rows[o->command];

	if (row->min == row->max && o->argc != row->min)
		return error_set(e, ERROR_USAGE, 0, "\"%s\" requires exactly %zu argument(s)", row->name, row->min);
	if (o->argc < row->min)
		return error_set(e, ERROR_USAGE, 0, "\"%s\" requires a minimum of %zu argument(s)", row->name, row->min);
	if (o->argc > row->max)
		return error_set(e, ERROR_USAGE, 0, "\"%s\" requires a maximum of %zu argument(s)", row->name, row->max);
	if (row->min > 0 && strncmp(row->arguments, "<container-id>", 14) == 0 && !*o->argv[0])
		return error_set(e, ERROR_USAGE, 0, "container id cannot be empty");
	return 0;
}
