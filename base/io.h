/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes by (dirfd, name). EINTR is never seen by callers; short writes are errors. */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"

must_check int write_all(int fd, const void *data, size_t n); /* 0, or -1 with errno */
/* Reads to EOF, at most max bytes (beyond: EFBIG). 0, or -1 with errno. */
must_check int read_all(int fd, size_t max, struct strbuf *ret);
must_check int read_file_at(int dirfd, const char *name, size_t max, struct strbuf *ret); /* errno */
/* One write(2) of the whole text to an existing file, as kernel files want it. errno. */
must_check int write_file_at(int dirfd, const char *name, const char *text);
/* temp file, full-length write, rename over name: the file is whole or the old one. Not synced (docs/adr/0002). */
must_check int replace_file_at(int dirfd, const char *name, const void *data, size_t n, mode_t mode, struct error *e);
