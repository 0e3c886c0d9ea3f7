/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "guard/guard.h"
#include "spec/json.h"

void guard_cookie_text(uint64_t cookie, char text[GUARD_COOKIE_LEN + 1])
{
	snprintf(text, GUARD_COOKIE_LEN + 1, "%016llx", (unsigned long long)cookie);
}

int guard_cookie_parse(const char *text, uint64_t *ret)
{
	uint64_t cookie;

	if (strlen(text) != GUARD_COOKIE_LEN || parse_hex(text, &cookie) < 0 || cookie == 0)
		return -1;
	*ret = cookie;
	return 0;
}

void guard_container_print(const struct guard_container *c, struct strbuf *out)
{
	char cookie[GUARD_COOKIE_LEN + 1];
	struct json_writer w;

	guard_cookie_text(c->cookie, cookie);
	jw_begin(&w, out, false);
	jw_object(&w, NULL);
	jw_str(&w, "cookie", cookie);
	jw_str(&w, "id", c->id);
	jw_str(&w, "root", c->root);
	if (c->cgroup)
		jw_str(&w, "cgroup", c->cgroup);
	if (c->image)
		jw_str(&w, "image", c->image);
	jw_uint(&w, "mode", c->mode);
	jw_uint(&w, "flags", c->flags);
	jw_uint(&w, "sweepMs", c->sweep_ms);
	jw_end(&w, '}');
	strbuf_addc(out, '\n');
}

int guard_container_parse(struct arena *a, const char *name, const char *text, size_t n, struct guard_container *ret,
			  struct error *e)
{
	struct json *root;

	if (json_parse(a, name, text, n, &root, e) < 0)
		return -1;
	struct guard_container c = {
		.id = json_dup(a, root, "id"),
		.root = json_dup(a, root, "root"),
		.cgroup = json_dup(a, root, "cgroup"),
		.image = json_dup(a, root, "image"),
		.mode = (uint32_t)json_int(root, "mode", GUARD_ENFORCE),
		.flags = (uint32_t)json_int(root, "flags", 0),
		.sweep_ms = (uint32_t)json_int(root, "sweepMs", 1000),
	};
	if (guard_cookie_parse(json_str(root, "cookie", ""), &c.cookie) < 0 || !c.id || !c.root || c.mode > GUARD_ENFORCE ||
	    c.sweep_ms < GUARD_SWEEP_MIN || c.sweep_ms > GUARD_SWEEP_MAX)
		return error_set(e, ERROR_CONFIG, 0, "the guard's record '%s' is damaged", name);
	*ret = c;
	return 0;
}
