/* SPDX-License-Identifier: Apache-2.0 */
/* linux.netDevices: devices of the caller's network namespace go into the container's, by rtnetlink through libmnl. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

struct netdevs;

/* The way between the caller's network namespace and that of a process. */
must_check int netdevs_open(pid_t pid, struct netdevs **ret, struct error *e);
/* Moves the device `name` there as new_name ("%d" in it: a number that is free), with its permanent global addresses, and
 * brings it up. What failed half-way is undone by netdevs_undo(). */
must_check int netdevs_move(struct netdevs *devs, const char *name, const char *new_name, struct error *e);
/* Gives all devices back as they were, for a create that failed. What cannot be given back is a warning. */
void netdevs_undo(struct netdevs *devs);
struct netdevs *netdevs_free(struct netdevs *devs); /* NULL is fine; returns NULL */
