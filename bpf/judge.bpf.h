/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the node-wide LSM programs ask with: every policy above the task has its say, and each of the
 * task's subjects.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/seal.bpf.h"
#include "bpf/subjects/verdict.bpf.h"

/* A global function, verified once for all its callers and the loops of those. 0 to allow. */
SL_GLOBAL int judge_by(const struct sl_policy *policy,
		       const struct sl_attempt *attempt)
{
	struct sl_attempt known;

	if (!policy || !attempt) /* what the verifier must assume of a global function's arguments */
		return -EPERM;
	known = *attempt;
	known.flags |= seal_flag(policy);
	return judge_one_rarely(policy, &known) == 0 ? 0 : -EPERM;
}

/* The policy, and those of the task's subjects. */
static __always_inline int judge_rarely(const struct sl_policy *policy,
					const struct sl_attempt *attempt)
{
	int refused = judge_by(policy, attempt);

	if (refused == 0 && (policy->more_flags & SL_HAS_SUBJECTS))
		refused = judge_subjects_rarely(policy, attempt);
	return refused;
}

/* Whether a policy above the task refuses it. Global functions, verified once for all their callers. */
SL_GLOBAL int is_refused(const struct sl_attempt *attempt)
{
	if (!attempt)
		return 1;
	for_each_policy(policy) {
		if (judge_rarely(policy, attempt) != 0)
			return 1;
	}
	return 0;
}

/* But for those that still wait for the container's program. */
SL_GLOBAL int is_refused_to_deputy(const struct sl_attempt *attempt)
{
	if (!attempt)
		return 1;
	for_each_policy(policy) {
		if (!acts_for_engine(policy) && judge_rarely(policy, attempt) != 0)
			return 1;
	}
	return 0;
}

/* 0, or a negative errno, of which the verifier must know that it is one. */
static __always_inline int judge_node_wide(const struct sl_attempt *attempt)
{
	return is_refused(attempt) ? -EPERM : 0;
}

static __always_inline int judge_deputy(const struct sl_attempt *attempt)
{
	return is_refused_to_deputy(attempt) ? -EPERM : 0;
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

/* kernfs: cgroup2's and sysfs's files. */
static __always_inline const struct kernfs_node *parent_of(const struct kernfs_node *node)
{
	const struct kernfs_node___renamed *renamed = (const void *)node;

	if (bpf_core_field_exists(renamed->__parent))
		return BPF_CORE_READ(renamed, __parent);
	return BPF_CORE_READ(node, parent);
}

/* Whether the node is the one with this id, or below it. A global function, verified once. */
SL_GLOBAL int is_at_or_below(__u64 address, __u64 id)
{
	const struct kernfs_node *node = (const void *)address;

	for (int i = 0; i < 64 && node; i++) {
		if (BPF_CORE_READ(node, id) == id)
			return 1;
		node = parent_of(node);
	}
	return 0;
}
