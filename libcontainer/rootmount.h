/* SPDX-License-Identifier: Apache-2.0 */
/* The root of a container without a mount namespace: one mount in the runtime's own, with all the others below it. */
#pragma once

#include "libcontainer/statedir.h"

/* The id of the mount that fd is the root of: kept in the intent before it is attached. */
must_check int root_mount_id(int fd, uint64_t *ret, struct error *e);
/* Takes it away with everything below. What is there now instead, or nothing, is left as it is. */
must_check int root_mount_remove(const struct intent *intent, struct error *e);
