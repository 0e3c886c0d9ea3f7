/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines {level, msg, time}, text or JSON, to --log's file or to stderr. What the readers want: containerd decodes the
 * file as a stream of JSON objects and takes the last error; Podman decodes it as exactly one object; conmon and CRI-O
 * read stderr, which is empty on success. So a command that fails writes one error and no more: warnings go into a file
 * only with --debug.
 */
#pragma once

#include "base/error.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* target NULL: stderr; "journald:ID", "syslog:ID": the journal or the system's log, entries of ID; else a file's name, also
 * after "file:". Creates the file at once (callers read it even when nothing failed). */
must_check int log_open(const char *target, enum log_format format, int debug, struct error *e);
/* INFO and DEBUG only with --debug. */
void log_write(enum log_level level, const char *fmt, ...) printf_like(2, 3);
/* The one error of a failed command. With a log file: a line there, and the plain message on stderr. Without: "kedge: "
 * and the message on stderr, or its line when the format is JSON. The hint follows in parentheses, or on a line of its
 * own on a terminal. */
void log_failure(const struct error *e);
