/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a container: what the command line calls. Nothing here prints or exits. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"

/* "true": while a process of the container is on one thread of a core, nobody else's is on the other. */
#define ANNOTATION_CORE_SCHEDULING "org.kedge.core-scheduling"

enum rootless_mode { ROOTLESS_AUTO, ROOTLESS_TRUE, ROOTLESS_FALSE };

/* The global options. */
struct runtime {
	const char *root; /* absolute state root, e.g. /run/kedge */
	bool root_given;  /* by --root: a missing one is then an error for list */
	bool systemd_cgroup;
	bool no_cgroup; /* containers stay in the caller's */
	enum rootless_mode rootless;
	bool debug;
};

struct create_options {
	const char *id;
	const char *bundle;         /* NULL: the current directory */
	const char *config;         /* NULL: <bundle>/config.json */
	const char *console_socket; /* NULL: none */
	const char *pidfd_socket;
	const char *pid_file;
	bool no_pivot, no_new_keyring;
	uint32_t preserve_fds;
};

struct run_options {
	bool detach, keep, no_subreaper;
};

struct exec_options {
	const char *process;        /* file with a process object, or NULL: built from argv and the flags below */
	size_t argc;
	char **argv;
	const char *console_socket, *pidfd_socket, *pid_file;
	const char *cwd, *user;     /* user: "uid[:gid]" */
	bool user_given;
	size_t n_env, n_caps, n_gids;
	const char **env, **caps, **gids;
	bool tty, tty_given, detach, ignore_paused;
	bool no_new_privs, no_new_privs_given;
	const char *process_label, *apparmor;
	const char *cgroup;         /* [controllers:]PATH below the container's cgroup */
	uint32_t preserve_fds;
};

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };
const char *status_name(enum status status);

/* "invalid container ID format" unless [A-Za-z0-9_+.-]+, at most 1024 bytes, not "." or "..". */
must_check int container_check_id(const char *id, struct error *e);

must_check int container_create(const struct runtime *rt, const struct create_options *o, struct error *e);
/* *exit_status: the payload's status, or 128+signal, in the foreground; 0 when detached. */
must_check int container_run(const struct runtime *rt, const struct create_options *o, const struct run_options *r,
			     int *exit_status, struct error *e);
must_check int container_start(const struct runtime *rt, const char *id, struct error *e);
must_check int container_exec(const struct runtime *rt, const char *id, const struct exec_options *o, int *exit_status,
			      struct error *e);
/* The OCI state document as runc prints it (two spaces, no trailing newline). */
must_check int container_state(const struct runtime *rt, const char *id, struct strbuf *out, struct error *e);
/* all: every process of the cgroup, and a stopped container is no error. */
must_check int container_kill(const struct runtime *rt, const char *id, int sig, bool all, struct error *e);
/* force: kills first; an unknown id is success, leftovers of a killed create are removed. */
must_check int container_delete(const struct runtime *rt, const char *id, bool force, struct error *e);
must_check int container_pause(const struct runtime *rt, const char *id, struct error *e);
must_check int container_resume(const struct runtime *rt, const char *id, struct error *e);

struct update_options {
	const char *name; /* of the document, for messages */
	const char *text; /* a resources object as JSON; its device rules are not looked at */
	size_t size;
	const char *l3_cache_schema, *mem_bw_schema; /* of linux.intelRdt; NULL: as it is */
};
/* New limits for a container that is not stopped. On failure it has the old ones. */
must_check int container_update(const struct runtime *rt, const char *id, const struct update_options *o,
				struct error *e);

struct mounts_options {
	bool add;         /* or remove: by destination alone */
	const char *name; /* of the document, for messages */
	const char *text; /* an array of mounts as JSON */
	size_t size;
};
/* Mounts that a container that has not stopped gets or loses: all of the list, or none. */
must_check int container_mounts(const struct runtime *rt, const char *id, const struct mounts_options *o,
				struct error *e);

/* One line of JSON, {"type":"stats",...}, with its newline. */
must_check int container_stats(const struct runtime *rt, const char *id, struct strbuf *out, struct error *e);
struct events_options {
	uint64_t interval; /* ns */
	int reader_fd;     /* where the lines go in the end: a pipe whose reader has gone ends it; -1: none */
	int (*line)(void *ctx, const struct strbuf *line, struct error *e);
	void *ctx;
};
/* Statistics every interval and "oom" when the kernel killed a process, until the container has none left. */
must_check int container_events(const struct runtime *rt, const char *id, const struct events_options *o,
				struct error *e);
/* Host pids of every process, in the arena. */
struct arena;
must_check int container_pids(const struct runtime *rt, const char *id, struct arena *a, pid_t **ret, size_t *n,
			      struct error *e);

struct container_info {
	char *id, *bundle, *rootfs, *created, *owner, *oci_version;
	pid_t pid; /* 0 when stopped */
	enum status status;
	size_t n_annotations;
	struct spec_pair *annotations;
};
/* Sorted by id. A directory that cannot be read is skipped with a warning. */
must_check int container_list(const struct runtime *rt, struct arena *a, struct container_info **ret, size_t *n,
			      struct error *e);

/* Every id below the root, sorted, whatever is behind it: for those who pick some. None without a root. */
must_check int container_ids(const struct runtime *rt, struct arena *a, char ***ret, size_t *n, struct error *e);

/* Of checkpoint and restore; what the other one alone takes stays as it is. NULL: not given. */
struct criu_options {
	const char *image_path, *work_path, *parent_path; /* image_path: "checkpoint" */
	const char *page_server, *manage_cgroups_mode, *network_lock, *lsm_profile, *lsm_mount_context;
	bool leave_running, tcp_established, tcp_skip_in_flight, tcp_close, ext_unix_sk, shell_job, file_locks;
	bool link_remap, lazy_pages, auto_dedup, pre_dump;
	bool status_fd_given;
	uint32_t status_fd;
	size_t n_empty_ns;
	const char **empty_ns;
};
/* By criu(8). The container is gone afterwards, unless leave_running or pre_dump. */
must_check int container_checkpoint(const struct runtime *rt, const char *id, const struct criu_options *o,
				    struct error *e);
/* A container whose programs are those of the images; *exit_status as for container_run(). */
must_check int container_restore(const struct runtime *rt, const struct create_options *o, const struct run_options *r,
				 const struct criu_options *c, int *exit_status, struct error *e);

/* Files; one of them at most: what exec, mounts add or mounts remove would do with it instead. */
struct plan_options {
	const char *process, *add_mounts, *remove_mounts;
};
/* The steps that create would take, as text; needs no privileges and changes nothing. */
must_check int container_plan(const struct runtime *rt, const struct create_options *o, const struct plan_options *p,
			      struct strbuf *out, struct error *e);
