/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- from a path to the line of its value */

static const struct json *step_index(const struct json *v, const char **path)
{
	size_t i = 0;
	const char *p = *path + 1;

	for (; *p >= '0' && *p <= '9'; p++)
		i = i * 10 + (size_t)(*p - '0');
	*path = p + (*p == ']');
	for (v = v->child; v && i > 0; i--)
		v = v->next;
	return v;
}

/* Free member names can hold any character, so each is compared with what stands in the path. */
static const struct json *step_key(const struct json *v, const char **path, const char *open, const char *close)
{
	size_t n_open = strlen(open), n_close = strlen(close);

	for (v = v->child; v; v = v->next) {
		size_t n = v->key ? strlen(v->key) : 0;
		if (!v->key || strncmp(*path + n_open, v->key, n) != 0)
			continue;
		const char *after = *path + n_open + n;
		if (*close ? strncmp(after, close, n_close) == 0 : !*after || *after == '.' || *after == '[') {
			*path = after + n_close;
			return v;
		}
	}
	return NULL;
}

/* The line of the value at path, or of the nearest object around it. */
static unsigned line_of(const struct json *v, const char *path)
{
	unsigned line = v->line;

	while (v && *path) {
		if (path[0] == '[' && path[1] == '"')
			v = step_key(v, &path, "[\"", "\"]");
		else if (path[0] == '[')
			v = step_index(v, &path);
		else
			v = step_key(v, &path, path[0] == '.' ? "." : "", "");
		if (v)
			line = v->line;
	}
	return line;
}

const char *rule_path(char *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, RULE_PATH_MAX, fmt, ap);
	va_end(ap);
	return buf;
}

int rule_error(const struct rules *r, const char *path, const char *fmt, ...)
{
	size_t n = strlen(r->strip);
	char why[1536];
	va_list ap;

	if (strncmp(path, r->strip, n) == 0)
		path += n;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return error_set(r->decoder->e, ERROR_CONFIG, 0, "%s:%u: %s: %s", r->decoder->name, line_of(r->root, path),
			 path, why);
}

/* --- process */

int validate_process(struct rules *r, struct spec_process *process)
{
	if (process->cwd[0] != '/')
		return rule_error(r, "process.cwd", "must be an absolute path, is '%s'", SHOWN(process->cwd));
	return 0;
}

int validate_spec(struct rules *r, const struct spec *spec)
{
	if (spec->process.set && validate_process(r, (struct spec_process *)&spec->process) < 0)
		return -1;
	return 0;
}

int validate_resources(struct rules *r, const struct spec_resources *resources)
{
	(void)r;
	(void)resources;
	return 0;
}
