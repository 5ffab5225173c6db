/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a file is protected: by its number, by that of what it lies in, and by its place, whatever file has that name
 * in that directory now. The host may have put a new one there.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/decide_subjects.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"

/* The file system that a dentry is on, as are all that it lies in. */
static __always_inline __u32 device_of(const struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_sb, s_dev);
}

/* Of the dentry at this address, on this device: the subjects whose program's place it is, a bit each; 0 if it is a
 * protected file's place; -1 if it is neither. A global function, for the stack it has. */
SL_GLOBAL int named_at(__u64 cgroup_id, __u32 device, __u64 address)
{
	const struct dentry *dentry = (const void *)address;
	struct sl_named_key key = {.cgroup_id = cgroup_id, .device = device};
	const __u32 *found;

	key.inode = BPF_CORE_READ(dentry, d_parent, d_inode, i_ino);
	bpf_probe_read_kernel_str(key.name, sizeof(key.name), BPF_CORE_READ(dentry, d_name.name));
	found = bpf_map_lookup_elem(&named, &key);
	return found ? (int)*found : -1;
}

/* What an attempt on a file is on. */
enum sl_part {
	SL_CONTENT = 0, /* what it holds, and what is told of it */
	SL_NAME = 1,    /* the name that it has, which goes or is mounted over */
};

/* A file whose place is asked for. A struct, for a global function takes no pointer of the kernel's. */
struct sl_place {
	const struct dentry *dentry;
	const struct dentry *itself; /* the file; dentry is what lies at or above it */
	__u64 cgroup_id;
	__u32 part;   /* enum sl_part */
	__u32 device; /* of all of them */
};

/* Looks at where the place is, `steps` above the file, which goes up to its parent. An enum sl_looked. */
SL_GLOBAL int look_up_from(struct sl_place *place, __u32 steps)
{
	struct sl_file_key key = {};
	const struct dentry *dentry, *parent;
	const struct inode *inode;
	enum sl_looked looked = SL_GOES_UP;

	if (!place) /* what the verifier must assume of a global function's argument */
		return SL_IS_PROTECTED;
	dentry = place->dentry;
	inode = BPF_CORE_READ(dentry, d_inode);
	if (inode) {
		const struct sl_file *found;

		key.cgroup_id = place->cgroup_id;
		key.inode = BPF_CORE_READ(inode, i_ino);
		key.device = place->device;
		found = bpf_map_lookup_elem(&files, &key);
		if (found && steps == 1 && (found->flags & SL_FILE_ENTRY) &&
		    named_at(place->cgroup_id, place->device, (__u64)place->itself) >= 0)
			looked = sl_look_at(SL_FILE_SELF, 1, 0);
		else if (found)
			looked = sl_look_at(found->flags, steps == 0, place->part == SL_NAME);
	}
	if (looked != SL_GOES_UP)
		return looked;
	parent = BPF_CORE_READ(dentry, d_parent);
	place->dentry = parent;
	if (parent != dentry)
		return SL_GOES_UP;
	return (BPF_CORE_READ(dentry, d_flags) & DCACHE_DISCONNECTED) && sl_is_on(SL_REASON_FILE)
		       ? SL_IS_PROTECTED
		       : SL_IS_FREE;
}

/* A dentry that leads to no root has come by open_by_handle_at(2), and could lie anywhere: it is protected, and so
 * is what lies deeper than 128. Of NFS each mount has a root of its own (fs/nfs/getroot.c, nfs_get_root). */
SL_GLOBAL int is_protected(struct sl_place *place)
{
	for (__u32 i = 0; i < 128; i++) {
		const int looked = look_up_from(place, i);

		if (looked != SL_GOES_UP)
			return looked == SL_IS_PROTECTED;
	}
	return sl_is_on(SL_REASON_FILE);
}

static __always_inline int is_watched(__u32 device)
{
	return bpf_map_lookup_elem(&devices, &device) != 0;
}
