/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd is told about a container: a unit's name and place, and its properties. Pure; systemd.c does the talking. */
#pragma once

#include "base/arena.h"
#include "cgroups/cgroup.h"

/* unit_name.c */
struct unit_place {
	const char *slice; /* "machine-a.slice" */
	const char *name;  /* "libpod-1.scope" */
	const char *path;  /* below the manager's own cgroup: "machine.slice/machine-a.slice/libpod-1.scope" */
};
/* linux.cgroupsPath "slice:prefix:name" (absent: the default slice, "kedge", id). user: of a user's own systemd, whose
 * default slice is user.slice, not system.slice. */
must_check int unit_place(const char *cgroups_path, const char *id, bool user, struct arena *a, struct unit_place *ret,
			  struct error *e);

/* A value of D-Bus. */
struct unit_value {
	char type;             /* b y n q i u x t d s o g, or 'a' or '(' */
	uint64_t number;       /* of every type but those below, sign-extended */
	double real;           /* d */
	const char *text;      /* s o g */
	const char *signature; /* a: of an element; (: of the members together */
	size_t n;
	struct unit_value *v;
};
struct unit_property { const char *name; struct unit_value value; };
struct unit_properties {
	struct arena *a;
	size_t n, size;
	struct unit_property *v;
};

/* unit_value.c: the text form of GVariant: true, 5, uint64 5, 'x', ['x', 'y'], ('x', 5), @as []. Not: maybe, variant,
 * dictionary, bytestring. why: static text, on failure. */
must_check int unit_value_parse(const char *text, struct arena *a, struct unit_value *ret, const char **why);
void unit_value_print(const struct unit_value *v, struct strbuf *out); /* without the type */
char *unit_value_signature(const struct unit_value *v, struct arena *a);

/* unit_properties.c: a property that is there already is replaced; NULL: the value is to be filled in. */
struct unit_value *unit_property_add(struct unit_properties *p, const char *name, char type);
void unit_property_number(struct unit_properties *p, const char *name, char type, uint64_t value);
void unit_property_string(struct unit_properties *p, const char *name, const char *value);
/* What of the limits systemd has a property for. period: of cpu.max now, in µs, for a quota without one. */
must_check int unit_add_limits(struct unit_properties *p, const struct cgroup_writes *writes, uint64_t period,
			       struct error *e);
/* org.systemd.property.NAME; "...Sec" becomes "...USec". */
must_check int unit_add_annotations(struct unit_properties *p, const struct spec_map *annotations, struct error *e);

/* dbus.c: the connection. Every call ends within UNIT_TIMEOUT_MS, whatever systemd does. */
#define UNIT_TIMEOUT_MS 30000
struct bus;
/* To the systemd of the host or, user, to the caller's own. */
must_check int bus_open(bool user, struct bus **ret, struct error *e);
void bus_close(struct bus **bus);
#define auto_bus auto_with(bus_close)
/* The manager's own cgroup: "" or "/user.slice/user-1000.slice/user@1000.service". In the arena. */
must_check int bus_own_cgroup(struct bus *bus, struct arena *a, char **ret, struct error *e);
/* Returns when systemd has started the unit. 1: there is a unit of this name. */
must_check int bus_start_unit(struct bus *bus, const char *unit, const struct unit_properties *p, struct error *e);
/* Returns when it has stopped. One that does not exist is success. */
must_check int bus_stop_unit(struct bus *bus, const char *unit, struct error *e);
/* Forgets that it failed; nothing in every other case. */
must_check int bus_reset_failed(struct bus *bus, const char *unit, struct error *e);
must_check int bus_set_properties(struct bus *bus, const char *unit, const struct unit_properties *p, struct error *e);
must_check int bus_attach_process(struct bus *bus, const char *unit, pid_t pid, struct error *e);
