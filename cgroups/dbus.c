/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation with systemd, by libsystemd. systemd has a socket of its own beside the bus, as systemctl(1) uses it:
 * tried first, because it needs no message bus, neither on the way nor installed.
 *
 * systemd does one thing at a time and may be busy for long, with generators at a daemon-reload for example. So every
 * wait here has a deadline, that of the connection's set-up too, and libsystemd's own, longer ones never matter.
 */
#include "cgroups/unit.h"

#ifdef HAVE_LIBSYSTEMD

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/dl.h"
#include "cgroups/internal.h"

#define SERVICE "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"
#define PRIVATE "/systemd/private"

#define FUNCTIONS(X)                                                                                                   \
	X(bus_new) X(bus_set_address) X(bus_start) X(bus_open_system) X(bus_open_user) X(bus_is_ready) X(bus_process)  \
	X(bus_wait) X(bus_call) X(bus_match_signal) X(bus_close_unref) X(bus_error_free) X(bus_error_has_name)         \
	X(bus_message_new_method_call) X(bus_message_append_basic)                          \
	X(bus_message_open_container) X(bus_message_close_container) X(bus_message_read) X(bus_message_unref)

static struct {
#define X(name) __typeof__(&sd_##name) name;
	FUNCTIONS(X)
#undef X
} sd;

struct bus {
	sd_bus *bus;
	bool direct; /* systemd itself is the other end */
	int64_t deadline;
	char job[128], result[32]; /* the job that is waited for; "": not yet */
};

static int library_load(struct error *e)
{
	static const struct dl_symbol symbols[] = {
#define X(name) {"sd_" #name, &sd.name},
		FUNCTIONS(X)
#undef X
	};

	/* The last one tells that all are there. */
	if (sd.bus_message_unref)
		return 0;
	return dl_load("libsystemd.so.0", "libsystemd0", symbols, ARRAY_SIZE(symbols), e);
}

static uint64_t usec_left(const struct bus *b)
{
	int64_t left = b->deadline - cgroup_now_ms();

	return left > 0 ? (uint64_t)left * 1000 : 0;
}

static void restart_clock(struct bus *b)
{
	b->deadline = cgroup_now_ms() + UNIT_TIMEOUT_MS;
}

static int timed_out(const char *what, struct error *e)
{
	error_hint(e, "systemd is busy: systemctl list-jobs may say with what");
	return error_set(e, ERROR_HOST, 0, "%s: no answer from systemd in %d s", what, UNIT_TIMEOUT_MS / 1000);
}

/* Waits until something came or the time is over: 0, 1, or a negative errno. */
static int bus_step(struct bus *b)
{
	int n = sd.bus_process(b->bus, NULL);
	uint64_t left = usec_left(b);

	if (n != 0)
		return n < 0 ? n : 0;
	if (left == 0)
		return 1;
	n = sd.bus_wait(b->bus, left);
	return n < 0 && n != -EINTR ? n : 0;
}

static void bus_drop(struct bus *b)
{
	if (b->bus)
		sd.bus_close_unref(b->bus);
	b->bus = NULL;
}

/* Negative errno of the first step; whoever listens answers later. */
static int connect_direct(struct bus *b, const char *dir)
{
	auto_strbuf struct strbuf address = {};
	int n = sd.bus_new(&b->bus);

	strbuf_addf(&address, "unix:path=%s" PRIVATE, dir);
	if (n >= 0)
		n = sd.bus_set_address(b->bus, address.s);
	if (n >= 0)
		n = sd.bus_start(b->bus);
	if (n < 0)
		bus_drop(b);
	b->direct = n >= 0;
	return n;
}

static int connect_ready(struct bus *b, struct error *e)
{
	int n;

	while ((n = sd.bus_is_ready(b->bus)) == 0) {
		n = bus_step(b);
		if (n > 0)
			return timed_out("cannot connect to systemd", e);
		if (n < 0)
			break;
	}
	return n < 0 ? error_set(e, ERROR_HOST, -n, "cannot connect to systemd") : 0;
}

