/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled filters on disk: libseccomp needs milliseconds for what is the same filter for every container of an engine.
 *
 * A file is a header, the program, and the key: the profile written out whole, every string with its length. Only the
 * name of a file comes from a hash; a file is believed when its key is ours byte for byte, so that no two profiles can
 * ever share a filter, whatever the hash does. (A key made by feeding strings to a hash one after the other, or without
 * one of the fields, gave containers the filter of others.) The listener's path and metadata are no part of it: they
 * say where events go and change no instruction, and may differ from container to container.
 *
 * The file must be ours alone (owner, mode, no link): who can write it can write this process's memory as well. The
 * checksum is against disks and crashes, not against people: nothing here is synced, since losing the cache costs one
 * compilation.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "base/io.h"
#include "seccomp/internal.h"

#define CACHE_FORMAT 1U
#define CACHE_FILES_MAX 64
#define CACHE_BYTES_MAX (1UL << 20)

struct cache_header {
	char magic[8];
	uint32_t format;
	uint32_t n_insns;
	uint64_t key_size;
	uint64_t sum; /* of everything else */
	struct library_id library;
};
_Static_assert(sizeof(struct cache_header) == 32 + 56 + 32 + 256, "no padding, so equal headers have equal sums");

static const char cache_magic[8] = {'k', 'e', 'd', 'g', 'e', 'b', 'p', 'f'};

/* Multiply and fold, eight bytes at a time; good enough to spread names and to notice a torn file. */
static uint64_t hash_bytes(uint64_t seed, const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t h = seed ^ (n * 0x9e3779b97f4a7c15U);

	while (n > 0) {
		size_t step = MIN(n, sizeof(uint64_t));
		uint64_t word = 0;

		memcpy(&word, p, step);
		h = (h ^ word) * 0xff51afd7ed558ccdU;
		h ^= h >> 32;
		p += step;
		n -= step;
	}
	h *= 0xc4ceb9fe1a85ec53U;
	return h ^ (h >> 29);
}

static void key_u64(struct strbuf *b, uint64_t v)
{
	strbuf_add(b, &v, sizeof(v));
}

static void key_str(struct strbuf *b, const char *s)
{
	size_t n = strlen(s);

	key_u64(b, n);
	strbuf_add(b, s, n);
}

static void key_strings(struct strbuf *b, const struct spec_strings *list)
{
	key_u64(b, list->n);
	for (size_t i = 0; i < list->n; i++)
		key_str(b, list->v[i]);
}

static void key_opt(struct strbuf *b, const struct opt_u32 *v)
{
	key_u64(b, v->set);
	key_u64(b, v->set ? v->v : 0);
}

void cache_key(const struct spec_seccomp *profile, struct strbuf *ret)
{
	const char *platform = (const char *)getauxval(AT_PLATFORM);

	/* The program's version: what an older kedge made of a profile is not to be trusted after an upgrade. */
	key_str(ret, PACKAGE_VERSION);
	/* The native architecture is always in a filter, named or not. */
	key_str(ret, platform ?: "");
	key_u64(ret, sizeof(void *));
	key_u64(ret, profile->default_action);
	key_opt(ret, &profile->default_errno_ret);
	key_strings(ret, &profile->architectures);
	key_u64(ret, profile->flags_set);
	key_u64(ret, profile->flags);
	key_u64(ret, profile->syscalls.n);
	for (size_t i = 0; i < profile->syscalls.n; i++) {
		const struct spec_seccomp_rule *rule = &profile->syscalls.v[i];

		key_strings(ret, &rule->names);
		key_u64(ret, rule->action);
		key_opt(ret, &rule->errno_ret);
		key_u64(ret, rule->args.n);
		for (size_t j = 0; j < rule->args.n; j++) {
			key_u64(ret, rule->args.v[j].index);
			key_u64(ret, rule->args.v[j].value);
			key_u64(ret, rule->args.v[j].value_two);
			key_u64(ret, (uint64_t)rule->args.v[j].op);
		}
	}
}

/* "0123456789abcdef.bpf"; the temporary one is the same with a dot before it: one for each name, not for each writer,
 * so that killed writers leave no more files than there are profiles. */
#define NAME_LEN 20
struct cache_name {
	char temp[1 + NAME_LEN + 1];
	const char *name;
};

static void cache_name(const struct strbuf *key, struct cache_name *ret)
{
	snprintf(ret->temp, sizeof(ret->temp), ".%016llx.bpf", (unsigned long long)hash_bytes(0, key->s, key->len));
	ret->name = ret->temp + 1;
}

/* header->sum is the caller's to clear first. */
static uint64_t cache_sum(const struct cache_header *header, const void *insns, const void *key)
{
	uint64_t h = hash_bytes(CACHE_FORMAT, header, sizeof(*header));

	h = hash_bytes(h, insns, header->n_insns * sizeof(struct sock_filter));
	return hash_bytes(h, key, header->key_size);
}

