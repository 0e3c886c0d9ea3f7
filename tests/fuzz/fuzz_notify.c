/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a message of the container to its notify socket: one line at most reaches the manager, and it is READY=. */
#include "libcontainer/terminal.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	size_t len = strlen(text);
	const char *ready = sdnotify_ready(text);

	if (ready) {
		must_hold(ready >= text && ready < text + len);
		must_hold(strncmp(ready, "READY=", 6) == 0 && !strchr(ready, '\n'));
	}
	free(text);
	return 0;
}
