/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as text: what `kedge plan` prints and golden tests compare, and the words for a step that failed. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "libcontainer/plan.h"

static const char *const step_names[] = {
#define X(kind, name) [STEP_##kind] = name,
	PLAN_STEPS(X)
#undef X
};
_Static_assert(ARRAY_SIZE(step_names) == STEP_MAX, "every step has a name");

/* How each kind's operands are shown, and what it was doing when it failed. %s str, %t str2, %r reg, %l list, %L list2, %b blob bytes,
 * %0-%3 a number, %x0-%x3 hexadecimal, %o0 octal, %A attributes, %F propagation, %U owner, %N namespaces, %B barrier, %P place,
 * %H hook, %u unmount, %D, %M of resctrl. */
static const struct step_text {
	const char *args, *doing;
} texts[STEP_MAX] = {
	[STEP_OPEN_NS] = {"%r %N %s", "cannot open namespace '%s'"},
	[STEP_OPEN_TREE] = {"%r %s %T", "cannot open source '%s'"},
	[STEP_IDMAP] = {"%r %i", "cannot make the user namespace for ids of a mount"},
	[STEP_MOUNT_ATTR] = {"%r%A", "cannot set attributes of the mount"},
	[STEP_TIME_OFFSETS] = {"%s", "cannot set time offsets"},
	[STEP_RDT_GROUP] = {"%s", "cannot make resctrl group '%s'"},
	[STEP_RDT_SCHEMA] = {"%s %t %D", "cannot set schema '%t'"},
	[STEP_RDT_MONITOR] = {"%s/mon_groups/%t", "cannot make monitoring group '%t'"},
	[STEP_RDT_JOIN] = {"%s%M", "cannot join resctrl group '%s'"},
	[STEP_CLONE] = {"%N", "cannot create namespaces"},
	[STEP_SETGROUPS_DENY] = {"deny", "cannot deny setgroups"},
	[STEP_UID_MAP] = {"%s", "cannot write the uid map"},
	[STEP_GID_MAP] = {"%s", "cannot write the gid map"},
	[STEP_NET_DEVICE] = {"%s -> %t", "cannot move network device '%s'"},
	[STEP_MOUNT_IDS] = {"%i", "cannot map ids of the mount"},
	[STEP_RUNTIME_HOOKS] = {"%H", "cannot run hooks"},
	[STEP_OOM_SCORE_ADJ] = {"%0", "cannot set oom_score_adj"},
	[STEP_RLIMIT] = {"%R %1:%2", "cannot set rlimit"},
	[STEP_SCHEDULER] = {"%b", "cannot set the scheduler"},
	[STEP_IO_PRIORITY] = {"%x0", "cannot set the I/O priority"},
	[STEP_CORE_SCHEDULING] = {"", "cannot keep others from the container's cores"},
	[STEP_VERIFY] = {"%V", "the container is not what was asked for"},
	[STEP_GUARD] = {"", "cannot guard the process"},
	[STEP_BARRIER] = {"%B", "cannot wait for the runtime"},
	[STEP_SETNS] = {"%r %N", "cannot join namespaces"},
	[STEP_UNSHARE] = {"%N", "cannot create namespaces"},
	[STEP_LOOPBACK] = {"", "cannot bring up the loopback interface"},
	[STEP_SETSID] = {"", "cannot create a session"},
	[STEP_KEYRING] = {"%s", "cannot join session keyring '%s'"},
	[STEP_PROPAGATION] = {"/%F", "cannot change propagation of '/'"},
	[STEP_ROOT_ATTACH] = {"%r %s", "cannot attach root file system '%s'"},
	[STEP_ROOT_OPEN] = {"%r /", "cannot open the container's root"},
	[STEP_NS_ROOT] = {"%g", "cannot become root of the user namespace"},
	[STEP_HOSTNAME] = {"%s", "cannot set hostname '%s'"},
	[STEP_DOMAINNAME] = {"%s", "cannot set domainname '%s'"},
	[STEP_FSOPEN] = {"%r %s", "cannot open file system type '%s'"},
	[STEP_FSCONFIG] = {"%r %s%=", "cannot set mount option '%s%='"},
	[STEP_FSMODE] = {"%r %s", "cannot take the mode of '%s'"},
	[STEP_FSMOUNT] = {"%r%A", "cannot create the mount"},
	[STEP_TMPCOPYUP] = {"%r %s", "cannot copy up '%s'"},
	[STEP_PLACE] = {"%r %s %P", "cannot mount at '%s'"},
	[STEP_RETUNE] = {"%s%A", "cannot remount '%s'"},
	[STEP_UNMOUNT] = {"%s %u", "cannot unmount '%s'"},
	[STEP_MKDIR] = {"%s %o0", "cannot create directory '%s'"},
	[STEP_MKNOD] = {"%s %o0 %1:%2 %U", "cannot create device '%s'"},
	[STEP_SYMLINK] = {"%s -> %t", "cannot create symlink '%s'"},
	[STEP_CONSOLE] = {"%s %C", "cannot set up the console"},
	[STEP_CONTAINER_HOOK] = {"%K#%2 %s %l", "error running %K hook #%2"},
	[STEP_PIVOT] = {"%r", "cannot pivot to the root file system"},
	[STEP_CHROOT] = {"%r", "cannot change root"},
	[STEP_MOVE_ROOT] = {"%r %s", "cannot move the root file system to '/'"},
	[STEP_PROCFS] = {"%r", "cannot mount a private procfs"},
	[STEP_SYSCTL] = {"%s = %t", "cannot write sysctl '%s'"},
	[STEP_READONLY_PATH] = {"%s", "cannot make '%s' read-only"},
	[STEP_MASK_PATH] = {"%s", "cannot mask '%s'"},
	[STEP_PERSONALITY] = {"%x0", "cannot set the personality"},
	[STEP_MEMORY_POLICY] = {"%x0 %b", "cannot set the memory policy"},
	[STEP_UMASK] = {"%o0", "cannot set the umask"},
	[STEP_LABEL] = {"%s %t", "cannot set label '%t'"},
	[STEP_NO_NEW_PRIVS] = {"", "cannot set no_new_privs"},
	[STEP_BOUNDING] = {"%x0", "cannot drop bounding capabilities"},
	[STEP_STDIO_OWNER] = {"%0", "cannot change the owner of stdio"},
	[STEP_IDS] = {"%0:%1 %g", "cannot set user and group ids"},
	[STEP_CAPS] = {"e=%x0 p=%x1 i=%x2 a=%x3", "cannot set capabilities"},
	[STEP_CHDIR] = {"%s", "cannot change directory to '%s'"},
	[STEP_FIND_EXEC] = {"%l", "cannot find the program"},
	[STEP_HOME] = {"%0", "cannot look up HOME"},
	[STEP_VERIFY_MASK] = {"%s", "mask of '%s'"},
	[STEP_VERIFY_READONLY] = {"%s", "read-only path '%s'"},
	[STEP_LANDLOCK] = {"%r %x0 abi %1", "cannot restrict accesses to files"},
	[STEP_LANDLOCK_PATH] = {"%r %s %x0", "cannot allow access to '%s'"},
	[STEP_LANDLOCK_APPLY] = {"%r", "cannot restrict accesses to files"},
	[STEP_SECCOMP] = {"flags %x0", "cannot load the seccomp filter"},
	[STEP_CLOSE_FDS] = {">= %0", "cannot close file descriptors"},
	[STEP_WAIT_START] = {"", "cannot wait for start"},
	[STEP_DONE] = {"", "cannot end"},
	[STEP_EXEC] = {"%l", "cannot execute"},
};

