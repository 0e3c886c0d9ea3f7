/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"
#include "src/commands.h"

#define INTERVAL_DEFAULT 5000000000ULL

static int parse_interval(const char *text, uint64_t *ret, struct error *e)
{
	*ret = INTERVAL_DEFAULT;
	if (text && parse_duration(text, ret) < 0) {
		if (*text != '-')
			return error_set(e, ERROR_USAGE, 0, "invalid value \"%s\" for flag -interval: not a time such as 5s",
					 text);
		*ret = 0;
	}
	/* Two of the longest fit into the clock. */
	if (*ret == 0 || *ret > INT64_MAX)
		return error_set(e, ERROR_USAGE, 0, "duration interval must be greater than 0");
	return 0;
}

static int print_line(void *ctx unused_arg, const struct strbuf *line, struct error *e)
{
	return print_out(line, e);
}

int cmd_events(const struct options *o, struct error *e)
{
	auto_strbuf struct strbuf out = {};
	struct events_options events = {.reader_fd = STDOUT_FILENO, .line = print_line};

	if (parse_interval(o->interval, &events.interval, e) < 0)
		return -1;
	if (!o->stats)
		return container_events(&o->runtime, o->argv[0], &events, e);
	if (container_stats(&o->runtime, o->argv[0], &out, e) < 0)
		return -1;
	return print_out(&out, e);
}
