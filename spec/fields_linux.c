/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/personality.h>

#include "spec/decode.h"

/* --- namespaces: a list in the document, a table by type here */

struct namespace_entry {
	int type;
	char *path;
};

static const struct field namespace_rows[] = {
	F_ENUM(namespace_entry, "type", type, names_namespaces, "namespace", REQUIRED),
	F_STRING(namespace_entry, "path", path),
};
static const struct fields namespace_fields = FIELDS(namespace_entry, namespace_rows);

static int decode_namespaces(struct decoder *d, const struct where *w, void *target)
{
	struct where item = {.up = w, .v = w->v->child};
	struct spec_namespace *namespaces = target;

	for (; item.v; item.v = item.v->next, item.index++) {
		struct namespace_entry entry = {0};
		if (item.v->type != JSON_OBJECT)
			return decode_type_error(d, &item, JSON_OBJECT);
		if (decode_object(d, &item, &namespace_fields, &entry) < 0)
			return -1;
		if (namespaces[entry.type].set)
			return decode_error(d, &item, "the namespace '%s' is listed twice",
					    value_to_name(names_namespaces, entry.type));
		namespaces[entry.type] = (struct spec_namespace){.set = true, .path = entry.path};
	}
	return 0;
}

/* --- devices */

#define MODE_MAX  0177777 /* with a file type, as engines copy it from stat(2) */
#define MODE_BITS 07777

static int decode_device_type(struct decoder *d, const struct where *w, void *target)
{
	const char *s = w->v->text;

	if (!s[0] || !strchr("cbup", s[0]) || s[1])
		return decode_error(d, w, "unknown device type '%s' (known: b c p u)", SHOWN(s));
	*(char *)target = s[0] == 'u' ? 'c' : s[0];
	return 0;
}

static int check_device(struct decoder *d, const struct where *w, void *target)
{
	struct spec_device *device = target;

	device->file_mode.v &= MODE_BITS;
	if (device->type == 'p')
		return 0;
	for (int i = 0; i < 2; i++) {
		struct where number = {.up = w, .v = w->v, .key = i ? "minor" : "major"};
		if (!json_get(w->v, number.key))
			return decode_error(d, &number, "is required for a device of type '%c'", device->type);
	}
	return 0;
}

static const struct field device_rows[] = {
	F_STRING(spec_device, "path", path, REQUIRED),
	F_CUSTOM(spec_device, "type", type, JSON_STRING, 0, decode_device_type, REQUIRED),
	F_INT(spec_device, "major", major, 0, 4095),
	F_INT(spec_device, "minor", minor, 0, 1048575),
	F_OPT_INT(spec_device, "fileMode", file_mode, 0, MODE_MAX),
	F_OPT_INT(spec_device, "uid", uid, 0, ID_MAX),
	F_OPT_INT(spec_device, "gid", gid, 0, ID_MAX),
};
static const struct fields device_fields = FIELDS(spec_device, device_rows, .check = check_device);

static const struct field net_device_rows[] = {
	F_STRING(spec_netdev, "name", name),
};
static const struct fields net_device_fields = FIELDS(spec_netdev, net_device_rows);

/* --- the smaller objects */

#define NANOSECONDS_MAX 999999999

static const struct field monotonic_rows[] = {
	F_INT(spec_linux, "secs", time_offsets.monotonic.secs, INT64_MIN, INT64_MAX),
	F_INT(spec_linux, "nanosecs", time_offsets.monotonic.nanosecs, 0, NANOSECONDS_MAX),
};
static const struct fields monotonic_fields = FIELDS(spec_linux, monotonic_rows);

static const struct field boottime_rows[] = {
	F_INT(spec_linux, "secs", time_offsets.boottime.secs, INT64_MIN, INT64_MAX),
	F_INT(spec_linux, "nanosecs", time_offsets.boottime.nanosecs, 0, NANOSECONDS_MAX),
};
static const struct fields boottime_fields = FIELDS(spec_linux, boottime_rows);

static const struct field time_offsets_rows[] = {
	F_GROUP("boottime", boottime_fields, PRESENCE(spec_linux, time_offsets.boottime.set)),
	F_GROUP("monotonic", monotonic_fields, PRESENCE(spec_linux, time_offsets.monotonic.set)),
};
static const struct fields time_offsets_fields = FIELDS(spec_linux, time_offsets_rows, .closed = true);

