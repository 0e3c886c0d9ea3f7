/* SPDX-License-Identifier: Apache-2.0 */
/* mounts[]: sources are cloned as detached trees, by init or, where it sees less of the host, by the parent; file systems are made
 * by init in its namespaces; attributes are set before anything is attached. */
#include <string.h>

#include "base/path.h"
#include "base/sys.h"
#include "libcontainer/plan.h"
#include "spec/mount_options.h"

struct mount_plan {
	const struct spec_mount *mount;
	size_t index;
	const char *dest; /* cleaned, absolute inside */
	uint8_t strict;   /* PLAN_NOSYMLINKS, or 0 */
	struct mount_options o;
	uint16_t reg;
	enum plan_side side; /* who owns the mount until it is placed */
};

static void add_attr(struct plan *plan, const struct mount_plan *m, uint64_t set, uint64_t clr, uint64_t propagation,
		     unsigned flags)
{
	if (!set && !clr && !propagation)
		return;
	struct plan_step *s = plan_add(plan, m->side, STEP_MOUNT_ATTR);
	s->reg = m->reg;
	s->num[0] = set;
	s->num[1] = clr;
	s->num[2] = propagation;
	s->num[3] = flags;
}

static void add_option(struct plan *plan, const struct mount_plan *m, const char *key, const char *value, uint8_t flags)
{
	uint32_t k = plan_str(plan, key), v = value ? plan_str(plan, value) : 0;
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_FSCONFIG);

	s->reg = m->reg;
	s->str = k;
	s->str2 = v;
	s->flags = flags;
}

static void add_place(struct plan *plan, const struct mount_plan *m, enum plan_place what, uint8_t flags)
{
	uint32_t dest = plan_str(plan, m->dest);
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_PLACE);

	s->reg = m->reg;
	s->str = dest;
	s->num[0] = what;
	s->flags = flags | m->strict;
}

/* The wanted propagation comes after the mount is attached: a detached mount has no peers yet to propagate to. */
static void add_propagation(struct plan *plan, const struct mount_plan *m)
{
	if (!m->o.propagation)
		return;
	uint32_t dest = plan_str(plan, m->dest);
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_RETUNE);
	s->str = dest;
	s->flags = m->strict;
	s->num[2] = m->o.propagation & ~(uint64_t)MS_REC;
	s->num[3] = m->o.propagation & MS_REC ? AT_RECURSIVE : 0;
}

/* A clone of a shared host mount would be its peer: what the container mounts below would appear on the host. */
static uint64_t source_propagation(const struct plan_input *in)
{
	const char *root = in->spec->linux_.rootfs_propagation;

	if (root && (strcmp(root, "shared") == 0 || strcmp(root, "rshared") == 0))
		return 0;
	if (root && (strcmp(root, "private") == 0 || strcmp(root, "rprivate") == 0))
		return MS_PRIVATE;
	return MS_SLAVE;
}

/* The register of the user namespace that the container joins; its maps are not in the configuration. */
static uint16_t joined_userns(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->steps[i].kind == STEP_OPEN_NS && plan->steps[i].num[0] == CLONE_NEWUSER)
			return plan->steps[i].reg;
	return REG_NONE;
}

static struct plan_step *add_maps(struct plan *plan, enum plan_side side, enum plan_kind kind,
				  const struct spec_idmaps *uid, const struct spec_idmaps *gid)
{
	size_t size = (uid->n + gid->n) * sizeof(*uid->v);
	struct spec_idmap *all = arena_array(&plan->arena, uid->n + gid->n, sizeof(*all));

	if (uid->n)
		memcpy(all, uid->v, uid->n * sizeof(*all));
	if (gid->n)
		memcpy(all + uid->n, gid->v, gid->n * sizeof(*all));
	uint32_t blob = plan_blob(plan, all, size);
	struct plan_step *s = plan_add(plan, side, kind);
	s->blob = blob;
	s->blob_len = (uint32_t)size;
	s->num[0] = uid->n;
	return s;
}

static uint16_t new_userns(struct plan *plan, const struct spec_idmaps *uid, const struct spec_idmaps *gid)
{
	uint16_t reg = plan_reg(plan);

	add_maps(plan, SIDE_PREPARE, STEP_IDMAP, uid, gid)->reg = reg;
	return reg;
}

