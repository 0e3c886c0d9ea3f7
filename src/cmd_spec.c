/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "base/io.h"
#include "spec/spec.h"
#include "src/commands.h"

#define SPEC_FILE "config.json"

int cmd_spec(const struct options *o, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	auto_close int dir = -1, fd = -1;
	const char *bundle = o->bundle ? o->bundle : ".";
	int err = 0;

	dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open bundle '%s'", bundle);
	spec_default(&text, o->spec_rootless, geteuid(), getegid());
	fd = openat(dir, SPEC_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0 && errno == EEXIST)
		return error_set(e, ERROR_HOST, 0, "File %s exists. Remove it first", SPEC_FILE);
	if (fd < 0)
		return error_set(e, ERROR_HOST, errno, "cannot create '%s/%s'", bundle, SPEC_FILE);
	if (write_all(fd, text.s, text.len) < 0)
		err = errno;
	/* A file server may tell only now that there is no space. */
	if (close(TAKE_FD(fd)) < 0 && !err)
		err = errno;
	if (!err)
		return 0;
	unlinkat(dir, SPEC_FILE, 0);
	return error_set(e, ERROR_HOST, err, "cannot write '%s/%s'", bundle, SPEC_FILE);
}
