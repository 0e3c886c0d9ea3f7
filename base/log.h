/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines {level, msg, time}, text or JSON, to --log's file or stderr (peers.md 1.5: containerd reads
 * a stream of such objects and takes the last error; Podman wants exactly one object in the file, so
 * warnings are written at --debug only when a file is given).
 */
#pragma once

#include "base/error.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* path NULL: stderr. Creates the file at once (callers read it even when nothing failed). */
must_check int log_open(const char *path, enum log_format format, int debug, struct error *e);
void log_write(enum log_level level, const char *fmt, ...) printf_like(2, 3);
/* The one error of a failed command: to the log, and as "kedge: msg" + hint to stderr when the log is a file. */
void log_failure(const struct error *e);
