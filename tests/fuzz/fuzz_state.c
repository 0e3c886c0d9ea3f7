/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as state.json and as the intent of a container, which are files in the current directory. */
#include <fcntl.h>
#include <unistd.h>

#include "libcontainer/state.h"
#include "tests/fuzz/fuzz.h"

static void put(int dir, const char *name, const uint8_t *data, size_t size)
{
	/* A file that is cut and closed is written to the disk by ext4; a new one is not. */
	unlinkat(dir, name, 0);
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	must_hold(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_close int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statedir dir = {.root_fd = -1, .fd = fd, .id = "c1"};
	auto_arena struct arena a = {};
	auto_strbuf struct strbuf out = {};
	struct error e = {}, e2 = {};
	struct state state = {};
	struct intent intent;
	bool found = false;

	put(dir.fd, "state.json", data, size);
	put(dir.fd, "intent", data, size);
	if (state_read(&dir, &a, &state, &e) < 0) {
		must_hold(e.kind != ERROR_NONE && e.kind != ERROR_NOENT && e.msg[0]);
	} else {
		must_hold(state.id && state.bundle && state.pid > 0);
		state_print(&state, STATUS_STOPPED, &out);
		state_print_oci(&state, STATUS_RUNNING, state.pid, &out);
	}
	if (intent_read(&dir, &a, &intent, &found, &e2) < 0)
		must_hold(e2.msg[0]);
	else
		must_hold(found);
	return 0;
}
