/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The one place that decides allow or deny (I9). Pure C: compiled into the BPF programs, into a
 * host unit test, and into the probe that compares the two.
 *
 *   struct sl_decision decision = sl_decide(policy, &attempt);
 *   decision.error    0 to allow, or the errno to answer with, negative
 *   decision.reason   which annotation's doing it is
 *
 * Errnos (D7): a verb's denial is EPERM, a closed family EAFNOSUPPORT, a closed protocol
 * EPROTONOSUPPORT, an unknown option ENOPROTOOPT and an unknown control message EINVAL, so that
 * programs fall back as they do on a kernel without it; a raw socket of ICMP where ping sockets are open
 * EPERM, as without CAP_NET_RAW, for then they ask for a ping socket. A malformed address is let through: the kernel
 * refuses it with its own error.
 *
 * Packets have a part of their own, bpf/decide_packet.h; so have what is rare, bpf/decide_rare.h, what the
 * kernel does on the container's behalf, bpf/decide_deputies.h, and who is in which subject,
 * bpf/decide_subjects.h.
 *
 * Whoever includes this defines sl_list_names(), because lists lie in maps (bpf/lists.bpf.h).
 */
#pragma once

#include "bpf/decide_deputies.h"
#include "bpf/decide_options.h"
#include "bpf/decide_policy.h"
#include "bpf/decide_rare.h"
#include "bpf/global.h"
#include "bpf/policy_abi.h"

/* Whether the policy's verbs would let the container make this socket, which is not of unix or
 * netlink. It is asked again where a socket that has no peer yet gets one or a port: made before
 * the seal or by someone else, it is worth no more than a new one. */
SL_GLOBAL int sl_refuses_new(const struct sl_policy *p, const struct sl_attempt *a)
{
	int inet;

	if (!p || !a)
		return SL_REASON_CREATE;
	inet = sl_is_inet(a->family);
	if (sl_is_on(SL_REASON_CREATE) && !(sl_flags(p, a) & SL_ALLOW_CREATE))
		return SL_REASON_CREATE;
	if (sl_is_on(SL_REASON_CREATE_TCP) && !(sl_flags(p, a) & SL_ALLOW_CREATE_TCP) &&
	    ((inet && sl_is_tcp(a)) || a->family == SL_AF_SMC))
		return SL_REASON_CREATE_TCP;
	if (sl_is_on(SL_REASON_CREATE_UDP) && !(sl_flags(p, a) & SL_ALLOW_CREATE_UDP) && inet &&
	    sl_is_udp(a))
		return SL_REASON_CREATE_UDP;
	return SL_REASON_NONE;
}

SL_INLINE struct sl_decision sl_decide_new(const struct sl_policy *p, const struct sl_attempt *a)
{
	const int reason = sl_refuses_new(p, a);

	return reason ? sl_deny(EPERM, (enum sl_reason)reason) : sl_allow();
}

/* What busybox's ping asks for first. */
SL_INLINE int sl_is_raw_ping(const struct sl_policy *p, const struct sl_attempt *a)
{
	return a->type == SL_SOCK_RAW && (p->flags & SL_OPEN_ICMP) && !(p->flags & SL_OPEN_RAW) &&
	       (a->protocol == IPPROTO_ICMP || a->protocol == IPPROTO_ICMPV6);
}

SL_INLINE struct sl_decision sl_decide_create(const struct sl_policy *p,
					      const struct sl_attempt *a)
{
	const int restricted = !(p->flags & SL_UNRESTRICTED);
	const int inet = sl_is_inet(a->family);

	/* The kernel makes sockets for itself in a task's context, inner ones of MPTCP and SMC
	 * for example, whose outer socket has been judged. */
	if (a->family == SL_AF_UNIX || (a->flags & SL_ATTEMPT_KERNEL))
		return sl_allow();
	SL_DENY_IF(restricted && !sl_bit_is_set(p->families, a->family), EAFNOSUPPORT,
		   SL_REASON_FAMILY);
	if (a->family == SL_AF_NETLINK) {
		SL_DENY_IF(restricted && !sl_bit_is_set(p->netlink, a->protocol), EPROTONOSUPPORT,
			   SL_REASON_PROTOCOL);
		return sl_allow();
	}
	SL_DENY_IF(restricted && inet && sl_is_raw_ping(p, a), EPERM, SL_REASON_PROTOCOL);
	SL_DENY_IF(restricted && inet && !sl_inet_protocol_is_open(p, a), EPROTONOSUPPORT,
		   SL_REASON_PROTOCOL);
	SL_DENY_IF(sl_is_elsewhere(p, a), EPERM, SL_REASON_FOREIGN);
	return sl_decide_new(p, a);
}

