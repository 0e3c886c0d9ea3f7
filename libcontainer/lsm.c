/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/dl.h"
#include "base/io.h"

static int check_selinux(const char *property, const char *label, struct error *e)
{
	int (*enabled)(void);
	int (*check_context)(const char *);
	const struct dl_symbol symbols[] = {
		{"is_selinux_enabled", &enabled},
		{"security_check_context", &check_context},
	};

	if (dl_load("libselinux.so.1", "libselinux1", symbols, ARRAY_SIZE(symbols), e) < 0)
		return error_in(e, "%s", property);
	if (enabled() != 1)
		return error_set(e, ERROR_CONFIG, 0,
				 "%s: '%s' is given, but SELinux is disabled or not supported here", property, label);
	if (check_context(label) < 0) {
		dl_take_errno();
		return error_set(e, ERROR_CONFIG, errno, "%s: the policy does not know '%s'", property, label);
	}
	return 0;
}

static int check_apparmor(const char *profile, struct error *e)
{
	auto_strbuf struct strbuf enabled = {};

	if (read_file_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 64, &enabled) == 0 &&
	    strbuf_str(&enabled)[0] == 'Y')
		return 0;
	return error_set(e, ERROR_CONFIG, 0, "process.apparmorProfile: '%s' is given, but AppArmor is not enabled here", profile);
}

int lsm_check(const struct spec_process *process, struct error *e)
{
	if (process->selinux_label && check_selinux("process.selinuxLabel", process->selinux_label, e) < 0)
		return -1;
	return process->apparmor_profile ? check_apparmor(process->apparmor_profile, e) : 0;
}

int lsm_check_mounts(const struct spec_linux *l, struct error *e)
{
	return l->mount_label ? check_selinux("linux.mountLabel", l->mount_label, e) : 0;
}
