/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the JSON tree to plain structs by tables: one row a property gives its name, type, place and bounds; the engine
 * gives the checks and the messages. Rows are in fields_*.c. A null is taken as absent where an optional object or array
 * is expected, because encoders write unset lists that way; everywhere else it is an error.
 */
#pragma once

#include <stddef.h>

#include "spec/json.h"
#include "spec/spec.h"

struct decoder {
	struct spec *spec; /* owner of the memory and of the warnings */
	const char *name;  /* of the document */
	struct error *e;
};

/* A value and the way to it from the document's root, linked through the callers' stack. */
struct where {
	const struct where *up; /* NULL: the root */
	const struct json *v;
	const char *key; /* NULL: an array element */
	size_t index;
	bool map; /* key is the document's, not the specification's: quoted in messages */
};

enum field_type {
	FIELD_BOOL,
	FIELD_INT,     /* any integer, by size and bounds */
	FIELD_STRING,  /* char *; an optional empty one counts as absent */
	FIELD_ENUM,    /* a name of `names`, stored as its value in an integer */
	FIELD_FLAGS,   /* an array of such names, or-ed into an integer */
	FIELD_STRINGS, /* struct spec_strings, of `names` if given */
	FIELD_INTS,    /* { size_t n; integer *v } as two places */
	FIELD_MAP,     /* struct spec_map */
	FIELD_OBJECT,  /* struct at offset, by table */
	FIELD_ARRAY,   /* { size_t n; struct *v } of objects, by table */
	FIELD_OBJECTS, /* the same from an object with free member names; the first member of the struct is that name */
	FIELD_CUSTOM,
};

struct field;
typedef int field_custom(struct decoder *d, const struct where *w, void *target);

struct fields {
	const struct field *rows;
	size_t n;
	size_t size; /* of the struct: element size of arrays */
	bool closed; /* the member names are values themselves: unknown ones are errors */
	field_custom *check; /* after the rows; target is the struct */
};

struct field {
	const char *name;
	enum field_type type;
	bool required;
	bool filled; /* an array that must have an entry */
	uint16_t set; /* 1 + offset of the bool that tells presence; 0: none */
	uint16_t size; /* of the integer */
	uint16_t offset;
	uint16_t offset_n; /* FIELD_INTS: of the count */
	int64_t min;
	uint64_t max; /* of integers; of arrays and maps: the entries */
	int64_t otherwise; /* integer: when absent */
	const struct fields *table;
	const struct spec_name *names;
	const char *noun; /* what a name of `names` is called in messages */
	field_custom *custom;
	enum json_type json; /* FIELD_CUSTOM: the type it wants */
};

/* Rows. S: struct tag, N: JSON name, M: member. The macros refuse members of another type at compile time. */
#define FIELD_TYPED(S, M, T)                                                                                \
	(offsetof(struct S, M) +                                                                            \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((struct S *)0)->M), T) ? 1 : -1]))
#define FIELD_SIZE(S, M) sizeof(((struct S *)0)->M)
#define PRESENCE(S, M) .set = 1 + FIELD_TYPED(S, M, bool)

