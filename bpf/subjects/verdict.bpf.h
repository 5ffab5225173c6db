/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the subjects of a task say to an attempt that its container's policy allows, and who made a
 * socket. The first that refuses is the answer, in the order of their numbers.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/decide_subjects.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/subject_abi.h"
#include "bpf/subjects/runs.bpf.h"
#include "bpf/subjects/state.bpf.h"

static __always_inline void count_subject(__u64 cgroup_id, __u32 index, __u32 reason)
{
	const struct sl_subject_key key = {.cgroup_id = cgroup_id, .index = index};
	struct sl_denials *counters = bpf_map_lookup_elem(&subject_denials, &key);

	if (counters && reason < SL_REASON_COUNT)
		__sync_fetch_and_add(&counters->count[reason], 1);
}

/* A clock that is not set, or was set back, may be before 1970. */
static __always_inline __s64 seconds_of_utc(__u64 tai_offset)
{
	const __u64 now = bpf_ktime_get_tai_ns();

	if (now >= tai_offset)
		return (__s64)((now - tai_offset) / 1000000000ull);
	return -(__s64)((tai_offset - now) / 1000000000ull) - 1;
}

/* Global functions, verified once for all who ask. */
SL_GLOBAL int is_too_late(const struct sl_hours *hours)
{
	return !hours || sl_is_too_late(hours, seconds_of_utc(hours->tai_offset));
}

/* Counts what a policy refused, the container's or a subject's. */
static __always_inline int counted(const struct sl_policy *policy, struct sl_decision decision)
{
	if (decision.error != 0 && policy->subject == 0)
		count(policy->cgroup_id, decision.reason);
	else if (decision.error != 0)
		count_subject(policy->cgroup_id, policy->subject - 1, decision.reason);
	return decision.error;
}

/* Global functions, verified once for all programs. `attempt->flags` are the caller's to set: no copy, for
 * the stack of all calls together is 512 bytes. 0, or the negative errno to answer with. */
SL_GLOBAL int judge_one(const struct sl_policy *policy,
			const struct sl_attempt *attempt)
{
	if (!policy || !attempt) /* what the verifier must assume of a global function's arguments */
		return -EPERM;
	return counted(policy, sl_decide(policy, attempt));
}

/* Of what is no part of a socket's life, which is less to verify. */
SL_GLOBAL int judge_one_rarely(const struct sl_policy *policy,
			       const struct sl_attempt *attempt)
{
	if (!policy || !attempt)
		return -EPERM;
	return counted(policy, sl_decide_rarely(policy, attempt));
}

/* The set of the current task: 0 or more, or a negative errno of one of which nothing is known. What the
 * engine does before the container's program begins is no program's. */
static __always_inline long set_of_current(const struct sl_policy *policy)
{
	const struct sl_task *task = state_of_current();
	const struct sl_decision known = sl_decide_task(task, policy->cgroup_id);

	if (known.error == 0)
		return task ? task->subjects : 0;
	if (acts_for_engine(policy))
		return 0;
	count(policy->cgroup_id, known.reason);
	return -EPERM;
}

/* 0, or the negative errno to answer with. */
SL_GLOBAL int judge_subjects(const struct sl_policy *policy,
			     struct sl_attempt *attempt)
{
	struct sl_subject_key key = {};
	__u32 given;
	long set;

	if (!policy || !attempt)
		return -EPERM;
	given = attempt->flags;
	if (attempt->family == SL_AF_UNIX || (attempt->flags & SL_ATTEMPT_KERNEL))
		return 0;
	set = set_of_current(policy);
	if (set < 0)
		return -EPERM;
	key.cgroup_id = policy->cgroup_id;
	for_each_subject(i, (__u32)set) {
		const struct sl_subject *subject;
		int error;

		key.index = i;
		subject = bpf_map_lookup_elem(&subjects, &key);
		if (!subject)
			return -EPERM;
		/* The container's seal is none of its subjects'. */
		attempt->flags = (given & ~SL_ATTEMPT_UNSEALED) |
				 (__u32)run_flag(&subject->policy) |
				 (is_too_late(&subject->hours) ? SL_ATTEMPT_TOO_LATE : 0);
		error = judge_one(&subject->policy, attempt);
		if (error != 0)
			return error;
	}
	attempt->flags = given;
	return 0;
}

