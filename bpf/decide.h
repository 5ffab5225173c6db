/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The one place that decides allow or deny (I9). Pure C: compiled into the BPF programs, into a
 * host unit test, and into the probe that compares the two.
 *
 *   struct sl_decision decision = sl_decide(policy, &attempt);
 *   decision.error    0 to allow, or the errno to answer with, negative
 *   decision.reason   which annotation's doing it is
 *
 * Errnos: a verb's denial is EPERM, a closed family EAFNOSUPPORT, a closed protocol
 * EPROTONOSUPPORT, so that programs fall back as they do on a kernel without it. A malformed
 * address is let through: the kernel refuses it with its own error.
 */
#pragma once

#include <asm-generic/errno.h>

#include "bpf/policy_abi.h"

#ifdef __BPF__
#define SL_INLINE static __attribute__((always_inline)) inline
#else
#define SL_INLINE static inline
#endif

/* Kernel numbers that no uapi header carries: include/linux/socket.h, include/linux/net.h. */
enum {
	SL_AF_UNSPEC = 0,
	SL_AF_UNIX = 1,
	SL_AF_INET = 2,
	SL_AF_INET6 = 10,
	SL_AF_NETLINK = 16,
	SL_AF_SMC = 43,
};
enum {
	SL_SOCK_STREAM = 1,
	SL_SOCK_DGRAM = 2,
	SL_SOCK_RAW = 3,
	SL_SOCK_SEQPACKET = 5,
	SL_SOCK_DCCP = 6,
};
enum { /* linux/in.h */
	SL_IPPROTO_ICMP = 1,
	SL_IPPROTO_TCP = 6,
	SL_IPPROTO_UDP = 17,
	SL_IPPROTO_DCCP = 33,
	SL_IPPROTO_ICMPV6 = 58,
	SL_IPPROTO_SCTP = 132,
	SL_IPPROTO_UDPLITE = 136,
};
enum { /* asm-generic/socket.h */
	SL_SOL_SOCKET = 1,
	SL_SO_MARK = 36,
};
/* Lengths below which inet and inet6 refuse an address: sizeof(struct sockaddr_in),
 * SIN6_LEN_RFC2133 (include/net/ipv6.h). */
enum {
	SL_SOCKADDR_IN_LENGTH = 16,
	SL_SOCKADDR_IN6_LENGTH = 24,
};

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

SL_INLINE int sl_is_inet(__u16 family)
{
	return family == SL_AF_INET || family == SL_AF_INET6;
}

/* tcp: plain TCP; UDP-Lite counts as UDP; 0 stands for the type's default. */
SL_INLINE int sl_is_tcp(const struct sl_attempt *a)
{
	return a->type == SL_SOCK_STREAM && (a->protocol == 0 || a->protocol == SL_IPPROTO_TCP);
}

SL_INLINE int sl_is_udp(const struct sl_attempt *a)
{
	return a->type == SL_SOCK_DGRAM &&
	       (a->protocol == 0 || a->protocol == SL_IPPROTO_UDP || a->protocol == SL_IPPROTO_UDPLITE);
}

/* Whether a restricting policy leaves this inet or inet6 protocol open: an allow-list, so that
 * MPTCP (262), SMC (256) and whatever comes later are closed. */
SL_INLINE int sl_inet_protocol_is_open(const struct sl_policy *p, const struct sl_attempt *a)
{
	if (sl_is_tcp(a) || sl_is_udp(a))
		return 1;
	if (a->type == SL_SOCK_RAW)
		return (p->flags & SL_OPEN_RAW) != 0;
	if (a->type == SL_SOCK_DGRAM &&
	    (a->protocol == SL_IPPROTO_ICMP || a->protocol == SL_IPPROTO_ICMPV6))
		return (p->flags & SL_OPEN_ICMP) != 0;
	if ((a->type == SL_SOCK_STREAM || a->type == SL_SOCK_SEQPACKET) &&
	    a->protocol == SL_IPPROTO_SCTP)
		return (p->flags & SL_OPEN_SCTP) != 0;
	if (a->type == SL_SOCK_DCCP && (a->protocol == 0 || a->protocol == SL_IPPROTO_DCCP))
		return (p->flags & SL_OPEN_DCCP) != 0;
	return 0;
}

SL_INLINE int sl_bit_is_set(__u64 set, __u32 number)
{
	return number < 64 && ((set >> (number & 63)) & 1);
}