static int connect_user(struct bus *b, struct error *e)
{
	const char *dir = secure_getenv("XDG_RUNTIME_DIR");
	int n = dir && *dir == '/' && !strchr(dir, ',') ? connect_direct(b, dir) : -ENOENT;

	if (n < 0)
		n = sd.bus_open_user(&b->bus);
	if (n >= 0)
		return connect_ready(b, e);
	error_hint(e, "a user's systemd is reached by XDG_RUNTIME_DIR or DBUS_SESSION_BUS_ADDRESS; 'loginctl "
		      "enable-linger' keeps it running");
	return error_set(e, ERROR_HOST, -n, "cannot connect to the user's systemd");
}

static int connect_system(struct bus *b, struct error *e)
{
	int n = connect_direct(b, "/run");

	if (n < 0)
		n = sd.bus_open_system(&b->bus);
	if (n >= 0)
		return connect_ready(b, e);
	error_hint(e, "--systemd-cgroup needs a host that systemd runs");
	return error_set(e, ERROR_HOST, -n, "cannot connect to systemd");
}

int bus_open(bool user, struct bus **ret, struct error *e)
{
	auto_bus struct bus *b = NULL;

	if (library_load(e) < 0)
		return -1;
	b = calloc(1, sizeof(*b));
	if (!b)
		return error_set(e, ERROR_HOST, ENOMEM, "cannot connect to systemd");
	restart_clock(b);
	if ((user ? connect_user(b, e) : connect_system(b, e)) < 0)
		return -1;
	*ret = TAKE(b);
	return 0;
}

void bus_close(struct bus **bus)
{
	if (*bus)
		bus_drop(*bus);
	free(*bus);
	*bus = NULL;
}

/* --- messages */

static void message_unref(sd_bus_message **m)
{
	if (*m)
		sd.bus_message_unref(*m);
}
#define auto_message auto_with(message_unref)

static void bus_error_done(sd_bus_error *error)
{
	sd.bus_error_free(error);
}
#define auto_bus_error auto_with(bus_error_done)

static int append_number(sd_bus_message *m, const struct unit_value *v)
{
	union {
		uint8_t y;
		uint16_t q;
		uint32_t u;
		uint64_t t;
		int b;
		double d;
	} as = {};

	switch (v->type) {
	case 'y': as.y = (uint8_t)v->number; break;
	case 'n':
	case 'q': as.q = (uint16_t)v->number; break;
	case 'i':
	case 'u': as.u = (uint32_t)v->number; break;
	case 'b': as.b = v->number != 0; break;
	case 'd': as.d = v->real; break;
	default: as.t = v->number; break;
	}
	return sd.bus_message_append_basic(m, v->type, &as);
}

static int append_value(sd_bus_message *m, const struct unit_value *v)
{
	int n;

	if (v->type != 'a' && v->type != '(')
		return strchr("sog", v->type) ? sd.bus_message_append_basic(m, v->type, v->text) : append_number(m, v);
	n = sd.bus_message_open_container(m, v->type == 'a' ? SD_BUS_TYPE_ARRAY : SD_BUS_TYPE_STRUCT, v->signature);
	for (size_t i = 0; n >= 0 && i < v->n; i++)
		n = append_value(m, &v->v[i]);
	return n < 0 ? n : sd.bus_message_close_container(m);
}

static int append_property(sd_bus_message *m, const struct unit_property *p, struct arena *a)
{
	int n = sd.bus_message_open_container(m, SD_BUS_TYPE_STRUCT, "sv");

	if (n >= 0)
		n = sd.bus_message_append_basic(m, 's', p->name);
	if (n >= 0)
		n = sd.bus_message_open_container(m, SD_BUS_TYPE_VARIANT, unit_value_signature(&p->value, a));
	if (n >= 0)
		n = append_value(m, &p->value);
	if (n >= 0)
		n = sd.bus_message_close_container(m);
	return n < 0 ? n : sd.bus_message_close_container(m);
}

static int append_properties(sd_bus_message *m, const struct unit_properties *p)
{
	int n = sd.bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(sv)");

	for (size_t i = 0; n >= 0 && i < p->n; i++)
		n = append_property(m, &p->v[i], p->a);
	return n < 0 ? n : sd.bus_message_close_container(m);
}

static int append_string(sd_bus_message *m, const char *s)
{
	return sd.bus_message_append_basic(m, 's', s);
}

/* A call whose arguments are still to be appended. Negative errno. */
static int method(struct bus *b, const char *name, sd_bus_message **ret)
{
	restart_clock(b);
	return sd.bus_message_new_method_call(b->bus, ret, SERVICE, OBJECT, MANAGER, name);
}

