/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits as properties of a unit. systemd writes its own idea of a cgroup's files whenever it likes, at a daemon-reload
 * above all, so what is only in the files is lost then. The list of {file, value} is where both come from: what
 * linux.resources.unified sets is covered as what was converted. Files that systemd does not know it does not write.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/bitlist.h"
#include "base/num.h"
#include "cgroups/unit.h"

#define ANNOTATION "org.systemd.property."
#define PERIOD_DEFAULT 100000
#define USEC_PER_SEC 1000000
#define PER_CENT (USEC_PER_SEC / 100)

struct unit_value *unit_property_add(struct unit_properties *p, const char *name, char type)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->v[i].name, name) == 0) {
			p->v[i].value = (struct unit_value){.type = type};
			return &p->v[i].value;
		}
	}
	if (p->n == p->size) {
		size_t size = p->size ? p->size * 2 : 16;
		struct unit_property *v = arena_array(p->a, size, sizeof(*v));
		if (p->n)
			memcpy(v, p->v, p->n * sizeof(*v));
		p->v = v;
		p->size = size;
	}
	p->v[p->n] = (struct unit_property){.name = name, .value = {.type = type}};
	return &p->v[p->n++].value;
}

void unit_property_number(struct unit_properties *p, const char *name, char type, uint64_t value)
{
	unit_property_add(p, name, type)->number = value;
}

void unit_property_string(struct unit_properties *p, const char *name, const char *value)
{
	unit_property_add(p, name, 's')->text = value;
}

/* --- limits */

struct limit {
	struct unit_properties *p;
	const char *name;  /* of the property */
	const char *value; /* of the file */
	uint64_t period;
};

/* The kernel takes units, too: "1G". */
static int amount(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGTPE";
	char digits[24];
	size_t n = strspn(text, "0123456789");
	unsigned shift = 0;

	if (strcmp(text, "max") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (text[n]) {
		const char *unit = strchr(units, text[n] & ~0x20);
		if (!unit || text[n + 1])
			return -1;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (n >= sizeof(digits))
		return -1;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (parse_u64(digits, UINT64_MAX >> shift, ret) < 0)
		return -1;
	*ret <<= shift;
	return 0;
}

static int add_amount(struct limit *l)
{
	uint64_t v;

	if (amount(l->value, &v) < 0)
		return -1;
	unit_property_number(l->p, l->name, 't', v);
	return 0;
}

/* "default 200" and "200" say the same. */
static const char *without_default(const char *text)
{
	return strncmp(text, "default ", 8) == 0 ? text + 8 : text;
}

static int add_weight(struct limit *l)
{
	uint64_t v;

	if (parse_u64(l->value, 10000, &v) < 0 || v == 0)
		return -1;
	unit_property_number(l->p, l->name, 't', v);
	return 0;
}

/* systemd.resource-control(5): the weight "idle" is 0 on the bus. */
static int add_idle(struct limit *l)
{
	if (strcmp(l->value, "0") != 0 && strcmp(l->value, "1") != 0)
		return -1;
	unit_property_number(l->p, l->name, 't', *l->value == '1' ? 0 : 100);
	return 0;
}

/* "50000 100000", "50000" (of the period there is) or "max ...", for which quota is UINT64_MAX. */
struct bandwidth { uint64_t quota, period; bool with_period; };

static int read_bandwidth(const char *value, uint64_t period_now, struct bandwidth *ret)
{
	struct bandwidth b = {.quota = UINT64_MAX, .period = period_now ?: PERIOD_DEFAULT};
	size_t len = strcspn(value, " ");
	char quota[24];

	b.with_period = value[len];
	if (len >= sizeof(quota) || (b.with_period && (parse_u64(value + len + 1, UINT32_MAX, &b.period) < 0 || !b.period)))
		return -1;
	memcpy(quota, value, len);
	quota[len] = '\0';
	if (strcmp(quota, "max") != 0 && parse_u64(quota, UINT64_MAX / USEC_PER_SEC, &b.quota) < 0)
		return -1;
	*ret = b;
	return 0;
}

/* systemd keeps whole per cents: rounded up, so that a cgroup within, which repeats the limit, is not held to less. */
static uint64_t per_second(const struct bandwidth *b)
{
	uint64_t usec = b->quota * USEC_PER_SEC / b->period;

	return usec ? (usec + PER_CENT - 1) / PER_CENT * PER_CENT : PER_CENT;
}

static int add_bandwidth(struct limit *l)
{
	struct bandwidth b;

	if (read_bandwidth(l->value, l->period, &b) < 0)
		return -1;
	if (b.with_period)
		unit_property_number(l->p, "CPUQuotaPeriodUSec", 't', b.period);
	unit_property_number(l->p, l->name, 't', b.quota == UINT64_MAX ? UINT64_MAX : per_second(&b));
	return 0;
}

void cgroup_writes_for_unit(struct cgroup_writes *writes, uint64_t period, struct arena *a)
{
	for (size_t i = 0; i < writes->n; i++) {
		struct cgroup_write *w = &writes->v[i];
		struct bandwidth b;
		if (strcmp(w->file, "cpu.max") != 0 || read_bandwidth(w->value, period, &b) < 0)
			continue;
		bool limited = b.quota != UINT64_MAX;
		uint64_t usec = limited ? b.quota * USEC_PER_SEC / b.period : 0;
		if (limited && per_second(&b) != usec)
			b.quota = per_second(&b) * b.period / USEC_PER_SEC;
		const char *quota = limited ? arena_printf(a, "%" PRIu64, b.quota) : "max";
		w->value = b.with_period || period ? arena_printf(a, "%s %" PRIu64, quota, b.period) : quota;
	}
}

static int add_mask(struct limit *l)
{
	unsigned long *mask;
	size_t bits, word = sizeof(*mask) * CHAR_BIT;

	if (bitlist_parse(l->p->a, l->value, &mask, &bits) < 0)
		return -1;
	struct unit_value *v = unit_property_add(l->p, l->name, 'a');
	v->signature = "y";
	v->n = (bits + 7) / 8;
	v->v = arena_array(l->p->a, v->n + 1, sizeof(*v->v));
	for (size_t i = 0; i < v->n; i++)
		v->v[i] = (struct unit_value){.type = 'y', .number = mask[i * 8 / word] >> (i * 8 % word) & 0xff};
	return 0;
}

/* One more (path, number) in an array of these. */
static void add_device(struct unit_properties *p, const char *name, const char *device, uint64_t number)
{
	struct unit_value *list = NULL;

	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].name, name) == 0)
			list = &p->v[i].value;
	if (!list) {
		list = unit_property_add(p, name, 'a');
		list->signature = "(st)";
	}
	struct unit_value *v = arena_array(p->a, list->n + 1, sizeof(*v));
	struct unit_value *pair = arena_array(p->a, 2, sizeof(*pair));
	if (list->n)
		memcpy(v, list->v, list->n * sizeof(*v));
	pair[0] = (struct unit_value){.type = 's', .text = arena_printf(p->a, "/dev/block/%s", device)};
	pair[1] = (struct unit_value){.type = 't', .number = number};
	v[list->n] = (struct unit_value){.type = '(', .signature = "st", .n = 2, .v = pair};
	list->v = v;
	list->n++;
}

