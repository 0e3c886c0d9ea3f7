/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/decode.h"

static const struct field idmap_rows[] = {
	F_INT(spec_idmap, "containerID", container_id, 0, ID_MAX, REQUIRED),
	F_INT(spec_idmap, "hostID", host_id, 0, ID_MAX, REQUIRED),
	F_INT(spec_idmap, "size", size, 1, UINT32_MAX, REQUIRED),
};
const struct fields idmap_fields = FIELDS(spec_idmap, idmap_rows);

static const struct field mount_rows[] = {
	F_STRING(spec_mount, "destination", destination, REQUIRED),
	F_STRING(spec_mount, "type", type),
	F_STRING(spec_mount, "source", source),
	F_STRINGS(spec_mount, "options", options, MOUNT_OPTIONS_MAX),
	F_ARRAY(spec_mount, "uidMappings", uid_mappings, IDMAPS_MAX, idmap_fields),
	F_ARRAY(spec_mount, "gidMappings", gid_mappings, IDMAPS_MAX, idmap_fields),
};
const struct fields mount_fields = FIELDS(spec_mount, mount_rows);

static const struct field mounts_rows[] = {
	F_ARRAY(spec, "mounts", mounts, MOUNTS_MAX, mount_fields, REQUIRED),
};
const struct fields mounts_fields = FIELDS(spec, mounts_rows);

static const struct field root_rows[] = {
	F_STRING(spec, "path", root.path, REQUIRED),
	F_BOOL(spec, "readonly", root.readonly),
};
static const struct fields root_fields = FIELDS(spec, root_rows);

/* The top of config.json. vm, windows, solaris, freebsd and zos are for other platforms: unknown members here. */
static const struct field spec_rows[] = {
	F_STRING(spec, "ociVersion", oci_version, REQUIRED),
	F_OBJECT(spec, "process", process, process_fields, PRESENCE(spec, process.set)),
	F_GROUP("root", root_fields, PRESENCE(spec, root.set), REQUIRED),
	F_STRING(spec, "hostname", hostname),
	F_STRING(spec, "domainname", domainname),
	F_ARRAY(spec, "mounts", mounts, MOUNTS_MAX, mount_fields),
	F_GROUP("hooks", hooks_fields),
	F_MAP(spec, "annotations", annotations, ANNOTATIONS_MAX),
	F_OBJECT(spec, "linux", linux_, linux_fields, PRESENCE(spec, linux_.set)),
};
const struct fields spec_fields = FIELDS(spec, spec_rows);
