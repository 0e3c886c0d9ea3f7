/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include "base/io.h"
#include "spec/json.h"

#define LINE_MAX_BYTES 8192
#define NS_PER_S 1000000000ULL
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const struct {
	const char *name, *reason;
} drifts[GUARD_DRIFT_N] = {
	[GUARD_MOUNT] = {"mount", "mount namespace changed"},
	[GUARD_UTS] = {"uts", "uts namespace changed"},
	[GUARD_IPC] = {"ipc", "ipc namespace changed"},
	[GUARD_NETWORK] = {"network", "network namespace changed"},
	[GUARD_PID] = {"pid", "pid namespace changed"},
	[GUARD_PID_CHILDREN] = {"pid_for_children", "pid namespace of children changed"},
	[GUARD_CGROUP] = {"cgroup", "cgroup namespace changed"},
	[GUARD_TIME] = {"time", "time namespace changed"},
	[GUARD_TIME_CHILDREN] = {"time_for_children", "time namespace of children changed"},
	[GUARD_USER] = {"user", "user namespace changed"},
	[GUARD_DRIFT_ROOT] = {"root", "root directory on a foreign mount"},
	[GUARD_DRIFT_CWD] = {"cwd", "working directory on a foreign mount"},
	[GUARD_DRIFT_CAPS] = {"capabilities", "capability outside the bound"},
	[GUARD_DRIFT_SECCOMP] = {"seccomp", "seccomp filter gone"},
	[GUARD_DRIFT_NNP] = {"no_new_privs", "no_new_privs cleared"},
	[GUARD_DRIFT_CRED] = {"credentials", "credentials swapped"},
	[GUARD_DRIFT_CGROUP] = {"cgroup_move", "moved itself to another cgroup"},
	[GUARD_DRIFT_FILE] = {"file", "opened a file on a foreign mount"},
	[GUARD_DRIFT_JOINER] = {"joiner", "entered the container unregistered"},
	[GUARD_DRIFT_DENIED] = {"denied", "tried what is denied"},
	[GUARD_DRIFT_LABEL] = {"label", "label could not be inherited"},
};

static const char *const hooks[GUARD_HOOK_N] = {
	[GUARD_HOOK_SWITCH] = "sched_switch",
	[GUARD_HOOK_TICK] = "tick",
	[GUARD_HOOK_FORK] = "fork",
	[GUARD_HOOK_EXEC] = "exec",
	[GUARD_HOOK_CGROUP] = "cgroup_attach",
	[GUARD_HOOK_EXIT_SYSCALL] = "sys_exit",
	[GUARD_HOOK_ENTER_SYSCALL] = "sys_enter",
	[GUARD_HOOK_OPEN] = "file_open",
	[GUARD_HOOK_PTRACE] = "ptrace",
	[GUARD_HOOK_BPF] = "bpf",
	[GUARD_HOOK_MODULE] = "module_request",
	[GUARD_HOOK_CAPABLE] = "capable",
	[GUARD_HOOK_MMAP] = "mmap_file",
	[GUARD_HOOK_SWITCH_NAMESPACES] = "switch_task_namespaces",
	[GUARD_HOOK_COMMIT_CREDS] = "commit_creds",
	[GUARD_HOOK_SWEEP] = "sweep",
	[GUARD_HOOK_POLL] = "poll",
	[GUARD_HOOK_INODE] = "inode",
};

static const char *const actions[] = {
	[GUARD_ACTION_LOGGED] = "logged",
	[GUARD_ACTION_DENIED] = "denied",
	[GUARD_ACTION_KILLED] = "killed",
};

const char *guard_drift_name(int bit)
{
	return drifts[bit].name;
}

/* --- lines */

struct guard_now guard_now(void)
{
	struct timespec boot, real;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &real);
	return (struct guard_now){.boot_ns = (uint64_t)boot.tv_sec * NS_PER_S + (uint64_t)boot.tv_nsec,
				  .real_ns = (uint64_t)real.tv_sec * NS_PER_S + (uint64_t)real.tv_nsec};
}

static void write_time(struct json_writer *w, uint64_t real_ns)
{
	time_t seconds = (time_t)(real_ns / NS_PER_S);
	char text[40], micro[8];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	size_t n = strftime(text, sizeof(text) - sizeof(micro), "%Y-%m-%dT%H:%M:%S", &tm);
	unsigned us = (unsigned)(real_ns % NS_PER_S / 1000);
	text[n] = '.';
	for (size_t i = 6; i > 0; i--, us /= 10)
		text[n + i] = (char)('0' + us % 10);
	text[n + 7] = 'Z';
	text[n + 8] = '\0';
	jw_str(w, "time", text);
}

