/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs in the kernel and user space agree on. Freestanding: only fixed-width types, which the includer has
 * defined (uint32_t and the like), so that BPF code can take it too. Any change of a layout is a new GUARD_ABI: objects are
 * pinned below a directory of that number, and programs of two ABIs never share a map.
 *
 * A container is known by its cookie: 64 random bits that are never given twice. A label that outlived its container leads
 * to no entry, so there are no slots to reuse and no generations to compare (docs/adr/0006).
 *
 *   containers  hash      cookie -> struct guard_entry     written by the runtime, sealed by the kernel
 *   labels      storage   task   -> struct guard_label     inherited at fork
 *   pidns       hash      pid namespace of a sealed container -> cookie, gone with its init
 *   owned       hash      inode number of a namespace -> cookie: made by a member, or sealed
 *   outside     LRU hash  a namespace that a runtime was in, by a number that is never given twice: nobody has to remove it
 *   records     ring      struct guard_record
 *   counters    per-cpu   enum guard_counter
 *   settings    array[1]  struct guard_settings            of the host
 */
#pragma once

#define GUARD_ABI 1
#define GUARD_CONTAINERS_MAX 4096
#define GUARD_OWNED_MAX 65536
#define GUARD_OUTSIDE_MAX 4096
#define GUARD_RING_BYTES 65536
#define GUARD_COMM 16

/* The kernel objects of a fingerprint. CHILDREN: what a fork would get (setns and unshare of pid and time change only these). */
#define GUARD_OBJECTS(X) \
	X(MOUNT, "mount") X(UTS, "uts") X(IPC, "ipc") X(NETWORK, "network") X(PID, "pid") X(PID_CHILDREN, "pid") \
	X(CGROUP, "cgroup") X(TIME, "time") X(TIME_CHILDREN, "time") X(USER, "user")

enum guard_object {
#define X(id, name) GUARD_##id,
	GUARD_OBJECTS(X)
#undef X
	GUARD_OBJECTS_N
};

/* What can be found wrong with a task; bits of guard_record.drift. The first GUARD_OBJECTS_N are the namespaces. */
enum guard_drift {
	GUARD_DRIFT_ROOT = GUARD_OBJECTS_N, /* root directory on a mount that is not the container's */
	GUARD_DRIFT_CWD,                    /* the same of the working directory (CVE-2024-21626) */
	GUARD_DRIFT_CAPS,                   /* a capability outside the bound */
	GUARD_DRIFT_SECCOMP,
	GUARD_DRIFT_NNP,
	GUARD_DRIFT_CRED,                   /* cred != real_cred where user mode begins or ends */
	GUARD_DRIFT_CGROUP,                 /* moved itself in the default hierarchy */
	GUARD_DRIFT_FILE,                   /* opened a file on a foreign mount */
	GUARD_DRIFT_JOINER,                 /* an unlabelled process in the container's pid namespace */
	GUARD_DRIFT_DENIED,                 /* ptrace of a foreigner, bpf(2), module loading: denied */
	GUARD_DRIFT_LABEL,                  /* a label could not be inherited */
	GUARD_DRIFT_N
};

enum guard_hook {
	GUARD_HOOK_SWITCH, GUARD_HOOK_TICK, GUARD_HOOK_FORK, GUARD_HOOK_EXEC, GUARD_HOOK_CGROUP, GUARD_HOOK_EXIT_SYSCALL,
	GUARD_HOOK_ENTER_SYSCALL, GUARD_HOOK_OPEN, GUARD_HOOK_PTRACE, GUARD_HOOK_BPF, GUARD_HOOK_MODULE, GUARD_HOOK_CAPABLE,
	GUARD_HOOK_MMAP, GUARD_HOOK_SWITCH_NAMESPACES, GUARD_HOOK_COMMIT_CREDS, GUARD_HOOK_SWEEP, GUARD_HOOK_POLL, GUARD_HOOK_INODE,
	GUARD_HOOK_N
};

enum guard_mode { GUARD_OFF, GUARD_AUDIT, GUARD_ENFORCE };