SL_GLOBAL int judge_subjects_rarely(const struct sl_policy *policy,
				    const struct sl_attempt *attempt)
{
	struct sl_subject_key key = {};
	struct sl_attempt known;
	long set;

	if (!policy || !attempt)
		return -EPERM;
	if (attempt->family == SL_AF_UNIX)
		return 0;
	set = set_of_current(policy);
	if (set < 0)
		return -EPERM;
	key.cgroup_id = policy->cgroup_id;
	known = *attempt;
	for_each_subject(i, (__u32)set) {
		const struct sl_subject *subject;

		key.index = i;
		subject = bpf_map_lookup_elem(&subjects, &key);
		if (!subject)
			return -EPERM;
		known.flags = (attempt->flags & ~SL_ATTEMPT_UNSEALED) |
			      (__u32)run_flag(&subject->policy);
		if (judge_one_rarely(&subject->policy, &known) != 0)
			return -EPERM;
	}
	return 0;
}

/* Sockets of unix and netlink choose no peer on the network. */
static __always_inline int has_maker(__u16 family)
{
	return family != SL_AF_UNIX && family != SL_AF_NETLINK;
}

/* Of a socket that nobody has noted, of this cgroup and with this mark: a task in no subject has made it, or somebody
 * outside. A global function, for its stack. */
SL_GLOBAL int is_made_unnoted_by_another(const struct sl_policy *policy, __u64 cgroup, __u32 mark)
{
	struct cgroup *made_in = (struct cgroup *)cgroup;
	struct sl_maker nobody = {};

	if (!policy) /* what the verifier must assume of a global function's arguments */
		return 1;
	/* Mostly it is that cgroup itself. */
	if (BPF_CORE_READ(made_in, kn, id) != policy->cgroup_id &&
	    !is_inside(made_in, policy->cgroup_id))
		return 1;
	nobody.cgroup_id = policy->cgroup_id;
	nobody.mark = policy->mark;
	if (policy->flags & SL_SET_MARK)
		nobody.mark_mask = policy->mark_mask;
	return sl_is_made_by_another(&nobody, state_of_current(), policy->cgroup_id, mark);
}

/* Whether the socket is worth less to the task than one that it would make itself. */
static __always_inline __u32 foreign_flag(const struct sl_policy *policy, struct sock *sk)
{
	const struct sl_maker *maker;
	int foreign;

	if (!(policy->more_flags & SL_HAS_SUBJECTS) || !sk ||
	    !has_maker(sk->__sk_common.skc_family))
		return 0;
	maker = bpf_sk_storage_get(&makers, sk, 0, 0);
	if (maker)
		foreign = sl_is_made_by_another(maker, state_of_current(), policy->cgroup_id,
						sk->sk_mark);
	else
		foreign = is_made_unnoted_by_another(
			policy, (__u64)BPF_CORE_READ(sk, sk_cgrp_data.cgroup), sk->sk_mark);
	return foreign ? SL_ATTEMPT_FOREIGN : 0;
}

/* The marks of the maker's subjects over the one that is there, the highest number's last. */
SL_GLOBAL int overlay_marks(struct sl_maker *maker)
{
	struct sl_subject_key key = {};

	if (!maker)
		return -EPERM;
	key.cgroup_id = maker->cgroup_id;
	for_each_subject(i, maker->subjects) {
		const struct sl_subject *subject;

		key.index = i;
		subject = bpf_map_lookup_elem(&subjects, &key);
		if (!subject)
			return -EPERM;
		if (!(subject->policy.flags & SL_SET_MARK))
			continue;
		maker->mark_mask |= subject->policy.mark_mask;
		maker->mark = (maker->mark & ~subject->policy.mark_mask) | subject->policy.mark;
	}
	return 0;
}

/* Notes who makes the socket, if that is a task in a subject: storage is dear. And the mark that it is to have. 0, or the
 * socket must not exist. */
static __always_inline int note_maker(const struct sl_policy *policy, struct sock *sk, __u32 *mark)
{
	struct sl_maker fresh = {.cgroup_id = policy->cgroup_id, .mark = *mark};
	const struct sl_task *task = state_of_current();
	struct sl_maker *maker;

	if (!has_maker(sk->__sk_common.skc_family))
		return 0;
	if (policy->flags & SL_SET_MARK)
		fresh.mark_mask = policy->mark_mask;
	if (task && task->cgroup_id == policy->cgroup_id)
		fresh.subjects = task->subjects;
	if (!fresh.subjects)
		return 0;
	if (overlay_marks(&fresh) != 0)
		return -EPERM;
	maker = bpf_sk_storage_get(&makers, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!maker)
		return -EPERM;
	*maker = fresh;
	*mark = fresh.mark;
	return 0;
}
