/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of runtime-spec 1.3 for Linux as plain structs: typed, bounded, validated, never changed after
 * spec_load(). Everything lives in one arena; strings are never NULL unless the property is optional and absent;
 * no JSON exists beyond this point. Numbers keep the spec's units.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

#define SPEC_VERSION "1.3.0" /* of the runtime specification: the newest known and the oldest accepted */
#define SPEC_VERSION_MIN "1.0.0"

/* Optional numbers: set tells whether the property was present. */
struct opt_i64 { bool set; int64_t v; };
struct opt_u64 { bool set; uint64_t v; };
struct opt_u32 { bool set; uint32_t v; };
struct opt_i32 { bool set; int32_t v; };
struct opt_bool { bool set; bool v; };

struct spec_strings { size_t n; char **v; };
struct spec_pair { char *key, *value; };
struct spec_map { size_t n; struct spec_pair *v; }; /* in the document's order */

struct spec_idmap { uint32_t container_id, host_id, size; };
struct spec_idmaps { size_t n; struct spec_idmap *v; };

struct spec_mount {
	char *destination; /* as written; relative ones count from "/" */
	char *type;        /* NULL: absent */
	char *source;      /* NULL: absent; relative ones of binds count from the bundle */
	struct spec_strings options;
	struct spec_idmaps uid_mappings, gid_mappings;
};
struct spec_mounts { size_t n; struct spec_mount *v; };

struct spec_rlimit { int type; /* RLIMIT_* */ uint64_t soft, hard; };
struct spec_rlimits { size_t n; struct spec_rlimit *v; };

/* Capability sets as bit masks; bit i = capability i. Names the running kernel does not know are warned of and dropped
 * (config.md: MUST be a warning). */
struct spec_caps { bool set; uint64_t bounding, effective, inheritable, permitted, ambient; };

struct spec_scheduler {
	bool set;
	int policy; /* SCHED_* */
	int32_t nice, priority;
	uint64_t flags; /* SCHED_FLAG_* */
	uint64_t runtime, deadline, period; /* ns */
};

struct spec_process {
	bool set; /* the whole object may be absent: create works, start refuses */
	bool terminal;
	struct { bool set; uint32_t height, width; } console_size;
	struct {
		uint32_t uid, gid;
		struct opt_u32 umask;
		size_t n_additional;
		uint32_t *additional_gids;
	} user;
	struct spec_strings args, env;
	char *cwd;
	struct spec_caps caps;
	struct spec_rlimits rlimits;
	bool no_new_privileges;
	char *apparmor_profile, *selinux_label; /* NULL: absent or empty */
	struct opt_i32 oom_score_adj;
	struct spec_scheduler scheduler;
	struct { bool set; int class_; /* IOPRIO_CLASS_* */ int32_t priority; } io_priority;
	struct { char *initial, *final; } exec_cpu_affinity; /* CPU lists, NULL: absent */
};

struct spec_hook { char *path; struct spec_strings args, env; struct opt_i32 timeout; /* seconds */ };
struct spec_hook_list { size_t n; struct spec_hook *v; };
enum spec_hook_kind {
	HOOK_PRESTART, HOOK_CREATE_RUNTIME, HOOK_CREATE_CONTAINER, HOOK_START_CONTAINER, HOOK_POSTSTART, HOOK_POSTSTOP,
	HOOK_KIND_MAX
};

enum spec_ns_type { NS_CGROUP, NS_IPC, NS_MOUNT, NS_NETWORK, NS_PID, NS_TIME, NS_USER, NS_UTS, NS_MAX };
struct spec_namespace { bool set; char *path; /* NULL: new */ };

struct spec_device {
	char type; /* 'c', 'b', 'p' ('u' is kept as 'c') */
	char *path;
	uint32_t major, minor;
	struct opt_u32 file_mode, uid, gid;
};
struct spec_devices { size_t n; struct spec_device *v; };