/*
 * A socket that the container cannot have made under its policy, and so was handed in: it has a
 * family or a protocol that is closed, lacks the mark, or is of another network namespace or
 * cgroup, or of a task that is in fewer subjects. Such a socket may go on with the peer it has, but
 * chooses none.
 */
SL_GLOBAL int sl_is_foreign(const struct sl_policy *p, const struct sl_attempt *a)
{
	if (!p || !a)
		return 1;
	/* With subjects there are several marks, and who made the socket is known. */
	if (p->more_flags & SL_HAS_SUBJECTS) {
		if (a->flags & SL_ATTEMPT_FOREIGN)
			return 1;
	} else if ((p->flags & SL_SET_MARK) && (a->mark & p->mark_mask) != p->mark) {
		return 1;
	}
	if (sl_is_elsewhere(p, a))
		return 1;
	/* Its packets are not the container's, so nobody would judge them. */
	if ((p->flags & SL_JUDGE_PACKETS) && (a->flags & SL_ATTEMPT_OUTSIDE))
		return 1;
	if (p->flags & SL_UNRESTRICTED)
		return 0;
	return !sl_bit_is_set(p->families, a->family) ||
	       (sl_is_inet(a->family) && !sl_inet_protocol_is_open(p, a));
}

/* An address of inet or inet6 that the kernel will refuse as too short. AF_UNSPEC on inet is
 * AF_INET (__inet_bind, udp_sendmsg). The socket's own family is not asked: IPV6_ADDRFORM can
 * change it between this hook and the kernel's use of the address. */
SL_INLINE int sl_is_short(const struct sl_attempt *a)
{
	if (a->address_family == SL_AF_INET6)
		return a->address_length < SL_SIN6_LEN_RFC2133;
	return a->address_length < sizeof(struct sockaddr_in);
}

/* The address is normalised, but AF_UNSPEC on inet stands for AF_INET. On inet6 it is no address to
 * some protocols and an IPv6 one to others: it names nothing. */
SL_GLOBAL int sl_names(const struct sl_policy *p, enum sl_list list, __u8 protocol,
		       const struct sl_attempt *a)
{
	struct sl_attempt named;

	if (!p || !a)
		return 0;
	named = *a;
	if (named.address_family == SL_AF_UNSPEC && a->family == SL_AF_INET)
		named.address_family = SL_AF_INET;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		named.port = 0;
	return sl_is_inet(named.address_family) && sl_list_names(p, list, protocol, &named);
}

/* The bind list holds tcp and udp: no entry can name any other socket. */
SL_GLOBAL int sl_may_bind(const struct sl_policy *p, const struct sl_attempt *a)
{
	if (!p || !a)
		return 0;
	if (sl_is_tcp(a))
		return sl_names(p, SL_LIST_BIND, IPPROTO_TCP, a);
	if (!sl_is_udp(a))
		return 0;
	/* Where nobody else's sockets are and what arrives is judged, a port is worth nothing. */
	if ((p->flags & SL_OPEN_UDP_PORTS) && p->subject == 0 &&
	    (a->flags & SL_ATTEMPT_ORDINARY_PORT))
		return 1;
	return sl_names(p, SL_LIST_BIND, IPPROTO_UDP, a);
}

/* Where listeners may have whatever port the kernel chooses, but on some addresses only, no socket gets
 * another address with such a port: a thread could give it while another one is in listen(2), which
 * looks before the socket is locked. */
SL_INLINE int sl_needs_chosen_port(const struct sl_policy *p, const struct sl_attempt *a)
{
	return (p->more_flags & SL_NAMES_CHOSEN_PORTS) && sl_is_tcp(a) && a->port == 0;
}

