/* What the tests of spec/ share: the samples below tests/unit/data, and documents from text. */
#pragma once

#include <fcntl.h>

#include "base/io.h"
#include "spec/json.h"
#include "spec/spec.h"
#include "tests/unit/tap.h"

__attribute__((unused)) static void read_sample(const char *name, struct strbuf *ret)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/unit/data/%s", getenv("top_srcdir") ?: ".", name);
	if (read_file_at(AT_FDCWD, path, JSON_BYTES_MAX, ret) < 0) {
		printf("Bail out! cannot read %s\n", path);
		exit(1);
	}
}

__attribute__((unused)) static struct json *tree_of(struct arena *a, const char *text, size_t size)
{
	struct error e = {0};
	struct json *root = NULL;

	if (json_parse(a, "sample", text, size, &root, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	return root;
}

/* NULL when the document is accepted, else the message; the spec is given only where it is wanted. */
__attribute__((unused)) static const char *spec_refusal(const char *text, size_t size, struct spec **ret)
{
	static struct error e;
	struct spec *spec = NULL;

	e = (struct error){0};
	int r = spec_parse("config.json", text, size, &spec, &e);
	if (r == 0 && ret)
		*ret = spec;
	else
		spec_free(spec);
	return r < 0 ? e.msg : NULL;
}