SL_INLINE struct sl_decision sl_decide_create(const struct sl_policy *p,
					      const struct sl_attempt *a)
{
	/* The kernel makes sockets for itself in a task's context, inner ones of MPTCP and SMC
	 * for example, whose outer socket has been judged. */
	if (a->family == SL_AF_UNIX || (a->flags & SL_ATTEMPT_KERNEL))
		return sl_allow();
	if (!(p->flags & SL_UNRESTRICTED)) {
		if (!sl_bit_is_set(p->families, a->family))
			return sl_deny(EAFNOSUPPORT, SL_REASON_FAMILY);
		if (a->family == SL_AF_NETLINK && !sl_bit_is_set(p->netlink, a->protocol))
			return sl_deny(EPROTONOSUPPORT, SL_REASON_PROTOCOL);
		if (sl_is_inet(a->family) && !sl_inet_protocol_is_open(p, a))
			return sl_deny(EPROTONOSUPPORT, SL_REASON_PROTOCOL);
	}
	if (a->family == SL_AF_NETLINK)
		return sl_allow();
	if (!(p->flags & SL_ALLOW_CREATE))
		return sl_deny(EPERM, SL_REASON_CREATE);
	if (!(p->flags & SL_ALLOW_CREATE_TCP) &&
	    ((sl_is_inet(a->family) && sl_is_tcp(a)) || a->family == SL_AF_SMC))
		return sl_deny(EPERM, SL_REASON_CREATE_TCP);
	if (!(p->flags & SL_ALLOW_CREATE_UDP) && sl_is_inet(a->family) && sl_is_udp(a))
		return sl_deny(EPERM, SL_REASON_CREATE_UDP);
	return sl_allow();
}

/* Without a branch: the verifier walks every path of the loop below. */
SL_INLINE int sl_prefix_matches(const struct sl_bind_range *range, const __u32 *address)
{
	return (((address[0] ^ range->address[0]) & range->mask[0]) |
		((address[1] ^ range->address[1]) & range->mask[1]) |
		((address[2] ^ range->address[2]) & range->mask[2]) |
		((address[3] ^ range->address[3]) & range->mask[3])) == 0;
}

/* Whether the list names a->port at a->address for `protocol`. a's address is normalised. */
SL_INLINE int sl_bind_list_names(const struct sl_policy *p, const struct sl_attempt *a,
				 __u8 protocol)
{
	for (__u32 i = 0; i < SL_BIND_MAX; i++) {
		const struct sl_bind_range *range = &p->bind[i];

		if (i >= p->bind_count)
			break;
		if (range->protocol != protocol || a->port < range->first || a->port > range->last)
			continue;
		if (range->family == 0)
			return 1;
		if (range->family == a->address_family && sl_prefix_matches(range, a->address))
			return 1;
	}
	return 0;
}

/* The bind list holds tcp and udp: no entry can name any other socket. */
SL_INLINE struct sl_decision sl_decide_local_address(const struct sl_policy *p,
						     const struct sl_attempt *a)
{
	__u8 protocol = 0;

	if (sl_is_tcp(a))
		protocol = SL_IPPROTO_TCP;
	else if (sl_is_udp(a))
		protocol = SL_IPPROTO_UDP;
	if (protocol != 0 && sl_bind_list_names(p, a, protocol))
		return sl_allow();
	return sl_deny(EPERM, SL_REASON_BIND);
}

/* An address of inet or inet6 that the kernel will refuse as too short. AF_UNSPEC on inet is
 * AF_INET (__inet_bind, udp_sendmsg). The socket's own family is not asked: IPV6_ADDRFORM can
 * change it between this hook and the kernel's use of the address. */
SL_INLINE int sl_is_short(const struct sl_attempt *a)
{
	if (a->address_family == SL_AF_INET6)
		return a->address_length < SL_SOCKADDR_IN6_LENGTH;
	return a->address_length < SL_SOCKADDR_IN_LENGTH;
}

SL_INLINE struct sl_decision sl_decide_bind(const struct sl_policy *p, const struct sl_attempt *a)
{
	struct sl_attempt local = *a;

	/* Netlink addresses are the sender's own number and the groups it reads. */
	if ((p->flags & SL_ALLOW_BIND) || a->family == SL_AF_UNIX || a->family == SL_AF_NETLINK)
		return sl_allow();
	if (!sl_is_inet(a->family))
		return sl_deny(EPERM, SL_REASON_BIND);
	if (sl_is_short(a))
		return sl_allow();
	/* Port 0 is what autobind does on the first send, so a datagram socket may have it (the
	 * resolver of musl asks for it). On a stream it only counts once the socket listens. */
	if (a->port == 0)
		return sl_allow();
	if (local.address_family == SL_AF_UNSPEC)
		local.address_family = SL_AF_INET;
	return sl_decide_local_address(p, &local);
}

/* Listening without bind, or on a port the kernel chose, is a bind: a->port is what the socket
 * has now, 0 if none yet. One that listens already opens nothing new. */
SL_INLINE struct sl_decision sl_decide_listen(const struct sl_policy *p,
					      const struct sl_attempt *a)
{
	if (a->family == SL_AF_UNIX)
		return sl_allow();
	if (!(p->flags & SL_ALLOW_LISTEN))
		return sl_deny(EPERM, SL_REASON_LISTEN);
	if ((p->flags & SL_ALLOW_BIND) || (a->flags & SL_ATTEMPT_LISTENING))
		return sl_allow();
	if (!sl_is_inet(a->family))
		return sl_deny(EPERM, SL_REASON_BIND);
	return sl_decide_local_address(p, a);
}

