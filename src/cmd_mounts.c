/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "spec/json.h"
#include "src/commands.h"

int cmd_mounts(const struct options *o, struct error *e)
{
	const char *verb = o->argv[0], *id = o->argv[1], *file = o->argv[2];
	bool add = strcmp(verb, "add") == 0, from_stdin = strcmp(file, "-") == 0;
	auto_strbuf struct strbuf text = {};

	if (!add && strcmp(verb, "remove") != 0)
		return error_set(e, ERROR_USAGE, 0, "mounts: unknown command '%s' (known: add, remove)", verb);
	if (from_stdin ? read_all(STDIN_FILENO, JSON_BYTES_MAX, &text) < 0
		       : read_file_at(AT_FDCWD, file, JSON_BYTES_MAX, &text) < 0)
		return error_set(e, ERROR_USAGE, errno, "cannot read '%s'", from_stdin ? "standard input" : file);
	struct mounts_options mounts = {
		.add = add, .name = from_stdin ? "stdin" : file, .text = strbuf_str(&text), .size = text.len};
	return container_mounts(&o->runtime, id, &mounts, e);
}
