/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that run in the runtime's namespaces: prestart, createRuntime, poststart, poststop. (createContainer and startContainer
 * are run by kedge-init.) Each gets the state on stdin, an environment of exactly hook.env, closed fds, its own process group, and is killed
 * with its group after hook.timeout seconds, which cover writing stdin too. */
#pragma once

#include "spec/spec.h"

/* Runs all of one kind in order, stops at the first failure: "error running createRuntime hook #1 '/path': exit status 3: <stderr>". */
must_check int hooks_run(const struct spec *spec, enum spec_hook_kind kind, const char *state_json, struct error *e);
/* poststop: failures are logged as warnings, the rest still runs. */
void hooks_run_poststop(const struct spec *spec, const char *state_json);