struct spec_netdev { char *host_name; char *name; /* NULL: keep */ };
struct spec_netdevs { size_t n; struct spec_netdev *v; };

struct spec_dev_rule { bool allow; char type; /* 'a', 'c', 'b' */ int64_t major, minor; /* -1: any */ char access[4]; };
struct spec_throttle { uint32_t major, minor; uint64_t rate; };
struct spec_throttles { size_t n; struct spec_throttle *v; };
struct spec_weight_dev { uint32_t major, minor; struct opt_u32 weight, leaf_weight; };
struct spec_hugepage { char *page_size; uint64_t limit; };
struct spec_net_priority { char *name; uint32_t priority; };
struct spec_rdma { char *device; struct opt_u32 hca_handles, hca_objects; };

struct spec_resources {
	bool set;
	struct { size_t n; struct spec_dev_rule *v; } devices;
	struct {
		bool set;
		struct opt_i64 limit, reservation, swap, kernel, kernel_tcp; /* bytes, -1: unlimited */
		struct opt_u64 swappiness;
		struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
	} memory;
	struct {
		bool set;
		struct opt_u64 shares, burst, period, rt_period;
		struct opt_i64 quota, rt_runtime, idle;
		char *cpus, *mems; /* NULL: absent */
	} cpu;
	struct { bool set; int64_t limit; } pids;
	struct {
		bool set;
		struct opt_u32 weight, leaf_weight;
		struct { size_t n; struct spec_weight_dev *v; } weight_device;
		struct spec_throttles read_bps, write_bps, read_iops, write_iops;
	} block_io;
	struct { size_t n; struct spec_hugepage *v; } hugepages;
	struct { bool set; struct opt_u32 class_id; struct { size_t n; struct spec_net_priority *v; } priorities; } network;
	struct { size_t n; struct spec_rdma *v; } rdma;
	struct spec_map unified;
};

struct spec_seccomp_arg { uint32_t index; uint64_t value, value_two; int op; /* enum scmp_compare */ };
struct spec_seccomp_rule {
	struct spec_strings names;
	uint32_t action; /* SECCOMP_RET_* without data */
	struct opt_u32 errno_ret;
	struct { size_t n; struct spec_seccomp_arg *v; } args;
};
struct spec_seccomp {
	bool set;
	uint32_t default_action; /* SECCOMP_RET_* */
	struct opt_u32 default_errno_ret;
	struct spec_strings architectures; /* SCMP_ARCH_* names */
	bool flags_set;
	uint32_t flags; /* SECCOMP_FILTER_FLAG_* */
	char *listener_path, *listener_metadata; /* NULL: absent */
	struct { size_t n; struct spec_seccomp_rule *v; } syscalls;
};

struct spec_rdt {
	bool set;
	char *clos_id, *l3_cache_schema, *mem_bw_schema; /* NULL: absent */
	struct spec_strings schemata;
	bool enable_monitoring;
};

struct spec_linux {
	bool set;
	struct spec_namespace namespaces[NS_MAX];
	struct spec_idmaps uid_mappings, gid_mappings;
	struct { struct { bool set; int64_t secs; uint32_t nanosecs; } monotonic, boottime; } time_offsets;
	struct spec_devices devices;
	struct spec_netdevs net_devices;
	char *cgroups_path; /* NULL: absent */
	struct spec_resources resources;
	struct spec_seccomp seccomp;
	char *rootfs_propagation; /* "private", "rprivate", "slave", ...; NULL: absent */
	struct spec_strings masked_paths, readonly_paths;
	char *mount_label;
	struct spec_rdt intel_rdt;
	struct { bool set; int mode; /* MPOL_* */ char *nodes; unsigned flags; /* MPOL_F_* mode flags */ } memory_policy;
	struct { bool set; unsigned long domain; /* PER_LINUX, PER_LINUX32 */ } personality;
	struct spec_map sysctl;
};

