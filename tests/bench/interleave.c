/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interleave ROUNDS LABEL=COMMAND...: runs the commands in turn, A B C A B C, so that whatever else the machine does meets all
 * alike, and prints each one's median, least and greatest wall time and its ratio to the last one's median. Commands are split at spaces;
 * "%N" in an argument becomes the number of the round. Exit status 1 when any run fails.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define ARGS_MAX 64
#define COMMANDS_MAX 16

struct command {
	const char *label;
	char *text;
	double *ms;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int run_once(const char *text, int round, double *ms)
{
	char *copy = strdup(text), *rest = copy, *word, *argv[ARGS_MAX + 1], numbered[ARGS_MAX][256];
	extern char **environ;
	size_t n = 0;
	pid_t pid;
	int status;

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
	double start = now_ms();
	int err = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (!err)
		err = waitpid(pid, &status, 0) < 0 || status;
	*ms = now_ms() - start;
	free(copy);
	return err;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct command c[COMMANDS_MAX];
	int rounds = argc > 2 ? (int)strtoul(argv[1], NULL, 10) : 0, n = argc - 2, failed = 0;

	if (rounds < 1 || n < 1 || n > COMMANDS_MAX) {
		fprintf(stderr, "usage: interleave ROUNDS LABEL=COMMAND...\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		c[i].label = argv[i + 2];
		c[i].text = strchr(argv[i + 2], '=');
		c[i].ms = calloc((size_t)rounds, sizeof(double));
		if (!c[i].text || !c[i].ms)
			return 2;
		*c[i].text++ = '\0';
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			if (run_once(c[i].text, round, &c[i].ms[round])) {
				fprintf(stderr, "failed: %s\n", c[i].text);
				failed = 1;
			}
	for (int i = 0; i < n; i++)
		qsort(c[i].ms, (size_t)rounds, sizeof(double), compare);
	for (int i = 0; i < n; i++)
		printf("%-12s median %7.2f ms  min %7.2f  max %7.2f  ratio %.3f\n", c[i].label, c[i].ms[rounds / 2], c[i].ms[0],
		       c[i].ms[rounds - 1], c[i].ms[rounds / 2] / c[n - 1].ms[rounds / 2]);
	return failed;
}
