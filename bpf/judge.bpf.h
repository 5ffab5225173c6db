/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the node-wide LSM programs ask with: every policy above the task has its say.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/seal.bpf.h"

/* 0 to allow. `rarely`: what is no part of a socket's life (bpf/decide.h), known when it is compiled. */
static __always_inline int judge_known(const struct sl_policy *policy,
				       const struct sl_attempt *attempt, int rarely)
{
	struct sl_decision decision;
	struct sl_attempt known;

	if (!policy || !attempt)
		return -EPERM;
	known = *attempt;
	known.flags |= seal_flag(policy);
	decision = rarely ? sl_decide_rarely(policy, &known) : sl_decide(policy, &known);
	if (decision.error == 0)
		return 0;
	count(policy->cgroup_id, decision.reason);
	return -EPERM;
}

/* Global functions, verified once for all their callers and the loops of those. This one knows every
 * verb. */
__attribute__((noinline)) int judge_any(const struct sl_policy *policy,
					const struct sl_attempt *attempt)
{
	return judge_known(policy, attempt, 0);
}

__attribute__((noinline)) int judge_by(const struct sl_policy *policy,
				       const struct sl_attempt *attempt)
{
	return judge_known(policy, attempt, 1);
}

/* Every policy above the task must allow it. 0, or a negative errno. */
static __always_inline int judge_node_wide(const struct sl_attempt *attempt)
{
	for_each_policy(policy) {
		if (judge_by(policy, attempt) != 0)
			return -EPERM;
	}
	return 0;
}

static __always_inline int has_policy(void)
{
	for_each_policy(policy)
		return 1;
	return 0;
}

/* The innermost policy above the task. Cgroups of outer ones hold the inner one's. */
static __always_inline const struct sl_policy *innermost_policy(void)
{
	const struct sl_policy *found = 0;

	for_each_policy(policy)
		found = policy;
	return found;
}

static __always_inline int judge_leaving(const struct sl_policy *policy)
{
	const struct sl_attempt attempt = {.verb = SL_VERB_CGROUP};

	return judge_by(policy, &attempt) == 0 ? 0 : -EPERM;
}

/* The process's number in the PID namespace; 0 if it has none there. */
static __always_inline __u32 number_in(const struct task_struct *task, __u32 pid_namespace)
{
	const unsigned int own = level_of(task);

	for (unsigned int level = 0; level < 32 && level <= own; level++) {
		const struct upid number = own_number(task, level);

		if (number.ns && BPF_CORE_READ(number.ns, ns.inum) == pid_namespace)
			return (__u32)number.nr;
	}
	return 0;
}

/* Whether the task is of the container's first process, and that has not become a program yet: it is
 * the engine's own code that writes sysctls and makes mounts. A number may be used again, and a time
 * is in ticks: both together are that process. A global function, verified once. */
__attribute__((noinline)) int acts_for_engine(const struct sl_policy *policy)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	return policy && policy->first_start != 0 &&
	       (BPF_CORE_READ(leader, flags) & PF_FORKNOEXEC) != 0 &&
	       BPF_CORE_READ(leader, start_boottime) / SL_TICK == policy->first_start &&
	       number_in(leader, policy->pid_namespace) == policy->first_pid;
}

/* Every policy above the task must allow it, but those that still wait for the container's program. */
static __always_inline int judge_deputy(const struct sl_attempt *attempt)
{
	for_each_policy(policy) {
		if (!acts_for_engine(policy) && judge_by(policy, attempt) != 0)
			return -EPERM;
	}
	return 0;
}

/* kernfs: cgroup2's and sysfs's files. */
static __always_inline const struct kernfs_node *parent_of(const struct kernfs_node *node)
{
	const struct kernfs_node___renamed *renamed = (const void *)node;

	if (bpf_core_field_exists(renamed->__parent))
		return BPF_CORE_READ(renamed, __parent);
	return BPF_CORE_READ(node, parent);
}

/* Whether the node is the one with this id, or below it. A global function, verified once. */
__attribute__((noinline)) int is_at_or_below(__u64 address, __u64 id)
{
	const struct kernfs_node *node = (const void *)address;

	for (int i = 0; i < 64 && node; i++) {
		if (BPF_CORE_READ(node, id) == id)
			return 1;
		node = parent_of(node);
	}
	return 0;
}