/* Reads the whole file into malloc'ed memory; NULL for one that cannot be ours. */
static char *cache_read(int dirfd, const char *name, size_t *ret_size)
{
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	auto_free char *data = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 07777) != 0600 || st.st_nlink != 1)
		return NULL;
	if (st.st_size < (off_t)sizeof(struct cache_header) || st.st_size > (off_t)CACHE_BYTES_MAX)
		return NULL;
	*ret_size = (size_t)st.st_size;
	data = malloc(*ret_size);
	if (!data || pread(fd, data, *ret_size, 0) != (ssize_t)*ret_size)
		return NULL;
	return TAKE(data);
}

static bool cache_accept(const char *data, size_t size, const struct strbuf *key, struct cache_header *ret)
{
	const char *insns = data + sizeof(*ret);
	struct cache_header unsummed;
	size_t program_size;

	memcpy(ret, data, sizeof(*ret));
	if (memcmp(ret->magic, cache_magic, sizeof(cache_magic)) != 0 || ret->format != CACHE_FORMAT)
		return false;
	if (ret->n_insns == 0 || ret->n_insns > BPF_MAXINSNS || ret->key_size != key->len)
		return false;
	program_size = ret->n_insns * sizeof(struct sock_filter);
	if (size != sizeof(*ret) + program_size + key->len || memcmp(insns + program_size, key->s, key->len) != 0)
		return false;
	unsummed = *ret;
	unsummed.sum = 0;
	return cache_sum(&unsummed, insns, insns + program_size) == ret->sum && library_unchanged(&ret->library);
}

bool cache_load(int dirfd, const struct strbuf *key, struct arena *arena, struct seccomp_program *ret)
{
	auto_free char *data = NULL;
	struct cache_header header;
	struct cache_name name;
	size_t size;

	cache_name(key, &name);
	data = cache_read(dirfd, name.name, &size);
	if (!data || !cache_accept(data, size, key, &header))
		return false;
	ret->n = header.n_insns;
	ret->insns = arena_array(arena, ret->n, sizeof(struct sock_filter));
	memcpy(ret->insns, data + sizeof(header), ret->n * sizeof(struct sock_filter));
	return true;
}

struct cache_file {
	struct timespec mtime;
	char name[sizeof(((struct cache_name *)0)->temp)];
};

static int cache_file_compare(const void *a, const void *b)
{
	const struct timespec *x = &((const struct cache_file *)a)->mtime;
	const struct timespec *y = &((const struct cache_file *)b)->mtime;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static bool is_cache_file(const char *name)
{
	size_t dot = name[0] == '.';

	return strspn(name + dot, "0123456789abcdef") == NAME_LEN - 4 && strcmp(name + dot + NAME_LEN - 4, ".bpf") == 0;
}

/* Removes the oldest files beyond the limit, but never `keep`. A directory with more than twice the limit (somebody's
 * copy) shrinks over several calls. */
static void cache_prune(int dirfd, const char *keep)
{
	struct cache_file files[2 * CACHE_FILES_MAX];
	size_t n = 0;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *d = readdir(dir); d && n < ARRAY_SIZE(files); d = readdir(dir)) {
		if (!is_cache_file(d->d_name) || strcmp(d->d_name, keep) == 0 ||
		    fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		files[n].mtime = st.st_mtim;
		memcpy(files[n++].name, d->d_name, strlen(d->d_name) + 1);
	}
	closedir(dir);
	qsort(files, n, sizeof(files[0]), cache_file_compare);
	for (size_t i = 0; n - i > CACHE_FILES_MAX - 1; i++)
		unlinkat(dirfd, files[i].name, 0);
}

static bool cache_write(int dirfd, const char *name, const struct strbuf *content)
{
	auto_close int fd = -1;

	/* A leftover of a killed writer, or the file of one at work on the same profile: that one then finds its name
	 * gone or taken, and at worst publishes our half-written file for a moment, which readers take for torn. */
	unlinkat(dirfd, name, 0);
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0 && fchmod(fd, 0600) == 0 && write_all(fd, content->s, content->len) == 0;
}

void cache_store(int dirfd, const struct strbuf *key, const struct seccomp_program *program)
{
	struct cache_header header = {
		.format = CACHE_FORMAT,
		.n_insns = (uint32_t)program->n,
		.key_size = key->len,
	};
	size_t program_size = program->n * sizeof(struct sock_filter);
	auto_strbuf struct strbuf content = {};
	struct cache_name name;

	if (sizeof(header) + program_size + key->len > CACHE_BYTES_MAX || !library_identify(&header.library))
		return;
	memcpy(header.magic, cache_magic, sizeof(cache_magic));
	header.sum = cache_sum(&header, program->insns, key->s);
	strbuf_add(&content, &header, sizeof(header));
	strbuf_add(&content, program->insns, program_size);
	strbuf_add(&content, key->s, key->len);
	cache_name(key, &name);
	if (!cache_write(dirfd, name.temp, &content) || renameat(dirfd, name.temp, dirfd, name.name) < 0) {
		unlinkat(dirfd, name.temp, 0);
		return;
	}
	cache_prune(dirfd, name.name);
}
