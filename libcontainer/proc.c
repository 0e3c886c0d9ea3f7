/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/num.h"
#include "libcontainer/state.h"

#define STAT_MAX 4096
#define STAT_FIELD_STATE 3
#define STAT_FIELD_START 22

/* proc(5): the fields are counted from behind the command, which may hold spaces and parentheses itself. */
static int stat_parse(char *text, struct proc_stat *ret)
{
	char *p = strrchr(text, ')'), *save = NULL;
	int field = STAT_FIELD_STATE;

	if (!p)
		return -1;
	for (char *word = strtok_r(p + 1, " \n", &save); word; word = strtok_r(NULL, " \n", &save), field++) {
		if (field == STAT_FIELD_STATE)
			ret->state = word[0];
		else if (field == STAT_FIELD_START)
			return parse_u64(word, UINT64_MAX, &ret->start_time);
	}
	return -1;
}

int proc_stat_read(pid_t pid, struct proc_stat *ret)
{
	auto_strbuf struct strbuf text = {};
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_file_at(AT_FDCWD, path, STAT_MAX, &text) < 0)
		return -1;
	if (!text.s || stat_parse(text.s, ret) < 0) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

int proc_start_time(pid_t pid, uint64_t *ret, struct error *e)
{
	struct proc_stat st;

	if (proc_stat_read(pid, &st) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read the start time of process %d", (int)pid);
	*ret = st.start_time;
	return 0;
}
