/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/statedir.h"

#include <dirent.h>
#include <errno.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/arena.h"
#include "tests/unit/fixture.h"

static void test_ids(void)
{
	static const char *const good[] = {"a", "web1", "A_b+c.d-e", "...", ".a", "-a", "0", "a..b"};
	static const char *const bad[] = {"", ".", "..", "a/b", "/", "../x", "a b", "a\n", "ä", "a:b", "@cache", "a~"};
	char name[1026];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct error e = {};
		is_int(container_check_id(good[i], &e), 0, "accepts id '%s'", good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error e = {};
		ok(container_check_id(bad[i], &e) < 0 && strcmp(e.msg, "invalid container ID format") == 0,
		   "refuses id number %zu", i);
	}
	memset(name, 'a', sizeof(name));
	name[1024] = '\0';
	is_int(container_check_id(name, &(struct error){}), 0, "accepts 1024 bytes");
	name[1024] = 'a';
	name[1025] = '\0';
	is_int(container_check_id(name, &(struct error){}), -1, "refuses 1025 bytes");
}

static void test_create_open(void)
{
	struct statedir dir = STATEDIR_NONE, again = STATEDIR_NONE;
	struct error e = {};
	struct stat st;

	is_int(statedir_open(&rt, "c1", STATEDIR_SHARED, &dir, &e), -1, "no root: not found");
	is_int(e.kind, ERROR_NOENT, "and says so");
	is_str(e.msg, "container does not exist", "in the words that engines match");
	e = (struct error){};
	mode_t mask = umask(0);
	is_int(statedir_create(&rt, "c1", &dir, &e), 0, "creates with umask 0");
	umask(mask);
	ok(stat(fixture_root, &st) == 0 && (st.st_mode & 07777) == 0700, "the root is closed to others");
	ok(fstat(dir.fd, &st) == 0 && (st.st_mode & 07777) == 0700, "so is the directory");
	ok(fcntl(dir.fd, F_GETFD) == FD_CLOEXEC && fcntl(dir.root_fd, F_GETFD) == FD_CLOEXEC, "both are close-on-exec");
	is_int(statedir_create(&rt, "c1", &again, &e), -1, "an id is used once");
	is_int(e.kind, ERROR_EXISTS, "and says so");
	is_str(e.msg, "container with given ID already exists", "in the words that engines match");
	e = (struct error){};
	is_int(statedir_open(&rt, "c1", STATEDIR_SHARED, &again, &e), 0, "opens without the lock while it is held");
	statedir_done(&again);
	is_int(again.fd, -1, "done forgets");
	statedir_done(&again);
	is_int(statedir_remove(&dir, &e), 0, "removes");
	ok(!exists(fixture_path("run/state/c1")), "nothing is left");
	is_int(statedir_remove(&dir, &e), 0, "removes what is gone");
	statedir_done(&dir);
	is_int(statedir_open(&rt, "c1", STATEDIR_LOCKED, &dir, &e), -1, "is not found any more");
	is_int(statedir_open(&rt, "..", STATEDIR_LOCKED, &dir, &(struct error){}), -1, "'..' is no container");
}

static void test_root(void)
{
	struct statedir dir = STATEDIR_NONE;
	struct error e = {};

	chmod(fixture_root, 0770);
	is_int(statedir_create(&rt, "x", &dir, &e), -1, "a root that a group may write to is refused");
	ok(strstr(e.msg, "others may write to it (mode 0770)"), "and named");
	chmod(fixture_root, 0702);
	is_int(statedir_open(&rt, "x", STATEDIR_SHARED, &dir, &(struct error){}), -1, "one that all may write to too");
	chmod(fixture_root, 0755);
	is_int(statedir_create(&rt, "x", &dir, &(struct error){}), 0, "one that others may read is not");
	is_int(statedir_remove(&dir, &(struct error){}), 0, "removes it");
	statedir_done(&dir);
	if (geteuid() == 0 && chown(fixture_root, 65534, 0) == 0) {
		e = (struct error){};
		is_int(statedir_create(&rt, "x", &dir, &e), -1, "a root of another user is refused");
		ok(strstr(e.msg, "belongs to user 65534"), "and named");
		is_int(chown(fixture_root, 0, 0), 0, "gives it back");
	} else {
		skip(3, "needs root");
	}
	ok(symlink(fixture_root, fixture_path("link")) == 0, "makes a link");
	struct runtime linked = {.root = fixture_path("link")};
	is_int(statedir_create(&linked, "x", &dir, &(struct error){}), -1, "a root that is a link is refused");
}

