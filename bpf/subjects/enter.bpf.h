/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an exec makes of a task, once it can't fail any more: in which subjects it is from now on, and of which
 * it begins a run. For bprm_committed_creds (bpf/seal.bpf.h).
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
#include "bpf/subject_abi.h"
#include "bpf/subjects/runs.bpf.h"
#include "bpf/subjects/state.bpf.h"

/* How many levels the subject has. */
SL_GLOBAL int levels_of(__u64 cgroup_id, __u32 index)
{
	const struct sl_subject_key key = {.cgroup_id = cgroup_id, .index = index};
	const struct sl_subject *subject = bpf_map_lookup_elem(&subjects, &key);

	return subject ? (int)subject->inherit : SL_LEVELS_ALL;
}

/* The exec of this file can't fail any more. A task of which nothing is noted stays refused. */
SL_GLOBAL int enter_subjects(__u64 address)
{
	const struct sl_policy *policy = policy_with_subjects();
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct file *file = (const void *)address;
	struct sl_task *state = state_of_current();
	struct sl_subject_key key = {};
	struct sl_program program = {};
	__u32 begun;

	if (!policy || !state || state->cgroup_id != policy->cgroup_id)
		return 0;
	program.inode = BPF_CORE_READ(file, f_inode, i_ino);
	program.device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	program.entered = state->pending;
	program.is_traced = BPF_CORE_READ(task, ptrace) != 0;
	key.cgroup_id = policy->cgroup_id;
	key.index = SL_SUBJECT_OTHERS;
	program.has_others = bpf_map_lookup_elem(&subjects, &key) != 0;
	for (__u32 i = 0; i < SL_SUBJECTS && program.entered; i++)
		program.inherit[i] = (__u8)levels_of(policy->cgroup_id, i);
	begun = sl_exec(state, &program);
	for_each_subject(i, begun)
		start_run(state, policy->cgroup_id, i);
	return 0;
}