/* "8:0 REST" -> "8:0"; NULL: about no device. */
static char *device_of(struct arena *a, const char *value, const char **rest)
{
	size_t n = strspn(value, "0123456789:");

	if (!n || value[n] != ' ' || !memchr(value, ':', n))
		return NULL;
	*rest = value + n + 1;
	return arena_strndup(a, value, n);
}

/* What systemd makes of IOWeight for BFQ, backwards: the file says the same before and after it writes it. */
static uint64_t weight_of_bfq(uint64_t weight)
{
	return weight <= 100 ? weight : 100 + (weight - 100) * 11;
}

static int add_io(struct limit *l, bool bfq)
{
	const char *rest = without_default(l->value);
	char *device = device_of(l->p->a, l->value, &rest);
	uint64_t v;

	if (parse_u64(rest, bfq ? 1000 : 10000, &v) < 0 || v == 0)
		return -1;
	if (bfq)
		v = weight_of_bfq(v);
	if (device)
		add_device(l->p, "IODeviceWeight", device, v);
	else
		unit_property_number(l->p, l->name, 't', v);
	return 0;
}

static int add_io_weight(struct limit *l)
{
	return add_io(l, false);
}

static int add_bfq_weight(struct limit *l)
{
	return add_io(l, true);
}

static int add_io_max(struct limit *l)
{
	static const struct { const char *key, *property; } keys[] = {
		{"rbps=", "IOReadBandwidthMax"},
		{"wbps=", "IOWriteBandwidthMax"},
		{"riops=", "IOReadIOPSMax"},
		{"wiops=", "IOWriteIOPSMax"},
	};
	const char *rest;
	char *device = device_of(l->p->a, l->value, &rest), *word, *save = NULL;

	if (!device)
		return -1;
	char *words = arena_strdup(l->p->a, rest);
	while ((word = strtok_r(save ? NULL : words, " ", &save))) {
		uint64_t v;
		size_t i = 0;
		while (i < ARRAY_SIZE(keys) && strncmp(word, keys[i].key, strlen(keys[i].key)) != 0)
			i++;
		if (i == ARRAY_SIZE(keys) || amount(word + strlen(keys[i].key), &v) < 0)
			return -1;
		add_device(l->p, keys[i].property, device, v);
	}
	return 0;
}

