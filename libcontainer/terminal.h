/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's end of a terminal, and the sockets that callers hand us. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "spec/spec.h"

/* Connects to an AF_UNIX SOCK_STREAM socket at path (longer than sun_path: through /proc/self/fd of its directory). CLOEXEC. */
must_check int unix_connect(const char *path, struct error *e);
/* --console-socket: the pty master as one SCM_RIGHTS with the pts name as payload; --pidfd-socket: the pidfd. */
must_check int socket_send_fd(int sock, int fd, const char *payload, struct error *e);

/* One message, and the descriptor that came with it (CLOEXEC), or -1. As recvmsg(2). */
must_check ssize_t socket_receive(int sock, void *buf, size_t size, int *fd);

/* Foreground process: forwards every signal to the pidfd, copies between our tty and the pty master (raw mode, SIGWINCH → window size,
 * restored on exit), reaps, and returns the exit status (128+signal when killed). master -1: the process has our stdio.
 * A fixed ring, no growth: 1 GiB of output needs no memory. */
must_check int foreground_wait(pid_t pid, int pidfd, int master, int *exit_status, struct error *e);
/* Must be called before the clone for a foreground process: blocks the signals to be forwarded, so that none is lost. */
must_check int foreground_prepare(struct error *e);
/* Gives the new terminal the size of ours. */
void foreground_size(struct spec_process *process);

/* --pid-file: ".NAME" O_EXCL then rename; decimal, no newline (go-runc uses Atoi on the bytes). */
must_check int pid_file_write(const char *path, pid_t pid, struct error *e);

/* NOTIFY_SOCKET (sd_notify): see sdnotify.c. listen: makes <statedir>/notify/notify.sock; relay: forwards READY=1, then MAINPID and
 * BARRIER to $NOTIFY_SOCKET until READY or the container's death. */
must_check int sdnotify_listen(int statedir_fd, struct error *e); /* the socket's fd */
/* The line of a message that says READY=, or NULL; edits the message. */
char *sdnotify_ready(char *text);
must_check int sdnotify_relay(int sock, const char *host_socket, pid_t pid, int pidfd, struct error *e);