SL_INLINE struct sl_decision sl_decide_bind(const struct sl_policy *p, const struct sl_attempt *a)
{
	const int inet = sl_is_inet(a->family);
	/* Port 0 is what autobind does on the first send, so a datagram socket may have it (the
	 * resolver of musl asks for it). On a stream it only counts once the socket listens. */
	const int no_port = inet && (sl_is_short(a) ||
				     (a->port == 0 && !sl_needs_chosen_port(p, a)));

	/* Netlink addresses are the sender's own number and the groups it reads. */
	if (a->family == SL_AF_UNIX || a->family == SL_AF_NETLINK)
		return sl_allow();
	SL_DENY_IF(inet && sl_is_elsewhere(p, a), EPERM, SL_REASON_FOREIGN);
	SL_DENY_IF(!(sl_flags(p, a) & SL_ALLOW_BIND) && !no_port && (!inet || !sl_may_bind(p, a)),
		   EPERM, SL_REASON_BIND);
	return sl_decide_new(p, a);
}

/* Listening without bind, or on a port the kernel chose, is a bind. Another thread gives such a port
 * back, with its connection, before the kernel locks the socket, and the kernel chooses again: a port
 * counts only if the socket keeps it, or if whichever it gets is named. That is so of an address of which
 * port 0 is in the list: there all ports are (plan/plan.cpp). The address is one that bind(2) gave, or
 * none, and any other that it could give meanwhile is named too (D3b). */
SL_INLINE int sl_may_listen(const struct sl_policy *p, const struct sl_attempt *a, int keeps_port)
{
	struct sl_attempt any;

	if (!sl_is_inet(a->family))
		return 0;
	if (sl_is_tcp(a) && (p->flags & SL_ANY_TCP_PORT))
		return 1;
	if (keeps_port)
		return sl_may_bind(p, a);
	any = *a;
	any.port = 0;
	return sl_is_tcp(a) && sl_names(p, SL_LIST_BIND, IPPROTO_TCP, &any);
}

SL_INLINE struct sl_decision sl_decide_listen(const struct sl_policy *p, const struct sl_attempt *a)
{
	const int keeps_port = (a->flags & SL_ATTEMPT_KEEPS_PORT) || !sl_is_on(SL_GUARD_KEPT_PORT);

	if (a->family == SL_AF_UNIX)
		return sl_allow();
	SL_DENY_IF(!(sl_flags(p, a) & SL_ALLOW_LISTEN), EPERM, SL_REASON_LISTEN);
	SL_DENY_IF(sl_is_elsewhere(p, a), EPERM, SL_REASON_FOREIGN);
	/* What listens, and keeps its port, opens nothing new. */
	if (keeps_port && (a->flags & SL_ATTEMPT_LISTENING))
		return sl_allow();
	SL_DENY_IF(!(sl_flags(p, a) & SL_ALLOW_BIND) && !sl_may_listen(p, a, keeps_port), EPERM,
		   SL_REASON_BIND);
	return sl_decide_new(p, a);
}

/* Behind listen: a listener of the container's on a port that is not named has got past it. Those that
 * were handed in go on, and those that may have listened before a seal. */
SL_INLINE struct sl_decision sl_decide_accept(const struct sl_policy *p, const struct sl_attempt *a)
{
	if (a->family == SL_AF_UNIX)
		return sl_allow();
	SL_DENY_IF(!(sl_flags(p, a) & SL_ALLOW_ACCEPT), EPERM, SL_REASON_ACCEPT);
	if ((sl_flags(p, a) & (SL_ALLOW_BIND | SL_SEALED_LATER)) || (a->flags & SL_ATTEMPT_OUTSIDE))
		return sl_allow();
	SL_DENY_IF(sl_is_on(SL_GUARD_NAMED_LISTENER) &&
			   (!sl_is_inet(a->family) || !sl_may_bind(p, a)),
		   EPERM, SL_REASON_BIND);
	return sl_allow();
}

/* Whether the peer that the attempt names is one of the list. A raw socket writes its ports, or
 * its whole header, itself: only ICMP, which has none, can be named for it. */
SL_GLOBAL int sl_may_reach(const struct sl_policy *p, const struct sl_attempt *a)
{
	__u8 protocol;

	if (!p || !a || !sl_is_inet(a->family))
		return 0;
	protocol = (__u8)a->protocol;
	if (sl_is_udp(a))
		protocol = IPPROTO_UDP;
	else if (a->protocol != IPPROTO_ICMP && a->protocol != IPPROTO_ICMPV6 &&
		 (a->type == SL_SOCK_RAW || !sl_inet_protocol_is_open(p, a)))
		return 0;
	return sl_names(p, SL_LIST_CONNECT, protocol, a);
}