static const struct flag_name {
	uint64_t flag;
	const char *name;
} propagation_names[] = {
	{MS_SHARED, "shared"}, {MS_SLAVE, "slave"}, {MS_PRIVATE, "private"}, {MS_UNBINDABLE, "unbindable"},
}, attr_names[] = {
	{MOUNT_ATTR_RDONLY, "ro"}, {MOUNT_ATTR_NOSUID, "nosuid"}, {MOUNT_ATTR_NODEV, "nodev"},
	{MOUNT_ATTR_NOEXEC, "noexec"}, {MOUNT_ATTR_NODIRATIME, "nodiratime"}, {MOUNT_ATTR_NOSYMFOLLOW, "nosymfollow"},
	{MOUNT_ATTR_NOATIME, "noatime"}, {MOUNT_ATTR_STRICTATIME, "strictatime"},
};

static void add_flags(struct strbuf *out, const struct flag_name *names, size_t n, uint64_t flags, const char *prefix)
{
	for (size_t i = 0; i < n; i++)
		if (flags & names[i].flag)
			strbuf_addf(out, " %s%s", prefix, names[i].name);
}

static void add_attributes(struct strbuf *out, const struct plan_step *s)
{
	add_flags(out, attr_names, ARRAY_SIZE(attr_names), s->num[0], "");
	add_flags(out, attr_names, ARRAY_SIZE(attr_names), s->num[1] & ~(uint64_t)MOUNT_ATTR__ATIME, "-");
	add_flags(out, propagation_names, ARRAY_SIZE(propagation_names), s->num[2], "");
	if (s->reg2 != REG_NONE)
		strbuf_addf(out, " ids of r%u", s->reg2);
	if (s->num[3] & AT_RECURSIVE)
		strbuf_adds(out, " recursive");
}

