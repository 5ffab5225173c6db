/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that act: other cgroups' files, with which a task leaves its policy, and those with which the
 * kernel is told about devices, sysctls of the network, and what it sends itself. Where a hook sees both,
 * it asks for protected files, too (bpf/subjects/protected.bpf.h).
 *
 *   file_open                    all of them, at the look whether they may be written to; and binfmt_misc's
 *   sysctl                       the same of sysctls at the write, for descriptors from outside
 *   inode_mkdir, inode_symlink   configfs, where a directory or a link alone begins to listen (LIO, nvmet)
 */
#pragma once

#include <asm/fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/decide.h"
#include "bpf/global.h"
#include "bpf/judge.bpf.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/program.bpf.h"
#include "bpf/subjects/protected.bpf.h"

/* The kernfs node of a file of cgroup2 or sysfs, as a number. */
static __always_inline __u64 private_of(const struct inode *inode)
{
	return (__u64)BPF_CORE_READ(inode, i_private);
}

/* A task leaves its cgroup, and the policy with it, by writing to a file of another one. Those of
 * its own and below are its own business. */
static __always_inline int judge_cgroup_file(const struct inode *inode)
{
	const struct sl_policy *policy = innermost_policy();

	if (!policy || is_at_or_below(private_of(inode), policy->cgroup_id))
		return 0;
	return judge_leaving(policy);
}

static __always_inline int judge_device_file(void)
{
	const struct sl_attempt attempt = {.verb = SL_VERB_SYSFS};

	return judge_deputy(&attempt);
}

static __always_inline void read_name(struct sl_name *name, const char *from)
{
	bpf_probe_read_kernel_str(name->text, sizeof(name->text), from);
}

static __always_inline int is_called(const char *from, const char *literal, int size)
{
	struct sl_name name = {};

	read_name(&name, from);
	return sl_begins(&name, literal, size);
}

/* Whether a node of sysfs belongs to a network namespace (fs/kernfs/dir.c, `ns`: devices, and
 * bonding_masters), or is one of SL_NETWORK_NODES or below. A global function. */
SL_GLOBAL int is_network_node(__u64 address)
{
	const struct kernfs_node *node = (const void *)address;

	for (int i = 0; i < 32 && node; i++) {
		const struct kernfs_node *above_it = parent_of(node);
		struct sl_name in = {}, name = {};

		if (BPF_CORE_READ(node, ns))
			return 1;
		read_name(&in, BPF_CORE_READ(above_it, name));
		read_name(&name, BPF_CORE_READ(node, name));
		if (sl_node_reaches_network(&in, &name))
			return 1;
		node = above_it;
	}
	return 0;
}

/* Whether a file of proc is below /proc/net, of whatever namespace (fs/proc/proc_net.c). The root is
 * its own parent. */
SL_GLOBAL int is_in_proc_net(__u64 address)
{
	const struct proc_dir_entry *entry = (const void *)address;

	for (int i = 0; i < 16 && entry; i++) {
		const struct proc_dir_entry *above = BPF_CORE_READ(entry, parent);

		if (above == entry)
			return 0;
		if (BPF_CORE_READ(above, parent) == above)
			return is_called(BPF_CORE_READ(entry, name), "net", sizeof("net"));
		entry = above;
	}
	return 0;
}

static __always_inline const struct ctl_table_header *above(const struct ctl_table_header *header)
{
	return (const void *)BPF_CORE_READ(header, parent);
}

/* The network namespace whose table it is; 0: that of the whole node (net/sysctl_net.c). */
static __always_inline __u32 netns_of_table(const struct ctl_table_header *header)
{
	const char *set = (const void *)BPF_CORE_READ(header, set);
	const char *root = (const void *)BPF_CORE_READ(header, root);
	const struct net *net;

	if (set == root + bpf_core_field_offset(struct ctl_table_root, default_set))
		return 0;
	net = (const void *)(set - bpf_core_field_offset(struct net, sysctls));
	return BPF_CORE_READ(net, ns.inum);
}

/*
 * Directories are tables of their own, whose name is their one entry's, and the topmost has no parent
 * (fs/proc/proc_sysctl.c). What is below the topmost tells whose sysctls they are: net's. Global
 * functions, for their stack is their own.
 */
SL_GLOBAL int is_of_net(__u64 header)
{
	const struct ctl_table_header *at = above((const void *)header), *top = 0;

	for (int i = 0; i < 8 && at && above(at); i++) {
		top = at;
		at = above(at);
	}
	return top && is_called(BPF_CORE_READ(top, ctl_table, procname), "net", sizeof("net"));
}

/* Of a sysctl of net/ that is in a directory right below it. */
SL_GLOBAL int is_harmless_entry(__u64 header, __u64 entry)
{
	const struct ctl_table_header *directory = above((const void *)header);
	struct sl_name in = {}, leaf = {};

	if (!above(directory) || above(above(above(directory))))
		return 0;
	read_name(&in, BPF_CORE_READ(directory, ctl_table, procname));
	read_name(&leaf, BPF_CORE_READ((const struct ctl_table *)entry, procname));
	return sl_sysctl_is_harmless(&in, &leaf);
}