/* Whether connect(2) may choose for a datagram socket what each of its packets is asked for again
 * (sl_packet_may_reach()): name look-ups connect many such sockets to sort addresses, and send
 * nothing. The packets of a socket that was made elsewhere nobody sees, nor those that another
 * namespace keeps to itself, nor the copies of what goes to many: the kernel makes them for the receivers
 * of the same namespace, and they are no socket's any more (ip_mc_output(), skb_clone()). */
SL_INLINE int sl_is_judged_by_packet(const struct sl_policy *p, const struct sl_attempt *a)
{
	return (p->flags & SL_CONNECT_BY_PACKET) && p->subject == 0 && a->verb == SL_VERB_CONNECT &&
	       !(a->flags & SL_ATTEMPT_OUTSIDE) && a->netns == p->home && sl_is_inet(a->family) &&
	       sl_is_udp(a) && a->protocol != IPPROTO_UDPLITE &&
	       (sl_is_unicast(a) || !sl_is_on(SL_GUARD_UNICAST));
}

/* A peer is chosen. */
SL_INLINE struct sl_decision sl_decide_peer(const struct sl_policy *p, const struct sl_attempt *a)
{
	SL_DENY_IF(!(sl_flags(p, a) & SL_ALLOW_CONNECT) &&
			   !((a->flags & SL_ATTEMPT_UNICAST) && sl_is_judged_by_packet(p, a)) &&
			   !sl_may_reach(p, a),
		   EPERM, SL_REASON_CONNECT);
	SL_DENY_IF(sl_is_foreign(p, a), EPERM, SL_REASON_FOREIGN);
	SL_DENY_IF((p->flags & SL_REFUSE_AT_CALL) && sl_is_inet(a->family) && sl_is_tcp(a) &&
			   !sl_names(p, SL_LIST_EGRESS, IPPROTO_TCP, a),
		   ECONNREFUSED, SL_REASON_EGRESS);
	return sl_decide_new(p, a);
}

/* AF_UNSPEC dissolves an association, it makes none. */
SL_INLINE int sl_connect_chooses_peer(const struct sl_attempt *a)
{
	if (a->family == SL_AF_UNIX || a->family == SL_AF_NETLINK)
		return 0;
	return !sl_is_inet(a->family) || (a->address_family != SL_AF_UNSPEC && !sl_is_short(a));
}

/* On a TCP socket the address counts only with MSG_FASTOPEN, which connects (tcp_sendmsg_fastopen);
 * without it the kernel does not look at it. AF_UNSPEC with an address is sent on AF_INET. AF_PACKET
 * gets its peer by bind too. */
SL_INLINE int sl_send_chooses_peer(const struct sl_attempt *a)
{
	if (a->family == SL_AF_UNIX || a->family == SL_AF_NETLINK)
		return 0;
	if (!sl_is_inet(a->family))
		return a->family == SL_AF_PACKET || (a->flags & SL_ATTEMPT_ADDRESS);
	return (a->flags & SL_ATTEMPT_ADDRESS) && !sl_is_short(a) &&
	       (!sl_is_tcp(a) || (a->flags & SL_ATTEMPT_FASTOPEN));
}

SL_INLINE struct sl_decision sl_decide_connect(const struct sl_policy *p,
					       const struct sl_attempt *a)
{
	return sl_connect_chooses_peer(a) ? sl_decide_peer(p, a) : sl_allow();
}

SL_INLINE struct sl_decision sl_decide_send(const struct sl_policy *p, const struct sl_attempt *a)
{
	if (sl_send_chooses_peer(a))
		return sl_decide_peer(p, a);
	if (a->family == SL_AF_UNIX || a->family == SL_AF_NETLINK || sl_is_inet(a->family))
		return sl_allow();
	SL_DENY_IF(sl_is_foreign(p, a), EPERM, SL_REASON_FOREIGN);
	return sl_allow();
}

/* An allow-list (bpf/decide_option_table.h). Of families that have no table in it only what would
 * loosen is refused. A socket that the container cannot have made joins no group for it, since the
 * program that counts is not asked (bpf/packets/joins.bpf.h). */