/* `n`: what appending the arguments came to. On failure the name of systemd's error is in `error`. */
static int call(struct bus *b, int n, sd_bus_message *m, const char *what, const char *unit, sd_bus_error *error,
		sd_bus_message **reply, struct error *e)
{
	auto_strbuf struct strbuf doing = {};
	uint64_t left = usec_left(b);

	if (n >= 0)
		n = sd.bus_call(b->bus, m, left ?: 1, error, reply);
	if (n >= 0)
		return 0;
	strbuf_addf(&doing, "cannot %s unit '%s'", what, unit);
	if (n == -ETIMEDOUT && usec_left(b) == 0)
		return timed_out(doing.s, e);
	if (error->message)
		return error_set(e, ERROR_HOST, 0, "%s: %s", doing.s, error->message);
	return error_set(e, ERROR_HOST, -n, "%s", doing.s);
}

/* --- jobs */

static int job_removed(sd_bus_message *m, void *data, sd_bus_error *error unused_arg)
{
	struct bus *b = data;
	const char *path, *unit, *result;
	uint32_t id;

	if (sd.bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 && strcmp(path, b->job) == 0)
		snprintf(b->result, sizeof(b->result), "%s", result);
	return 0;
}

/* Before the call that makes the job, or its end could be missed. On the bus only systemd's own signal counts; on its
 * socket nobody else is there, and nobody has a name. */
static int watch_jobs(struct bus *b, struct error *e)
{
	int n = sd.bus_match_signal(b->bus, NULL, b->direct ? NULL : SERVICE, OBJECT, MANAGER, "JobRemoved", job_removed, b);

	b->job[0] = b->result[0] = '\0';
	return n < 0 ? error_set(e, ERROR_HOST, -n, "cannot listen to systemd") : 0;
}

static int wait_job(struct bus *b, sd_bus_message *reply, const char *what, const char *unit, struct error *e)
{
	auto_strbuf struct strbuf doing = {};
	const char *path;
	int n = sd.bus_message_read(reply, "o", &path);

	strbuf_addf(&doing, "cannot %s unit '%s'", what, unit);
	if (n < 0)
		return error_set(e, ERROR_HOST, -n, "%s", doing.s);
	snprintf(b->job, sizeof(b->job), "%s", path);
	while (!b->result[0]) {
		n = bus_step(b);
		if (n > 0)
			return timed_out(doing.s, e);
		if (n < 0)
			return error_set(e, ERROR_HOST, -n, "%s", doing.s);
	}
	if (strcmp(b->result, "done") == 0)
		return 0;
	error_hint(e, "the journal of systemd has the reason: journalctl -u UNIT");
	return error_set(e, ERROR_HOST, 0, "%s: systemd says '%s'", doing.s, b->result);
}

int bus_start_unit(struct bus *b, const char *unit, const struct unit_properties *p, struct error *e)
{
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	auto_message sd_bus_message *m = NULL;
	auto_message sd_bus_message *reply = NULL;

	if (watch_jobs(b, e) < 0)
		return -1;
	int n = method(b, "StartTransientUnit", &m);
	if (n >= 0)
		n = append_string(m, unit);
	if (n >= 0)
		n = append_string(m, "fail");
	if (n >= 0)
		n = append_properties(m, p);
	/* Auxiliary units: none. */
	if (n >= 0)
		n = sd.bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(sa(sv))");
	if (n >= 0)
		n = sd.bus_message_close_container(m);
	struct error why = {};
	if (call(b, n, m, "start", unit, &error, &reply, &why) < 0) {
		if (sd.bus_error_has_name(&error, SERVICE ".UnitExists"))
			return 1;
		*e = why;
		return -1;
	}
	return wait_job(b, reply, "start", unit, e);
}

int bus_stop_unit(struct bus *b, const char *unit, struct error *e)
{
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	auto_message sd_bus_message *m = NULL;
	auto_message sd_bus_message *reply = NULL;
	struct error why = {};

	if (watch_jobs(b, e) < 0)
		return -1;
	int n = method(b, "StopUnit", &m);
	if (n >= 0)
		n = append_string(m, unit);
	if (n >= 0)
		n = append_string(m, "replace");
	if (call(b, n, m, "stop", unit, &error, &reply, &why) == 0)
		return wait_job(b, reply, "stop", unit, e);
	if (sd.bus_error_has_name(&error, SERVICE ".NoSuchUnit"))
		return 0;
	*e = why;
	return -1;
}

