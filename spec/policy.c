/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "spec/decode.h"

#define WORDS_MAX 256

const struct spec_name policy_floor_names[] = {{"off", POLICY_FLOOR_OFF},
					       {"capabilities", POLICY_FLOOR_CAPABILITIES},
					       {"all", POLICY_FLOOR_ALL},
					       {NULL, 0}};
const struct spec_name policy_require_names[] = {
	{"no-new-privileges", 0}, {"seccomp", 0}, {"user-namespace", 0}, {"masked-paths", 0}, {"read-only-root", 0},
	{"no-root", 0},		  {"memory-limit", 0}, {"pids-limit", 0},    {NULL, 0}};
const struct spec_name policy_namespace_names[] = {{"cgroup", NS_CGROUP}, {"ipc", NS_IPC},   {"mount", NS_MOUNT},
						   {"network", NS_NETWORK}, {"pid", NS_PID}, {"user", NS_USER},
						   {"uts", NS_UTS},	  {NULL, 0}};

#define LIST(N, M, ...) F_STRINGS(policy, N, M.words, WORDS_MAX, PRESENCE(policy, M.set), ##__VA_ARGS__)
static const struct field containers_rows[] = {
	LIST("require", require, .names = policy_require_names, .noun = "requirement"),
	LIST("no-host-namespaces", no_host_namespaces, .names = policy_namespace_names, .noun = "namespace"),
	LIST("no-capabilities", no_capabilities, .names = names_caps, .noun = "capability"),
	F_BOOL(policy, "no-devices", no_devices.v),
	F_BOOL(policy, "no-shared-mounts", no_shared_mounts.v),
	F_BOOL(policy, "no-user-namespaces", no_user_namespaces.v),
	F_BOOL(policy, "nosymfollow", nosymfollow.v),
	F_ENUM(policy, "seccomp-floor", seccomp_floor, policy_floor_names, "value"),
	/* The host's alone from here. */
	LIST("root-paths", root_paths),
	LIST("mount-sources", mount_sources),
	LIST("trusted-sources", trusted_sources),
	LIST("hook-paths", hook_paths),
	F_STRING(policy, "audit", audit),
};
#define N_ANNOTATIONS 8
static const struct fields containers_fields = FIELDS(policy, containers_rows, .closed = true);
/* Members that are not ours are the guard's, which knows them all. */
static const struct field policy_rows[] = {F_GROUP("containers", containers_fields)};
static const struct fields policy_fields = FIELDS(policy, policy_rows);

/* What others may write would be no floor. */
int policy_file_read(struct strbuf *text, bool *found, struct error *e)
{
	struct stat st;

	*found = false;
	auto_close int fd = open(POLICY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(e, ERROR_CONFIG, errno, "cannot open '%s'", POLICY_FILE);
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022))
		return error_set(e, ERROR_CONFIG, 0, "'%s': must be a file that root owns and nobody else may write",
				 POLICY_FILE);
	if (read_all(fd, JSON_BYTES_MAX, text) < 0)
		return error_set(e, ERROR_CONFIG, errno, "cannot read '%s'", POLICY_FILE);
	*found = true;
	return 0;
}

static struct policy_list *list_of(struct policy *p, const struct field *f)
{
	return (struct policy_list *)(void *)((char *)p + f->offset - offsetof(struct policy_list, words));
}

static int check_paths(const struct field *f, const struct policy_list *list, struct error *e)
{
	for (size_t i = 0; i < list->words.n; i++)
		if (list->words.v[i][0] != '/')
			return error_set(e, ERROR_CONFIG, 0, POLICY_FILE ": containers.%s[%zu]: '%s' must be an absolute path",
					 f->name, i, list->words.v[i]);
	return 0;
}

static struct spec *owner_of(struct policy *p)
{
	if (!p->owner)
		p->owner = calloc(1, sizeof(*p->owner));
	if (!p->owner)
		abort();
	return p->owner;
}