SL_INLINE struct sl_decision sl_decide_option(const struct sl_policy *p, const struct sl_attempt *a)
{
	const int control = (a->flags & SL_ATTEMPT_CONTROL) != 0;
	const __u32 kind = control ? sl_kind_of_control(a->level, a->option)
				   : sl_kind_of_option(a->level, a->option);

	SL_DENY_IF((a->flags & SL_ATTEMPT_TOO_LATE) && sl_option_acts(kind), EPERM, SL_REASON_HOURS);
	if (p->flags & SL_UNRESTRICTED)
		return sl_allow();
	SL_DENY_IF(!(sl_flags(p, a) & SL_ALLOW_BIND) && kind == SL_OPTION_BINDS, EPERM,
		   SL_REASON_BIND);
	SL_DENY_IF(!(sl_flags(p, a) & SL_ALLOW_CONNECT) && kind == SL_OPTION_CHOOSES_PEER, EPERM,
		   SL_REASON_CONNECT);
	SL_DENY_IF(kind == SL_OPTION_JOINS && !(p->flags & SL_MAY_JOIN), EPERM, SL_REASON_JOIN);
	SL_DENY_IF(kind == SL_OPTION_JOINS && sl_is_foreign(p, a), EPERM, SL_REASON_FOREIGN);
	SL_DENY_IF(sl_option_loosens(p->flags, kind) ||
			   (kind == SL_OPTION_JOINS && (a->flags & SL_ATTEMPT_COMPAT)),
		   EPERM, SL_REASON_SETSOCKOPT);
	SL_DENY_IF(kind == SL_OPTION_ABSENT && sl_has_option_table(a->family),
		   control ? EINVAL : ENOPROTOOPT, SL_REASON_SETSOCKOPT);
	return sl_allow();
}

SL_INLINE struct sl_decision sl_decide_setsockopt(const struct sl_policy *p,
						  const struct sl_attempt *a)
{
	if (a->family == SL_AF_UNIX)
		return sl_allow();
	SL_DENY_IF((p->flags & SL_SET_MARK) && a->level == SOL_SOCKET && a->option == SO_MARK,
		   EPERM, SL_REASON_MARK);
	SL_DENY_IF((a->flags & SL_ATTEMPT_UNICAST) && sl_is_on(SL_GUARD_UNICAST), EPERM, SL_REASON_CONNECT);
	return sl_decide_option(p, a);
}

/* What a subject has hours for makes a socket, or gives one a port, a peer or a queue. */
SL_INLINE int sl_is_for_hours(const struct sl_attempt *a)
{
	if (a->family == SL_AF_UNIX)
		return 0;
	switch (a->verb) {
	case SL_VERB_CREATE:
		return a->family != SL_AF_NETLINK && !(a->flags & SL_ATTEMPT_KERNEL);
	case SL_VERB_BIND:
		return a->family != SL_AF_NETLINK;
	case SL_VERB_CONNECT:
		return sl_connect_chooses_peer(a);
	case SL_VERB_SEND:
		return sl_send_chooses_peer(a);
	case SL_VERB_LISTEN:
	case SL_VERB_ACCEPT:
		return 1;
	default: /* of options sl_decide_option() */
		return 0;
	}
}

SL_INLINE struct sl_decision sl_decide(const struct sl_policy *p, const struct sl_attempt *a)
{
	if (!(p->flags & SL_CONFIGURED))
		return sl_decide_unconfigured(a);
	SL_DENY_IF((a->flags & SL_ATTEMPT_TOO_LATE) && sl_is_for_hours(a), EPERM, SL_REASON_HOURS);
	switch (a->verb) {
	case SL_VERB_CREATE:
		return sl_decide_create(p, a);
	case SL_VERB_BIND:
		return sl_decide_bind(p, a);
	case SL_VERB_CONNECT:
		return sl_decide_connect(p, a);
	case SL_VERB_SEND:
		return sl_decide_send(p, a);
	case SL_VERB_LISTEN:
		return sl_decide_listen(p, a);
	case SL_VERB_ACCEPT:
		return sl_decide_accept(p, a);
	case SL_VERB_SETSOCKOPT:
		return sl_decide_setsockopt(p, a);
	default:
		return sl_decide_rare(p, a);
	}
}