static void add_namespaces(struct strbuf *out, uint64_t flags)
{
	const char *sep = "";

	for (size_t i = 0; i < NS_MAX; i++)
		if (flags & ns_info[i].flag) {
			strbuf_addf(out, "%s%s", sep, ns_info[i].name);
			sep = ",";
		}
}

static void add_list(const struct plan *plan, struct strbuf *out, uint32_t off)
{
	const uint32_t *list = (const uint32_t *)(const void *)plan_at(plan, off);

	if (!off)
		return;
	for (uint32_t i = 0; i < list[0]; i++)
		strbuf_addf(out, "%s%s", i ? " " : "", plan_at(plan, list[i + 1]));
}

static void add_idmaps(const struct plan *plan, struct strbuf *out, const struct plan_step *s)
{
	const struct spec_idmap *m = (const void *)plan_at(plan, s->blob);

	for (size_t i = 0; i < s->blob_len / sizeof(*m); i++)
		strbuf_addf(out, "%s%s%u:%u:%u", i ? " " : "", i < s->num[0] ? "u" : "g", m[i].container_id, m[i].host_id,
			    m[i].size);
	if (!s->blob_len)
		strbuf_adds(out, "init's");
	strbuf_adds(out, s->num[3] & AT_RECURSIVE ? " recursive" : "");
}

static void add_verify(const struct plan *plan, struct strbuf *out, const struct plan_step *s)
{
	const struct plan_verify *v = (const void *)plan_at(plan, s->blob);

	strbuf_addf(out, "uid=%u gid=%u e=%jx p=%jx i=%jx b=%jx a=%jx nnp=%u seccomp=%u", v->uid, v->gid,
		    (uintmax_t)v->effective, (uintmax_t)v->permitted, (uintmax_t)v->inheritable,
		    (uintmax_t)v->bounding, (uintmax_t)v->ambient, v->no_new_privs, v->seccomp);
}

static void add_number(struct strbuf *out, char base, uint64_t v)
{
	if (base == 'x')
		strbuf_addf(out, "0x%jx", (uintmax_t)v);
	else if (base == 'o')
		strbuf_addf(out, "%04jo", (uintmax_t)v);
	else if (v == UINT64_MAX)
		strbuf_adds(out, "infinity");
	else
		strbuf_addf(out, "%jd", (intmax_t)v);
}

static void add_names(struct strbuf *out, const struct plan_step *s, char what)
{
	static const char *const barriers[] = {"ids", "mount", "network", "hooks", "seccomp", "ready"};
	static const char *const places[] = {"dir", "file", "like-source"};

	switch (what) {
	case 'B':
		strbuf_adds(out, barriers[s->num[0] % ARRAY_SIZE(barriers)]);
		break;
	case 'P':
		strbuf_adds(out, places[s->num[0] % ARRAY_SIZE(places)]);
		if (s->flags & PLAN_NOSYMLINKS)
			strbuf_adds(out, " nosymlinks");
		break;
	case 'T':
		strbuf_adds(out, s->num[0] & AT_RECURSIVE ? "recursive " : "");
		strbuf_adds(out, s->num[1] ? "in-root" : "");
		break;
	case 'H':
		strbuf_adds(out, value_to_name(names_hooks, (int64_t)s->num[0]) ?: "?");
		break;
	case 'K':
		strbuf_adds(out, value_to_name(names_hooks, (int64_t)s->num[1]) ?: "?");
		break;
	case 'u':
		strbuf_adds(out, s->num[0] ? "check" : "");
		break;
	case 'D':
		strbuf_adds(out, s->num[0] ? "or-compare" : "");
		break;
	case 'R':
		strbuf_adds(out, value_to_name(names_rlimits, (int64_t)s->num[0]) ?: "?");
		break;
	case 'F':
		add_flags(out, propagation_names, ARRAY_SIZE(propagation_names), s->num[0], "r");
		break;
	case 'U':
		if (s->num[3])
			strbuf_addf(out, "owner %ju:%ju", (uintmax_t)(s->num[3] >> 32),
				    (uintmax_t)(s->num[3] & 0xffffffff));
		break;
	case 'C':
		if (s->num[0])
			strbuf_addf(out, "%jux%ju", (uintmax_t)(s->num[0] >> 16), (uintmax_t)(s->num[0] & 0xffff));
		break;
	default:
		break;
	}
}