enum guard_flag {
	GUARD_NESTED = 1,           /* a namespace made by a member is the container's too */
	GUARD_FOREIGN_DENY = 2,     /* open of a file on a foreign mount: EPERM */
	GUARD_FOREIGN_KILL = 4,
	GUARD_ANY_JOINER = 8,       /* unlabelled processes in its pid namespace are let live */
	GUARD_PROCESS_SCOPE = 16,   /* only the offender dies */
	GUARD_HOST_PID = 32,        /* no pid namespace of its own: members are not told by their level */
};

enum guard_entry_state { GUARD_SETUP, GUARD_SEALED, GUARD_CONDEMNED, GUARD_ENDED };

/* cookie -> entry. The runtime writes the first part, once; the kernel the rest. */
struct guard_entry {
	uint32_t mode, flags;
	uint32_t state;
	uint32_t hits;                       /* drift found, also when the ring was full */
	uint64_t object[GUARD_OBJECTS_N];    /* addresses */
	uint64_t root_mount;
	uint64_t cgroup;                     /* id in the default hierarchy */
	uint64_t sealed_ns;                  /* CLOCK_BOOTTIME */
	uint32_t inum[GUARD_OBJECTS_N];
	uint32_t pid;                        /* of init, in the initial pid namespace */
};

enum guard_label_state {
	GUARD_LABEL_RUNTIME = 1, /* kedge itself for the moment of a clone: never checked, its children become CHILD */
	GUARD_LABEL_CHILD,       /* on its way to kedge-init, or kedge-init: checked for nothing until it seals */
	GUARD_LABEL_MEMBER,      /* a program, or a hook in the container: checked once the entry is sealed */
	GUARD_LABEL_JOINER,      /* found without a label in a container's pid namespace; of an audit, so it lives on */
	GUARD_LABEL_DOOMED,      /* dies at its next event */
	/* Restored from a checkpoint, and stopped: the sweep makes a member of it. That with seal_after 1 is init, which is sealed. */
	GUARD_LABEL_RESTORED,
};

/* The runtime writes RUNTIME labels on itself and RESTORED ones; the kernel makes the others of them. */
struct guard_label {
	uint64_t cookie;
	uint32_t state;
	/* execves until it seals (init) or must match (exec): 2 from the runtime, 1 in kedge-init. A child forked at 2 (the
	 * intermediate's) has 2 as well; at 1 it is a hook: a member without bounds on its credentials. */
	uint32_t seal_after;
	uint64_t caps_bound;     /* capabilities that the program may have; at its execve, what it has of these */
	uint32_t seccomp, nnp;   /* the least that must stay; taken at its execve */
	uint64_t good_mount;     /* cwd last found on a mount of the container */
	uint64_t reported;       /* enum guard_drift bits: one record a cause */
	uint64_t stdio[3];       /* inodes of 0, 1 and 2 at its execve: may be opened again, wherever they are */
	uint64_t found[4];       /* of the check under way: in the task, in an interrupt, of the sweep */
	uint64_t exec_id;        /* of the last execve that was counted: while a build follows another one both see it */
};

struct guard_record {
	uint64_t cookie;
	uint64_t boot_ns;
	uint32_t pid, tid, uid;  /* pids of the initial namespace */
	uint32_t hook, tier;
	uint32_t action;         /* enum guard_action */
	uint64_t drift;          /* 1 << enum guard_drift */
	uint64_t caps;
	uint32_t old_inum[GUARD_OBJECTS_N], new_inum[GUARD_OBJECTS_N];
	char comm[GUARD_COMM];
};

enum guard_action { GUARD_ACTION_LOGGED, GUARD_ACTION_DENIED, GUARD_ACTION_KILLED };
enum guard_counter { GUARD_COUNT_DRIFT, GUARD_COUNT_LOST, GUARD_COUNT_SEALED, GUARD_COUNT_N };

/* Of the host, as the programs find it. */
struct guard_settings {
	uint64_t host[GUARD_OBJECTS_N]; /* the namespaces of pid 1 */
	uint32_t host_pid_members;      /* there was a GUARD_HOST_PID: the quick way out by level is closed */
	uint32_t unused;
};

/* Bits of what is on; design: T1 sample, T2 lsm, T3 syscall, T4 sweep, T5 poll. */
enum guard_tier {
	GUARD_TIER_POLL = 1, GUARD_TIER_SWEEP = 2, GUARD_TIER_SAMPLE = 4, GUARD_TIER_LSM = 8, GUARD_TIER_SYSCALL = 16,
};