static const struct {
	const char *file, *property;
	int (*add)(struct limit *l);
} limits[] = {
	{"memory.max", "MemoryMax", add_amount},
	{"memory.high", "MemoryHigh", add_amount},
	{"memory.low", "MemoryLow", add_amount},
	{"memory.min", "MemoryMin", add_amount},
	{"memory.swap.max", "MemorySwapMax", add_amount},
	{"memory.zswap.max", "MemoryZSwapMax", add_amount},
	{"pids.max", "TasksMax", add_amount},
	{"cpu.idle", "CPUWeight", add_idle},
	{"cpu.weight", "CPUWeight", add_weight},
	{"cpu.max", "CPUQuotaPerSecUSec", add_bandwidth},
	{"cpuset.cpus", "AllowedCPUs", add_mask},
	{"cpuset.mems", "AllowedMemoryNodes", add_mask},
	{"io.bfq.weight", "IOWeight", add_bfq_weight},
	{"io.weight", "IOWeight", add_io_weight},
	{"io.max", NULL, add_io_max},
};

int unit_add_limits(struct unit_properties *p, const struct cgroup_writes *writes, uint64_t period, struct error *e)
{
	for (size_t i = 0; i < writes->n; i++) {
		const struct cgroup_write *w = &writes->v[i];
		for (size_t k = 0; k < ARRAY_SIZE(limits); k++) {
			if (strcmp(w->file, limits[k].file) != 0)
				continue;
			struct limit l = {.p = p, .name = limits[k].property, .value = w->value, .period = period};
			if (limits[k].add(&l) < 0)
				return error_set(e, ERROR_CONFIG, 0, "%s: '%s' is no value that systemd could be told for '%s'",
						 w->property, w->value, w->file);
		}
	}
	return 0;
}

/* --- annotations */

static int to_usec(struct unit_value *v)
{
	uint64_t usec;

	if (v->type == 'd') {
		if (v->real < 0 || v->real > (double)INT64_MAX / USEC_PER_SEC)
			return -1;
		usec = (uint64_t)(v->real * USEC_PER_SEC + 0.5);
	} else if (!strchr("nqiuxt", v->type) || __builtin_mul_overflow(v->number, USEC_PER_SEC, &usec)) {
		return -1;
	}
	*v = (struct unit_value){.type = 't', .number = usec};
	return 0;
}

static int bad_annotation(const struct spec_pair *pair, const char *why, struct error *e)
{
	return error_set(e, ERROR_CONFIG, 0, "annotations '%s': '%s' %s", pair->key, pair->value, why);
}

static int add_annotation(struct unit_properties *p, const struct spec_pair *pair, struct error *e)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	/* They say which processes and which cgroup: what the runtime itself decides. */
	static const char *const ours[] = {"PIDs", "PIDFDs", "Slice", "Delegate"};
	const char *name = pair->key + strlen(ANNOTATION), *why = "";
	size_t len = strlen(name);
	struct unit_value v;

	if (len < 3 || strspn(name, letters) != len)
		return error_set(e, ERROR_CONFIG, 0, "annotations '%s': '%s' is no name of a property", pair->key, name);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return error_set(e, ERROR_CONFIG, 0, "annotations '%s': is for the runtime to set", pair->key);
	if (unit_value_parse(pair->value, p->a, &v, &why) < 0)
		return bad_annotation(pair, why, e);
	/* systemd documents "Sec" and takes "USec". */
	if (len > 3 && strcmp(name + len - 3, "Sec") == 0 && name[len - 4] >= 'a') {
		if (to_usec(&v) < 0)
			return bad_annotation(pair, "is no number of seconds", e);
		name = arena_printf(p->a, "%.*sUSec", (int)(len - 3), name);
	}
	*unit_property_add(p, name, v.type) = v;
	return 0;
}

int unit_add_annotations(struct unit_properties *p, const struct spec_map *annotations, struct error *e)
{
	for (size_t i = 0; i < annotations->n; i++)
		if (strncmp(annotations->v[i].key, ANNOTATION, strlen(ANNOTATION)) == 0 &&
		    add_annotation(p, &annotations->v[i], e) < 0)
			return -1;
	return 0;
}
