/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/hooks.h"

#include <errno.h>
#include <time.h>

#include "libcontainer/proc.h"
#include "tests/unit/fixture.h"

static struct arena arena;

static char *path_of(const char *name)
{
	return arena_strdup(&arena, fixture_path(name));
}

static void script(const char *name, const char *body)
{
	char text[1024];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", body);
	put_file(fixture_path(name), text);
	chmod(fixture_path(name), 0755);
}

static struct spec spec_with(enum spec_hook_kind kind, struct spec_hook *hooks, size_t n)
{
	struct spec spec = {};

	spec.hooks[kind] = (struct spec_hook_list){n, hooks};
	return spec;
}

static const char *slurp(const char *name)
{
	static char text[8192];
	auto_close int fd = open(fixture_path(name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static int run_one(enum spec_hook_kind kind, struct spec_hook hook, const char *state, struct error *e)
{
	struct spec spec = spec_with(kind, &hook, 1);

	*e = (struct error){};
	return hooks_run(&spec, kind, state, e);
}

static int64_t elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

static void test_inputs(void)
{
	struct error e = {};
	char *args[] = {(char *)"zero", (char *)"one two", (char *)""};
	char *env[] = {(char *)"A=1", (char *)"B=x y"};
	char body[512];

	snprintf(body, sizeof(body), "cd %s; cat >state; /usr/bin/env >env; ls -l /proc/self/fd | grep -c '[0-9] -> ' >fds\n"
		 "for a; do echo \"[$a]\"; done >args; cat /proc/$$/stat >stat; grep -E 'Sig(Blk|Ign)' /proc/self/status >sig",
		 fixture_dir);
	script("in", body);
	struct spec_hook hook = {.path = path_of("in"), .args = {3, args}, .env = {2, env}};
	sigset_t all, old;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	int fd = open("/dev/null", O_RDONLY); /* inherited: the hook must not have it */
	if (!is_int(run_one(HOOK_CREATE_RUNTIME, hook, "{\"id\":\"c\"}", &e), 0, "runs"))
		diag("%s", e.msg);
	close(fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	is_str(slurp("state"), "{\"id\":\"c\"}", "has the state on stdin");
	is_str(slurp("args"), "[one two]\n[]\n", "its arguments");
	ok(strstr(slurp("env"), "A=1\n") && strstr(slurp("env"), "B=x y\n"), "its environment");
	ok(!strstr(slurp("env"), "HOME="), "and nothing of ours");
	/* 0, 1, 2 and the directory that ls reads */
	is_str(slurp("fds"), "4\n", "no descriptor of ours");
	ok(strstr(slurp("sig"), "SigBlk:\t0000000000000000"), "no blocked signal");
	/* posix_spawn ignores the two signals that glibc keeps for itself (32 and 33). */
	ok(strstr(slurp("sig"), "SigIgn:\t0000000000000000") || strstr(slurp("sig"), "SigIgn:\t0000000180000000"),
	   "no ignored signal");
	int pid = 0, ppid = 0, pgrp = 0;
	ok(sscanf(slurp("stat"), "%d %*s %*s %d %d", &pid, &ppid, &pgrp) == 3 && pid == pgrp && ppid == getpid(),
	   "its own process group");
}

static void test_no_args(void)
{
	struct error e;
	char body[256];

	snprintf(body, sizeof(body), "echo \"$0 $#\" >%s/noargs; env >%s/noenv", fixture_dir, fixture_dir);
	script("plain", body);
	is_int(run_one(HOOK_PRESTART, (struct spec_hook){.path = path_of("plain")}, "{}", &e), 0, "runs without args and env");
	ok(strstr(slurp("noargs"), "plain 0"), "the path is argv[0]");
	ok(!strstr(slurp("noenv"), "USER="), "the environment is empty");
}

static void test_failures(void)
{
	struct error e;
	struct spec_hook two[] = {{.path = (char *)"/bin/true"}, {.path = (char *)"/bin/false"}};
	struct spec spec = spec_with(HOOK_CREATE_RUNTIME, two, 2);

	e = (struct error){};
	is_int(hooks_run(&spec, HOOK_CREATE_RUNTIME, "{}", &e), -1, "the second fails");
	is_str(e.msg, "error running createRuntime hook #1: '/bin/false': exit status 1, stdout: , stderr: ", "says which and how");

	script("noisy", "echo out; printf 'one\\ntwo\\033[31m\\n' >&2; exit 3");
	is_int(run_one(HOOK_POSTSTART, (struct spec_hook){.path = path_of("noisy")}, "{}", &e), -1, "fails with a message");
	ok(strstr(e.msg, "error running poststart hook #0: '"), "the kind");
	ok(strstr(e.msg, "': exit status 3, stdout: out, stderr: one two [31m"), "on one line");

	script("long", "i=0; while [ $i -lt 3000 ]; do echo $i 0123456789012345678901234567890 >&2; i=$((i+1)); done; exit 1");
	is_int(run_one(HOOK_PRESTART, (struct spec_hook){.path = path_of("long")}, "{}", &e), -1, "fails with 100 kB");
	ok(strstr(e.msg, "2999 0123456789012345678901234567890") && strlen(e.msg) < 1200, "the end of it is kept");

	script("dies", "kill -9 $$");
	is_int(run_one(HOOK_PRESTART, (struct spec_hook){.path = path_of("dies")}, "{}", &e), -1, "is killed");
	ok(strstr(e.msg, "signal: Killed, stdout: , stderr: "), "says so");

	is_int(run_one(HOOK_PRESTART, (struct spec_hook){.path = (char *)"/nonexistent"}, "{}", &e), -1, "is missing");
	is_str(e.msg, "error running prestart hook #0: cannot execute '/nonexistent'", "says so");
	is_int(e.sys, ENOENT, "with the reason");

	struct spec_hook order[] = {{.path = (char *)"/bin/false"}, {.path = path_of("mark")}};
	char body[128];
	snprintf(body, sizeof(body), "echo ran >%s/marked", fixture_dir);
	script("mark", body);
	spec = spec_with(HOOK_PRESTART, order, 2);
	is_int(hooks_run(&spec, HOOK_PRESTART, "{}", &(struct error){}), -1, "the first fails");
	ok(!exists(fixture_path("marked")), "the rest does not run");
	spec = spec_with(HOOK_POSTSTOP, order, 2);
	hooks_run_poststop(&spec, "{}");
	ok(exists(fixture_path("marked")), "but of poststop it does");
	is_int(hooks_run(&(struct spec){}, HOOK_PRESTART, "{}", &(struct error){}), 0, "no hooks are no failure");
}

static void test_timeout(void)
{
	struct error e;
	struct timespec begin;
	char body[256];
	struct spec_hook hook = {.timeout = {true, 1}};

	snprintf(body, sizeof(body), "sleep 100 & echo $! >%s/child; wait", fixture_dir);
	script("slow", body);
	hook.path = path_of("slow");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	is_int(run_one(HOOK_CREATE_RUNTIME, hook, "{}", &e), -1, "is too slow");
	ok(strstr(e.msg, "hook ran past specified timeout of 1.0s"), "says so");
	ok(elapsed_ms(&begin) >= 990 && elapsed_ms(&begin) < 5000, "after its timeout");
	int child = atoi(slurp("child"));
	usleep(50000);
	struct proc_stat st;
	ok(child > 0 && (proc_stat_read(child, &st) < 0 || st.state == 'Z'), "its group is killed with it");

	/* More than a pipe holds, to a hook that does not read. */
	size_t size = 1 << 20;
	char *big = malloc(size + 1);
	memset(big, 'x', size);
	big[size] = '\0';
	hook.path = (char *)"/bin/sleep";
	hook.args = (struct spec_strings){2, (char *[]){(char *)"sleep", (char *)"100"}};
	clock_gettime(CLOCK_MONOTONIC, &begin);
	is_int(run_one(HOOK_CREATE_RUNTIME, hook, big, &e), -1, "does not read its stdin");
	ok(strstr(e.msg, "timeout") && elapsed_ms(&begin) < 5000, "the timeout covers that");
	is_int(run_one(HOOK_CREATE_RUNTIME, (struct spec_hook){.path = (char *)"/bin/true"}, big, &e), 0,
	       "ends without reading: no failure");
	script("count", "wc -c >\"$1\"");
	is_int(run_one(HOOK_CREATE_RUNTIME,
		       (struct spec_hook){.path = path_of("count"), .args = {2, (char *[]){(char *)"c", path_of("size")}}},
		       big, &e),
	       0, "reads all of it");
	ok(atoi(slurp("size")) == (int)size, "all of it");
	free(big);
}

static void test_daemon(void)
{
	struct error e;
	struct timespec begin;

	script("daemon", "sleep 3 & exit 0");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	is_int(run_one(HOOK_POSTSTART, (struct spec_hook){.path = path_of("daemon")}, "{}", &e), 0, "leaves a process behind");
	ok(elapsed_ms(&begin) < 2000, "that does not hold us");
}

static void test_dispositions(void)
{
	struct error e;
	struct sigaction now;

	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	is_int(run_one(HOOK_PRESTART, (struct spec_hook){.path = (char *)"/bin/false"}, "{}", &e), -1, "fails with SIGCHLD ignored");
	ok(strstr(e.msg, "exit status 1"), "and its status is had");
	sigaction(SIGCHLD, NULL, &now);
	ok(now.sa_handler == SIG_IGN, "which stays as it was");
	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	sigaction(SIGPIPE, NULL, &now);
	ok(now.sa_handler == SIG_DFL, "SIGPIPE too");
}

int main(void)
{
	fixture_make();
	test_inputs();
	test_no_args();
	test_failures();
	test_timeout();
	test_daemon();
	test_dispositions();
	fixture_remove();
	arena_done(&arena);
	return done();
}
