/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The part of sl_decide() that is about packets: of a socket of the container's, on their way out or
 * in. Pure C, and compiled wherever bpf/decide.h is.
 *
 *   struct sl_decision decision = sl_decide_packet(policy, &packet);
 *
 * A decision's error is that of a verb, but all that comes of it is that the packet is dropped.
 */
#pragma once

#include "bpf/decide.h"
#include "bpf/policy_abi.h"

/* Whether the list names this end of the packet, of which `protocol` has ports or is ICMP. */
SL_INLINE int sl_packet_is_named(const struct sl_policy *p, enum sl_list list,
				 const struct sl_packet *packet)
{
	const int local = list == SL_LIST_SERVED;
	const __u32 *address = local ? packet->local_address : packet->address;
	struct sl_attempt named = {};

	named.address_family = packet->family;
	named.port = local ? packet->local_port : packet->port;
	named.address[0] = address[0];
	named.address[1] = address[1];
	named.address[2] = address[2];
	named.address[3] = address[3];
	return sl_list_names(p, list, packet->protocol, &named);
}

/* A TCP connection is judged by the packets that open it: one that may not be opened has no others.
 * A listener answers what a peer began, with a port that bind names. That a socket has the port is not
 * enough: two sockets that connect to each other answer as well. */
SL_INLINE int sl_packet_may_leave(const struct sl_policy *p, const struct sl_packet *packet)
{
	const int is_tcp = packet->protocol == IPPROTO_TCP && !(packet->flags & SL_PACKET_RAW);

	if (packet->flags & SL_PACKET_UNREAD)
		return 0;
	if (is_tcp && (packet->flags & SL_PACKET_ANSWERS))
		return sl_packet_is_named(p, SL_LIST_SERVED, packet);
	if (is_tcp && !(packet->flags & SL_PACKET_OPENS))
		return 1;
	return (packet->flags & SL_PACKET_KNOWN) ||
	       sl_packet_is_named(p, SL_LIST_EGRESS, packet);
}

/* Datagrams are let in from whom the container has sent to, and to ports that bind names. SCTP and
 * DCCP have no such ports: theirs answer, and come from whom egress names. In the host's namespace
 * datagrams come in from whom egress names too: where addresses are translated, what was sent to is not
 * what answers. */
SL_INLINE int sl_packet_may_arrive(const struct sl_policy *p, const struct sl_packet *packet)
{
	if (packet->flags & (SL_PACKET_RAW | SL_PACKET_KNOWN))
		return 1;
	switch (packet->protocol) {
	case IPPROTO_TCP:
		return !(packet->flags & SL_PACKET_OPENS) ||
		       sl_packet_is_named(p, SL_LIST_SERVED, packet);
	case IPPROTO_UDP:
		return sl_packet_is_named(p, SL_LIST_SERVED, packet) ||
		       (!(p->flags & SL_LOOPBACK_IS_FREE) &&
			sl_packet_is_named(p, SL_LIST_EGRESS, packet));
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return !(packet->flags & SL_PACKET_OPENS) &&
		       sl_packet_is_named(p, SL_LIST_EGRESS, packet);
	default:
		return 0;
	}
}

/* Whether a packet passes between two sockets of one namespace where those are free to talk. */
SL_INLINE int sl_packet_stays(const struct sl_policy *p, const struct sl_packet *packet)
{
	return (p->flags & SL_LOOPBACK_IS_FREE) && (packet->flags & SL_PACKET_LOOPBACK);
}

/* Whether a packet that was let through begins, or goes on with, a flow that the other end may
 * answer. What passes over a free loopback does not: its ends are the container's to make up. */
SL_INLINE int sl_packet_has_flow(const struct sl_policy *p, const struct sl_packet *packet)
{
	return !(packet->flags & SL_PACKET_RAW) &&
	       !(sl_packet_stays(p, packet) && sl_is_on(SL_GUARD_FLOWS_OUTSIDE)) &&
	       (packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_ICMP ||
		packet->protocol == IPPROTO_ICMPV6);
}

/* Which bits of a packet's mark must be its socket's: the policy's own. All others are the
 * administrator's rules' to change, until the container itself has (SL_COMPARE_MARKS). */
SL_INLINE __u32 sl_compared_mark(const struct sl_policy *p)
{
	if (p->flags & SL_COMPARE_MARKS)
		return ~0u;
	return (p->flags & SL_SET_MARK) ? p->mark_mask : 0;
}

/* Of datagrams that leave under a list of `connect`: whom each goes to. Not where the socket was
 * connected, for another thread can connect it elsewhere, and splice(2) asks no hook on 6.1. */
SL_INLINE int sl_packet_may_reach(const struct sl_policy *p, const struct sl_packet *packet)
{
	if (!(p->flags & SL_CONNECT_BY_PACKET) || packet->protocol != IPPROTO_UDP ||
	    (packet->flags & SL_PACKET_RAW))
		return 1;
	return !(packet->flags & SL_PACKET_UNREAD) &&
	       sl_packet_is_named(p, SL_LIST_CONNECT, packet);
}

/* What a packet must have of its socket's: the mark, and the route; and a peer that `connect` names. What the kernel sends by itself is
 * not the container's, and the rules judge it.
 * sendmmsg(2) asks no hook about the second of two messages to one peer (net/socket.c,
 * ____sys_sendmsg: used_address), so what its control messages say shows in the packet first. */
SL_INLINE struct sl_decision sl_decide_labels(const struct sl_policy *p,
					      const struct sl_packet *packet)
{
	if (!(p->flags & SL_CONFIGURED))
		return sl_deny(EPERM, SL_REASON_UNCONFIGURED);
	if (packet->flags & SL_PACKET_KERNELS)
		return sl_allow();
	SL_DENY_IF(packet->flags & SL_PACKET_REMARKED, EPERM, SL_REASON_MARK);
	SL_DENY_IF(!(p->flags & SL_UNRESTRICTED) && (packet->flags & SL_PACKET_ROUTED), EPERM,
		   SL_REASON_SETSOCKOPT);
	SL_DENY_IF(!(packet->flags & SL_PACKET_ARRIVES) && !sl_packet_may_reach(p, packet), EPERM,
		   SL_REASON_CONNECT);
	return sl_allow();
}

/* Where packets are judged: all that is known of one. */
SL_INLINE struct sl_decision sl_decide_packet(const struct sl_policy *p,
					      const struct sl_packet *packet)
{
	const int arrives = packet->flags & SL_PACKET_ARRIVES;
	const struct sl_decision labels = sl_decide_labels(p, packet);

	if (labels.error != 0 || !(p->flags & SL_JUDGE_PACKETS) ||
	    (packet->flags & SL_PACKET_KERNELS))
		return labels;
	SL_DENY_IF(!arrives && (packet->flags & SL_PACKET_FOREIGN), EPERM, SL_REASON_SOURCE);
	if (sl_packet_stays(p, packet))
		return sl_allow();
	SL_DENY_IF(!arrives && !sl_packet_may_leave(p, packet), EPERM, SL_REASON_EGRESS);
	SL_DENY_IF(arrives && !sl_packet_may_arrive(p, packet), EPERM, SL_REASON_ARRIVAL);
	return sl_allow();
}