struct spec {
	struct arena arena;
	char *oci_version;
	struct { bool set; char *path; bool readonly; } root;
	struct spec_process process;
	char *hostname, *domainname; /* NULL: absent */
	struct spec_mounts mounts;
	struct spec_hook_list hooks[HOOK_KIND_MAX];
	struct spec_map annotations;
	struct spec_linux linux_;
	struct spec_strings warnings; /* one line each, for the log */
	char *text;       /* the document as read, size bytes */
	size_t text_size;
};

/* Decodes and validates a whole config.json from memory (name is used in messages: "config.json:41: process.cwd: ...").
 * The spec is to be freed by spec_free() in every case. ERROR_CONFIG on anything wrong. */
must_check int spec_parse(const char *name, const char *text, size_t size, struct spec **ret, struct error *e);
/* Reads name below dirfd (regular file, at most JSON_BYTES_MAX) and parses it.
 * A missing file: "JSON specification file config.json not found". */
must_check int spec_load(int dirfd, const char *name, struct spec **ret, struct error *e);
/* exec --process: a bare process object; the arena of `spec` owns it. */
must_check int spec_parse_process(struct spec *spec, const char *name, const char *text, size_t size,
				  struct spec_process *ret, struct error *e);
/* update -r: a bare resources object, same ownership. */
must_check int spec_parse_resources(struct spec *spec, const char *name, const char *text, size_t size,
				    struct spec_resources *ret, struct error *e);
/* Of cpu.idle and unified's, which overrides it: an idle cgroup takes no weight. */
bool spec_cpu_idle(const struct spec_resources *resources);
/* mounts add|remove: a bare array of mounts for a container with this configuration, same ownership; places: of which only the
 * destinations are meant. */
must_check int spec_parse_mounts(struct spec *spec, const char *name, const char *text, size_t size, bool places,
				 struct spec_mounts *ret, struct error *e);
struct spec *spec_free(struct spec *spec); /* NULL is fine; returns NULL */
static inline void spec_freep(struct spec **p) { spec_free(*p); }
#define auto_spec auto_with(spec_freep)

/* The documents of `kedge spec` and `kedge spec --rootless` (ids of the caller mapped to 0). */
void spec_default(struct strbuf *out, bool rootless, uint32_t uid, uint32_t gid);

/* Value of an annotation, or NULL. */
const char *spec_annotation(const struct spec *spec, const char *key);

/* A sysctl's file below /proc/sys: "net.ipv4.conf.eth0/100.x" and "net/ipv4/conf/eth0.100/x" both give the latter. */
char *spec_sysctl_path(struct arena *a, const char *key);

/* spec/names.c: tables enum <-> name, shared by decoder, features and printers. `name` arrays end with NULL. */
struct spec_name { const char *name; int64_t value; };
extern const struct spec_name names_namespaces[];  /* value: enum spec_ns_type; names as in the spec: "network", "mount" */
extern const struct spec_name names_caps[];        /* "CAP_CHOWN" -> 0 ... */
extern const struct spec_name names_rlimits[];
extern const struct spec_name names_seccomp_actions[], names_seccomp_ops[], names_seccomp_flags[], names_seccomp_archs[];
extern const struct spec_name names_sched_policies[], names_sched_flags[], names_ioprio_classes[];
extern const struct spec_name names_mpol_modes[], names_mpol_flags[];
extern const struct spec_name names_hooks[];       /* value: enum spec_hook_kind */
extern const struct spec_name names_signals[];     /* "SIGTERM" -> 15 ... incl. RTMIN+n forms handled by signal_parse() */
bool name_to_value(const struct spec_name *table, const char *name, int64_t *ret);
const char *value_to_name(const struct spec_name *table, int64_t value); /* NULL: none */
int cap_last(void); /* highest capability of the running kernel (prctl probing; cached) */
must_check int cap_parse(const char *name, struct error *e); /* "CAP_X" or "x", any case; -1 */
must_check int signal_parse(const char *text, struct error *e); /* "TERM", "sigterm", "15"; 'unknown signal "X"' */
