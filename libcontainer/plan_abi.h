/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan as kedge-init sees it: one sealed, read-only, position-independent image. Offsets count from the image's
 * start, 0 means none. Freestanding: no libc header but <stdint.h>.
 *
 *   struct plan_head | steps[] | registers[] | strings, lists, blobs
 *
 * A list is a uint32_t count followed by that many string offsets. A register holds a file descriptor: the parent's
 * number for what it opened (inherited under the same number), -1 for what init will open.
 */
#pragma once

#include <stdint.h>

#define PLAN_MAGIC 0x6b656467u
#define PLAN_REGS_MAX 4096
#define REG_NONE 0xffff
#define PLAN_TEXT_MAX 232

/* Done by the runtime before the clone, or while init waits at a barrier; spawn_prepare.c and spawn_parent.c. */
#define PLAN_RUNTIME_STEPS(X) \
	X(OPEN_NS, "open-namespace")       /* reg <- str; num0 CLONE_NEW* */ \
	X(IDMAP, "idmap")                  /* reg <- user namespace; blob: uid then gid maps, num0 how many uid maps */ \
	X(TIME_OFFSETS, "time-offsets")    /* new time namespace with str in timens_offsets */ \
	X(RDT_GROUP, "rdt-group")          /* resctrl group str */ \
	X(RDT_SCHEMA, "rdt-schema")        /* str2 for group str; num0: compare, where the group was there before */ \
	X(RDT_MONITOR, "rdt-monitor")      /* monitoring group str2 of group str */ \
	X(CLONE, "clone")                  /* num0 CLONE_* flags */ \
	X(SETGROUPS_DENY, "setgroups") \
	X(UID_MAP, "uid-map")              /* str */ \
	X(GID_MAP, "gid-map")              /* str */ \
	X(NET_DEVICE, "net-device")        /* str of the runtime's network namespace, str2 its name in init's */ \
	X(MOUNT_IDS, "mount-ids")          /* of the mount that init has sent: maps in blob as IDMAP, or init's own; num3 AT_* */ \
	X(RUNTIME_HOOKS, "hooks")          /* num0 enum spec_hook_kind */ \
	X(OOM_SCORE_ADJ, "oom-score-adj")  /* num0 */ \
	X(SCHEDULER, "scheduler")          /* blob struct sched_attr */ \
	X(IO_PRIORITY, "io-priority")      /* num0 */ \
	X(CORE_SCHEDULING, "core-scheduling") \
	X(RDT_JOIN, "rdt-join")            /* group str, or its monitoring group str2 */ \
	X(VERIFY, "verify")                /* /proc/PID/status; blob struct plan_verify */

/* Done by init, some of them by the runtime where it has the rights for them: one function do_KIND() each. */
#define PLAN_INIT_STEPS(X) \
	X(OPEN_TREE, "open-tree")          /* reg <- clone of the tree at str; num0 OPEN_TREE_* flags; num1: in the root */ \
	X(MOUNT_ATTR, "mount-attr")        /* reg, ids from reg2; num0 set, num1 clear, num2 propagation, num3 AT_* */ \
	X(RLIMIT, "rlimit")                /* num0 RLIMIT_*, num1 soft, num2 hard */ \
	X(GUARD, "guard")                  /* dies with the parent; not dumpable unless num0 */ \
	X(BARRIER, "barrier")              /* num0 enum plan_barrier; sends reg, if there is one */ \
	X(SETNS, "setns")                  /* reg; num0 CLONE_NEW* */ \
	X(UNSHARE, "unshare")              /* num0 CLONE_NEW* */ \
	X(LOOPBACK, "loopback")            /* up */ \
	X(SETSID, "setsid") \
	X(KEYRING, "keyring")              /* str */ \
	X(PROPAGATION, "propagation")      /* of "/" and below; num0 MS_* */ \
	X(ROOT_ATTACH, "attach-root")      /* reg at str */ \
	X(ROOT_OPEN, "open-root")          /* reg <- "/" */ \
	X(NS_ROOT, "become-root")          /* ids 0:0 of the user namespace; num2 set groups */ \
	X(HOSTNAME, "hostname")            /* str */ \
	X(DOMAINNAME, "domainname")        /* str */ \
	X(FSOPEN, "fsopen")                /* reg <- context for str */ \
	X(FSCONFIG, "fsconfig")            /* reg; str key, str2 value */ \
	X(FSMODE, "fsmode")                /* reg: mode= of the directory at str, if there is one */ \
	X(FSMOUNT, "fsmount")              /* reg: context -> mount; num0 attributes */ \
	X(TMPCOPYUP, "copy-up")            /* into mount reg from str of the root */ \
	X(PLACE, "place")                  /* mount reg at str; num0 enum plan_place */ \
	X(RETUNE, "retune")                /* the mount at str; nums as MOUNT_ATTR */ \
	X(UNMOUNT, "unmount")              /* the mount at str; num0: only see that it can be done */ \
	X(MKDIR, "mkdir")                  /* str; num0 mode */ \
	X(MKNOD, "mknod")                  /* str; num0 mode, num1 major, num2 minor, num3 uid << 32 | gid */ \
	X(SYMLINK, "symlink")              /* str2 -> str */ \
	X(CONSOLE, "console")              /* num0 height << 16 | width; str: where to bind it */ \
	X(CONTAINER_HOOK, "hook")          /* str path; list args, list2 env; num0 timeout s, num1 kind, num2 index; blob state */ \
	X(PIVOT, "pivot-root")             /* reg */ \
	X(CHROOT, "chroot")                /* reg */ \
	X(MOVE_ROOT, "move-root")          /* reg, attached at str */ \
	X(PROCFS, "procfs")                /* reg <- private procfs */ \
	X(SYSCTL, "sysctl")                /* str file below /proc/sys, str2 value; reg procfs */ \
	X(READONLY_PATH, "read-only")      /* str; PLAN_BELOW */ \
	X(MASK_PATH, "mask")               /* str; PLAN_BELOW */ \
	X(PERSONALITY, "personality")      /* num0 */ \
	X(MEMORY_POLICY, "memory-policy")  /* num0 mode and flags; blob node mask, num1 its bits */ \
	X(UMASK, "umask")                  /* num0 */ \
	X(LABEL, "label")                  /* str file below /proc/self/attr, str2 value; reg procfs */ \
	X(NO_NEW_PRIVS, "no-new-privs") \
	X(BOUNDING, "bounding")            /* num0 mask kept */ \
	X(STDIO_OWNER, "stdio-owner")      /* num0 uid */ \
	X(IDS, "ids")                      /* num0 uid, num1 gid; blob supplementary gids; num2 set groups */ \
	X(CAPS, "caps")                    /* num0 effective, 1 permitted, 2 inheritable, 3 ambient */ \
	X(CHDIR, "chdir")                  /* str */ \
	X(FIND_EXEC, "find-exec")          /* list of candidates */ \
	X(HOME, "home")                    /* num0 uid; reg root: HOME of /etc/passwd */ \
	X(VERIFY_MASK, "verify-mask")      /* str; PLAN_BELOW */ \
	X(VERIFY_READONLY, "verify-read-only") /* str; PLAN_BELOW */ \
	X(LANDLOCK, "landlock")            /* reg <- ruleset; num0 accesses that it is about, num1 ABI */ \
	X(LANDLOCK_PATH, "landlock-path")  /* str: num0 is allowed below it; reg ruleset */ \
	X(LANDLOCK_APPLY, "landlock-apply") /* reg ruleset */ \
	X(SECCOMP, "seccomp")              /* blob struct sock_filter[]; num0 flags */ \
	X(CLOSE_FDS, "close-fds")          /* all above num0, all registers */ \
	X(WAIT_START, "wait-start")        /* reg fifo, reg2 result fifo */ \
	X(DONE, "done")                    /* the end where there is no program; before it, a failure takes off what was placed */ \
	X(EXEC, "exec")                    /* list argv, list2 env */

