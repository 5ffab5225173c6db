/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The packets of a container's sockets on their way out, where no nft rules judge them: a cgroup
 * program that nothing in a network namespace can bypass or take away. It compares a packet with
 * its socket; it does not filter.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/policy_abi.h"

/* Options follow the header's 20 bytes; each but the one-byte ones has its length behind its type
 * (RFC 791). An option that goes on beyond the header ends the walk, as in ip_options_compile(). */
static __always_inline int is_source_routed(struct __sk_buff *skb)
{
	__u8 first = 0;
	__u32 offset = 20;
	__u32 end;

	if (bpf_skb_load_bytes(skb, 0, &first, sizeof(first)) != 0)
		return 0;
	end = (first & 15) * 4;
	for (int i = 0; i < 40 && offset < end; i++) {
		__u8 option[2] = {};

		if (bpf_skb_load_bytes(skb, offset, option, sizeof(option)) != 0 || option[0] == 0)
			return 0;
		if (option[0] == 131 /* IPOPT_LSRR */ || option[0] == 137 /* IPOPT_SSRR */)
			return 1;
		if (option[0] == 1 /* IPOPT_NOP */)
			offset += 1;
		else if (option[1] < 2)
			return 0;
		else
			offset += option[1];
	}
	return 0;
}

/* Walks the extension headers that can stand before a routing header (RFC 8200, section 4.1). */
static __always_inline int has_routing_header(struct __sk_buff *skb)
{
	__u32 offset = 40;
	__u8 next = 0;

	if (bpf_skb_load_bytes(skb, 6, &next, sizeof(next)) != 0)
		return 0;
	for (int i = 0; i < 8; i++) {
		__u8 header[2];

		if (next == 43 /* NEXTHDR_ROUTING */)
			return 1;
		if (next != 0 /* NEXTHDR_HOP */ && next != 60 /* NEXTHDR_DEST */)
			return 0;
		if (bpf_skb_load_bytes(skb, offset, header, sizeof(header)) != 0)
			return 0;
		next = header[0];
		offset += (header[1] + 1) * 8;
	}
	return 1; /* more than any program has reason for */
}

static __always_inline int is_remarked(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	sk = sk ? bpf_sk_fullsock(sk) : 0;
	return sk && sk->mark != skb->mark;
}

SEC("cgroup_skb/egress")
int inet_egress(struct __sk_buff *skb)
{
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);
	struct sl_attempt attempt = {.verb = SL_VERB_PACKET};
	struct sl_decision decision;

	if (skb->protocol == __builtin_bswap16(0x86dd) /* ETH_P_IPV6 */ ? has_routing_header(skb)
									: is_source_routed(skb))
		attempt.flags |= SL_ATTEMPT_ROUTED;
	if (is_remarked(skb))
		attempt.flags |= SL_ATTEMPT_REMARKED;
	decision = sl_decide(policy, &attempt);
	if (decision.error == 0)
		return 1;
	count(policy->cgroup_id, decision.reason);
	return 0;
}