static void begin(struct json_writer *w, struct strbuf *out, const char *type, uint64_t real_ns)
{
	jw_begin(w, out, false);
	jw_object(w, NULL);
	jw_str(w, "type", type);
	write_time(w, real_ns);
}

static void write_container(struct json_writer *w, const struct guard_container *c)
{
	char cookie[GUARD_COOKIE_LEN + 1];

	guard_cookie_text(c->cookie, cookie);
	jw_str(w, "cookie", cookie);
	if (c->id)
		jw_str(w, "id", c->id);
	if (c->root)
		jw_str(w, "root", c->root);
	if (c->image)
		jw_str(w, "image", c->image);
}

static void write_drift(struct json_writer *w, const struct guard_record *record)
{
	auto_strbuf struct strbuf reason = {};

	jw_array(w, "drift");
	for (int i = 0; i < GUARD_DRIFT_N; i++) {
		if (!(record->drift >> i & 1))
			continue;
		jw_str(w, NULL, drifts[i].name);
		strbuf_addf(&reason, "%s%s", reason.len ? ", " : "", drifts[i].reason);
	}
	jw_end(w, ']');
	jw_str(w, "reason", strbuf_str(&reason));
	jw_array(w, "namespaces");
	for (int i = 0; i < GUARD_OBJECTS_N; i++) {
		if (!(record->drift >> i & 1))
			continue;
		jw_object(w, NULL);
		jw_str(w, "type", drifts[i].name);
		jw_uint(w, "old", record->old_inum[i]);
		jw_uint(w, "new", record->new_inum[i]);
		jw_end(w, '}');
	}
	jw_end(w, ']');
}

void guard_audit_drift(struct strbuf *out, const struct guard_container *c, const struct guard_record *record,
		       const struct guard_latency *latency, const struct guard_now *now)
{
	uint64_t ago = now->boot_ns > record->boot_ns ? now->boot_ns - record->boot_ns : 0;
	char comm[GUARD_COMM + 1] = "", caps[GUARD_COOKIE_LEN + 1];
	struct json_writer w;

	memcpy(comm, record->comm, GUARD_COMM);
	guard_cookie_text(record->caps, caps);
	begin(&w, out, "drift", now->real_ns - ago);
	write_container(&w, c);
	jw_uint(&w, "pid", record->pid);
	jw_uint(&w, "tid", record->tid);
	jw_str(&w, "comm", comm);
	jw_uint(&w, "uid", record->uid);
	/* A kernel program of another build may know more than we do. */
	jw_str(&w, "hook", record->hook < GUARD_HOOK_N ? hooks[record->hook] : "unknown");
	jw_str(&w, "tier", value_to_name(guard_tier_names, record->tier) ?: "unknown");
	jw_str(&w, "action", record->action < ARRAY_SIZE(actions) ? actions[record->action] : "unknown");
	write_drift(&w, record);
	if (record->drift & (1ULL << GUARD_DRIFT_CAPS | 1ULL << GUARD_DRIFT_CRED))
		jw_str(&w, "caps", caps);
	jw_object(&w, "latencyUs");
	jw_uint(&w, "record", latency->record);
	if (latency->kill)
		jw_uint(&w, "kill", latency->kill);
	jw_end(&w, '}');
	jw_end(&w, '}');
}

void guard_audit_killed(struct strbuf *out, const struct guard_container *c, uint64_t all_dead_us,
			const struct guard_now *now)
{
	struct json_writer w;

	begin(&w, out, "killed", now->real_ns);
	write_container(&w, c);
	jw_bool(&w, "allDead", all_dead_us != 0);
	if (all_dead_us) {
		jw_object(&w, "latencyUs");
		jw_uint(&w, "allDead", all_dead_us);
		jw_end(&w, '}');
	}
	jw_end(&w, '}');
}

void guard_audit_container(struct strbuf *out, const char *type, const struct guard_container *c,
			   const struct guard_now *now)
{
	struct json_writer w;

	begin(&w, out, type, now->real_ns);
	write_container(&w, c);
	jw_str(&w, "mode", value_to_name(guard_mode_names, c->mode) ?: "unknown");
	jw_end(&w, '}');
}