/* Every kind of step: enum value, name in `kedge plan`. */
#define PLAN_STEPS(X) PLAN_RUNTIME_STEPS(X) PLAN_INIT_STEPS(X)

enum plan_kind {
#define X(kind, name) STEP_##kind,
	PLAN_STEPS(X)
#undef X
	STEP_MAX
};

enum plan_side { SIDE_PREPARE, SIDE_CHILD, SIDE_PARENT };
enum plan_flag {
	PLAN_OPTIONAL = 1,   /* an absent object (ENOENT) or an unknown option (EINVAL) is no failure */
	PLAN_NOSYMLINKS = 2, /* no symlink in the whole path */
	PLAN_KEEP = 4,       /* the register stays open: the mount is changed once more */
	PLAN_HOLD = 8,       /* the register stays open: what is below the mount is found through it */
	PLAN_BELOW = 16,     /* str + num0 is a path below the mount in reg, whatever name leads to that now */
};
enum plan_place { PLACE_DIR, PLACE_FILE, PLACE_LIKE_SOURCE };
/* Where init waits for the parent; also the stages named in messages. */
enum plan_barrier { BARRIER_IDS, BARRIER_MOUNT, BARRIER_NETWORK, BARRIER_HOOKS, BARRIER_SECCOMP, BARRIER_READY };

struct plan_step {
	uint16_t kind;
	uint8_t side, flags;
	uint16_t reg, reg2;
	uint32_t str, str2, list, list2, blob, blob_len;
	uint64_t num[4];
};

/* What /proc/PID/status must say when init is ready; ids as the container sees them. */
struct plan_verify {
	uint32_t uid, gid;
	uint64_t inheritable, permitted, effective, bounding, ambient;
	uint8_t no_new_privs, seccomp;
};

struct plan_head {
	uint32_t magic, size;
	uint32_t n_steps, steps;
	uint32_t n_regs, regs;
	uint32_t root_reg; /* the container's root, for every path inside */
	uint32_t n_preserve;
};

/* Records on the SOCK_SEQPACKET pair; the same record is written to result.fifo. */
/* EXEC: the next thing is execve, or nothing after DONE, so the end of the stream means that it worked. */
enum plan_record_type { RECORD_READY = 1, RECORD_GO, RECORD_FD, RECORD_FAILED, RECORD_EXEC };
struct plan_record {
	uint32_t type;
	uint32_t step;  /* index */
	int32_t err;    /* errno, or what the type says */
	uint32_t value; /* READY: enum plan_barrier; FD: what it is; FAILED: kind, and a hook's number << 16 */
	int32_t extra;  /* READY at BARRIER_SECCOMP: number of the listener fd in init; FAILED hook: wait status */
	uint32_t text_len;
	char text[PLAN_TEXT_MAX]; /* fsopen log or hook output */
};
_Static_assert(sizeof(struct plan_record) == 256, "one atomic pipe write");