/* Only init sees the source, and only who has rights over the file system may map its ids. */
static void map_for_init(struct plan *plan, const struct mount_plan *m, const struct spec_idmaps *uid,
			 const struct spec_idmaps *gid)
{
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_BARRIER);

	s->num[0] = BARRIER_MOUNT;
	s->reg = m->reg;
	s = add_maps(plan, SIDE_PARENT, STEP_MOUNT_IDS, uid, gid);
	s->num[3] = m->o.ridmap ? AT_RECURSIVE : 0;
}

static int add_idmap(struct plan *plan, const struct plan_input *in, const struct mount_plan *m, struct error *e)
{
	const struct spec_idmaps *uid = &m->mount->uid_mappings, *gid = &m->mount->gid_mappings;

	if (!uid->n && !m->o.idmap && !m->o.ridmap)
		return 0;
	if (!uid->n) {
		uid = &in->spec->linux_.uid_mappings;
		gid = &in->spec->linux_.gid_mappings;
	}
	if (m->o.idmap_uids || m->o.idmap_gids)
		return error_set(e, ERROR_CONFIG, 0,
				 "mounts[%zu] '%s': option 'idmap=' with a mapping is not supported, use uidMappings "
				 "and gidMappings",
				 m->index, m->mount->destination);
	uint16_t userns = uid->n ? REG_NONE : joined_userns(plan);
	if (userns == REG_NONE && (!uid->n || !gid->n))
		return error_set(e, ERROR_CONFIG, 0,
				 "mounts[%zu] '%s': option 'idmap' needs uidMappings and gidMappings", m->index,
				 m->mount->destination);
	if (!in->privileged)
		return error_set(e, ERROR_CONFIG, 0, "mounts[%zu] '%s': idmapped mounts need privileges on the host",
				 m->index, m->mount->destination);
	if (m->side != SIDE_PREPARE && in->userns) {
		map_for_init(plan, m, uid, gid);
		return 0;
	}
	if (userns == REG_NONE)
		userns = new_userns(plan, uid, gid);
	struct plan_step *s = plan_add(plan, m->side, STEP_MOUNT_ATTR);
	s->reg = m->reg;
	s->reg2 = userns;
	s->num[3] = m->o.ridmap ? AT_RECURSIVE : 0;
	return 0;
}

/* Since Linux 6.8 mountinfo has the order in which mounts were made, and whoever looks for the mount on top takes the last one: as
 * they are placed in order, they are made in order, by init. The parent makes those whose source init would see otherwise: in a user
 * namespace or a mount namespace that it joins, as that of a running container, as a slave where the host is to share, and with the container's own root in it. */
static enum plan_side source_side(const struct plan_input *in, const struct mount_plan *m, const char *source)
{
	size_t len = strlen(source);
	bool holds_root = strncmp(in->rootfs, source, len) == 0 && (in->rootfs[len] == '/' || len == 1);

	return in->userns || in->nested || in->live || in->spec->linux_.namespaces[NS_MOUNT].path || !source_propagation(in) ||
			       (m->o.rec && holds_root)
		       ? SIDE_PREPARE
		       : SIDE_CHILD;
}

static int plan_bind(struct plan *plan, const struct plan_input *in, struct mount_plan *m, const char *source,
		     struct error *e)
{
	size_t len = strlen(in->rootfs);
	/* A source below the root may be what an earlier mount shows there: resolved by init, in order, and never out of the root. */
	bool inside = strncmp(source, in->rootfs, len) == 0 && (source[len] == '/' || !source[len]);
	uint32_t path = plan_str(plan, inside ? source[len] ? source + len : "/" : source);

