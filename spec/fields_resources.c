/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "spec/decode.h"

#define MAJOR_MAX 4095 /* the kernel's dev_t: 12 and 20 bits */
#define MINOR_MAX 1048575
#define BYTES_MIN (-1) /* unlimited */

/* --- devices */

static int decode_rule_type(struct decoder *d, const struct where *w, void *target)
{
	const char *s = w->v->text;

	if (s[0] && strchr("acb", s[0]) && !s[1]) {
		*(char *)target = s[0];
		return 0;
	}
	/* encoders of unset strings write "" */
	return s[0] ? decode_error(d, w, "unknown device type '%s' (known: a b c)", SHOWN(s)) : 0;
}

#define ACCESSES "rwm"

static int decode_access(struct decoder *d, const struct where *w, void *target)
{
	const char *s = w->v->text;
	char *known = target;

	for (const char *c = ACCESSES; *c; c++)
		if (strchr(s, *c))
			*known++ = *c;
	*known = '\0';
	if (known == target)
		return decode_error(d, w, "must be made of 'r', 'w' and 'm', is '%s'", SHOWN(s));
	return 0;
}

/* "rwa" is in the wild, and other runtimes let it pass. What it means nobody knows: it allows no more, and denies no less,
 * than it can have meant. */
static void check_access(struct decoder *d, const struct where *w, struct spec_dev_rule *rule, const char *s)
{
	if (!s[strspn(s, ACCESSES)])
		return;
	if (!rule->allow)
		memcpy(rule->access, ACCESSES, sizeof(rule->access));
	decode_warn(d, "linux.resources.devices[%zu].access: '%s' is not made of r, w and m alone, taking it as '%s'",
		    w->index, SHOWN(s), rule->access);
}

static int check_rule(struct decoder *d, const struct where *w, void *target)
{
	struct spec_dev_rule *rule = target;
	struct where access = {.up = w, .v = w->v, .key = "access"};

	if (!rule->access[0])
		return decode_error(d, &access, "is required");
	check_access(d, w, rule, json_get(w->v, "access")->text);
	if (!rule->type)
		rule->type = 'a';
	return 0;
}

static const struct field rule_rows[] = {
	F_BOOL(spec_dev_rule, "allow", allow, REQUIRED),
	F_CUSTOM(spec_dev_rule, "type", type, JSON_STRING, 0, decode_rule_type),
	F_INT(spec_dev_rule, "major", major, -1, UINT32_MAX, .otherwise = -1),
	F_INT(spec_dev_rule, "minor", minor, -1, UINT32_MAX, .otherwise = -1),
	F_CUSTOM(spec_dev_rule, "access", access, JSON_STRING, 0, decode_access),
};
static const struct fields rule_fields = FIELDS(spec_dev_rule, rule_rows, .check = check_rule);

/* --- memory, cpu, pids */

static const struct field memory_rows[] = {
	F_OPT_INT(spec_resources, "limit", memory.limit, BYTES_MIN, INT64_MAX),
	F_OPT_INT(spec_resources, "reservation", memory.reservation, BYTES_MIN, INT64_MAX),
	F_OPT_INT(spec_resources, "swap", memory.swap, BYTES_MIN, INT64_MAX),
	F_OPT_INT(spec_resources, "kernel", memory.kernel, BYTES_MIN, INT64_MAX),
	F_OPT_INT(spec_resources, "kernelTCP", memory.kernel_tcp, BYTES_MIN, INT64_MAX),
	F_OPT_INT(spec_resources, "swappiness", memory.swappiness, 0, 100),
	F_OPT_BOOL(spec_resources, "disableOOMKiller", memory.disable_oom_killer),
	F_OPT_BOOL(spec_resources, "useHierarchy", memory.use_hierarchy),
	F_OPT_BOOL(spec_resources, "checkBeforeUpdate", memory.check_before_update),
};
static const struct fields memory_fields = FIELDS(spec_resources, memory_rows);

static const struct field cpu_rows[] = {
	F_OPT_INT(spec_resources, "shares", cpu.shares, 0, UINT64_MAX),
	F_OPT_INT(spec_resources, "quota", cpu.quota, INT64_MIN, INT64_MAX),
	F_OPT_INT(spec_resources, "burst", cpu.burst, 0, UINT64_MAX),
	F_OPT_INT(spec_resources, "period", cpu.period, 0, UINT64_MAX),
	F_OPT_INT(spec_resources, "realtimeRuntime", cpu.rt_runtime, INT64_MIN, INT64_MAX),
	F_OPT_INT(spec_resources, "realtimePeriod", cpu.rt_period, 0, UINT64_MAX),
	F_STRING(spec_resources, "cpus", cpu.cpus),
	F_STRING(spec_resources, "mems", cpu.mems),
	F_OPT_INT(spec_resources, "idle", cpu.idle, 0, 1),
};
static const struct fields cpu_fields = FIELDS(spec_resources, cpu_rows);

static const struct field pids_rows[] = {
	F_INT(spec_resources, "limit", pids.limit, -1, INT64_MAX, PRESENCE(spec_resources, pids.set)),
};
static const struct fields pids_fields = FIELDS(spec_resources, pids_rows);

/* --- blockIO */

static const struct field throttle_rows[] = {
	F_INT(spec_throttle, "major", major, 0, MAJOR_MAX, REQUIRED),
	F_INT(spec_throttle, "minor", minor, 0, MINOR_MAX, REQUIRED),
	F_INT(spec_throttle, "rate", rate, 0, UINT64_MAX, REQUIRED),
};
static const struct fields throttle_fields = FIELDS(spec_throttle, throttle_rows);