#define F_BOOL(S, N, M, ...) { .name = N, .type = FIELD_BOOL, .offset = FIELD_TYPED(S, M, bool), ##__VA_ARGS__ }
#define F_OPT_BOOL(S, N, M) F_BOOL(S, N, M.v, PRESENCE(S, M.set))
#define F_INT(S, N, M, MIN, MAX, ...)                                                                       \
	{ .name = N, .type = FIELD_INT, .offset = offsetof(struct S, M), .size = FIELD_SIZE(S, M), .min = MIN,  \
	  .max = MAX, ##__VA_ARGS__ }
#define F_OPT_INT(S, N, M, MIN, MAX) F_INT(S, N, M.v, MIN, MAX, PRESENCE(S, M.set))
#define F_STRING(S, N, M, ...)                                                                              \
	{ .name = N, .type = FIELD_STRING, .offset = FIELD_TYPED(S, M, char *), ##__VA_ARGS__ }
#define F_ENUM(S, N, M, NAMES, NOUN, ...)                                                                   \
	{ .name = N, .type = FIELD_ENUM, .offset = offsetof(struct S, M), .size = FIELD_SIZE(S, M),         \
	  .names = NAMES, .noun = NOUN, ##__VA_ARGS__ }
#define F_FLAGS(S, N, M, NAMES, NOUN, ...)                                                                  \
	{ .name = N, .type = FIELD_FLAGS, .offset = offsetof(struct S, M), .size = FIELD_SIZE(S, M),        \
	  .max = FLAGS_MAX, .names = NAMES, .noun = NOUN, ##__VA_ARGS__ }
#define F_STRINGS(S, N, M, MAX, ...)                                                                        \
	{ .name = N, .type = FIELD_STRINGS, .offset = FIELD_TYPED(S, M, struct spec_strings), .max = MAX,   \
	  ##__VA_ARGS__ }
#define F_INTS(S, N, COUNT, M, MIN, MAX)                                                                    \
	{ .name = N, .type = FIELD_INTS, .offset = offsetof(struct S, M), .size = FIELD_SIZE(S, M[0]),      \
	  .offset_n = FIELD_TYPED(S, COUNT, size_t), .min = MIN, .max = MAX }
#define F_MAP(S, N, M, MAX)                                                                                 \
	{ .name = N, .type = FIELD_MAP, .offset = FIELD_TYPED(S, M, struct spec_map), .max = MAX }
#define F_OBJECT(S, N, M, TABLE, ...)                                                                       \
	{ .name = N, .type = FIELD_OBJECT, .offset = offsetof(struct S, M), .table = &(TABLE), ##__VA_ARGS__ }
/* An object whose members are rows of the surrounding struct. */
#define F_GROUP(N, TABLE, ...) { .name = N, .type = FIELD_OBJECT, .table = &(TABLE), ##__VA_ARGS__ }
#define F_ARRAY(S, N, M, MAX, TABLE, ...)                                                                   \
	{ .name = N, .type = FIELD_ARRAY, .offset = offsetof(struct S, M), .max = MAX, .table = &(TABLE),   \
	  ##__VA_ARGS__ }
#define F_OBJECTS(S, N, M, MAX, TABLE)                                                                      \
	{ .name = N, .type = FIELD_OBJECTS, .offset = offsetof(struct S, M), .max = MAX, .table = &(TABLE) }
#define F_CUSTOM(S, N, M, JSON, MAX, F, ...)                                                                \
	{ .name = N, .type = FIELD_CUSTOM, .offset = offsetof(struct S, M), .json = JSON, .max = MAX,       \
	  .custom = F, ##__VA_ARGS__ }

#define REQUIRED .required = true
#define FIELDS(S, ROWS, ...) { .rows = ROWS, .n = ARRAY_SIZE(ROWS), .size = sizeof(struct S), ##__VA_ARGS__ }

/* Entries that lists may have. */
enum field_limits {
	ARGS_MAX = 65536,
	ENV_MAX = 65536,
	GIDS_MAX = 65536, /* the kernel's NGROUPS_MAX */
	CAPS_MAX = 1024,
	RLIMITS_MAX = 64,
	MOUNTS_MAX = 16384,
	MOUNT_OPTIONS_MAX = 1024,
	IDMAPS_MAX = 340, /* the kernel's UID_GID_MAP_MAX_EXTENTS */
	HOOKS_MAX = 1024,
	ANNOTATIONS_MAX = 16384,
	NAMESPACES_MAX = 64,
	DEVICES_MAX = 16384,
	DEVICE_RULES_MAX = 16384,
	NET_DEVICES_MAX = 1024,
	PATHS_MAX = 16384,
	SYSCTLS_MAX = 4096,
	UNIFIED_MAX = 1024,
	THROTTLES_MAX = 4096,
	HUGEPAGES_MAX = 64,
	RDMA_MAX = 1024,
	PRIORITIES_MAX = 1024,
	SCHEMATA_MAX = 256,
	SYSCALL_RULES_MAX = 16384,
	SYSCALL_NAMES_MAX = 4096,
	SYSCALL_ARGS_MAX = 64,
	ARCHITECTURES_MAX = 64,
	FLAGS_MAX = 64,
	WARNINGS_MAX = 64,
};

#define ID_MAX 4294967294U /* (uid_t)-1 means "leave as it is" to the kernel */

extern const struct fields spec_fields, process_fields, resources_fields, linux_fields, seccomp_fields, mount_fields,
	idmap_fields, hooks_fields, caps_fields, mounts_fields;

/* Fills the struct from an object; the first error ends it. */
must_check int decode_object(struct decoder *d, const struct where *w, const struct fields *table, void *target);
/* ERROR_CONFIG "name:line: path: ..." */
int decode_error(struct decoder *d, const struct where *w, const char *fmt, ...) printf_like(3, 4);
int decode_type_error(struct decoder *d, const struct where *w, enum json_type want);
int decode_unknown(struct decoder *d, const struct where *w, const struct spec_name *names, const char *noun);
void decode_warn(struct decoder *d, const char *fmt, ...) printf_like(2, 3);

/* Text of the document for messages: short, without control characters. */
#define SHOWN_MAX 96
#define SHOWN(s) decode_shown((char[SHOWN_MAX]){ 0 }, s)
const char *decode_shown(char *buf, const char *s);
