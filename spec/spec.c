/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "spec/decode.h"
#include "spec/validate.h"

/* Parses, decodes by table and leaves the tree for the rules. */
static int decode_document(struct decoder *d, const char *text, size_t size, const struct fields *table, void *target,
			   struct json **root)
{
	if (json_parse(&d->spec->arena, d->name, text, size, root, d->e) < 0)
		return -1;
	struct where top = {.v = *root};
	if (top.v->type != JSON_OBJECT)
		return decode_type_error(d, &top, JSON_OBJECT);
	return decode_object(d, &top, table, target);
}

int spec_parse(const char *name, const char *text, size_t size, struct spec **ret, struct error *e)
{
	auto_spec struct spec *spec = calloc(1, sizeof(*spec));
	struct decoder d = {.spec = spec, .name = name, .e = e};
	struct rules rules = {.decoder = &d, .strip = ""};
	struct json *root;

	if (!spec)
		abort();
	if (size <= JSON_BYTES_MAX) {
		spec->text = arena_strndup(&spec->arena, text, size);
		spec->text_size = size;
	}
	if (decode_document(&d, text, size, &spec_fields, spec, &root) < 0)
		return -1;
	rules.root = root;
	if (validate_spec(&rules, spec) < 0)
		return -1;
	*ret = TAKE(spec);
	return 0;
}

int spec_parse_process(struct spec *spec, const char *name, const char *text, size_t size, struct spec_process *ret,
		       struct error *e)
{
	struct decoder d = {.spec = spec, .name = name, .e = e};
	struct rules rules = {.decoder = &d, .strip = "process."};
	struct spec_process process = {.set = true};
	struct json *root;

	if (decode_document(&d, text, size, &process_fields, &process, &root) < 0)
		return -1;
	rules.root = root;
	if (validate_process(&rules, &process) < 0)
		return -1;
	*ret = process;
	return 0;
}

int spec_parse_resources(struct spec *spec, const char *name, const char *text, size_t size, struct spec_resources *ret,
			 struct error *e)
{
	struct decoder d = {.spec = spec, .name = name, .e = e};
	struct rules rules = {.decoder = &d, .strip = "linux.resources."};
	struct spec_resources resources = {.set = true};
	struct json *root;

	if (decode_document(&d, text, size, &resources_fields, &resources, &root) < 0)
		return -1;
	rules.root = root;
	if (validate_resources(&rules, &resources) < 0)
		return -1;
	*ret = resources;
	return 0;
}

/* Read as the member of a configuration that it is, after a look at whether it is a document by itself. */
int spec_parse_mounts(struct spec *spec, const char *name, const char *text, size_t size, bool places,
		      struct spec_mounts *ret, struct error *e)
{
	struct spec only = {.linux_ = spec->linux_};
	struct decoder d = {.spec = spec, .name = name, .e = e};
	struct rules rules = {.decoder = &d, .strip = ""};
	auto_strbuf struct strbuf whole = {0};
	struct json *root;

	if (json_parse(&spec->arena, name, text, size, &root, e) < 0)
		return -1;
	strbuf_adds(&whole, "{\"mounts\":");
	strbuf_add(&whole, text, size);
	strbuf_addc(&whole, '}');
	if (decode_document(&d, whole.s, whole.len, &mounts_fields, &only, &root) < 0)
		return -1;
	rules.root = root;
	if (!places && validate_mounts(&rules, &only) < 0)
		return -1;
	*ret = only.mounts;
	return 0;
}

int spec_load(int dirfd, const char *name, struct spec **ret, struct error *e)
{
	auto_strbuf struct strbuf text = {0};
	struct stat st;

	/* O_NONBLOCK: a FIFO must not hold the runtime for ever */
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return error_set(e, ERROR_CONFIG, 0, "JSON specification file %s not found", name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(e, ERROR_CONFIG, errno, "cannot open '%s'", name);
	if (!S_ISREG(st.st_mode))
		return error_set(e, ERROR_CONFIG, 0, "cannot read '%s': not a regular file", name);
	if (read_all(fd, JSON_BYTES_MAX, &text) < 0) {
		if (errno == EFBIG)
			return error_set(e, ERROR_CONFIG, 0, "%s: larger than the limit of 4 MiB", name);
		return error_set(e, ERROR_CONFIG, errno, "cannot read '%s'", name);
	}
	return spec_parse(name, strbuf_str(&text), text.len, ret, e);
}

struct spec *spec_free(struct spec *spec)
{
	if (!spec)
		return NULL;
	struct arena arena = spec->arena;
	arena_done(&arena);
	free(spec);
	return NULL;
}

const char *spec_annotation(const struct spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->annotations.n; i++)
		if (strcmp(spec->annotations.v[i].key, key) == 0)
			return spec->annotations.v[i].value;
	return NULL;
}