/* As which verb a sysctl of kernel/ is judged; 0: it is nobody's business here. kernel.ftrace_enabled: with 0 no
 * program runs that is attached to a function of the kernel, ours and those of every other container among them
 * (kernel/trace/ftrace.c, ftrace_enable_sysctl). */
SL_GLOBAL int verb_of_kernel_sysctl(__u64 header, __u64 entry)
{
	const struct ctl_table_header *directory = above((const void *)header);
	struct sl_name leaf = {};

	if (!above(directory) || above(above(directory)) ||
	    !is_called(BPF_CORE_READ(directory, ctl_table, procname), "kernel", sizeof("kernel")))
		return 0;
	read_name(&leaf, BPF_CORE_READ((const struct ctl_table *)entry, procname));
	if (SL_NAMED(&leaf, "ftrace_enabled"))
		return SL_VERB_BPF;
	return sl_sysctl_starts_programs(&leaf) ? SL_VERB_SYSCTL : 0;
}

/* Fills in the attempt; 0 if it is a sysctl that is nobody's business here. */
static __always_inline int read_sysctl(const struct ctl_table_header *header,
				       const struct ctl_table *entry, struct sl_attempt *attempt)
{
	attempt->verb = (__u8)verb_of_kernel_sysctl((__u64)header, (__u64)entry);
	if (attempt->verb != 0)
		return 1;
	if (!is_of_net((__u64)header))
		return 0;
	attempt->verb = SL_VERB_SYSCTL;
	attempt->netns = netns_of_table(header);
	if (is_harmless_entry((__u64)header, (__u64)entry))
		attempt->flags |= SL_ATTEMPT_HARMLESS;
	return 1;
}

/* What lies in proc behind the inode is at a distance that the kernel's type information has. */
static __always_inline int judge_proc_file(const struct inode *inode)
{
	const struct proc_inode *proc =
		(const void *)((const char *)inode -
			       bpf_core_field_offset(struct proc_inode, vfs_inode));
	const struct ctl_table_header *header = BPF_CORE_READ(proc, sysctl);
	struct sl_attempt attempt = {};

	if (!has_policy())
		return 0;
	if (header)
		return read_sysctl(header, BPF_CORE_READ(proc, sysctl_entry), &attempt)
			       ? judge_deputy(&attempt)
			       : 0;
	return is_in_proc_net((__u64)BPF_CORE_READ(proc, pde)) ? judge_device_file() : 0;
}

/* Asked for each open(2) of the node: whoever only reads leaves first. */
SEC("lsm/file_open")
int BPF_PROG(file_open, struct file *file)
{
	const struct inode *inode;

	if (!(file->f_mode & FMODE_WRITE) && !(file->f_flags & O_TRUNC))
		return 0;
	/* O_TRUNC needs no descriptor for writing. */
	if (judge_content(file) != 0)
		return -EPERM;
	inode = file->f_inode;
	switch (inode->i_sb->s_magic) {
	case CGROUP2_SUPER_MAGIC:
		return judge_cgroup_file(inode);
	case PROC_SUPER_MAGIC:
		return judge_proc_file(inode);
	case SYSFS_MAGIC:
		return has_policy() && is_network_node(private_of(inode))
			       ? judge_device_file()
			       : 0;
	case CONFIGFS_MAGIC:
		return judge_device_file();
	case BINFMTFS_MAGIC:
		/* Whoever names an interpreter has the kernel run it in the place of programs that others start: of
		 * protected ones, and by those who are in no subject (fs/binfmt_misc.c, load_misc_binary). That of the
		 * host's user namespace holds for the whole node; from Linux 6.7 on others have their own. */
		if (refuse_who_holds_files() != 0)
			return -EPERM;
		return has_policy() && BPF_CORE_READ(inode, i_sb, s_user_ns, level) == 0 ? judge_device_file() : 0;
	default:
		return 0;
	}
}

static __always_inline int judge_configfs(const struct inode *directory)
{
	return directory->i_sb->s_magic == CONFIGFS_MAGIC ? judge_device_file() : 0;
}

SEC("lsm/inode_mkdir")
int BPF_PROG(inode_mkdir, struct inode *dir, struct dentry *dentry)
{
	return judge_file(dentry, SL_NAME) != 0 ? -EPERM : judge_configfs(dir);
}

SEC("lsm/inode_symlink")
int BPF_PROG(inode_symlink, struct inode *dir, struct dentry *dentry)
{
	return judge_file(dentry, SL_NAME) != 0 ? -EPERM : judge_configfs(dir);
}

/* The program's context hides the kernel's, which has the table (include/linux/filter.h). */
SEC("cgroup/sysctl")
int sysctl(struct bpf_sysctl *ctx)
{
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);
	const struct bpf_sysctl_kern *kern = (const void *)ctx;
	const struct ctl_table_header *header = 0;
	const struct ctl_table *entry = 0;
	struct sl_attempt attempt = {};

	if (!ctx->write)
		return 1;
	bpf_probe_read_kernel(&header, sizeof(header), &kern->head);
	bpf_probe_read_kernel(&entry, sizeof(entry), &kern->table);
	if (!read_sysctl(header, entry, &attempt) || acts_for_engine(policy))
		return 1;
	return judge_by(policy, &attempt) == 0;
}
