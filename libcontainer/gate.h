/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the host lets a container be as it is configured: what stands in spec/policy.h, applied. Nothing is done with the
 * configuration but to refuse it, with the place of the rule and of what it is about. ERROR_CONFIG.
 */
#pragma once

#include "seccomp/seccomp.h"
#include "spec/policy.h"

/* The host's policy and what the container's annotations add. policy_done() in every case. */
must_check int gate_read(const struct spec *spec, struct policy *ret, struct error *e);
/* bundle and rootfs: absolute. */
must_check int gate_create(const struct policy *p, const struct spec *spec, const char *bundle, const char *rootfs,
			   struct error *e);
must_check int gate_exec(const struct policy *p, const struct spec *spec, const struct spec_process *process,
			 struct error *e);
must_check int gate_update(const struct policy *p, const struct spec *spec, const struct spec_resources *r,
			   struct error *e);
