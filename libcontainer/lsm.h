/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the host can apply the labels of a process, asked before anything is made. */
#pragma once

#include "spec/spec.h"

/* ERROR_CONFIG naming the property when its module is not enabled here, or when the policy does not know the SELinux context (libselinux, loaded
 * only when a label is given). */
must_check int lsm_check(const struct spec_process *process, struct error *e);
/* The same for linux.mountLabel. */
must_check int lsm_check_mounts(const struct spec_linux *l, struct error *e);
