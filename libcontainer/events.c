/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <time.h>

#include "cgroups/cgroup.h"
#include "libcontainer/rdt.h"
#include "libcontainer/state.h"
#include "spec/json.h"

struct watched {
	const char *id;
	struct cgroup cgroup;
	struct spec *spec;
};

static void watched_done(struct watched *c)
{
	cgroup_done(&c->cgroup);
	spec_free(c->spec);
}

/* The state directory is not kept open: a delete may end what is watched. */
static int open_running(const struct runtime *rt, const char *id, struct watched *ret, struct error *e)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	struct state state = {};
	enum status status;

	if (statedir_open(rt, id, STATEDIR_SHARED, &dir, e) < 0 || state_read(&dir, &a, &state, e) < 0 ||
	    state_status(&dir, &state, &status, e) < 0)
		return -1;
	if (status == STATUS_STOPPED)
		return error_set(e, ERROR_STATE, 0, "container with id %s is not running", id);
	if (!state.cgroup)
		return error_set(e, ERROR_STATE, 0, "container '%s' has no cgroup: nothing is counted", id);
	if (spec_load(dir.fd, "config.json", &ret->spec, e) < 0 || cgroup_open(state.cgroup, &ret->cgroup, e) < 0)
		return -1;
	ret->id = id;
	return ret->cgroup.fd < 0 ? error_set(e, ERROR_STATE, 0, "cgroup not exist") : 0;
}

static void begin_event(struct json_writer *w, struct strbuf *out, const char *type, const char *id)
{
	strbuf_clear(out);
	jw_begin(w, out, false);
	jw_object(w, NULL);
	jw_str(w, "type", type);
	jw_str(w, "id", id);
}

static void end_event(struct json_writer *w)
{
	jw_end(w, '}');
	strbuf_addc(w->out, '\n');
}

static int print_stats(const struct watched *c, struct strbuf *out, struct error *e)
{
	const struct spec_rdt *rdt = &c->spec->linux_.intel_rdt;
	auto_arena struct arena a = {};
	struct cgroup_stats stats;
	struct json_writer w;

	if (cgroup_stats(&c->cgroup, &a, &stats, e) < 0)
		return -1;
	begin_event(&w, out, "stats", c->id);
	jw_object(&w, "data");
	cgroup_stats_print(&stats, &w);
	jw_object(&w, "intel_rdt");
	if (rdt->set && rdt_stats_print(rdt, c->id, &w, e) < 0)
		return -1;
	jw_end(&w, '}');
	/* Of interfaces that a runtime made; none does, and Go writes the empty list so. */
	jw_null(&w, "network_interfaces");
	jw_end(&w, '}');
	end_event(&w);
	return 0;
}

int container_stats(const struct runtime *rt, const char *id, struct strbuf *out, struct error *e)
{
	auto_with(watched_done) struct watched c = {.cgroup.fd = -1};

	return open_running(rt, id, &c, e) < 0 ? -1 : print_stats(&c, out, e);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int print_oom(const char *id, struct strbuf *out)
{
	struct json_writer w;

	begin_event(&w, out, "oom", id);
	end_event(&w);
	return 0;
}

/* A cgroup that goes away while it is read has ended, and is no failure. */
static bool vanished(const struct error *e)
{
	return e->sys == ENODEV || e->sys == ENOENT;
}

static int stream(const struct watched *c, const struct events_options *o, struct error *e)
{
	auto_cgroup_watch struct cgroup_watch watch = {};
	auto_strbuf struct strbuf out = {};
	uint64_t next = now_ns() + o->interval;
	struct error late = {};

	if (cgroup_watch_open(&c->cgroup, &watch, e) < 0)
		return -1;
	for (;;) {
		int news = cgroup_watch_wait(&watch, next, o->reader_fd, e);
		if (news < 0)
			return -1;
		if (news == CGROUP_NEWS_EMPTY || news == CGROUP_NEWS_NO_READER)
			return 0;
		if (news == CGROUP_NEWS_NONE)
			/* From now: a reader that was slow does not get them all at once. */
			next = now_ns() + o->interval;
		if ((news == CGROUP_NEWS_OOM ? print_oom(c->id, &out) : print_stats(c, &out, &late)) < 0) {
			if (vanished(&late))
				return 0;
			*e = late;
			return -1;
		}
		if (o->line(o->ctx, &out, e) < 0)
			return -1;
	}
}

int container_events(const struct runtime *rt, const char *id, const struct events_options *o, struct error *e)
{
	auto_with(watched_done) struct watched c = {.cgroup.fd = -1};

	return open_running(rt, id, &c, e) < 0 ? -1 : stream(&c, o, e);
}
