/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interleave ROUNDS LABEL=COMMAND...: runs the commands in turn, A B C A B C, so that whatever else the machine does meets all
 * alike, and prints a line for each: label; median, least and greatest wall time in ms; median of the CPU time in ms, of the page
 * faults, of the peak memory in kB; runs that failed; ratio of the median to the last one's. CPU time and faults include the
 * children that were waited for; Linux scales user and system time to the exact run time, so their sum is exact, though neither is.
 *
 * Commands are split at spaces, and what they write to stdout is not seen; "%N" in an argument becomes the number of the round.
 * A label that begins with '-' is run and not reported: what must happen before or after another command. Exit status 1 when any
 * run fails.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define ARGS_MAX 64
#define COMMANDS_MAX 32

enum figure { WALL, CPU, FAULTS, MEMORY, FIGURES };

struct command {
	const char *label;
	char *text;
	double *figures[FIGURES];
	int failed;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static double ms_of(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static int run_once(struct command *c, int round)
{
	char *copy = strdup(c->text), *rest = copy, *word, *argv[ARGS_MAX + 1], numbered[ARGS_MAX][256];
	posix_spawn_file_actions_t quiet;
	extern char **environ;
	struct rusage used = {};
	size_t n = 0;
	pid_t pid;
	int status = 0;

	while (n < ARGS_MAX && (word = strsep(&rest, " ")) != NULL) {
		char *mark = strstr(word, "%N");
		if (mark) {
			*mark = '\0';
			snprintf(numbered[n], sizeof(numbered[n]), "%s%d%s", word, round, mark + 2);
			word = numbered[n];
		}
		if (*word)
			argv[n++] = word;
	}
	argv[n] = NULL;
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	double start = now_ms();
	int err = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
	if (!err)
		err = wait4(pid, &status, 0, &used) < 0 || status;
	c->figures[WALL][round] = now_ms() - start;
	c->figures[CPU][round] = ms_of(used.ru_utime) + ms_of(used.ru_stime);
	c->figures[FAULTS][round] = (double)(used.ru_minflt + used.ru_majflt);
	c->figures[MEMORY][round] = (double)used.ru_maxrss;
	posix_spawn_file_actions_destroy(&quiet);
	free(copy);
	if (err)
		fprintf(stderr, "failed: %s\n", c->text);
	return err != 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int command_init(struct command *c, char *arg, int rounds)
{
	c->label = arg;
	c->text = strchr(arg, '=');
	for (int i = 0; i < FIGURES; i++) {
		c->figures[i] = calloc((size_t)rounds, sizeof(double));
		if (!c->figures[i])
			return -1;
	}
	if (!c->text)
		return -1;
	*c->text++ = '\0';
	return 0;
}

int main(int argc, char **argv)
{
	static struct command c[COMMANDS_MAX];
	int rounds = argc > 2 ? (int)strtol(argv[1], NULL, 10) : 0, n = argc - 2, failed = 0;

	if (rounds < 1 || n < 1 || n > COMMANDS_MAX) {
		fprintf(stderr, "usage: interleave ROUNDS LABEL=COMMAND...\n");
		return 2;
	}
	for (int i = 0; i < n; i++)
		if (command_init(&c[i], argv[i + 2], rounds) < 0)
			return 2;
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			c[i].failed += run_once(&c[i], round);
	for (int i = 0; i < n; i++)
		for (int k = 0; k < FIGURES; k++)
			qsort(c[i].figures[k], (size_t)rounds, sizeof(double), compare);
	for (int i = 0; i < n; i++) {
		double *const *f = c[i].figures;
		int middle = rounds / 2;

		failed |= c[i].failed;
		if (c[i].label[0] != '-')
			printf("%-12s median %7.2f ms  min %7.2f  max %7.2f  cpu %6.2f ms  faults %5.0f  rss %6.0f kB  failed %d  ratio %.3f\n",
			       c[i].label, f[WALL][middle], f[WALL][0], f[WALL][rounds - 1], f[CPU][middle],
			       f[FAULTS][middle], f[MEMORY][middle], c[i].failed,
			       f[WALL][middle] / c[n - 1].figures[WALL][middle]);
	}
	return failed != 0;
}