void guard_audit_event(struct strbuf *out, const char *type, uint32_t tiers, const char *text,
		       const struct guard_now *now)
{
	struct json_writer w;

	begin(&w, out, type, now->real_ns);
	if (tiers) {
		jw_array(&w, "tiers");
		for (const struct spec_name *t = guard_tier_names; t->name; t++)
			if (tiers & (uint64_t)t->value)
				jw_str(&w, NULL, t->name);
		jw_end(&w, ']');
	}
	if (text)
		jw_str(&w, "text", text);
	jw_end(&w, '}');
}

/* --- where they go */

static int open_directory(const char *path, int *ret, const char **name)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));

	if (!dir)
		return -1;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -1;
	*ret = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*name = slash + 1;
	return *ret < 0 ? -1 : 0;
}

static int open_log(const struct guard_audit *audit)
{
	return openat(audit->dir, audit->name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
		      0600);
}

static int open_journal(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return TAKE_FD(fd);
}

int guard_audit_open(const char *path, struct guard_audit *ret, struct error *e)
{
	struct guard_audit audit = GUARD_AUDIT_NONE;
	const char *name;

	if (open_directory(path, &audit.dir, &name) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open the directory of the audit log '%s'", path);
	audit.name = strdup(name);
	auto_close int fd = audit.name ? open_log(&audit) : -1;
	if (fd < 0) {
		error_set(e, ERROR_HOST, errno, "cannot open the audit log '%s'", path);
		guard_audit_done(&audit);
		return -1;
	}
	audit.journal = open_journal();
	*ret = audit;
	return 0;
}

char *guard_audit_last(const struct guard_audit *audit)
{
	auto_close int fd = openat(audit->dir, audit->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	auto_free char *tail = calloc(1, LINE_MAX_BYTES + 1);
	ssize_t n = tail ? pread(fd, tail, LINE_MAX_BYTES, MAX(st.st_size - LINE_MAX_BYTES, 0)) : -1;
	if (n <= 0 || tail[n - 1] != '\n')
		return NULL;
	tail[n - 1] = '\0';
	const char *before = strrchr(tail, '\n');
	return before ? strdup(before + 1) : n < LINE_MAX_BYTES ? TAKE(tail) : NULL;
}

/* Quotes within a string are escaped, so a member's name is found nowhere else. */
static const char *slice(const char *line, const char *from, const char *to, size_t *n)
{
	const char *begin = strstr(line, from);
	const char *end = begin ? strstr(begin + 1, to) : NULL;

	*n = end ? (size_t)(end - begin) : 0;
	return end ? begin : NULL;
}

bool guard_audit_same(const char *a, const char *b)
{
	/* The time is computed anew each time, and names go with the container's record. */
	static const char *const parts[][2] = {{"{\"type\":\"drift\"", ",\"time\":"},
					       {",\"cookie\":\"", "\","},
					       {",\"pid\":", ",\"latencyUs\":"}};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t n, m;
		const char *x = slice(a, parts[i][0], parts[i][1], &n), *y = slice(b, parts[i][0], parts[i][1], &m);

		if (!x || !y || n != m || memcmp(x, y, n) != 0)
			return false;
	}
	return true;
}

void guard_audit_done(struct guard_audit *audit)
{
	macro_close(&audit->dir);
	macro_close(&audit->journal);
	free(audit->name);
	*audit = (struct guard_audit)GUARD_AUDIT_NONE;
}

/* systemd.journal-fields(7), the native protocol: no value of ours has a newline. */
static void write_journal(struct guard_audit *audit, const char *line)
{
	static char head[] = "SYSLOG_IDENTIFIER=kedge-guard\nPRIORITY=4\nMESSAGE=";
	struct iovec parts[] = {{head, sizeof(head) - 1}, {(char *)(uintptr_t)line, strlen(line)}, {(char *)"\n", 1}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts)};

	if (audit->journal < 0)
		audit->journal = open_journal();
	if (audit->journal < 0 || sendmsg(audit->journal, &message, MSG_NOSIGNAL) >= 0 || errno == EAGAIN)
		return;
	/* journald was started anew. */
	macro_close(&audit->journal);
	audit->journal = open_journal();
	if (audit->journal >= 0 && sendmsg(audit->journal, &message, MSG_NOSIGNAL) < 0) {
		macro_close(&audit->journal);
		audit->journal = -1;
	}
}

void guard_audit_write(struct guard_audit *audit, const char *line)
{
	auto_close int fd = open_log(audit);
	auto_strbuf struct strbuf text = {};

	strbuf_adds(&text, line);
	strbuf_addc(&text, '\n');
	/* One write: O_APPEND keeps lines whole beside those of a guard that is just ending. */
	if (fd < 0 || write_all(fd, text.s, text.len) < 0)
		audit->failed++;
	write_journal(audit, line);
}
