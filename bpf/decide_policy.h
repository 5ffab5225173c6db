/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What sl_decide() and sl_decide_packet() are written in: how a decision is made, and what a policy
 * says of one socket. Pure C, for bpf/decide.h.
 */
#pragma once

#include <asm-generic/errno-base.h>
#include <asm-generic/errno.h>

#include "bpf/decide_options.h"
#include "bpf/policy_abi.h"

/* A guard that can be switched off, each by itself, to show that the others do not hide it: in the
 * test's own object only (tests/mutants). It has the number of its sl_reason; one that must be seen
 * apart from others of that reason has one of its own besides (sl_single_guard). */
#ifdef SL_MUTANT
static int sl_is_on(__u32 guard);
#else
#define sl_is_on(guard) 1
#endif

/* Whether `list` of the policy's container names a->address and a->port for `protocol`. */
#ifdef __BPF__
/* Not static: a global function is verified once, not at every call. */
int sl_list_names(const struct sl_policy *policy, enum sl_list list, __u8 protocol,
		  const struct sl_attempt *a);
#else
static int sl_list_names(const struct sl_policy *policy, enum sl_list list, __u8 protocol,
			 const struct sl_attempt *a);
#endif

SL_INLINE struct sl_decision sl_allow(void)
{
	struct sl_decision decision = {0, SL_REASON_NONE};
	return decision;
}

SL_INLINE struct sl_decision sl_deny(int error, enum sl_reason reason)
{
	struct sl_decision decision = {-error, reason};
	return decision;
}

/* Refuses for `reason` if the condition holds; otherwise the next line decides. */
#define SL_DENY_IF(condition, error, reason)                  \
	do {                                                  \
		if (sl_is_on(reason) && (condition))          \
			return sl_deny((error), (reason));    \
	} while (0)

/* Whether the address that the attempt names is neither a group's nor everybody's. Which address is a network's broadcast
 * only its routes say: without SO_BROADCAST the kernel refuses that one (ip_route_connect(), udp_sendmsg()). */
SL_INLINE int sl_is_unicast(const struct sl_attempt *a)
{
	const __u8 *first = (const __u8 *)a->address;

	return a->address_family == SL_AF_INET6 ? first[0] != 0xff : first[0] < 224;
}

/* tcp: plain TCP; UDP-Lite counts as UDP; 0 stands for the type's default. */
SL_INLINE int sl_is_tcp(const struct sl_attempt *a)
{
	return a->type == SL_SOCK_STREAM && (a->protocol == 0 || a->protocol == IPPROTO_TCP);
}

SL_INLINE int sl_is_udp(const struct sl_attempt *a)
{
	return a->type == SL_SOCK_DGRAM &&
	       (a->protocol == 0 || a->protocol == IPPROTO_UDP || a->protocol == IPPROTO_UDPLITE);
}

/* Whether a restricting policy leaves this inet or inet6 protocol open: an allow-list, so that
 * MPTCP (262), SMC (256) and whatever comes later are closed. */
SL_INLINE int sl_inet_protocol_is_open(const struct sl_policy *p, const struct sl_attempt *a)
{
	/* Lists name UDP: no rule and no program could tell which packets of UDP-Lite they mean. */
	if (a->protocol == IPPROTO_UDPLITE && (p->flags & SL_JUDGE_PACKETS))
		return 0;
	if (sl_is_tcp(a) || sl_is_udp(a))
		return 1;
	if (a->type == SL_SOCK_RAW)
		return (p->flags & SL_OPEN_RAW) != 0;
	if (a->type == SL_SOCK_DGRAM &&
	    (a->protocol == IPPROTO_ICMP || a->protocol == IPPROTO_ICMPV6))
		return (p->flags & SL_OPEN_ICMP) != 0;
	if ((a->type == SL_SOCK_STREAM || a->type == SL_SOCK_SEQPACKET) &&
	    a->protocol == IPPROTO_SCTP)
		return (p->flags & SL_OPEN_SCTP) != 0;
	if (a->type == SL_SOCK_DCCP && (a->protocol == 0 || a->protocol == IPPROTO_DCCP))
		return (p->flags & SL_OPEN_DCCP) != 0;
	return 0;
}

SL_INLINE int sl_bit_is_set(__u64 set, __u32 number)
{
	return number < 64 && ((set >> (number & 63)) & 1);
}

/* A socket of another network namespace than the one that has the container's rules. */
SL_INLINE int sl_is_elsewhere(const struct sl_policy *p, const struct sl_attempt *a)
{
	return p->netns != 0 && a->netns != p->netns;
}

/* The policy's flags, with all that is held back as long as the container is not sealed. */
SL_INLINE __u32 sl_flags(const struct sl_policy *p, const struct sl_attempt *a)
{
	return (a->flags & SL_ATTEMPT_UNSEALED) ? p->flags | SL_HELD_BACK : p->flags;
}
