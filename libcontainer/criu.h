/* SPDX-License-Identifier: Apache-2.0 */
/*
 * criu(8) as a program that serves one request (`criu swrk`): what it is asked, what it tells meanwhile. checkpoint and restore
 * alone start it. docs/adr/0009 has the reasons.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libcontainer/container.h"
#include "libcontainer/criu_wire.h"
#include "libcontainer/state.h"

/* Numbers of criu's protocol (its rpc.proto). */
enum criu_request { CRIU_DUMP = 1, CRIU_RESTORE = 2, CRIU_PRE_DUMP = 4, CRIU_NOTIFY = 6, CRIU_FEATURE_CHECK = 9 };
enum criu_feature { CRIU_MEM_TRACK = 1, CRIU_LAZY = 2, CRIU_FEATURES };
enum criu_option {
	CRIU_IMAGES_DIR_FD = 1, CRIU_PID = 2, CRIU_LEAVE_RUNNING = 3, CRIU_EXT_UNIX_SK = 4, CRIU_TCP_ESTABLISHED = 5,
	CRIU_EVASIVE_DEVICES = 6, CRIU_SHELL_JOB = 7, CRIU_FILE_LOCKS = 8, CRIU_LOG_LEVEL = 9, CRIU_LOG_FILE = 10,
	CRIU_PAGE_SERVER = 11, CRIU_NOTIFY_SCRIPTS = 12, CRIU_ROOT = 13, CRIU_PARENT_IMG = 14, CRIU_TRACK_MEM = 15,
	CRIU_AUTO_DEDUP = 16, CRIU_WORK_DIR_FD = 17, CRIU_LINK_REMAP = 18, CRIU_EXT_MNT = 23, CRIU_MANAGE_CGROUPS = 24,
	CRIU_CG_ROOT = 25, CRIU_RST_SIBLING = 26, CRIU_INHERIT_FD = 27, CRIU_EXT_SHARING = 29, CRIU_EXT_MASTERS = 30,
	CRIU_MANAGE_CGROUPS_MODE = 34, CRIU_EXTERNAL = 37, CRIU_EMPTY_NS = 38, CRIU_JOIN_NS = 39, CRIU_FREEZE_CGROUP = 44,
	CRIU_TCP_SKIP_IN_FLIGHT = 46, CRIU_LAZY_PAGES = 48, CRIU_ORPHAN_PTS_MASTER = 50, CRIU_CONFIG_FILE = 51,
	CRIU_TCP_CLOSE = 52, CRIU_LSM_PROFILE = 53, CRIU_LSM_MOUNT_CONTEXT = 63, CRIU_NETWORK_LOCK = 64,
};

#define CRIU_DESCRIPTORS "descriptors.json" /* in the images: what 0, 1 and 2 of init are */

struct criu_notice {
	const char *script; /* "post-restore" and the like */
	pid_t pid;          /* of init, with some of them; 0 */
	int fd;             /* with "orphan-pts-master": taken by who handles it; -1 */
};

struct criu {
	pid_t pid; /* of the program; 0: it does not run */
	int sock;
	const char *image_dir, *log_dir, *log_file;
	int image_fd, work_fd;
	/* NULL: nothing is done. On failure the request is given up. */
	int (*notify)(void *ctx, struct criu_notice *notice, struct error *e);
	void *ctx;
};
#define CRIU_NONE {.sock = -1, .image_fd = -1, .work_fd = -1}

/* Opens, and makes where they are missing, the directories of the images and the log. */
must_check int criu_open(struct criu *c, const struct criu_options *o, bool make, struct error *e);
/* Its descriptors: the directories, then what it is given. */
enum { CRIU_IMAGE_FD = 4, CRIU_WORK_FD, CRIU_FD, CRIU_FDS_MAX = 8 };
/* Starts the program with our stdio, and `fds` as CRIU_FD and more. root: bound on itself in a mount namespace of criu's own, as
 * restoring needs it; NULL: none. */
must_check int criu_start(struct criu *c, const char *root, const int *fds, size_t n, struct error *e);
/* Asks in a run of its own whether criu has what the option needs: later it only says that it has a bug. */
must_check int criu_require(struct criu *c, enum criu_feature feature, const char *option, struct error *e);
/* Sends it, answers what is told, and waits for the end of the program. */
must_check int criu_run(struct criu *c, enum criu_request request, const struct strbuf *options, struct error *e);
void criu_done(struct criu *c); /* an unfinished request fails; waits */
#define auto_criu auto_with(criu_done)

/* Pure: what both requests ask alike, and what the configuration adds. */
must_check int criu_common(struct strbuf *out, const struct criu_options *o, const struct spec *spec, struct error *e);
/* A destination of mounts[] as criu knows it: without symlinks, from the container's root. In the arena. */
char *criu_mount_point(struct arena *a, int root, const char *destination);
/* The mounts that init made of the host's nodes, as mknod never works in a user namespace: devices, and files that are masked. */
void criu_add_host_nodes(struct strbuf *out, struct arena *a, int root, const struct spec *spec, bool restore);
/* "extRootNetNS": what a namespace that is joined is called in the images. */
const char *criu_namespace_key(struct arena *a, enum spec_ns_type type);