	m->side = in->privileged && !inside ? source_side(in, m, source) : SIDE_CHILD;
	struct plan_step *s = plan_add(plan, m->side, STEP_OPEN_TREE);
	s->reg = m->reg;
	s->str = path;
	s->num[1] = inside;
	s->num[0] = OPEN_TREE_CLONE | (m->o.rec ? AT_RECURSIVE : 0) | (m->o.src_nofollow ? AT_SYMLINK_NOFOLLOW : 0);
	add_attr(plan, m, 0, 0, source_propagation(in), AT_RECURSIVE);
	if (add_idmap(plan, in, m, e) < 0)
		return -1;
	add_attr(plan, m, m->o.attr_set, m->o.attr_clr, 0, 0);
	add_attr(plan, m, m->o.rec_attr_set, m->o.rec_attr_clr, 0, AT_RECURSIVE);
	add_place(plan, m, PLACE_LIKE_SOURCE, m->o.dest_nofollow ? PLAN_NOSYMLINKS : 0);
	add_propagation(plan, m);
	return 0;
}

static void add_superblock_flags(struct plan *plan, const struct mount_plan *m, bool block)
{
	static const struct {
		unsigned long flag;
		const char *name;
		uint8_t flags;
	} table[] = {
		{MS_SYNCHRONOUS, "sync", 0},
		{MS_DIRSYNC, "dirsync", 0},
		{MS_LAZYTIME, "lazytime", 0},
		{MS_MANDLOCK, "mand", PLAN_OPTIONAL},
		{MS_I_VERSION, "iversion", PLAN_OPTIONAL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (m->o.sb_set & table[i].flag)
			add_option(plan, m, table[i].name, NULL, table[i].flags);
	/* On a kernel file system the superblock may be shared with other containers: read-only stays the mount's own. */
	if (block && (m->o.attr_set & MOUNT_ATTR_RDONLY))
		add_option(plan, m, "ro", NULL, 0);
}

static bool one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(s, *list) == 0)
			return true;
	return false;
}

static bool has_mode(const struct spec_map *data)
{
	for (size_t i = 0; i < data->n; i++)
		if (strcmp(data->v[i].key, "mode") == 0)
			return true;
	return false;
}

/* How a label is mounted (mount(8), "context"): Podman asks for rootcontext where the files shall keep their own. */
static int plan_label(struct plan *plan, const struct plan_input *in, struct mount_plan *m, struct error *e)
{
	static const char *const types[] = {"context", "fscontext", "defcontext", "rootcontext", NULL};
	const char *type = spec_annotation(in->spec, "run.oci.mount_context_type") ?: "context";

	if (!in->spec->linux_.mount_label)
		return 0;
	if (!one_of(type, types))
		return error_set(e, ERROR_CONFIG, 0,
				 "annotations[\"run.oci.mount_context_type\"]: '%s': not context, fscontext, defcontext or rootcontext",
				 type);
	add_option(plan, m, type, in->spec->linux_.mount_label, 0);
	return 0;
}

static int plan_filesystem(struct plan *plan, const struct plan_input *in, struct mount_plan *m, const char *type,
			   struct error *e)
{
	static const char *const kernel_types[] = {"proc",    "sysfs",   "tmpfs",    "devpts",     "mqueue",
						   "cgroup2", "ramfs",   "devtmpfs", "securityfs", "bpf",
						   "debugfs", "tracefs", NULL};
	static const char *const unlabelled[] = {"proc", "sysfs", "cgroup2", "mqueue", NULL};
	bool kernel = one_of(type, kernel_types);
	/* Mount points, devices and what hooks bring are still to be made in these. */
	bool late_ro = in->live ? m->o.tmpcopyup : strcmp(type, "tmpfs") == 0 || strcmp(m->dest, "/dev") == 0;
	uint64_t ro = late_ro ? (m->o.attr_set | m->o.rec_attr_set) & MOUNT_ATTR_RDONLY : 0;

