/* SPDX-License-Identifier: Apache-2.0 */
/* The cache gives back what was put in, to the one it belongs to, and nothing else; and it is worth having. */
#include <dirent.h>
#include <sys/wait.h>

#include "base/io.h"
#include "seccomp/internal.h"
#include "tests/unit/seccomp_util.h"

static int cache = -1; /* the directory */

static struct seccomp_program cached(const struct spec_seccomp *profile, struct arena *arena)
{
	struct seccomp_program p = {};
	struct error e = {};

	if (seccomp_compile(profile, cache, arena, &p, &e) < 0)
		fail("compiles: %s", e.msg);
	return p;
}

static bool hits(const struct spec_seccomp *profile)
{
	auto_arena struct arena arena = {};

	return cached(profile, &arena).from_cache;
}

static bool same(const struct seccomp_program *a, const struct seccomp_program *b)
{
	return a->n == b->n && a->flags == b->flags && a->notify == b->notify &&
	       memcmp(a->insns, b->insns, a->n * sizeof(a->insns[0])) == 0;
}

/* Number of files; the name of the last one seen. */
static size_t list_cache(char *name)
{
	DIR *dir = fdopendir(openat(cache, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	for (struct dirent *d; dir && (d = readdir(dir));) {
		if (d->d_name[0] == '.' && strlen(d->d_name) < 3)
			continue;
		if (name)
			memcpy(name, d->d_name, strlen(d->d_name) + 1);
		n++;
	}
	closedir(dir);
	return n;
}

static void empty_cache(void)
{
	char name[NAME_MAX + 1];

	while (list_cache(name) > 0)
		if (unlinkat(cache, name, 0) < 0)
			break;
}

static void test_round_trip(void)
{
	auto_arena struct arena arena = {};
	struct spec_seccomp profile = big_profile();
	struct seccomp_program plain = compile(&profile, &arena, "without a cache");
	struct seccomp_program miss = cached(&profile, &arena), hit = cached(&profile, &arena);

	ok(!miss.from_cache && hit.from_cache, "first a miss, then a hit");
	ok(same(&plain, &miss) && same(&miss, &hit), "all three are the same program");
	is_int(list_cache(NULL), 1, "one file");
	profile.listener_path = (char[]){"/run/agent.sock"};
	profile.listener_metadata = (char[]){"container 7"};
	ok(hits(&profile), "where events go changes no instruction");
}

/* Profiles that a careless key takes for one another. Each is compiled twice: once it must miss, once it must hit. */
static void test_no_sharing(void)
{
#define RULE1(...) .syscalls = {.n = 1, .v = (struct spec_seccomp_rule[]){{__VA_ARGS__}}}
#define COND(...) .args = {.n = 1, .v = (struct spec_seccomp_arg[]){{__VA_ARGS__}}}
#define CASE(text, ...) {.what = text, .profile = {__VA_ARGS__}}
#define DENY .default_action = SECCOMP_RET_ERRNO
	const struct { const char *what; struct spec_seccomp profile; } v[] = {
		CASE("a rule", DENY, RULE1(.names = STRINGS("ab", "c"), ERRNO(1))),
		CASE("errnoRet", DENY, RULE1(.names = STRINGS("ab", "c"), ERRNO(2))),
		CASE("errnoRet absent", DENY, RULE1(.names = STRINGS("ab", "c"), .action = SECCOMP_RET_ERRNO)),
		CASE("errnoRet of 0", DENY, RULE1(.names = STRINGS("ab", "c"), ERRNO(0))),
		CASE("the split of names", DENY, RULE1(.names = STRINGS("a", "bc"), ERRNO(1))),
		CASE("one name instead of two", DENY, RULE1(.names = STRINGS("abc"), ERRNO(1))),
		CASE("two rules instead of one", DENY, RULES({.names = STRINGS("ab"), ERRNO(1)}, {.names = STRINGS("c"), ERRNO(1)})),
		CASE("the order of names", DENY, RULE1(.names = STRINGS("c", "ab"), ERRNO(1))),
		CASE("action", DENY, RULE1(.names = STRINGS("ab", "c"), ALLOW)),
		CASE("defaultAction", .default_action = SECCOMP_RET_ALLOW, RULE1(.names = STRINGS("ab", "c"), ALLOW)),
		CASE("defaultErrnoRet", DENY, .default_errno_ret = {true, 5}, RULE1(.names = STRINGS("ab", "c"), ERRNO(1))),
		CASE("defaultErrnoRet that says the default", DENY, .default_errno_ret = {true, 1}, RULE1(.names = STRINGS("ab", "c"), ERRNO(1))),
		CASE("flags, empty", DENY, .flags_set = true, RULE1(.names = STRINGS("ab", "c"), ERRNO(1))),
		CASE("flags", DENY, .flags_set = true, .flags = 2, RULE1(.names = STRINGS("ab", "c"), ERRNO(1))),
		CASE("architectures", DENY, .architectures = STRINGS("SCMP_ARCH_X86"), RULE1(.names = STRINGS("ab", "c"), ERRNO(1))),
		CASE("more architectures", DENY, .architectures = STRINGS("SCMP_ARCH_X86", "SCMP_ARCH_X32"), RULE1(.names = STRINGS("ab", "c"), ERRNO(1))),
		CASE("args", DENY, RULE1(.names = STRINGS("kill"), ALLOW, COND(0, 1, 2, SCMP_CMP_MASKED_EQ))),
		CASE("args.valueTwo", DENY, RULE1(.names = STRINGS("kill"), ALLOW, COND(0, 1, 3, SCMP_CMP_MASKED_EQ))),
		CASE("args.value", DENY, RULE1(.names = STRINGS("kill"), ALLOW, COND(0, 2, 2, SCMP_CMP_MASKED_EQ))),
		CASE("args.index", DENY, RULE1(.names = STRINGS("kill"), ALLOW, COND(1, 1, 2, SCMP_CMP_MASKED_EQ))),
		CASE("args.op", DENY, RULE1(.names = STRINGS("kill"), ALLOW, COND(0, 1, 2, SCMP_CMP_NE))),
		CASE("no args", DENY, RULE1(.names = STRINGS("kill"), ALLOW)),
		CASE("no rules", DENY),
	};

	empty_cache();
	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		ok(!hits(&v[i].profile) && hits(&v[i].profile), "own filter: differs in %s", v[i].what);
	is_int(list_cache(NULL), ARRAY_SIZE(v), "a file for each");
}

/* Changes the byte at `at` (negative: from the end) of a file. */
static void flip(const char *name, off_t at)
{
	auto_close int fd = openat(cache, name, O_RDWR | O_CLOEXEC);
	off_t where = lseek(fd, at, at < 0 ? SEEK_END : SEEK_SET);
	char c;

	if (pread(fd, &c, 1, where) != 1)
		return;
	c ^= 1;
	if (pwrite(fd, &c, 1, where) != 1)
		return;
}

enum tampering { T_TRUNCATED, T_LONGER, T_EMPTY, T_MODE, T_SETUID, T_OWNER, T_HARDLINK, T_SYMLINK, T_FIFO, T_DIRECTORY, T_MAX };

static const char *tamper(enum tampering how, const char *name)
{
	struct stat st;

	if (fstatat(cache, name, &st, 0) < 0)
		return "?";
	auto_close int fd = openat(cache, name, O_WRONLY | O_CLOEXEC);
	bool done = false;
	const char *what = "?";

	switch (how) {
	case T_TRUNCATED: what = "truncated"; done = ftruncate(fd, st.st_size - 1) == 0; break;
	case T_LONGER: what = "longer"; done = ftruncate(fd, st.st_size + 8) == 0; break;
	case T_EMPTY: what = "empty"; done = ftruncate(fd, 0) == 0; break;
	case T_MODE: what = "readable by others"; done = fchmod(fd, 0644) == 0; break;
	case T_SETUID: what = "setuid"; done = fchmod(fd, 04600) == 0; break;
	case T_OWNER: what = geteuid() ? "of mode 0" : "another's"; done = geteuid() ? fchmod(fd, 0) == 0 : fchown(fd, 1, 0) == 0; break;
	case T_HARDLINK: what = "linked twice"; done = linkat(cache, name, cache, "other", 0) == 0; break;
	case T_SYMLINK:
		what = "a symbolic link";
		done = renameat(cache, name, cache, "other") == 0 && symlinkat("other", cache, name) == 0;
		break;
	case T_FIFO: what = "a fifo"; done = unlinkat(cache, name, 0) == 0 && mkfifoat(cache, name, 0600) == 0; break;
	case T_DIRECTORY: what = "a directory"; done = unlinkat(cache, name, 0) == 0 && mkdirat(cache, name, 0700) == 0; break;
	case T_MAX: break;
	}
	return done ? what : "?";
}

static void test_tampering(void)
{
	auto_arena struct arena arena = {};
	struct spec_seccomp profile = big_profile();
	char name[NAME_MAX + 1] = "";
	size_t wrong = 0;
	struct stat st;

	empty_cache();
	struct seccomp_program good = cached(&profile, &arena);
	list_cache(name);
	ok(fstatat(cache, name, &st, 0) == 0 && (st.st_mode & 07777) == 0600, "the file is ours alone (%jd bytes)",
	   (intmax_t)st.st_size);
	/* every byte of the header, then a sample that reaches program and key */
	for (off_t at = 0; at < st.st_size; at += at < 400 ? 1 : 97) {
		auto_arena struct arena scratch = {};
		flip(name, at);
		struct seccomp_program p = cached(&profile, &scratch);
		wrong += p.from_cache || !same(&p, &good);
	}
	is_int(wrong, 0, "one changed bit anywhere: refused and compiled again");
	flip(name, -1);
	ok(!hits(&profile) && hits(&profile), "the last byte changed: replaced by a good one");
	for (enum tampering how = 0; how < T_MAX; how++) {
		const char *what = tamper(how, name);
		ok(what[0] != '?' && !hits(&profile), "refused: a file that is %s", what);
		/* what cannot be renamed over stays, and costs only the cache */
		if (how == T_DIRECTORY)
			ok(!hits(&profile) && unlinkat(cache, name, AT_REMOVEDIR) == 0, "does without");
		else
			ok(hits(&profile), "replaced by a good one");
		unlinkat(cache, "other", 0);
		(void)hits(&profile);
	}
}

/* What a collision of the names' hash would do: a sound file, of another profile. */
static void test_collision(void)
{
	const struct spec_seccomp a = {.default_action = SECCOMP_RET_ALLOW, RULES({.names = STRINGS("acct"), ERRNO(1)})};
	const struct spec_seccomp b = {.default_action = SECCOMP_RET_ALLOW, RULES({.names = STRINGS("acct"), ERRNO(2)})};
	char name_a[NAME_MAX + 1] = "", name_b[NAME_MAX + 1] = "";
	auto_arena struct arena arena = {};

	empty_cache();
	(void)hits(&a);
	list_cache(name_a);
	empty_cache();
	(void)hits(&b);
	list_cache(name_b);
	is_int(renameat(cache, name_b, cache, name_a), 0, "a sound file under another's name");
	struct seccomp_program p = cached(&a, &arena);
	ok(!p.from_cache && eval(&p, SYS_acct) == RET_ERRNO(1), "is not believed");
	ok(hits(&a), "and replaced");
}

/* A filter is good for the libseccomp that made it: any other file, or the same one changed, is another library. */
static void test_library(void)
{
	struct library_id id, other;

	ok(library_identify(&id) && library_unchanged(&id), "libseccomp %s is itself: %s", id.version, id.path);
	for (int i = 0; i < 7; i++) {
		other = id;
		uint64_t *const u[] = {&other.dev, &other.ino, &other.size};
		int64_t *const s[] = {&other.mtime, &other.mtime_ns, &other.ctime, &other.ctime_ns};
		if (i < 3)
			(*u[i])++;
		else
			(*s[i - 3])++;
		ok(!library_unchanged(&other), "field %d changed: another library", i);
	}
	other = id;
	memset(other.path, '/', sizeof(other.path));
	ok(!library_unchanged(&other), "a path without an end");
	other = id;
	memcpy(other.path, "/bin/sh", sizeof("/bin/sh"));
	ok(!library_unchanged(&other), "another file");
	memcpy(other.path, "/nowhere", sizeof("/nowhere"));
	ok(!library_unchanged(&other), "no file");
	other.path[0] = '\0';
	ok(!library_unchanged(&other), "no path");
}

static void test_bound(void)
{
	struct spec_seccomp_rule rule = {.names = STRINGS("acct"), ERRNO(1)};
	struct spec_seccomp profile = {.default_action = SECCOMP_RET_ALLOW, .syscalls = {1, &rule}};
	size_t most = 0, missed = 0, others = 0;
	auto_close int stranger = -1;

	empty_cache();
	stranger = openat(cache, "stranger", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (uint32_t i = 1; i <= 100; i++) {
		const struct timespec old[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
		char name[64] = "";

		rule.errno_ret.v = i;
		missed += !hits(&profile);
		most = MAX(most, list_cache(NULL));
		/* the clock of file systems ticks too slowly to tell 100 files apart */
		DIR *dir = fdopendir(openat(cache, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		for (struct dirent *d; dir && (d = readdir(dir));) {
			struct stat st;
			if (strlen(d->d_name) == 20 && fstatat(cache, d->d_name, &st, 0) == 0 && st.st_mtime > 1000000)
				utimensat(cache, memcpy(name, d->d_name, 21), old, 0);
		}
		closedir(dir);
	}
	is_int(missed, 100, "100 profiles miss");
	is_int(most, 64 + 1, "at most 64 files");
	for (uint32_t i = 37; i <= 100; i++) {
		rule.errno_ret.v = i;
		others += !hits(&profile);
	}
	is_int(others, 0, "the newest 64 hit");
	rule.errno_ret.v = 36;
	ok(!hits(&profile), "the one before was the oldest");
	is_int(faccessat(cache, "stranger", F_OK, 0), 0, "a file that is not the cache's is left alone");
	unlinkat(cache, "stranger", 0);
}

static void test_unusable(void)
{
	auto_arena struct arena arena = {};
	struct spec_seccomp profile = big_profile();
	auto_close int good = cache;

	cache = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok(!hits(&profile) && !hits(&profile), "a directory that takes no files: compiled each time");
	close(cache);
	cache = 9999;
	ok(!hits(&profile), "a descriptor that is none: compiled");
	cache = good;
	good = -1;
}

/* Many at once on one profile: whatever they find, the program is right, and in the end there is one good file. */
static void test_race(void)
{
	auto_arena struct arena arena = {};
	const struct spec_seccomp profile = {.default_action = SECCOMP_RET_ALLOW, RULES({.names = STRINGS("acct"), ERRNO(1)})};
	struct seccomp_program good = compile(&profile, &arena, "alone");
	char name[NAME_MAX + 1];
	int failed = 0;

	empty_cache();
	(void)hits(&profile);
	list_cache(name);
	fflush(stdout);
	for (int i = 0; i < 6; i++) {
		if (fork() == 0) {
			for (int j = 0; j < 300; j++) {
				auto_arena struct arena scratch = {};
				struct seccomp_program p = cached(&profile, &scratch);
				if (!same(&p, &good))
					_exit(1);
				if (j % 3 == 0)
					unlinkat(cache, name, 0);
			}
			_exit(0);
		}
	}
	for (int status; wait(&status) > 0;)
		failed += status != 0;
	is_int(failed, 0, "six at once, 300 times, with the file removed under them");
	(void)hits(&profile);
	is_int(list_cache(NULL), 1, "no temporary file is left");
	ok(hits(&profile), "the file is good");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double time_it(const struct spec_seccomp *profile, int n, bool with_cache, double *least)
{
	double us[2000];
	int saved = cache;

	if (!with_cache)
		cache = -1;
	for (int i = 0; i < n; i++) {
		auto_arena struct arena arena = {};
		double start = now_us();

		(void)cached(profile, &arena);
		us[i] = now_us() - start;
	}
	cache = saved;
	qsort(us, (size_t)n, sizeof(us[0]), compare);
	*least = us[0];
	return us[n / 2];
}

static void test_time(void)
{
	struct spec_seccomp profile = big_profile();
	double least, median;

	median = time_it(&profile, 40, false, &least);
	diag("miss: median %.0f us, least %.0f us", median, least);
	(void)hits(&profile);
	median = time_it(&profile, 2000, true, &least);
	diag("hit: median %.1f us, least %.1f us", median, least);
#ifdef KEDGE_SANITIZED
	skip(1, "sanitizers take their time");
#else
	ok(least < 100, "a hit costs less than 100 us");
#endif
}

/* A process of its own: has libseccomp been loaded? */
static int fresh_process(const char *dir)
{
	auto_arena struct arena arena = {};
	auto_strbuf struct strbuf maps = {};
	struct spec_seccomp profile = big_profile();

	cache = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!cached(&profile, &arena).from_cache || read_file_at(AT_FDCWD, "/proc/self/maps", 1 << 20, &maps) < 0)
		return 1;
	return strstr(maps.s, "libseccomp") ? 2 : 42;
}

static void test_not_loaded(const char *dir)
{
	struct spec_seccomp profile = big_profile();
	int status = 0;

	(void)hits(&profile);
	fflush(stdout);
	if (fork() == 0) {
		execl("/proc/self/exe", "test_seccomp_cache", dir, NULL);
		_exit(1);
	}
	wait(&status);
	is_int(WEXITSTATUS(status), 42, "a hit does not load libseccomp");
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/kedge-seccomp-XXXXXX";

	if (argc > 1)
		return fresh_process(argv[1]);
	if (!mkdtemp(dir) || (cache = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return 1;
	test_round_trip();
	test_no_sharing();
	test_tampering();
	test_collision();
	test_library();
	test_bound();
	test_unusable();
	test_race();
	test_time();
	test_not_loaded(dir);
	empty_cache();
	rmdir(dir);
	return done();
}
