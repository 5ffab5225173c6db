/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the subjects say to a packet: those that the maker of its socket was in, whoever has the socket now.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/decide_packet.h"
#include "bpf/global.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/subjects/verdict.bpf.h"

/* Of two ends that have exchanged datagrams another subject's socket may have begun, on the same port: that
 * opens nothing to this one, but where it serves. */
static __always_inline __u16 without_strangers(const struct sl_policy *policy,
					       const struct sl_packet *packet)
{
	if ((packet->flags & SL_PACKET_ARRIVES) || !(packet->flags & SL_PACKET_KNOWN) ||
	    sl_packet_is_named(policy, SL_LIST_SERVED, packet))
		return packet->flags;
	return packet->flags & ~SL_PACKET_KNOWN;
}

/* A global function, verified once. `packet->flags` are put back. */
SL_GLOBAL int judge_packet_by(const struct sl_policy *policy,
			      struct sl_packet *packet)
{
	struct sl_decision decision;
	__u16 given;

	if (!policy || !packet) /* what the verifier must assume of a global function's arguments */
		return -EPERM;
	given = packet->flags;
	packet->flags = without_strangers(policy, packet);
	decision = sl_decide_packet(policy, packet);
	packet->flags = given;
	return counted(policy, decision);
}

/* What the packet has of its socket, where no more of it is read. */
SL_GLOBAL int judge_labels_by(const struct sl_policy *policy,
			      const struct sl_packet *packet)
{
	if (!policy || !packet)
		return -EPERM;
	return counted(policy, sl_decide_labels(policy, packet));
}

/* 0, or it is dropped. `is_read`: all of it is. */
SL_GLOBAL int judge_makers(const struct sl_maker *maker, struct sl_packet *packet,
			   int is_read)
{
	struct sl_subject_key key = {};

	if (!maker || !packet)
		return -EPERM;
	key.cgroup_id = maker->cgroup_id;
	for_each_subject(i, maker->subjects) {
		const struct sl_subject *subject;
		int error;

		key.index = i;
		subject = bpf_map_lookup_elem(&subjects, &key);
		if (!subject)
			return -EPERM;
		error = is_read ? judge_packet_by(&subject->policy, packet)
				: judge_labels_by(&subject->policy, packet);
		if (error != 0)
			return error;
	}
	return 0;
}

/* The socket's maker, if it was in a subject or got a mark of one; nothing if nobody noted it. */
static __always_inline const struct sl_maker *maker_of(const struct sl_policy *policy,
						       struct bpf_sock *sk)
{
	if (!(policy->more_flags & SL_HAS_SUBJECTS) || !sk)
		return 0;
	return bpf_sk_storage_get(&makers, sk, 0, 0);
}

/* Whether what leaves has another mark than its socket, of the bits that a subject's mark has. */
static __always_inline int lacks_makers_mark(const struct sl_policy *policy,
					     const struct sl_maker *maker,
					     const struct __sk_buff *skb, const struct bpf_sock *sk)
{
	if (!maker || !((sk->mark ^ skb->mark) & maker->mark_mask) || !sl_is_on(SL_REASON_MARK))
		return 0;
	count(policy->cgroup_id, SL_REASON_MARK);
	return 1;
}