static void test_sticky(void)
{
	struct statedir dir = STATEDIR_NONE;
	struct error e = {};
	struct stat st;
	char root[160];

	snprintf(root, sizeof(root), "%s/xdg/kedge", fixture_dir);
	struct runtime x = {.root = root};
	setenv("XDG_RUNTIME_DIR", fixture_path("xdg"), 1);
	is_int(statedir_create(&x, "x", &dir, &e), 0, "creates below XDG_RUNTIME_DIR");
	ok(stat(root, &st) == 0 && (st.st_mode & 07777) == 01700, "with the sticky bit");
	statedir_done(&dir);
	unsetenv("XDG_RUNTIME_DIR");
}

static void test_link_as_container(void)
{
	struct statedir dir = STATEDIR_NONE;

	ok(symlink("/tmp", fixture_path("run/state/evil")) == 0, "makes a link");
	is_int(statedir_open(&rt, "evil", STATEDIR_SHARED, &dir, &(struct error){}), -1, "a link is no container");
	is_int(statedir_open(&rt, "evil", STATEDIR_LOCKED, &dir, &(struct error){}), -1, "not for delete either");
	unlink(fixture_path("run/state/evil"));
}

static void test_intent(void)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	auto_arena struct arena a = {};
	struct error e = {};
	struct intent got;
	bool found = true;

	is_int(statedir_create(&rt, "i", &dir, &e), 0, "creates");
	ok(intent_read(&dir, &a, &got, &found, &e) == 0 && !found, "no intent is no error");
	const struct intent full = {.cgroup = "a/\"b", .cgroup_existed = true, .rdt_clos = "r", .rdt_keep = true,
				    .rdt_mon = "/", .unit = "u.scope", .user_unit = true,
				    .root_path = "/r", .root_mount = 1ULL << 40};
	is_int(intent_write(&dir, &full, &e), 0, "writes");
	ok(intent_read(&dir, &a, &got, &found, &e) == 0 && found, "reads");
	is_str(got.cgroup, "a/\"b", "cgroup");
	ok(got.cgroup_existed, "cgroup_existed");
	is_str(got.rdt_clos, "r", "rdt_clos");
	ok(got.rdt_keep, "rdt_keep");
	is_str(got.rdt_mon, "/", "rdt_mon");
	is_str(got.unit, "u.scope", "unit");
	ok(got.user_unit, "user_unit");
	is_str(got.root_path, "/r", "root_path");
	ok(got.root_mount == 1ULL << 40, "root_mount");
	is_int(intent_write(&dir, &(struct intent){}, &e), 0, "replaces");
	ok(intent_read(&dir, &a, &got, &found, &e) == 0 && found && !got.cgroup && !got.rdt_clos && !got.rdt_keep &&
		   !got.rdt_mon && !got.cgroup_existed && !got.unit && !got.user_unit && !got.root_path,
	   "absent stays absent");
	put_file(fixture_path("run/state/i/intent"), "{");
	is_int(intent_read(&dir, &a, &got, &found, &e), -1, "a damaged one is an error");
	is_int(statedir_remove(&dir, &e), 0, "removes");
}

