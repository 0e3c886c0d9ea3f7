/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void plan_init(struct plan *plan)
{
	static const struct plan_head head;

	*plan = (struct plan){};
	strbuf_add(&plan->pool, &head, sizeof(head));
	plan->origin = "";
	plan->procfs = REG_NONE;
}

void plan_done(struct plan *plan)
{
	strbuf_done(&plan->pool);
	free(plan->steps);
	free(plan->origins);
	free(plan->regs);
	arena_done(&plan->arena);
}

void plan_origin(struct plan *plan, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	/* Most are constants. */
	if (!strchr(fmt, '%')) {
		plan->origin = fmt;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	plan->origin = arena_strdup(&plan->arena, text);
}

static void *grow(void *array, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return array;
	*cap = MAX(*cap * 2, 64);
	void *p = n > PLAN_STEPS_LIMIT ? NULL : reallocarray(array, *cap, size);
	if (!p)
		abort();
	return p;
}

struct plan_step *plan_add(struct plan *plan, enum plan_side side, enum plan_kind kind)
{
	size_t cap = plan->cap;

	plan->steps = grow(plan->steps, plan->n, &plan->cap, sizeof(*plan->steps));
	plan->origins = grow(plan->origins, plan->n, &cap, sizeof(*plan->origins));
	struct plan_step *s = &plan->steps[plan->n];
	*s = (struct plan_step){.kind = (uint16_t)kind, .side = (uint8_t)side, .reg = REG_NONE, .reg2 = REG_NONE};
	plan->origins[plan->n++] = plan->origin;
	return s;
}

uint32_t plan_str(struct plan *plan, const char *s)
{
	return plan_blob(plan, s, strlen(s) + 1);
}

uint32_t plan_blob(struct plan *plan, const void *data, size_t n)
{
	static const char zero[8];

	strbuf_add(&plan->pool, zero, (8 - plan->pool.len % 8) % 8);
	uint32_t off = (uint32_t)plan->pool.len;
	strbuf_add(&plan->pool, data, n);
	return off;
}

uint32_t plan_list(struct plan *plan, const struct spec_strings *list)
{
	uint32_t *v = arena_array(&plan->arena, list->n + 1, sizeof(*v));

	v[0] = (uint32_t)list->n;
	for (size_t i = 0; i < list->n; i++)
		v[i + 1] = plan_str(plan, list->v[i]);
	return plan_blob(plan, v, (list->n + 1) * sizeof(*v));
}

uint16_t plan_reg(struct plan *plan)
{
	plan->regs = grow(plan->regs, plan->n_regs, &plan->cap_regs, sizeof(*plan->regs));
	plan->regs[plan->n_regs] = -1;
	return (uint16_t)plan->n_regs++;
}

const char *plan_at(const struct plan *plan, uint32_t off)
{
	return plan->pool.s + off;
}

/* What the runtime prepares comes before its clone, whichever planner asked for it; it joins at the very last. */
static int phase(const struct plan_step *s)
{
	if (s->side != SIDE_PREPARE)
		return 3;
	return s->kind == STEP_CLONE ? 2 : s->kind == STEP_SETNS ? 1 : 0;
}

void plan_sort(struct plan *plan)
{
	struct plan_step *steps = arena_array(&plan->arena, plan->n + 1, sizeof(*steps));
	const char **origins = arena_array(&plan->arena, plan->n + 1, sizeof(*origins));
	size_t n = 0;

	for (int p = 0; p <= 3; p++)
		for (size_t i = 0; i < plan->n; i++)
			if (phase(&plan->steps[i]) == p) {
				steps[n] = plan->steps[i];
				origins[n++] = plan->origins[i];
			}
	memcpy(plan->steps, steps, n * sizeof(*steps));
	memcpy(plan->origins, origins, n * sizeof(*origins));
}

void plan_image(struct plan *plan, struct strbuf *ret)
{
	struct plan_head head = {
		.magic = PLAN_MAGIC,
		.n_steps = (uint32_t)plan->n,
		.n_regs = (uint32_t)plan->n_regs,
		.root_reg = plan->root_reg,
		.n_preserve = plan->preserve_fds,
	};

	head.steps = plan_blob(plan, plan->steps, plan->n * sizeof(*plan->steps));
	head.regs = plan_blob(plan, plan->regs, plan->n_regs * sizeof(*plan->regs));
	head.size = (uint32_t)plan->pool.len;
	memcpy(plan->pool.s, &head, sizeof(head));
	strbuf_add(ret, plan->pool.s, plan->pool.len);
}
