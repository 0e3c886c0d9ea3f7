/* SPDX-License-Identifier: Apache-2.0 */
/* AFL++ calls a target many times in a process, with inputs in shared memory. */
#include "tests/fuzz/fuzz.h"

#if FUZZ_DRIVER == FUZZ_AFL

__AFL_FUZZ_INIT();

int main(void)
{
	__AFL_INIT();
	const uint8_t *shared = __AFL_FUZZ_TESTCASE_BUF;

	while (__AFL_LOOP(10000)) {
		size_t size = (size_t)__AFL_FUZZ_TESTCASE_LEN;
		/* A copy of the right length: who reads beyond it is found by the sanitizers. */
		uint8_t *copy = malloc(size ?: 1);

		must_hold(copy);
		memcpy(copy, shared, size);
		LLVMFuzzerTestOneInput(copy, size);
		free(copy);
	}
	return 0;
}

#else
/* A translation unit is not empty. */
typedef int fuzz_not_afl;
#endif