	m->side = SIDE_CHILD;
	uint32_t str = plan_str(plan, type);
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_FSOPEN);
	s->reg = m->reg;
	s->str = str;
	if (m->mount->source && *m->mount->source)
		add_option(plan, m, "source", m->mount->source, 0);
	add_superblock_flags(plan, m, !kernel);
	for (size_t i = 0; i < m->o.data.n; i++)
		add_option(plan, m, m->o.data.v[i].key, m->o.data.v[i].value, 0);
	if (!one_of(type, unlabelled) && plan_label(plan, in, m, e) < 0)
		return -1;
	if (strcmp(type, "tmpfs") == 0 && !has_mode(&m->o.data)) {
		str = plan_str(plan, m->dest);
		s = plan_add(plan, SIDE_CHILD, STEP_FSMODE);
		s->reg = m->reg;
		s->str = str;
	}
	s = plan_add(plan, SIDE_CHILD, STEP_FSMOUNT);
	s->reg = m->reg;
	s->num[0] = m->o.attr_set & ~ro;
	if (m->mount->uid_mappings.n || m->o.idmap || m->o.ridmap)
		return error_set(e, ERROR_CONFIG, 0, "mounts[%zu] '%s': only bind mounts can be idmapped", m->index,
				 m->mount->destination);
	if (m->o.tmpcopyup) {
		str = plan_str(plan, m->dest);
		s = plan_add(plan, SIDE_CHILD, STEP_TMPCOPYUP);
		s->reg = m->reg;
		s->str = str;
	}
	add_attr(plan, m, m->o.rec_attr_set & ~ro, m->o.rec_attr_clr, 0, AT_RECURSIVE);
	/* I: procfs and sysfs land on a real directory of the root (CVE-2019-19921, CVE-2023-27561, CVE-2023-28642). */
	bool strict = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
	add_place(plan, m, PLACE_DIR,
		  (uint8_t)((strict || m->o.dest_nofollow ? PLAN_NOSYMLINKS : 0) | (strict ? PLAN_HOLD : 0) |
			    (ro ? PLAN_KEEP : 0)));
	add_propagation(plan, m);
	return 0;
}

static void plan_remount(struct plan *plan, const struct mount_plan *m)
{
	uint32_t dest = plan_str(plan, m->dest);
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_RETUNE);

	s->str = dest;
	s->num[0] = m->o.attr_set;
	s->num[1] = m->o.attr_clr;
}

/* What cannot be made in this set of namespaces is bound from the host: a sysfs belongs to the network namespace's owner,
 * and without a cgroup namespace a rootless container would see, and own, all of its user's cgroups (CVE-2023-25809), while
 * a user namespace may not mount the host's view at all. */
static const char *host_source(const struct plan_input *in, const char *type)
{
	const struct spec_namespace *ns = in->spec->linux_.namespaces;

	if (strcmp(type, "sysfs") == 0 && in->userns && !ns[NS_NETWORK].set)
		return "/sys";
	if (strcmp(type, "cgroup2") == 0 && !ns[NS_CGROUP].set && (in->userns || !in->privileged))
		return in->cgroup_dir;
	return NULL;
}

/* As runc: some write the host's path of a place in the root. */
static const char *destination(struct plan *plan, const struct plan_input *in, size_t index)
{
	const char *dest = path_join(&plan->arena, "/", in->spec->mounts.v[index].destination);
	size_t len = strlen(in->rootfs);

	return strncmp(dest, in->rootfs, len) == 0 && dest[len] == '/' ? dest + len : dest;
}

static int plan_mount(struct plan *plan, const struct plan_input *in, size_t index, struct error *e)
{
	const struct spec_mount *mount = &in->spec->mounts.v[index];
	struct mount_plan m = {.mount = mount, .index = index, .strict = in->live ? PLAN_NOSYMLINKS : 0};
	const char *type = mount->type ?: "";

	plan_origin(plan, "mounts[%zu] '%s'", index, mount->destination);
	m.dest = destination(plan, in, index);
	mount_options_parse(&plan->arena, &mount->options, &m.o);
	if (m.o.copy_symlink)
		return error_set(e, ERROR_CONFIG, 0, "mounts[%zu] '%s': option 'copy-symlink' is not supported", index,
				 mount->destination);
	if (m.o.remount && in->live)
		return error_set(e, ERROR_CONFIG, 0, "mounts[%zu] '%s': option 'remount' adds no mount", index,
				 mount->destination);
	if (m.o.remount) {
		plan_remount(plan, &m);
		return 0;
	}
	m.reg = plan_reg(plan);
	if (m.o.bind || strcmp(type, "bind") == 0) {
		if (!mount->source || !*mount->source)
			return error_set(e, ERROR_CONFIG, 0, "mounts[%zu] '%s': a bind mount needs a source", index,
					 mount->destination);
		return plan_bind(plan, in, &m, path_join(&plan->arena, in->bundle, mount->source), e);
	}
	if (!*type)
		return error_set(e, ERROR_CONFIG, 0, "mounts[%zu] '%s': neither a type nor the option bind", index,
				 mount->destination);
	if (strcmp(type, "cgroup") == 0)
		type = "cgroup2";
	const char *source = host_source(in, type);
	if (source) {
		m.o.rec = true;
		return plan_bind(plan, in, &m, source, e);
	}
	return plan_filesystem(plan, in, &m, type, e);
}

