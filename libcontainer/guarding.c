/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/guarding.h"

#include <string.h>
#include <time.h>

#include "base/log.h"
#include "spec/json.h"

#define EXPLAIN_TRIES 20
#define EXPLAIN_WAIT_NS 5000000

/* Who writes which name of the image into annotations. */
static const char *const image_annotations[] = {"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName",
						"org.opencontainers.image.ref.name"};

static const char *text_of(struct arena *a, const struct error *e)
{
	char text[512];

	return arena_strdup(a, error_text(e, text, sizeof(text)));
}

int guarding_decide(struct guarding *g, const struct spec *spec, const struct privileges *p, struct arena *a,
		    struct error *e)
{
	*g = (struct guarding){.guard = GUARD_NONE};
	if (guard_policy_read(a, &g->policy, e) < 0 || guard_policy_annotate(&g->policy, spec, e) < 0)
		return -1;
	if (g->policy.mode == GUARD_OFF)
		g->why_not = "the host's policy says so";
	else if (p->rootless && g->policy.require != GUARD_REQUIRE_NONE)
		return error_set(e, ERROR_HOST, 0,
				 GUARD_ANNOTATION "require '%s': drift guard: a rootless container cannot be guarded",
				 guard_require_name(g->policy.require));
	else if (p->rootless)
		g->why_not = "rootless containers are not guarded";
	return 0;
}

static int required(const struct guard_policy *p, const struct error *why, struct error *e)
{
	*e = *why;
	return error_in(e, GUARD_ANNOTATION "require '%s'", guard_require_name(p->require));
}

int guarding_open(struct guarding *g, struct arena *a, struct error *e)
{
	struct error why = {};

	if (g->why_not)
		return 0;
	if (guard_open(&g->guard, &g->policy, &why) == 0)
		return guard_cookie(&g->cookie, e);
	if (g->policy.require != GUARD_REQUIRE_NONE)
		return required(&g->policy, &why, e);
	g->why_not = text_of(a, &why);
	log_write(LOG_INFO, "%s", g->why_not);
	return 0;
}

int guarding_arm(const struct guarding *g, const struct spec *spec, const char *id, const char *root, const char *cgroup,
		 struct error *e)
{
	const struct guard_policy *p = &g->policy;
	const char *image = NULL;

	if (!g->cookie)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(image_annotations) && !image; i++)
		image = spec_annotation(spec, image_annotations[i]);
	struct guard_container c = {
		.cookie = g->cookie,
		.id = (char *)id,
		.root = (char *)root,
		.cgroup = (char *)cgroup,
		.image = (char *)image,
		.mode = p->mode,
		.flags = guard_policy_flags(p) | (spec->linux_.namespaces[NS_PID].set ? 0 : GUARD_HOST_PID),
		.sweep_ms = p->sweep_ms,
	};
	return guard_arm(&g->guard, &c, e);
}

int guarding_seal(const struct guarding *g, pid_t init, const struct cgroup *cg, struct error *e)
{
	auto_arena struct arena a = {};
	pid_t *found = NULL, *pids;
	size_t n_found = 0, n = 0;

	if (!g->cookie)
		return 0;
	if (cg->fd >= 0 && cgroup_pids(cg, &a, &found, &n_found, e) < 0)
		return -1;
	pids = arena_array(&a, n_found + 1, sizeof(*pids));
	pids[n++] = init;
	for (size_t i = 0; i < n_found; i++)
		if (found[i] != init)
			pids[n++] = found[i];
	return guard_seal(&g->guard, g->cookie, pids, n, e);
}

int guarding_join(struct guarding *g, const struct state_guard *state, struct error *e)
{
	*g = (struct guarding){.guard = GUARD_NONE};
	if (!state->cookie)
		return 0;
	g->policy.require = state->require;
	/* Unlabelled it would be a stranger there: the guard would kill it, and nobody could say why. */
	if (guard_open(&g->guard, &g->policy, e) < 0)
		return error_in(e, "the container is guarded");
	g->cookie = state->cookie;
	return 0;
}

void guarding_state(const struct guarding *g, struct state_guard *ret)
{
	*ret = (struct state_guard){.cookie = g->cookie,
				    .mode = g->policy.mode,
				    .require = g->policy.require,
				    .why_not = (char *)g->why_not};
}

void guarding_done(struct guarding *g)
{
	guard_done(&g->guard);
}

void guarding_explain(const struct guarding *g, const char *id)
{
	auto_arena struct arena a = {};
	struct error e = {};
	struct json *root;
	char *record = NULL;

	/* The kernel kills first; the record follows within a millisecond or two. */
	for (int i = 0; i < EXPLAIN_TRIES && guard_condemned(&g->guard, g->cookie); i++) {
		if (guard_drift_of(g->cookie, &a, &record, &e) < 0 || record)
			break;
		nanosleep(&(struct timespec){.tv_nsec = EXPLAIN_WAIT_NS}, NULL);
	}
	if (!record && (guard_drift_of(g->cookie, &a, &record, &e) < 0 || !record))
		return;
	if (json_parse(&a, "drift", record, strlen(record), &root, &e) < 0)
		return;
	log_write(LOG_WARNING, "container '%s' was killed by the drift guard: %s of process %lld (%s)", id,
		  json_str(root, "reason", "drift"), (long long)json_int(root, "pid", 0), json_str(root, "comm", "?"));
}

static void print_tiers(struct json_writer *w)
{
	auto_arena struct arena a = {};
	struct guard_facts facts = {};
	struct error e = {};

	if (guard_facts_read(&a, &facts, &e) < 0)
		facts.tiers = 0;
	jw_array(w, "tiers");
	for (const struct spec_name *t = guard_tier_names; t->name; t++)
		if (facts.tiers & (uint64_t)t->value)
			jw_str(w, NULL, t->name);
	jw_end(w, ']');
}

static void print_drift(uint64_t cookie, struct json_writer *w)
{
	auto_arena struct arena a = {};
	struct error e = {};
	struct json *root;
	char *record;

	if (guard_drift_of(cookie, &a, &record, &e) < 0 || !record ||
	    json_parse(&a, "drift", record, strlen(record), &root, &e) < 0)
		return;
	jw_raw(w, "drift", root);
}

void guarding_print(const struct state *state, struct json_writer *w)
{
	const struct state_guard *g = &state->guard;

	jw_object(w, "guard");
	jw_str(w, "mode", value_to_name(guard_mode_names, g->mode));
	if (g->why_not)
		jw_str(w, "whyNot", g->why_not);
	if (g->cookie)
		print_tiers(w);
	jw_object(w, "namespaces");
	for (int i = 0; i < NS_MAX; i++)
		if (state->ns_ino[i])
			jw_uint(w, value_to_name(names_namespaces, i), state->ns_ino[i]);
	jw_end(w, '}');
	jw_uint(w, "device", state->ns_dev);
	if (g->cookie)
		print_drift(g->cookie, w);
	jw_end(w, '}');
}