int policy_parse(const char *text, size_t size, struct policy *ret, struct error *e)
{
	struct decoder d = {.spec = owner_of(ret), .name = POLICY_FILE, .e = e};
	struct json *root;

	ret->set = true;
	if (json_parse(&ret->owner->arena, d.name, text, size, &root, e) < 0)
		return -1;
	struct where top = {.v = root};
	if (root->type != JSON_OBJECT)
		return decode_type_error(&d, &top, JSON_OBJECT);
	if (decode_object(&d, &top, &policy_fields, ret) < 0)
		return -1;
	if (ret->audit && ret->audit[0] != '/')
		return error_set(e, ERROR_CONFIG, 0, POLICY_FILE ": containers.audit: '%s' must be an absolute path", ret->audit);
	for (size_t i = 0; i < containers_fields.n; i++) {
		const struct field *f = &containers_rows[i];

		if (f->type != FIELD_STRINGS)
			continue;
		list_of(ret, f)->n_host = list_of(ret, f)->words.n;
		if (i >= N_ANNOTATIONS && check_paths(f, list_of(ret, f), e) < 0)
			return -1;
	}
	return 0;
}

int policy_read(struct policy *ret, struct error *e)
{
	auto_strbuf struct strbuf text = {};
	bool found;

	if (policy_file_read(&text, &found, e) < 0)
		return -1;
	return found ? policy_parse(strbuf_str(&text), text.len, ret, e) : 0;
}

static int annotation_error(const struct field *f, const char *text, const char *why, struct error *e)
{
	return error_set(e, ERROR_CONFIG, 0, "annotations: " POLICY_ANNOTATION "%s: '%.64s' %s", f->name, text, why);
}

/* "a,b": added to what the host says. */
static int add_words(struct policy *p, const struct field *f, const char *text, struct error *e)
{
	struct policy_list *list = list_of(p, f);
	struct arena *a = &owner_of(p)->arena;
	char **v = arena_array(a, list->words.n + strlen(text) + 2, sizeof(char *));
	int64_t value;

	if (list->words.n > 0)
		memcpy(v, list->words.v, list->words.n * sizeof(*v));
	list->words.v = v;
	for (const char *word = text;; word++) {
		size_t len = strcspn(word, ",");
		char *copy = arena_printf(a, "%.*s", (int)len, word);

		if (!name_to_value(f->names, copy, &value))
			return annotation_error(f, copy, arena_printf(a, "is no %s", f->noun), e);
		v[list->words.n++] = copy;
		word += len;
		if (!*word)
			break;
	}
	list->set = true;
	return 0;
}

static int annotate(struct policy *p, const struct field *f, const char *text, struct error *e)
{
	int64_t value;

	if (f->type == FIELD_STRINGS)
		return add_words(p, f, text, e);
	if (f->type == FIELD_BOOL) {
		bool *flag = (bool *)(void *)((char *)p + f->offset);
		if (strcmp(text, "true") != 0)
			return annotation_error(f, text, "must be 'true': annotations only tighten", e);
		flag[1] = !flag[0];
		flag[0] = true;
		return 0;
	}
	if (!name_to_value(f->names, text, &value))
		return annotation_error(f, text, "is no value", e);
	if (value < p->seccomp_floor)
		return annotation_error(f, text, "is looser than the host's", e);
	p->seccomp_floor = (uint32_t)value;
	return 0;
}

int policy_annotate(struct policy *p, const struct spec *spec, struct error *e)
{
	size_t prefix = strlen(POLICY_ANNOTATION);

	for (size_t i = 0; i < spec->annotations.n; i++) {
		const struct spec_pair *pair = &spec->annotations.v[i];
		const struct field *row = NULL;

		if (strncmp(pair->key, POLICY_ANNOTATION, prefix) != 0)
			continue;
		for (size_t k = 0; k < N_ANNOTATIONS; k++)
			if (strcmp(containers_rows[k].name, pair->key + prefix) == 0)
				row = &containers_rows[k];
		if (!row)
			return error_set(e, ERROR_CONFIG, 0, "annotations: unknown annotation '%.128s'", pair->key);
		if (annotate(p, row, pair->value, e) < 0)
			return -1;
		p->set = true;
	}
	return 0;
}

void policy_done(struct policy *p)
{
	p->owner = spec_free(p->owner);
}