SL_INLINE struct sl_decision sl_decide_connect(const struct sl_policy *p,
					       const struct sl_attempt *a)
{
	if ((p->flags & SL_ALLOW_CONNECT) || a->family == SL_AF_UNIX ||
	    a->family == SL_AF_NETLINK)
		return sl_allow();
	if (sl_is_inet(a->family)) {
		/* AF_UNSPEC dissolves an association, it makes none. */
		if (a->address_family == SL_AF_UNSPEC || sl_is_short(a))
			return sl_allow();
	}
	return sl_deny(EPERM, SL_REASON_CONNECT);
}

/* Every send that chooses a peer. On a TCP socket the address counts only with MSG_FASTOPEN,
 * which connects (tcp_sendmsg_fastopen); without it the kernel does not look at it. */
SL_INLINE struct sl_decision sl_decide_send(const struct sl_policy *p, const struct sl_attempt *a)
{
	if ((p->flags & SL_ALLOW_CONNECT) || a->family == SL_AF_UNIX ||
	    a->family == SL_AF_NETLINK)
		return sl_allow();
	if (!(a->flags & SL_ATTEMPT_ADDRESS))
		return sl_allow();
	if (sl_is_inet(a->family)) {
		if (sl_is_tcp(a) && !(a->flags & SL_ATTEMPT_FASTOPEN))
			return sl_allow();
		/* AF_UNSPEC with an address is sent on AF_INET. */
		if (sl_is_short(a))
			return sl_allow();
	}
	return sl_deny(EPERM, SL_REASON_CONNECT);
}

/*
 * Socket options that would loosen a policy: they change a socket's mark, send a packet to
 * another first hop than the address a hook has seen, claim a foreign local address, or write
 * netfilter rules the old way. Numbers: asm-generic/socket.h, linux/in.h, linux/in6.h,
 * linux/tcp.h, linux/netfilter_ipv{4,6}/ip*_tables.h, linux/mroute*.h.
 */
SL_INLINE int sl_option_loosens(__s32 level, __s32 option)
{
	switch (level) {
	case SL_SOL_SOCKET:
		return option == SL_SO_MARK;
	case 0: /* SOL_IP */
		return option == 4 /* IP_OPTIONS */ || option == 7 /* IP_RETOPTS */ ||
		       option == 19 /* IP_TRANSPARENT */ ||
		       option >= 64 /* iptables, arptables, ebtables, MRT_* */;
	case 41: /* SOL_IPV6 */
		return option == 1 /* IPV6_ADDRFORM */ || option == 5 /* IPV6_2292RTHDR */ ||
		       option == 6 /* IPV6_2292PKTOPTIONS */ || option == 57 /* IPV6_RTHDR */ ||
		       option == 64 /* IP6T_SO_SET_REPLACE */ ||
		       option == 65 /* IP6T_SO_SET_ADD_COUNTERS */ ||
		       option == 75 /* IPV6_TRANSPARENT */ || option >= 200 /* MRT6_* */;
	case 6: /* SOL_TCP */
		return option == 19 /* TCP_REPAIR */;
	default:
		return 0;
	}
}

SL_INLINE struct sl_decision sl_decide_setsockopt(const struct sl_policy *p,
						  const struct sl_attempt *a)
{
	if (a->family == SL_AF_UNIX)
		return sl_allow();
	if ((p->flags & SL_SET_MARK) && a->level == SL_SOL_SOCKET && a->option == SL_SO_MARK)
		return sl_deny(EPERM, SL_REASON_MARK);
	/* SCTP_SOCKOPT_BINDX_ADD binds without a bind(2). */
	if (!(p->flags & SL_ALLOW_BIND) && a->level == 132 && a->option == 100)
		return sl_deny(EPERM, SL_REASON_BIND);
	if ((p->flags & SL_UNRESTRICTED) || !sl_option_loosens(a->level, a->option))
		return sl_allow();
	return sl_deny(EPERM, SL_REASON_SETSOCKOPT);
}

SL_INLINE struct sl_decision sl_decide(const struct sl_policy *p, const struct sl_attempt *a)
{
	if (!(p->flags & SL_CONFIGURED))
		return a->family == SL_AF_UNIX ? sl_allow()
					       : sl_deny(EPERM, SL_REASON_UNCONFIGURED);
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
		if (a->family == SL_AF_UNIX || (p->flags & SL_ALLOW_ACCEPT))
			return sl_allow();
		return sl_deny(EPERM, SL_REASON_ACCEPT);
	case SL_VERB_SETSOCKOPT:
		return sl_decide_setsockopt(p, a);
	default:
		return sl_deny(EPERM, SL_REASON_UNCONFIGURED);
	}
}
