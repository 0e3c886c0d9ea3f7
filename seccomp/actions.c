/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "seccomp/internal.h"

/* The kernel silently lowers a larger errno to this one. */
#define ERRNO_MAX 4095U

static bool action_has_data(uint32_t action)
{
	return action == SECCOMP_RET_ERRNO || action == SECCOMP_RET_TRACE;
}

uint32_t action_value(uint32_t action, const struct opt_u32 *errno_ret)
{
	if (!action_has_data(action))
		return action;
	return action | ((errno_ret->set ? errno_ret->v : EPERM) & SECCOMP_RET_DATA);
}

static int action_check(uint32_t action, const struct opt_u32 *errno_ret, struct error *e)
{
	uint32_t max = action == SECCOMP_RET_ERRNO ? ERRNO_MAX : SECCOMP_RET_DATA;

	if (action & SECCOMP_RET_DATA)
		return error_set(e, ERROR_BUG, 0, "seccomp action %#x: has data", action);
	if (!errno_ret->set)
		return 0;
	if (!action_has_data(action))
		return error_set(e, ERROR_CONFIG, 0, "errno value '%u': action %s takes none", errno_ret->v,
				 value_to_name(names_seccomp_actions, action) ?: "given");
	if (errno_ret->v > max)
		return error_set(e, ERROR_CONFIG, 0, "errno value '%u': the largest is %u", errno_ret->v, max);
	return 0;
}

/* After the filter is in place kedge-init still has to say so through its socket: with write(2) held back for an agent
 * that does not have the listener yet, both would wait for ever. */
static int notify_check(const struct spec_seccomp_rule *rule, struct error *e)
{
	for (size_t i = 0; i < rule->names.n; i++)
		if (strcmp(rule->names.v[i], "write") == 0)
			return error_set(e, ERROR_CONFIG, 0, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
	return 0;
}

static int rule_check(const struct spec_seccomp_rule *rule, struct error *e)
{
	if (action_check(rule->action, &rule->errno_ret, e) < 0)
		return -1;
	if (rule->action == SECCOMP_RET_USER_NOTIF && notify_check(rule, e) < 0)
		return -1;
	for (size_t i = 0; i < rule->args.n; i++) {
		if (rule->args.v[i].index > 5)
			return error_set(e, ERROR_CONFIG, 0, "args[%zu].index '%u': a syscall has six arguments", i,
					 rule->args.v[i].index);
		if (rule->args.v[i].op <= _SCMP_CMP_MIN || rule->args.v[i].op >= _SCMP_CMP_MAX)
			return error_set(e, ERROR_BUG, 0, "args[%zu].op: unknown value %d", i, rule->args.v[i].op);
	}
	return 0;
}

bool seccomp_flag_supported(unsigned flag)
{
	/* The kernel looks at the flags before it looks at the program, and wants a listener for this one. */
	if (flag & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return sys_seccomp(SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 && errno == EFAULT;
}

static int flags_choose(const struct spec_seccomp *profile, struct seccomp_program *ret, struct error *e)
{
	/* A filter that is loaded by a process of one thread has nothing to synchronise. */
	unsigned wanted = profile->flags & ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC;

	ret->flags = ret->notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
	if (!profile->flags_set) {
		/* No word on flags, not even an empty list: what runc does. */
		if (seccomp_flag_supported(SECCOMP_FILTER_FLAG_SPEC_ALLOW))
			ret->flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
		return 0;
	}
	for (unsigned bit = 1; bit && bit <= wanted; bit <<= 1) {
		const char *name = value_to_name(names_seccomp_flags, bit);
		if (!(wanted & bit))
			continue;
		if (!seccomp_flag_supported(bit))
			return error_set(e, ERROR_CONFIG, 0, "linux.seccomp.flags '%s': the kernel does not know it",
					 name ?: "unknown");
	}
	if (wanted & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !ret->notify)
		return error_set(e, ERROR_CONFIG, 0,
				 "linux.seccomp.flags 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV': no rule has SCMP_ACT_NOTIFY");
	ret->flags |= wanted;
	return 0;
}

int profile_check(const struct spec_seccomp *profile, struct seccomp_program *ret, struct error *e)
{
	if (action_check(profile->default_action, &profile->default_errno_ret, e) < 0)
		return error_in(e, "linux.seccomp.defaultErrnoRet");
	for (size_t i = 0; i < profile->syscalls.n; i++) {
		if (rule_check(&profile->syscalls.v[i], e) < 0)
			return error_in(e, "linux.seccomp.syscalls[%zu]", i);
		ret->notify |= profile->syscalls.v[i].action == SECCOMP_RET_USER_NOTIF;
	}
	if (profile->default_action == SECCOMP_RET_USER_NOTIF)
		return error_set(e, ERROR_CONFIG, 0,
				 "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action");
	if (ret->notify && (!profile->listener_path || !profile->listener_path[0]))
		return error_set(e, ERROR_CONFIG, 0, "linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs one");
	return flags_choose(profile, ret, e);
}
