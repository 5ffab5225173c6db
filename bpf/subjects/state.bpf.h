/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a task is, in a container whose programs have policies of their own: which subjects it is in. An
 * exec adds to them, a fork copies them, the end of the task is the end of its entry. Each container has
 * SL_TASKS_OF_ONE entries at most, so that it fills no other's share; then its forks fail.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide_subjects.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/subject_abi.h"
#include "bpf/subjects/place.bpf.h"

/* The innermost policy above the task that has subjects. Nested ones the hook refuses. */
static __always_inline const struct sl_policy *policy_with_subjects(void)
{
	const struct sl_policy *found = 0;

	for_each_policy(policy) {
		if (policy->more_flags & SL_HAS_SUBJECTS)
			found = policy;
	}
	return found;
}

/* The subjects of a set, by number. The compiler is kept from asking for each bit of the one set: the
 * verifier would remember every answer, and go through all sets that there are. */
#define for_each_subject(i, set)                                                           \
	for (__u32 i = 0, left_ = (set); i < SL_SUBJECTS && left_;                         \
	     i++, left_ >>= 1, ({ asm volatile("" : "+r"(left_)); }))                      \
		if (left_ & 1)

static __always_inline struct sl_task *state_of(const struct task_struct *task)
{
	const __u64 key = (__u64)task;

	return bpf_map_lookup_elem(&tasks, &key);
}

static __always_inline struct sl_task *state_of_current(void)
{
	return state_of((const void *)bpf_get_current_task_btf());
}

/* Global functions, verified once. An entry more for the container: 0, or -EAGAIN if it has all. */
SL_GLOBAL int take_place(__u64 cgroup_id)
{
	const __s64 none = 0;
	__s64 *count = bpf_map_lookup_elem(&task_counts, &cgroup_id);

	if (!count) {
		/* Of two at once the second finds the first one's. */
		bpf_map_update_elem(&task_counts, &cgroup_id, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&task_counts, &cgroup_id);
	}
	if (!count)
		return -EAGAIN;
	if (__sync_fetch_and_add(count, 1) < SL_TASKS_OF_ONE)
		return 0;
	__sync_fetch_and_add(count, -1);
	return -EAGAIN;
}

SL_GLOBAL int give_place(__u64 cgroup_id)
{
	__s64 *count = bpf_map_lookup_elem(&task_counts, &cgroup_id);

	if (count)
		__sync_fetch_and_add(count, -1);
	return 0;
}

/* The task's entry goes, if it has one. The key is the address, which another task will have; on 6.1 it
 * must not be handed over but where it lies. */
SL_GLOBAL int forget_task(const __u64 *task)
{
	const struct sl_task *state;
	__u64 key, cgroup_id;

	if (!task) /* what the verifier must assume of a global function's argument */
		return 0;
	key = *task;
	state = bpf_map_lookup_elem(&tasks, &key);
	if (!state)
		return 0;
	cgroup_id = state->cgroup_id;
	/* EBUSY is what an interrupt gets that came in the middle of another update (htab_lock_bucket). */
	for (int i = 0; i < 8; i++) {
		if (bpf_map_delete_elem(&tasks, &key) != -EBUSY) {
			give_place(cgroup_id);
			return 0;
		}
	}
	return 0;
}

/* The entry of the current task, which is about to exec; made if it has none, or is another container's.
 * Nothing if there is no place for it. */
static __always_inline struct sl_task *state_for_exec(__u64 cgroup_id)
{
	const __u64 key = (__u64)bpf_get_current_task();
	struct sl_task *state = bpf_map_lookup_elem(&tasks, &key);
	struct sl_task fresh = {.cgroup_id = cgroup_id};

	if (state && state->cgroup_id == cgroup_id)
		return state;
	if (take_place(cgroup_id) != 0)
		return 0;
	if (state)
		forget_task(&key);
	if (bpf_map_update_elem(&tasks, &key, &fresh, BPF_NOEXIST) != 0) {
		give_place(cgroup_id);
		return 0;
	}
	return bpf_map_lookup_elem(&tasks, &key);
}

/* A child is what its parent is. 0, or -EAGAIN. */
static __always_inline int inherit_subjects(const struct task_struct *task)
{
	const struct sl_task *own = state_of_current();
	const __u64 key = (__u64)task;
	struct sl_task child;

	forget_task(&key); /* of a task whose end was missed */
	if (!own)
		return 0;
	child = *own;
	child.pending = 0;
	if (take_place(child.cgroup_id) != 0)
		return -EAGAIN;
	if (bpf_map_update_elem(&tasks, &key, &child, BPF_NOEXIST) == 0)
		return 0;
	give_place(child.cgroup_id);
	return -EAGAIN;
}

/* Which subjects the file is the program of, by its number. */
SL_GLOBAL int subjects_of(__u64 cgroup_id, __u64 address)
{
	const struct file *file = (const void *)address;
	const struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct sl_file_key key = {.cgroup_id = cgroup_id};
	const struct sl_file *found;

	key.inode = BPF_CORE_READ(inode, i_ino);
	key.device = BPF_CORE_READ(inode, i_sb, s_dev);
	found = bpf_map_lookup_elem(&files, &key);
	return found ? (int)found->subjects : 0;
}

static __always_inline __u32 subjects_entered(__u64 cgroup_id, const struct linux_binprm *bprm)
{
	const struct file *file = BPF_CORE_READ(bprm, file);
	const struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	const int by_name = named_at(cgroup_id, device_of(dentry), (__u64)dentry);

	return (__u32)subjects_of(cgroup_id, (__u64)file) | (by_name < 0 ? 0 : (__u32)by_name);
}
