/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz target is one function of libFuzzer's form. In `make check` replay.c calls it with the corpus; in tests/fuzz/live and
 * tests/fuzz/long libFuzzer does, or afl.c. What must hold is said with must_hold(), which counts as a crash. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whose main() there is. */
#define FUZZ_REPLAY 0
#define FUZZ_LIBFUZZER 1
#define FUZZ_AFL 2
#ifndef FUZZ_DRIVER
#define FUZZ_DRIVER FUZZ_REPLAY
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must_hold(cond)                                                                            \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)
