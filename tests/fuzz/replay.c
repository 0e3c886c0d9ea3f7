/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files of the directories given, each as it is and then FUZZ_ROUNDS times (default 2000)
 * changed at random, and prints TAP. The changes come from a generator seeded by the content: a run that failed fails
 * again. The input of a crash is left in ./fuzz-crash.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#if FUZZ_DRIVER == FUZZ_REPLAY

#define INPUT_MAX (256U << 10)

static uint8_t input[INPUT_MAX];
static size_t input_size;
static uint64_t seed;
static int n_tests;

static void crash(int sig)
{
	int fd = open("fuzz-crash", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd >= 0 && write(fd, input, input_size) < 0)
		_exit(2);
	signal(sig, SIG_DFL);
	raise(sig);
}

static size_t below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return n ? (size_t)(seed % n) : 0;
}

static void insert(size_t at, const void *text, size_t n)
{
	if (input_size + n > INPUT_MAX)
		return;
	memmove(input + at + n, input + at, input_size - at);
	memcpy(input + at, text, n);
	input_size += n;
}

static void cut(size_t at, size_t n)
{
	memmove(input + at, input + at + n, input_size - at - n);
	input_size -= n;
}

/* The rest of a JSON value or of a line: the changes that get past the first look at the text. */
static size_t value_at(size_t *at)
{
	size_t n = 0;

	while (*at < input_size && !strchr(":,[\n", input[*at]))
		++*at;
	*at += *at < input_size;
	while (*at + n < input_size && !strchr(",]}\n", input[*at + n]))
		n++;
	return n;
}

static void change(void)
{
	/* What parsers stumble over: numbers at the edges, nesting, ends of strings. */
	static const char *const words[] = {
		"0", "-1", "1e9", "4294967295", "4294967296", "9223372036854775808", "18446744073709551616", "0x10",
		"null", "true", "\"\"", "{}", "[]", "[[[[", "{\"a\":", "\\u0000", "\\ud800", "\"", "\\", ",", "..", "/../",
		"%s%n", "\xff", "\xc0\x80", "=", "--", "-", "\n", " ", "0-", "-9999", "99999999999999999999999999",
	};
	size_t at = below(input_size + 1), left = input_size - at;
	uint8_t copy[64];
	size_t n = below(sizeof(copy) + 1);
	const char *word = words[below(sizeof(words) / sizeof(words[0]))];

	if (n > left)
		n = left;
	switch (below(10)) {
	case 0: /* one bit */
		if (left)
			input[at] ^= (uint8_t)(1U << below(8));
		break;
	case 1: cut(at, n); break;
	case 2: insert(at, word, strlen(word)); break;
	case 3: /* a word in the place of what was there */
		cut(at, n);
		insert(at, word, strlen(word));
		break;
	case 4: /* something twice */
		memcpy(copy, input + at, n);
		insert(below(input_size + 1), copy, n);
		break;
	case 5: input_size = at; break; /* the end is missing */
	default:
		n = value_at(&at);
		cut(at, n);
		insert(at, word, strlen(word));
		break;
	}
}

static void replay(const char *path, unsigned long rounds)
{
	static uint8_t original[INPUT_MAX];
	FILE *f = fopen(path, "re");
	size_t size = f ? fread(original, 1, sizeof(original), f) : 0;

	if (f)
		fclose(f);
	seed = 88172645463325252U;
	for (size_t i = 0; i < size; i++)
		seed = (seed ^ original[i]) * 1099511628211U;
	if (!seed)
		seed = 1;
	for (unsigned long round = 0; round <= rounds; round++) {
		memcpy(input, original, size);
		input_size = size;
		for (size_t n = round ? 1 + below(4) : 0; n; n--)
			change();
		LLVMFuzzerTestOneInput(input, input_size);
	}
	printf("%sok %d - %s\n", f ? "" : "not ", ++n_tests, path);
	fflush(stdout);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	const char *text = secure_getenv("FUZZ_ROUNDS");
	unsigned long rounds = text ? strtoul(text, NULL, 10) : 2000;

	signal(SIGABRT, crash);
	signal(SIGSEGV, crash);
	signal(SIGBUS, crash);
	for (int i = 1; i < argc; i++) {
		struct dirent **names;
		int n = scandir(argv[i], &names, visible, alphasort);

		if (n < 0) {
			replay(argv[i], rounds);
			continue;
		}
		for (int k = 0; k < n; k++) {
			char path[4096];

			snprintf(path, sizeof(path), "%s/%s", argv[i], names[k]->d_name);
			replay(path, rounds);
			free(names[k]);
		}
		free(names);
	}
	printf("1..%d\n", n_tests);
	return n_tests ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