/* The order of removal is what a delete that is killed relies on. */
static void test_remove(void)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	static const char *const names[] = {"intent", "state.json", "config.json", "exec.fifo", "aaa", "zzz"};
	char buf[4096] __attribute__((aligned(8))), first[32] = "", last[2][32] = {"", ""};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct error e = {};
	int n_events = 0;

	is_int(statedir_create(&rt, "r", &dir, &e), 0, "creates");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		close(openat(dir.fd, names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	mkdirat(dir.fd, "notify", 0755);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/notify/notify.sock", dir.fd);
	auto_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	is_int(bind(sock, (struct sockaddr *)&address, sizeof(address)), 0, "a socket in it");
	ok(symlink("/etc", fixture_path("run/state/r/notify/etc")) == 0, "a link in it");
	auto_close int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	inotify_add_watch(watch, fixture_path("run/state/r"), IN_DELETE);
	if (!is_int(statedir_remove(&dir, &e), 0, "removes all of it"))
		diag("%s", e.msg);
	ssize_t n = read(watch, buf, sizeof(buf));
	for (char *p = buf; n > 0 && p < buf + n;) {
		struct inotify_event *event = (struct inotify_event *)(void *)p;
		if (event->len > 0) {
			if (n_events++ == 0)
				snprintf(first, sizeof(first), "%s", event->name);
			memcpy(last[0], last[1], sizeof(last[0]));
			snprintf(last[1], sizeof(last[1]), "%s", event->name);
		}
		p += sizeof(*event) + event->len;
	}
	is_str(first, "config.json", "config.json goes first");
	is_str(last[0], "intent", "then the rest, the intent");
	is_str(last[1], "state.json", "and state.json");
	ok(exists("/etc/passwd") && !exists(fixture_path("run/state/r")), "links are not followed");
}

static int open_lock_gate(void)
{
	return open(fixture_path("gate"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
}

/* Children wait for the gate's lock to be let go, so that they begin together. */
static void pass_gate(void)
{
	auto_close int gate = open_lock_gate();

	flock(gate, LOCK_SH);
}

enum { RACERS = 8, WON = 10, EXISTS, OTHER };

static int creator(const char *id, bool hold)
{
	auto_statedir struct statedir dir = STATEDIR_NONE;
	struct error e = {};

	pass_gate();
	if (statedir_create(&rt, id, &dir, &e) < 0)
		return e.kind == ERROR_EXISTS ? EXISTS : OTHER;
	if (intent_write(&dir, &(struct intent){}, &e) < 0)
		return OTHER;
	if (hold)
		usleep(2000);
	struct stat here, there;
	if (fstat(dir.fd, &here) < 0 || fstatat(dir.root_fd, id, &there, 0) < 0 || here.st_ino != there.st_ino)
		return OTHER;
	return WON;
}

static void test_creators(void)
{
	int rounds = 40, fair = 0, odd = 0;

	for (int round = 0; round < rounds; round++) {
		auto_close int gate = open_lock_gate();
		pid_t pids[RACERS];
		int won = 0, refused = 0;

		flock(gate, LOCK_EX);
		for (int i = 0; i < RACERS; i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				_exit(creator("race", true));
		}
		flock(gate, LOCK_UN);
		for (int i = 0; i < RACERS; i++) {
			int status = reap_status(pids[i]);
			won += status == WON;
			refused += status == EXISTS;
			odd += status != WON && status != EXISTS;
		}
		fair += won == 1 && refused == RACERS - 1;
		is_int(container_delete(&rt, "race", true, &(struct error){}), 0, "round %d: deletes", round);
	}
	is_int(fair, rounds, "of eight creators one wins, seven are told so, in every round");
	is_int(odd, 0, "and nothing else happens");
}

static int deleter(void)
{
	pass_gate();
	for (int i = 0; i < 200; i++) {
		struct error e = {};
		if (container_delete(&rt, "race", true, &e) < 0) {
			diag("%s", e.msg);
			return OTHER;
		}
	}
	return WON;
}

static int busy_creator(void)
{
	for (int i = 0; i < 200; i++)
		if (creator("race", false) == OTHER)
			return OTHER;
	return WON;
}

static void test_create_delete(void)
{
	auto_close int gate = open_lock_gate();
	pid_t pids[4];
	int good = 0;

	flock(gate, LOCK_EX);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(i < 2 ? deleter() : busy_creator());
	}
	flock(gate, LOCK_UN);
	for (int i = 0; i < 4; i++)
		good += reap_status(pids[i]) == WON;
	is_int(good, 4, "creators against deleters: every command ends well");
	is_int(container_delete(&rt, "race", true, &(struct error){}), 0, "deletes the last");
	ok(!exists(fixture_path("run/state/race")), "no residue");
}

/* What a create leaves that was killed at some point. */
static void test_dead_creator(void)
{
	static const char *const left[] = {"", "intent", ".intent.new", "intent config.json .state.json.new exec.fifo"};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(left); i++) {
		struct statedir dir = STATEDIR_NONE;
		struct error e = {};
		char names[64], *save = NULL;

		is_int(statedir_create(&rt, "dead", &dir, &e), 0, "a creator begins");
		snprintf(names, sizeof(names), "%s", left[i / 2]);
		for (char *p = strtok_r(names, " ", &save); p; p = strtok_r(NULL, " ", &save))
			if (strcmp(p, "intent") != 0)
				close(openat(dir.fd, p, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
			else if (intent_write(&dir, &(struct intent){}, &e) < 0)
				fail("writes intent");
		statedir_done(&dir);
		is_int(statedir_create(&rt, "dead", &dir, &e), -1, "and dies: the id is taken");
		is_int(e.kind, ERROR_EXISTS, "and exists");
		e = (struct error){};
		is_int(container_delete(&rt, "dead", i % 2, &e), 0, "delete%s removes it", i % 2 ? " --force" : "");
		ok(!exists(fixture_path("run/state/dead")), "wholly, with '%s' left", left[i / 2]);
	}
	is_int(container_delete(&rt, "dead", true, &(struct error){}), 0, "delete --force of an unknown id succeeds");
	struct error e = {};
	is_int(container_delete(&rt, "dead", false, &e), -1, "delete of an unknown id fails");
	is_str(e.msg, "container does not exist", "and says so");
}

static void test_lock(void)
{
	struct statedir dir = STATEDIR_NONE;
	int gone[2];
	char c;

	is_int(statedir_create(&rt, "l", &dir, &(struct error){}), 0, "holds the lock");
	is_int(pipe(gone), 0, "makes a pipe");
	pid_t pid = fork();
	if (pid == 0) {
		struct statedir mine = STATEDIR_NONE;
		statedir_done(&dir);
		int r = statedir_open(&rt, "l", STATEDIR_LOCKED, &mine, &(struct error){});
		/* The first one has written by then. */
		_exit(r == 0 && read(gone[0], &c, 1) == 1 ? 0 : 1);
	}
	usleep(30000);
	is_int(write(gone[1], "x", 1), 1, "works under it");
	fcntl(gone[0], F_SETFL, O_NONBLOCK);
	statedir_done(&dir);
	is_int(reap_status(pid), 0, "another command waits for it");
	is_int(container_delete(&rt, "l", true, &(struct error){}), 0, "deletes");
}

static void test_relock(void)
{
	struct statedir dir = STATEDIR_NONE, other = STATEDIR_NONE;
	struct error e = {};

	is_int(statedir_create(&rt, "again", &dir, &e), 0, "creates");
	statedir_unlock(&dir);
	is_int(statedir_open(&rt, "again", STATEDIR_LOCKED, &other, &e), 0, "let go: another may lock it");
	statedir_done(&other);
	is_int(statedir_relock(&dir, &e), 0, "taken again");
	auto_close int third = open(fixture_path("run/state/again"), O_RDONLY | O_CLOEXEC);
	ok(flock(third, LOCK_EX | LOCK_NB) < 0, "which keeps others out");
	statedir_unlock(&dir);
	is_int(statedir_open(&rt, "again", STATEDIR_LOCKED, &other, &e), 0, "another has it");
	is_int(statedir_remove(&other, &e), 0, "removes it");
	statedir_done(&other);
	is_int(statedir_create(&rt, "again", &other, &e), 0, "and makes another one of the same name");
	is_int(statedir_relock(&dir, &e), 1, "that is not ours");
	is_int(statedir_remove(&other, &e), 0, "removes");
	statedir_done(&other);
	statedir_done(&dir);
}

int main(void)
{
	fixture_make();
	test_ids();
	test_create_open();
	test_root();
	test_sticky();
	test_link_as_container();
	test_intent();
	test_remove();
	test_creators();
	test_create_delete();
	test_dead_creator();
	test_lock();
	test_relock();
	fixture_remove();
	return done();
}