static int check_weight_device(struct decoder *d, const struct where *w, void *target)
{
	const struct spec_weight_dev *dev = target;

	if (!dev->weight.set && !dev->leaf_weight.set)
		return decode_error(d, w, "must have 'weight' or 'leafWeight'");
	return 0;
}

static const struct field weight_device_rows[] = {
	F_INT(spec_weight_dev, "major", major, 0, MAJOR_MAX, REQUIRED),
	F_INT(spec_weight_dev, "minor", minor, 0, MINOR_MAX, REQUIRED),
	F_OPT_INT(spec_weight_dev, "weight", weight, 0, UINT16_MAX),
	F_OPT_INT(spec_weight_dev, "leafWeight", leaf_weight, 0, UINT16_MAX),
};
static const struct fields weight_device_fields =
	FIELDS(spec_weight_dev, weight_device_rows, .check = check_weight_device);

static const struct field block_io_rows[] = {
	F_OPT_INT(spec_resources, "weight", block_io.weight, 0, UINT16_MAX),
	F_OPT_INT(spec_resources, "leafWeight", block_io.leaf_weight, 0, UINT16_MAX),
	F_ARRAY(spec_resources, "weightDevice", block_io.weight_device, THROTTLES_MAX, weight_device_fields),
	F_ARRAY(spec_resources, "throttleReadBpsDevice", block_io.read_bps, THROTTLES_MAX, throttle_fields),
	F_ARRAY(spec_resources, "throttleWriteBpsDevice", block_io.write_bps, THROTTLES_MAX, throttle_fields),
	F_ARRAY(spec_resources, "throttleReadIOPSDevice", block_io.read_iops, THROTTLES_MAX, throttle_fields),
	F_ARRAY(spec_resources, "throttleWriteIOPSDevice", block_io.write_iops, THROTTLES_MAX, throttle_fields),
};
static const struct fields block_io_fields = FIELDS(spec_resources, block_io_rows);

/* --- hugepageLimits, network, rdma */

static int check_hugepage(struct decoder *d, const struct where *w, void *target)
{
	const struct spec_hugepage *page = target;
	const char *s = page->page_size;
	size_t digits = strspn(s, "0123456789");
	struct where at = {.up = w, .v = json_get(w->v, "pageSize"), .key = "pageSize"};

	if (digits == 0 || digits > 9 || s[0] == '0' || !s[digits] || !strchr("KMG", s[digits]) ||
	    strcmp(s + digits + 1, "B") != 0)
		return decode_error(d, &at, "must be a size as '64KB', '2MB' or '1GB', is '%s'", SHOWN(s));
	return 0;
}

static const struct field hugepage_rows[] = {
	F_STRING(spec_hugepage, "pageSize", page_size, REQUIRED),
	F_INT(spec_hugepage, "limit", limit, 0, UINT64_MAX, REQUIRED),
};
static const struct fields hugepage_fields = FIELDS(spec_hugepage, hugepage_rows, .check = check_hugepage);

static const struct field priority_rows[] = {
	F_STRING(spec_net_priority, "name", name, REQUIRED),
	F_INT(spec_net_priority, "priority", priority, 0, UINT32_MAX, REQUIRED),
};
static const struct fields priority_fields = FIELDS(spec_net_priority, priority_rows);

static const struct field network_rows[] = {
	F_OPT_INT(spec_resources, "classID", network.class_id, 0, UINT32_MAX),
	F_ARRAY(spec_resources, "priorities", network.priorities, PRIORITIES_MAX, priority_fields),
};
static const struct fields network_fields = FIELDS(spec_resources, network_rows);

static int check_rdma(struct decoder *d, const struct where *w, void *target)
{
	const struct spec_rdma *rdma = target;

	if (!rdma->hca_handles.set && !rdma->hca_objects.set)
		return decode_error(d, w, "must have 'hcaHandles' or 'hcaObjects'");
	return 0;
}

static const struct field rdma_rows[] = {
	F_OPT_INT(spec_rdma, "hcaHandles", hca_handles, 0, UINT32_MAX),
	F_OPT_INT(spec_rdma, "hcaObjects", hca_objects, 0, UINT32_MAX),
};
static const struct fields rdma_fields = FIELDS(spec_rdma, rdma_rows, .check = check_rdma);

static const struct field resources_rows[] = {
	F_ARRAY(spec_resources, "devices", devices, DEVICE_RULES_MAX, rule_fields),
	F_GROUP("memory", memory_fields, PRESENCE(spec_resources, memory.set)),
	F_GROUP("cpu", cpu_fields, PRESENCE(spec_resources, cpu.set)),
	F_GROUP("pids", pids_fields),
	F_GROUP("blockIO", block_io_fields, PRESENCE(spec_resources, block_io.set)),
	F_ARRAY(spec_resources, "hugepageLimits", hugepages, HUGEPAGES_MAX, hugepage_fields),
	F_GROUP("network", network_fields, PRESENCE(spec_resources, network.set)),
	F_OBJECTS(spec_resources, "rdma", rdma, RDMA_MAX, rdma_fields),
	F_MAP(spec_resources, "unified", unified, UNIFIED_MAX),
};
const struct fields resources_fields = FIELDS(spec_resources, resources_rows);