static int plan_notify(struct plan *plan, const struct plan_input *in, struct error *e)
{
	struct mount_plan m = {.dest = "/run/notify", .reg = plan_reg(plan)};

	plan_origin(plan, "NOTIFY_SOCKET");
	m.o.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	static const struct spec_mount none;
	m.mount = &none;
	return plan_bind(plan, in, &m, in->notify_dir, e);
}

int plan_mounts(struct plan *plan, const struct plan_input *in, struct error *e)
{
	for (size_t i = 0; i < in->spec->mounts.n; i++)
		if (plan_mount(plan, in, i, e) < 0)
			return -1;
	return in->notify_dir ? plan_notify(plan, in, e) : 0;
}

int plan_mounts_add(struct plan *plan, const struct plan_input *in, struct error *e)
{
	plan_enter(plan, in);
	if (plan_mounts(plan, in, e) < 0)
		return -1;
	plan_mounts_readonly(plan);
	plan_origin(plan, "%s", "");
	plan_add(plan, SIDE_CHILD, STEP_DONE);
	plan_sort(plan);
	return 0;
}

static void plan_unmount(struct plan *plan, const struct plan_input *in, size_t index, bool look)
{
	plan_origin(plan, "mounts[%zu] '%s'", index, in->spec->mounts.v[index].destination);
	uint32_t dest = plan_str(plan, destination(plan, in, index));
	struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_UNMOUNT);
	s->str = dest;
	s->num[0] = look;
}

static int check_removable(struct plan *plan, const struct plan_input *in, size_t index, struct error *e)
{
	const struct spec_strings *lists[] = {&in->spec->linux_.masked_paths, &in->spec->linux_.readonly_paths};
	const char *dest = destination(plan, in, index);

	for (size_t list = 0; list < ARRAY_SIZE(lists); list++)
		for (size_t i = 0; i < lists[list]->n; i++)
			if (strcmp(path_clean(&plan->arena, lists[list]->v[i]), dest) == 0)
				return error_set(e, ERROR_CONFIG, 0, "mounts[%zu] '%s': protects the host (linux.%s), it stays",
						 index, dest, list ? "readonlyPaths" : "maskedPaths");
	if (strcmp(dest, "/") == 0)
		return error_set(e, ERROR_CONFIG, 0, "mounts[%zu] '/': the root file system stays", index);
	return 0;
}

int plan_mounts_remove(struct plan *plan, const struct plan_input *in, struct error *e)
{
	plan_enter(plan, in);
	for (size_t i = in->spec->mounts.n; i-- > 0;) {
		if (check_removable(plan, in, i, e) < 0)
			return -1;
		plan_unmount(plan, in, i, true);
	}
	for (size_t i = in->spec->mounts.n; i-- > 0;)
		plan_unmount(plan, in, i, false);
	plan_origin(plan, "%s", "");
	plan_add(plan, SIDE_CHILD, STEP_DONE);
	plan_sort(plan);
	return 0;
}

/* By descriptor: what is mounted over it meanwhile is left alone. */
void plan_mounts_readonly(struct plan *plan)
{
	size_t n = plan->n;

	for (size_t i = 0; i < n; i++) {
		const struct plan_step place = plan->steps[i];
		if (place.kind != STEP_PLACE || !(place.flags & PLAN_KEEP))
			continue;
		plan->origin = plan->origins[i];
		struct plan_step *s = plan_add(plan, SIDE_CHILD, STEP_MOUNT_ATTR);
		s->reg = place.reg;
		s->num[0] = MOUNT_ATTR_RDONLY;
	}
}
