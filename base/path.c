/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

char *path_clean(struct arena *a, const char *path)
{
	size_t len = 0, n;
	char *out = arena_alloc(a, strlen(path) + 2);

	for (const char *p = path; *p; p += n) {
		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.'))
			continue;
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (len > 0 && out[--len] != '/')
				;
			continue;
		}
		out[len++] = '/';
		memcpy(out + len, p, n);
		len += n;
	}
	if (len == 0)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}

char *path_join(struct arena *a, const char *base, const char *path)
{
	return path[0] == '/' ? path_clean(a, path) : path_clean(a, arena_printf(a, "%s/%s", base, path));
}

int path_absolute(struct arena *a, const char *path, char **ret, struct error *e)
{
	char cwd[PATH_MAX];

	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return error_set(e, ERROR_HOST, errno, "cannot tell the current directory");
	*ret = path_join(a, path[0] == '/' ? "/" : cwd, path);
	return 0;
}
