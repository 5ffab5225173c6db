/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How tasks come into subjects, and who may have a hold of whom:
 *
 *   bprm_creds_for_exec    what is named: which subjects it would enter
 *   bprm_check_security    each file of a script's chain, and its interpreter
 *   task_free              the end of a task, and of a fork that failed
 *   ptrace_access_check    ptrace(2), process_vm_writev(2), /proc/PID/mem, pidfd_getfd(2)
 *   inode_follow_link      what lies behind /proc/PID/fd and /proc/PID/map_files
 *   ptrace_traceme         the same, asked for by who will be traced
 *
 * The exec itself is done in bprm_committed_creds (bpf/seal.bpf.h), when it can't fail any more, and the
 * fork in task_alloc (bpf/lsm.bpf.h).
 */
#pragma once

#include <linux/bpf.h>
#include <linux/magic.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/decide_deputies.h"
#include "bpf/decide_subjects.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/program.bpf.h"
#include "bpf/subjects/runs.bpf.h"
#include "bpf/subjects/state.bpf.h"

/* Whoever is no longer everyone else may do other things: what it was started with is not its own to
 * choose, as with a set-user-ID program. */
static __always_inline void begin_clean(const struct sl_task *task, struct linux_binprm *bprm)
{
	if (task->pending && (task->subjects & (1u << SL_SUBJECT_OTHERS)))
		bpf_bprm_opts_set(bprm, BPF_F_BPRM_SECUREEXEC);
}

SEC("lsm/bprm_creds_for_exec")
int BPF_PROG(bprm_creds_for_exec, struct linux_binprm *bprm)
{
	const struct sl_policy *policy = policy_with_subjects();
	struct sl_task *task;

	if (!policy)
		return 0;
	task = state_for_exec(policy->cgroup_id);
	if (!task)
		return -EAGAIN;
	task->pending = subjects_entered(policy->cgroup_id, bprm);
	begin_clean(task, bprm);
	return 0;
}

SEC("lsm/bprm_check_security")
int BPF_PROG(bprm_check_security, struct linux_binprm *bprm)
{
	const struct sl_policy *policy = policy_with_subjects();
	struct sl_task *task;

	if (!policy)
		return 0;
	task = state_of_current();
	if (!task || task->cgroup_id != policy->cgroup_id)
		return -EAGAIN;
	task->pending |= subjects_entered(policy->cgroup_id, bprm);
	begin_clean(task, bprm);
	return 0;
}

SEC("lsm/task_free")
int BPF_PROG(task_free, struct task_struct *task)
{
	const __u64 key = (__u64)task;

	forget_task(&key);
	return 0;
}

static __always_inline int judge_trace(const struct task_struct *tracer,
				       const struct task_struct *target)
{
	const struct sl_task *by = state_of(tracer), *of = state_of(target);
	const __u32 open = by && of ? (__u32)open_elsewhere(by, of) : 0;
	const struct sl_decision decision = sl_decide_trace(by, of, open);

	if (decision.error == 0 || !by)
		return 0;
	count(by->cgroup_id, decision.reason);
	return -EPERM;
}

/* Reading alone, as ps does, is nobody's loss. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(ptrace_access_check, struct task_struct *child, unsigned int mode)
{
	if (!(mode & PTRACE_MODE_ATTACH))
		return 0;
	return judge_trace((const void *)bpf_get_current_task_btf(), child);
}

/* The task of which an inode below /proc/PID tells. */
static __always_inline const struct task_struct *task_told_of(const struct inode *inode)
{
	const struct proc_inode *proc =
		(const void *)((const char *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode));
	const struct pid *pid = BPF_CORE_READ(proc, pid);
	const struct hlist_node *first = pid ? BPF_CORE_READ(pid, tasks[0].first) : 0;

	return first ? (const void *)((const char *)first - bpf_core_field_offset(struct task_struct, pid_links))
		     : 0;
}

/* Whether a link of proc is an open file of a task, or one that it has mapped. */
static __always_inline int is_file_of_task(const struct dentry *dentry)
{
	struct sl_name name = {};

	bpf_probe_read_kernel_str(name.text, sizeof(name.text), BPF_CORE_READ(dentry, d_parent, d_name.name));
	return SL_NAMED(&name, "fd") || SL_NAMED(&name, "map_files");
}

/* Whoever opens through such a link has what the task has open: its memory, if that is a file, and its pipes.
 * The kernel asks for it as for reading. To read the link itself, as ss(8) does, is nobody's loss. */
SEC("lsm/inode_follow_link")
int BPF_PROG(inode_follow_link, struct dentry *dentry, struct inode *inode)
{
	const struct task_struct *current = (const void *)bpf_get_current_task_btf();
	const struct task_struct *task;

	if (dentry->d_sb->s_magic != PROC_SUPER_MAGIC || !state_of(current) ||
	    !is_file_of_task(dentry))
		return 0;
	task = task_told_of(inode);
	if (task && BPF_CORE_READ(task, tgid) == current->tgid)
		return 0;
	return judge_trace(current, task);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(ptrace_traceme, struct task_struct *parent)
{
	return judge_trace(parent, (const void *)bpf_get_current_task_btf());
}
