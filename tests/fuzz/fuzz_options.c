/* SPDX-License-Identifier: Apache-2.0 */
/* Any words as a command line, one a line. */
#include "src/options.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *word = text, *argv[WORDS_MAX + 2];
	struct options options = {};
	struct error e = {};
	int argc = 0;

	must_hold(text);
	memcpy(text, data, size);
	text[size] = '\0';
	argv[argc++] = (char[]){ "kedge" };
	while (word && argc <= WORDS_MAX)
		argv[argc++] = strsep(&word, "\n");
	argv[argc] = NULL;
	if (options_parse(argc, argv, &options, &e) < 0 || options_check_args(&options, &e) < 0)
		must_hold(e.kind == ERROR_USAGE && e.msg[0]);
	arena_done(&options.arena);
	free(text);
	return 0;
}
