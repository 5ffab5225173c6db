/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that nobody in a container may change, and what leads to them: the container's `readonly`, and
 * the programs of its subjects. From a file up to its file system's root the nearest entry decides, so
 * that mounts, links and chroot make no difference (bpf/decide_subjects.h, sl_look_at).
 *
 *   inode_create, _mknod, _link, _unlink, _rmdir, _rename     names; _mkdir and _symlink are in bpf/files.bpf.h
 *   inode_setattr, _file_setattr, _setxattr, _removexattr, _set_acl, _remove_acl   what a file has besides what is in it
 *   move_mount, sb_umount, sb_pivotroot, capable              sb_mount is in bpf/deputies.bpf.h
 *   file_open                                                 writing; it is in bpf/files.bpf.h
 *   file_ioctl                                                what only a file system knows; in bpf/lsm.bpf.h
 *
 * A hook that kernels hand different arguments has a program for each, NAME___WHICH, of which the one that
 * fits is loaded (guard/object/arguments.hpp).
 */
#pragma once

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/mount.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide_subjects.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/program.bpf.h"
#include "bpf/subjects/place.bpf.h"

static __always_inline int refuse_file(const struct sl_policy *policy)
{
	count(policy->cgroup_id, SL_REASON_FILE);
	return -EPERM;
}

static __always_inline int holds_files(const struct sl_policy *policy)
{
	return (policy->more_flags & SL_HAS_FILES) && !acts_for_engine(policy);
}

/* Of a device that is watched. Every policy above the task that protects files has its say. */
static __always_inline int judge_watched(__u32 device, const struct dentry *dentry, enum sl_part part)
{
	struct sl_place place = {.part = part, .device = device};

	for_each_policy(policy) {
		if (!holds_files(policy))
			continue;
		place.cgroup_id = policy->cgroup_id;
		place.dentry = place.itself = dentry;
		if (is_protected(&place))
			return refuse_file(policy);
	}
	return 0;
}

/* `dentry`: as a hook hands it over. Its fields are loaded, which costs less than to copy them. */
static __always_inline int judge_file(const struct dentry *dentry, enum sl_part part)
{
	const __u32 device = dentry->d_sb->s_dev;

	return is_watched(device) ? judge_watched(device, dentry, part) : 0;
}

/* The same of a dentry that was found by way of something else. */
static __always_inline int judge_found(const struct dentry *dentry, enum sl_part part)
{
	const __u32 device = device_of(dentry);

	return is_watched(device) ? judge_watched(device, dentry, part) : 0;
}

/* Where an open file is. Before 6.8 a file system over another opens the file below by its own path
 * (open_with_fake_path): that file is found by a name of its inode's. Kernels that keep those names elsewhere
 * open it by the path that it has. */
static __always_inline const struct dentry *dentry_of(const struct file *file)
{
	const struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	const struct inode *inode = BPF_CORE_READ(file, f_inode);
	const struct hlist_node *alias;

	if (!bpf_core_field_exists(((struct dentry *)0)->d_u.d_alias) ||
	    !bpf_core_field_exists(((struct inode *)0)->i_dentry) ||
	    BPF_CORE_READ(dentry, d_inode) == inode)
		return dentry;
	alias = BPF_CORE_READ(inode, i_dentry.first);
	if (!alias)
		return dentry;
	return (const void *)((const char *)alias -
			      bpf_core_field_offset(struct dentry, d_u.d_alias));
}

/* What is in an open file, or told of it. */
static __always_inline int judge_content(const struct file *file)
{
	const struct dentry *dentry;

	if (!is_watched(file->f_inode->i_sb->s_dev))
		return 0;
	dentry = dentry_of(file);
	return judge_watched(device_of(dentry), dentry, SL_CONTENT);
}

/* Who has subjects holds files as well: their programs (plan/plan.cpp). */
static __always_inline int refuse_who_holds_files(void)
{
	if (!sl_is_on(SL_REASON_FILE))
		return 0;
	for_each_policy(policy) {
		if (holds_files(policy))
			return refuse_file(policy);
	}
	return 0;
}