int bus_reset_failed(struct bus *b, const char *unit, struct error *e)
{
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	auto_message sd_bus_message *m = NULL;
	struct error why = {};

	int n = method(b, "ResetFailedUnit", &m);
	if (n >= 0)
		n = append_string(m, unit);
	if (call(b, n, m, "reset", unit, &error, NULL, &why) == 0 ||
	    sd.bus_error_has_name(&error, SERVICE ".NoSuchUnit"))
		return 0;
	*e = why;
	return -1;
}

int bus_set_properties(struct bus *b, const char *unit, const struct unit_properties *p, struct error *e)
{
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	auto_message sd_bus_message *m = NULL;
	int runtime = 1;

	int n = method(b, "SetUnitProperties", &m);
	if (n >= 0)
		n = append_string(m, unit);
	if (n >= 0)
		n = sd.bus_message_append_basic(m, 'b', &runtime);
	if (n >= 0)
		n = append_properties(m, p);
	return call(b, n, m, "set properties of", unit, &error, NULL, e);
}

int bus_attach_process(struct bus *b, const char *unit, pid_t pid, struct error *e)
{
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	auto_message sd_bus_message *m = NULL;
	uint32_t number = (uint32_t)pid;

	int n = method(b, "AttachProcessesToUnit", &m);
	if (n >= 0)
		n = append_string(m, unit);
	if (n >= 0)
		n = append_string(m, "");
	if (n >= 0)
		n = sd.bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "u");
	if (n >= 0)
		n = sd.bus_message_append_basic(m, 'u', &number);
	if (n >= 0)
		n = sd.bus_message_close_container(m);
	return call(b, n, m, "move a process into", unit, &error, NULL, e);
}

int bus_own_cgroup(struct bus *b, struct arena *a, char **ret, struct error *e)
{
	auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
	auto_message sd_bus_message *m = NULL;
	auto_message sd_bus_message *reply = NULL;
	const char *text;

	restart_clock(b);
	int n = sd.bus_message_new_method_call(b->bus, &m, SERVICE, OBJECT, "org.freedesktop.DBus.Properties", "Get");
	if (n >= 0)
		n = append_string(m, MANAGER);
	if (n >= 0)
		n = append_string(m, "ControlGroup");
	if (n >= 0)
		n = sd.bus_call(b->bus, m, usec_left(b) ?: 1, &error, &reply);
	if (n == -ETIMEDOUT && usec_left(b) == 0)
		return timed_out("cannot ask systemd for its cgroup", e);
	if (n < 0)
		return error_set(e, ERROR_HOST, -n, "cannot ask systemd for its cgroup");
	n = sd.bus_message_read(reply, "v", "s", &text);
	if (n < 0)
		return error_set(e, ERROR_HOST, -n, "cannot ask systemd for its cgroup");
	*ret = arena_strdup(a, text);
	return 0;
}

#else

int bus_open(bool user unused_arg, struct bus **ret unused_arg, struct error *e)
{
	return error_set(e, ERROR_HOST, 0, "cannot connect to systemd: kedge was built without the headers of libsystemd");
}

void bus_close(struct bus **bus unused_arg)
{
}

static int no_bus(struct error *e)
{
	return error_set(e, ERROR_BUG, 0, "no connection to systemd");
}

int bus_start_unit(struct bus *b unused_arg, const char *unit unused_arg, const struct unit_properties *p unused_arg,
		   struct error *e)
{
	return no_bus(e);
}

int bus_stop_unit(struct bus *b unused_arg, const char *unit unused_arg, struct error *e)
{
	return no_bus(e);
}

int bus_reset_failed(struct bus *b unused_arg, const char *unit unused_arg, struct error *e)
{
	return no_bus(e);
}

int bus_set_properties(struct bus *b unused_arg, const char *unit unused_arg, const struct unit_properties *p unused_arg,
		       struct error *e)
{
	return no_bus(e);
}

int bus_attach_process(struct bus *b unused_arg, const char *unit unused_arg, pid_t pid unused_arg, struct error *e)
{
	return no_bus(e);
}

int bus_own_cgroup(struct bus *b unused_arg, struct arena *a unused_arg, char **ret unused_arg, struct error *e)
{
	return no_bus(e);
}

#endif
