/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Numbers of the kernel, and which socket options, control messages and ioctls would loosen a
 * policy. Pure C, for bpf/decide.h.
 */
#pragma once

#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ioctl.h> /* before if_tun.h, which lacks it */
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/tcp.h>

#include "bpf/policy_abi.h"

#ifdef __BPF__
#define SL_INLINE static __attribute__((always_inline)) inline
#else
#define SL_INLINE static inline
#endif

/* Kernel numbers that no uapi header carries: include/linux/socket.h, include/linux/net.h,
 * include/net/ipv6.h. Levels of options are IPPROTO_* where there is a protocol of that number. */
enum {
	SL_AF_UNSPEC = 0,
	SL_AF_UNIX = 1,
	SL_AF_INET = 2,
	SL_AF_INET6 = 10,
	SL_AF_NETLINK = 16,
	SL_AF_PACKET = 17,
	SL_AF_SMC = 43,
};
enum {
	SL_SOCK_STREAM = 1,
	SL_SOCK_DGRAM = 2,
	SL_SOCK_RAW = 3,
	SL_SOCK_SEQPACKET = 5,
	SL_SOCK_DCCP = 6,
};
enum {
	SL_SOL_DCCP = 269,
	SL_SIN6_LEN_RFC2133 = 24, /* the shortest address that inet6 takes */
};
/* linux/sctp.h, which wants the C library's struct sockaddr_storage. */
enum {
	SL_SCTP_DSTADDRV4 = 7,
	SL_SCTP_DSTADDRV6 = 8,
	SL_SCTP_SOCKOPT_BINDX_ADD = 100,
};

SL_INLINE int sl_is_inet(__u16 family)
{
	return family == SL_AF_INET || family == SL_AF_INET6;
}

/*
 * Socket options that would loosen a policy: they change a socket's mark, send a packet to
 * another first hop than the address a hook has seen, claim a foreign local address, put data into
 * what the kernel sends by itself (multicast filters), change what becomes of packets, or write
 * netfilter rules the old way (linux/netfilter_ipv{4,6}/ip*_tables.h, linux/mroute*.h).
 * Of levels, those that inet sockets of open protocols have: any other is refused them. SMC hands
 * options down to a TCP socket.
 */
enum {
	SL_IP_RULES = 64,        /* from here on: iptables, arptables, ebtables, MRT_* */
	SL_IP6T_SET_REPLACE = 64,
	SL_IP6T_SET_ADD_COUNTERS = 65,
	SL_IP6_ROUTING = 200,    /* from here on: MRT6_* */
};

SL_INLINE int sl_ip_option_loosens(const struct sl_attempt *a)
{
	switch (a->option) {
	case IP_OPTIONS:
	case IP_FREEBIND:
	case IP_IPSEC_POLICY:
	case IP_XFRM_POLICY:
	case IP_TRANSPARENT:
	case IP_MSFILTER:
	case MCAST_MSFILTER:
		return 1;
	case IP_RETOPTS: /* as an option it asks for those of incoming packets; ping does */
		return a->flags & SL_ATTEMPT_CONTROL;
	default:
		return a->option >= SL_IP_RULES;
	}
}

SL_INLINE int sl_ipv6_option_loosens(const struct sl_attempt *a)
{
	switch (a->option) {
	case IPV6_ADDRFORM:
	case IPV6_2292RTHDR:
	case IPV6_2292PKTOPTIONS:
	case IPV6_FLOWLABEL_MGR: /* keeps routing headers */
	case IPV6_IPSEC_POLICY:
	case IPV6_XFRM_POLICY:
	case MCAST_MSFILTER:
	case IPV6_RTHDR:
	case IPV6_TRANSPARENT:
	case IPV6_FREEBIND:
	case SL_IP6T_SET_REPLACE:
	case SL_IP6T_SET_ADD_COUNTERS:
		return 1;
	default:
		return a->option >= SL_IP6_ROUTING;
	}
}

SL_INLINE int sl_option_loosens(const struct sl_attempt *a)
{
	switch (a->level) {
	case SOL_SOCKET:
		return a->option == SO_MARK;
	case IPPROTO_IP:
		return sl_ip_option_loosens(a);
	case IPPROTO_IPV6:
		return sl_ipv6_option_loosens(a);
	case IPPROTO_TCP:
		return a->option == TCP_REPAIR || a->option == TCP_ULP;
	case IPPROTO_UDP:
	case IPPROTO_ICMPV6:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
	case IPPROTO_RAW:
	case SL_SOL_DCCP:
		return 0;
	default:
		return sl_is_inet(a->family) || a->family == SL_AF_SMC;
	}
}

/* SCTP's own ways to bind and to choose peers: an option, and the addresses of a control message.
 * Those of connectx come by sctp_bind_connect. */
SL_INLINE int sl_binds_by_option(const struct sl_attempt *a)
{
	return a->level == IPPROTO_SCTP && a->option == SL_SCTP_SOCKOPT_BINDX_ADD &&
	       !(a->flags & SL_ATTEMPT_CONTROL);
}
SL_INLINE int sl_adds_peer(const struct sl_attempt *a)
{
	return a->level == IPPROTO_SCTP &&
	       (a->option == SL_SCTP_DSTADDRV4 || a->option == SL_SCTP_DSTADDRV6) &&
	       (a->flags & SL_ATTEMPT_CONTROL);
}

/* A raw socket's packets go where their own header says, whatever peer the send names. */
SL_INLINE int sl_writes_header(const struct sl_attempt *a)
{
	return (a->level == IPPROTO_IP && a->option == IP_HDRINCL) ||
	       (a->level == IPPROTO_IPV6 && a->option == IPV6_HDRINCL);
}

/* ioctls of sockets, whatever the socket's family, and the one that makes tun and tap devices. */
SL_INLINE int sl_is_network_ioctl(__u32 command)
{
	return _IOC_TYPE(command) == SOCK_IOC_TYPE || command == TUNSETIFF;
}

/*
 * Those that only read: an allow-list. Not in it, though named GET: SIOCGIFBR and SIOCGIFVLAN,
 * which also set (br_ioctl_stub, vlan_ioctl_handler), and SIOCDEVPRIVATE on, which mean something
 * else for every driver. SIOCETHTOOL sets too, but nothing that decides where a packet goes.
 */
SL_INLINE int sl_ioctl_reads(__u32 command)
{
	switch (command) {
	case FIOSETOWN:
	case SIOCSPGRP:
	case FIOGETOWN:
	case SIOCGPGRP:
	case SIOCATMARK:
	case SIOCGSTAMP_OLD:
	case SIOCGSTAMPNS_OLD:
	case SIOCGSTAMP_NEW:
	case SIOCGSTAMPNS_NEW:
	case SIOCGIFNAME:
	case SIOCGIFCONF:
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCGIFMEM:
	case SIOCGIFMTU:
	case SIOCGIFENCAP:
	case SIOCGIFHWADDR:
	case SIOCGIFSLAVE:
	case SIOCGIFINDEX:
	case SIOCGIFPFLAGS:
	case SIOCGIFCOUNT:
	case SIOCGIFTXQLEN:
	case SIOCETHTOOL:
	case SIOCGMIIPHY:
	case SIOCOUTQNSD:
	case SIOCGSKNS:
	case SIOCGARP:
	case SIOCGIFMAP:
	case SIOCGHWTSTAMP:
		return 1;
	default:
		return 0;
	}
}