/* Both were in versions 1.1 and 1.2 and are no properties any more. */
static int check_rdt(struct decoder *d, const struct where *w, void *target unused_arg)
{
	static const char *const gone[] = {"enableCMT", "enableMBM"};

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		if (json_get(w->v, gone[i]))
			decode_warn(d, "linux.intelRdt.%s has become enableMonitoring in version 1.3.0, ignoring it", gone[i]);
	return 0;
}

static const struct field rdt_rows[] = {
	F_STRING(spec_rdt, "closID", clos_id),
	F_STRINGS(spec_rdt, "schemata", schemata, SCHEMATA_MAX),
	F_STRING(spec_rdt, "l3CacheSchema", l3_cache_schema),
	F_STRING(spec_rdt, "memBwSchema", mem_bw_schema),
	F_BOOL(spec_rdt, "enableMonitoring", enable_monitoring),
};
static const struct fields rdt_fields = FIELDS(spec_rdt, rdt_rows, .check = check_rdt);

static const struct field memory_policy_rows[] = {
	F_ENUM(spec_linux, "mode", memory_policy.mode, names_mpol_modes, "memory policy mode", REQUIRED),
	F_STRING(spec_linux, "nodes", memory_policy.nodes),
	F_FLAGS(spec_linux, "flags", memory_policy.flags, names_mpol_flags, "memory policy flag"),
};
static const struct fields memory_policy_fields = FIELDS(spec_linux, memory_policy_rows);

static const struct spec_name personality_domains[] = {
	{"LINUX", PER_LINUX},
	{"LINUX32", PER_LINUX32},
	{NULL, 0},
};
/* config-linux.md defines none yet */
static const struct spec_name personality_flags[] = {{NULL, 0}};

static const struct field personality_rows[] = {
	F_ENUM(spec_linux, "domain", personality.domain, personality_domains, "execution domain", REQUIRED),
	F_FLAGS(spec_linux, "flags", personality.domain, personality_flags, "personality flag"),
};
static const struct fields personality_fields = FIELDS(spec_linux, personality_rows);

static int decode_propagation(struct decoder *d, const struct where *w, void *target)
{
	static const struct spec_name known[] = {
		{"private", 0}, {"rprivate", 0}, {"rshared", 0},    {"rslave", 0}, {"runbindable", 0},
		{"shared", 0},  {"slave", 0},    {"unbindable", 0}, {NULL, 0},
	};
	int64_t ignored;

	if (!w->v->text[0])
		return 0;
	if (!name_to_value(known, w->v->text, &ignored))
		return decode_unknown(d, w, known, "propagation");
	*(char **)target = (char *)w->v->text;
	return 0;
}

static const struct field linux_rows[] = {
	F_ARRAY(spec_linux, "uidMappings", uid_mappings, IDMAPS_MAX, idmap_fields),
	F_ARRAY(spec_linux, "gidMappings", gid_mappings, IDMAPS_MAX, idmap_fields),
	F_MAP(spec_linux, "sysctl", sysctl, SYSCTLS_MAX),
	F_OBJECT(spec_linux, "resources", resources, resources_fields, PRESENCE(spec_linux, resources.set)),
	F_STRING(spec_linux, "cgroupsPath", cgroups_path),
	F_CUSTOM(spec_linux, "namespaces", namespaces, JSON_ARRAY, NAMESPACES_MAX, decode_namespaces),
	F_ARRAY(spec_linux, "devices", devices, DEVICES_MAX, device_fields),
	F_OBJECTS(spec_linux, "netDevices", net_devices, NET_DEVICES_MAX, net_device_fields),
	F_OBJECT(spec_linux, "seccomp", seccomp, seccomp_fields, PRESENCE(spec_linux, seccomp.set)),
	F_CUSTOM(spec_linux, "rootfsPropagation", rootfs_propagation, JSON_STRING, 0, decode_propagation),
	F_STRINGS(spec_linux, "maskedPaths", masked_paths, PATHS_MAX),
	F_STRINGS(spec_linux, "readonlyPaths", readonly_paths, PATHS_MAX),
	F_STRING(spec_linux, "mountLabel", mount_label),
	F_OBJECT(spec_linux, "intelRdt", intel_rdt, rdt_fields, PRESENCE(spec_linux, intel_rdt.set)),
	F_GROUP("memoryPolicy", memory_policy_fields, PRESENCE(spec_linux, memory_policy.set)),
	F_GROUP("personality", personality_fields, PRESENCE(spec_linux, personality.set)),
	F_GROUP("timeOffsets", time_offsets_fields),
};
const struct fields linux_fields = FIELDS(spec_linux, linux_rows);