static void add_operand(const struct plan *plan, struct strbuf *out, const struct plan_step *s, char what)
{
	switch (what) {
	case 's':
		strbuf_adds(out, s->str ? plan_at(plan, s->str) : "");
		break;
	case 't':
		strbuf_adds(out, s->str2 ? plan_at(plan, s->str2) : "");
		break;
	case '=':
		if (s->str2)
			strbuf_addf(out, "=%s", plan_at(plan, s->str2));
		break;
	case 'M':
		if (s->str2)
			strbuf_addf(out, "/mon_groups/%s", plan_at(plan, s->str2));
		break;
	case 'r':
		strbuf_addf(out, "r%u", s->reg);
		break;
	case 'l':
		add_list(plan, out, s->list);
		break;
	case 'b':
		strbuf_addf(out, "[%u bytes]", s->blob_len);
		break;
	case 'g':
		strbuf_adds(out, s->num[2] ? "" : "keep-groups");
		for (uint32_t i = 0; i < s->blob_len / 4; i++)
			strbuf_addf(out, "%s%u", i ? "," : "", ((const uint32_t *)(const void *)plan_at(plan, s->blob))[i]);
		break;
	case 'i':
		add_idmaps(plan, out, s);
		break;
	case 'A':
		add_attributes(out, s);
		break;
	case 'N':
		add_namespaces(out, s->num[0]);
		break;
	case 'V':
		add_verify(plan, out, s);
		break;
	default:
		add_names(out, s, what);
	}
}

static void add_format(const struct plan *plan, struct strbuf *out, const struct plan_step *s, const char *fmt)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			strbuf_addc(out, *fmt);
			continue;
		}
		char what = *++fmt;
		if (what >= '0' && what <= '3')
			add_number(out, 'd', s->num[what - '0']);
		else if ((what == 'x' || what == 'o') && fmt[1] >= '0' && fmt[1] <= '3')
			add_number(out, what, s->num[*++fmt - '0']);
		else
			add_operand(plan, out, s, what);
	}
}

/* One line a step: nothing that a config says may look like a further one, or drive a terminal. */
static void one_line(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)s[i]))
			s[i] = s[i] == '\n' ? ';' : '?';
}

void plan_print(const struct plan *plan, struct strbuf *out)
{
	static const char *const sides[] = {"prepare", "init", "runtime"};
	auto_strbuf struct strbuf line = {};

	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_step *s = &plan->steps[i];
		strbuf_clear(&line);
		strbuf_addf(&line, "%3zu %-7s %-14s ", i, sides[s->side], step_names[s->kind]);
		add_format(plan, &line, s, texts[s->kind].args);
		while (line.len && line.s[line.len - 1] == ' ')
			line.s[--line.len] = '\0';
		if (*plan->origins[i])
			strbuf_addf(&line, "%*s # %s", (int)MAX(72 - (long)line.len, 0), "", plan->origins[i]);
		one_line(line.s, line.len);
		strbuf_addf(out, "%s\n", line.s);
	}
}

void plan_describe(const struct plan *plan, size_t step, struct strbuf *out)
{
	if (*plan->origins[step])
		strbuf_addf(out, "%s: ", plan->origins[step]);
	add_format(plan, out, &plan->steps[step], texts[plan->steps[step].kind].doing);
}