/* What reaches all files of a file system reaches those that are protected there. */
static __always_inline int judge_file_system_of(const struct file *file)
{
	return is_watched(file->f_inode->i_sb->s_dev) ? refuse_who_holds_files() : 0;
}

SEC("lsm/inode_create")
int BPF_PROG(inode_create, struct inode *dir, struct dentry *dentry)
{
	return judge_file(dentry, SL_NAME);
}

SEC("lsm/inode_mknod")
int BPF_PROG(inode_mknod, struct inode *dir, struct dentry *dentry)
{
	return judge_file(dentry, SL_NAME);
}

/* By another name, elsewhere, it could be written to. */
SEC("lsm/inode_link")
int BPF_PROG(inode_link, struct dentry *old_dentry, struct inode *dir, struct dentry *new_dentry)
{
	if (judge_file(old_dentry, SL_CONTENT) != 0)
		return -EPERM;
	return judge_file(new_dentry, SL_NAME);
}

SEC("lsm/inode_unlink")
int BPF_PROG(inode_unlink, struct inode *dir, struct dentry *dentry)
{
	return judge_file(dentry, SL_NAME);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(inode_rmdir, struct inode *dir, struct dentry *dentry)
{
	return judge_file(dentry, SL_NAME);
}

/* Of two that change places the kernel asks twice (security_inode_rename). */
SEC("lsm/inode_rename")
int BPF_PROG(inode_rename, struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
	     struct dentry *new_dentry)
{
	if (judge_file(old_dentry, SL_NAME) != 0)
		return -EPERM;
	return judge_file(new_dentry, SL_NAME);
}

SEC("lsm/inode_setattr")
int BPF_PROG(inode_setattr, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return judge_file(dentry, SL_CONTENT);
}

/* Before 6.6. */
SEC("lsm/inode_setattr")
int BPF_PROG(inode_setattr___bare, struct dentry *dentry)
{
	return judge_file(dentry, SL_CONTENT);
}

/* Flags of a file system (chattr), by file_setattr(2) since 6.17, which asks no other hook; by ioctl(2) the
 * same hook and file_ioctl. */
SEC("lsm/inode_file_setattr")
int BPF_PROG(inode_file_setattr, struct dentry *dentry)
{
	return judge_file(dentry, SL_CONTENT);
}

SEC("lsm/inode_setxattr")
int BPF_PROG(inode_setxattr, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return judge_file(dentry, SL_CONTENT);
}

/* Before 6.3, as is the next. */
SEC("lsm/inode_setxattr")
int BPF_PROG(inode_setxattr___userns, struct user_namespace *mnt_userns, struct dentry *dentry)
{
	return judge_file(dentry, SL_CONTENT);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(inode_removexattr, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return judge_file(dentry, SL_CONTENT);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(inode_removexattr___userns, struct user_namespace *mnt_userns, struct dentry *dentry)
{
	return judge_file(dentry, SL_CONTENT);
}

/* Before 6.2 they were extended attributes. */
SEC("lsm/inode_set_acl")
int BPF_PROG(inode_set_acl, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return judge_file(dentry, SL_CONTENT);
}

SEC("lsm/inode_remove_acl")
int BPF_PROG(inode_remove_acl, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return judge_file(dentry, SL_CONTENT);
}

static __always_inline const struct mount *mount_of(const struct vfsmount *mnt)
{
	return (const void *)((const char *)mnt - bpf_core_field_offset(struct mount, mnt));
}

static __always_inline __u32 own_mount_namespace(void)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();

	return BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
}

/* Who is asked need not be in the namespace that he changes: some calls take any mount that he may administer. */
static __always_inline __u32 namespace_of(const struct mount *mount)
{
	return BPF_CORE_READ(mount, mnt_ns, ns.inum);
}

/* The policy that was made with this mount namespace, if that protects files: what is mounted there all see.
 * One whose namespace nobody has written down is in every one. In a namespace that was made inside, mounts are
 * its own business: no mount of the container's has peers, see `capable` below, so that none of theirs goes on
 * to it. */
static __always_inline const struct sl_policy *policy_of_mounts(__u32 mount_namespace)
{
	for_each_policy(policy) {
		if (holds_files(policy) &&
		    (policy->mntns == 0 || policy->mntns == mount_namespace))
			return policy;
	}
	return 0;
}

static __always_inline int judge_mount_on(const struct path *path)
{
	if (!policy_of_mounts(namespace_of(mount_of(BPF_CORE_READ(path, mnt)))))
		return 0;
	return judge_found(BPF_CORE_READ(path, dentry), SL_NAME);
}

/* What is mounted goes from there. Either side of the place may be the one that is known: the mount's root
 * is where paths lead, and it hides the directory. */
static __always_inline int judge_mount_off(const struct mount *mount)
{
	if (!policy_of_mounts(namespace_of(mount)))
		return 0;
	if (judge_found(BPF_CORE_READ(mount, mnt.mnt_root), SL_NAME) != 0)
		return -EPERM;
	return judge_found(BPF_CORE_READ(mount, mnt_mountpoint), SL_NAME);
}

/* What nobody does to the container's own mounts, wherever they are. */
static __always_inline int refuse_in_own_mounts(__u32 mount_namespace)
{
	const struct sl_policy *policy = policy_of_mounts(mount_namespace);

	return policy && sl_is_on(SL_REASON_FILE) ? refuse_file(policy) : 0;
}

#define SL_MOUNT_PROPAGATES (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* Of several flags the first counts, in the kernel's order (fs/namespace.c, path_mount). What is moved
 * mount(2) hands over as text alone, so nothing is, but in namespaces of the container's making. */
static __always_inline int judge_mount(const struct path *path, unsigned long flags)
{
	if (flags & MS_REMOUNT)
		return 0;
	if (flags & MS_BIND)
		return judge_mount_on(path);
	if (flags & SL_MOUNT_PROPAGATES && !(flags & MS_SHARED))
		return 0;
	if (flags & (MS_SHARED | MS_MOVE) &&
	    refuse_in_own_mounts(namespace_of(mount_of(BPF_CORE_READ(path, mnt)))) != 0)
		return -EPERM;
	return flags & MS_SHARED ? 0 : judge_mount_on(path);
}

SEC("lsm/move_mount")
int BPF_PROG(move_mount, const struct path *from_path, const struct path *to_path)
{
	const struct mount *mount = mount_of(BPF_CORE_READ(from_path, mnt));

	/* What is mounted nowhere yet is its own parent. */
	if (BPF_CORE_READ(mount, mnt_parent) != mount && judge_mount_off(mount) != 0)
		return -EPERM;
	return judge_mount_on(to_path);
}

SEC("lsm/sb_umount")
int BPF_PROG(sb_umount, struct vfsmount *mnt)
{
	return judge_mount_off(mount_of(mnt));
}

SEC("lsm/sb_pivotroot")
int BPF_PROG(sb_pivotroot)
{
	return refuse_in_own_mounts(own_mount_namespace());
}

/* The number of the system call that the task is in. An x32 one has a bit besides (asm/unistd.h). */
static __always_inline __u64 system_call(void)
{
	const void *registers = (const void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	if (bpf_core_field_exists(((struct pt_regs___x86 *)0)->orig_ax))
		return BPF_CORE_READ((const struct pt_regs___x86 *)registers, orig_ax) & ~(1ULL << 30);
	return BPF_CORE_READ((const struct pt_regs___arm64 *)registers, syscallno);
}

/* mount_setattr(2), and open_tree_attr(2) of 6.15, share mounts of the caller's namespace, and no hook is asked about the
 * mount. But both ask first for this capability (fs/namespace.c, may_mount). Over a mount with peers one could mount by
 * a race: what is judged at one place lands on what was mounted there meanwhile (lock_mount), and on its peers. So the
 * container's own mounts get none: not by these, by mount(2) with MS_SHARED, or by MOVE_MOUNT_SET_GROUP, which is a
 * move onto the mount. */
SEC("lsm/capable")
int BPF_PROG(capable, const struct cred *cred, struct user_namespace *ns, int cap)
{
	__u64 number;

	if (cap != CAP_SYS_ADMIN)
		return 0;
	number = system_call();
	if (number != SL_MOUNT_SETATTR && number != SL_OPEN_TREE_ATTR)
		return 0;
	return refuse_in_own_mounts(own_mount_namespace());
}
