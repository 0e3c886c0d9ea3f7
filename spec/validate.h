/* SPDX-License-Identifier: Apache-2.0 */
/* The rules over properties that no single row can know. */
#pragma once

#include "spec/decode.h"

struct rules {
	struct decoder *decoder;
	const struct json *root;
	const char *strip; /* what the document's paths lack: "process." when it is a bare process object */
};

must_check int validate_spec(struct rules *r, struct spec *spec);
must_check int validate_process(struct rules *r, struct spec_process *process);
must_check int validate_resources(struct rules *r, const struct spec_resources *resources);
must_check int validate_mounts(struct rules *r, const struct spec *spec);
must_check int validate_linux(struct rules *r, const struct spec *spec);

/* ERROR_CONFIG "name:line: path: ..."; the path is that of config.json, "linux.devices[3].path". */
#define RULE_PATH_MAX 256
int rule_error(const struct rules *r, const char *path, const char *fmt, ...) printf_like(3, 4);
#define RULE_PATH(...) rule_path((char[RULE_PATH_MAX]){0}, __VA_ARGS__)
const char *rule_path(char *buf, const char *fmt, ...) printf_like(2, 3);

must_check int rule_absolute(const struct rules *r, const char *path, const char *value);
/* A list of CPUs or memory nodes: "0-3,7"; NULL is fine. */
must_check int rule_list(const struct rules *r, const char *path, const char *list);
/* Ranges in bounds, none overlapping another on either side. */
must_check int rule_mappings(const struct rules *r, const char *path, const struct spec_idmaps *maps);
