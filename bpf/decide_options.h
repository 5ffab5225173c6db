/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Numbers of the kernel, and which socket options, control messages and ioctls would loosen a
 * policy. Pure C, for bpf/decide.h.
 */
#pragma once

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

SL_INLINE int sl_is_inet(__u16 family)
{
	return family == SL_AF_INET || family == SL_AF_INET6;
}

/*
 * Socket options that would loosen a policy: they change a socket's mark, send a packet to
 * another first hop than the address a hook has seen, claim a foreign local address, put data into
 * what the kernel sends by itself (multicast filters), change what becomes of packets, or write
 * netfilter rules the old way. Numbers: asm-generic/socket.h,
 * linux/in.h, linux/in6.h, linux/tcp.h, linux/netfilter_ipv{4,6}/ip*_tables.h, linux/mroute*.h.
 * Of levels, those that inet sockets of open protocols have: any other is refused them. SMC hands
 * options down to a TCP socket.
 */
SL_INLINE int sl_option_loosens(const struct sl_attempt *a)
{
	const __s32 option = a->option;

	switch (a->level) {
	case SL_SOL_SOCKET:
		return option == SL_SO_MARK;
	case 0: /* SOL_IP */
		/* IP_RETOPTS as an option asks for those of incoming packets; ping does. */
		return option == 4 /* IP_OPTIONS */ ||
		       (option == 7 /* IP_RETOPTS */ && (a->flags & SL_ATTEMPT_CONTROL)) ||
		       option == 15 /* IP_FREEBIND */ || option == 16 /* IP_IPSEC_POLICY */ || option == 17 /* IP_XFRM_POLICY */ ||
		       option == 19 /* IP_TRANSPARENT */ || option == 41 /* IP_MSFILTER */ ||
		       option == 48 /* MCAST_MSFILTER */ ||
		       option >= 64 /* iptables, arptables, ebtables, MRT_* */;
	case 41: /* SOL_IPV6 */
		return option == 1 /* IPV6_ADDRFORM */ || option == 5 /* IPV6_2292RTHDR */ ||
		       option == 6 /* IPV6_2292PKTOPTIONS */ ||
		       option == 32 /* IPV6_FLOWLABEL_MGR, which keeps routing headers */ ||
		       option == 34 /* IPV6_IPSEC_POLICY */ || option == 35 /* IPV6_XFRM_POLICY */ ||
		       option == 48 /* MCAST_MSFILTER */ || option == 57 /* IPV6_RTHDR */ || option == 64 /* IP6T_SO_SET_REPLACE */ ||
		       option == 65 /* IP6T_SO_SET_ADD_COUNTERS */ ||
		       option == 75 /* IPV6_TRANSPARENT */ || option == 78 /* IPV6_FREEBIND */ || option >= 200 /* MRT6_* */;
	case 6: /* SOL_TCP */
		return option == 19 /* TCP_REPAIR */ || option == 31 /* TCP_ULP */;
	case 17:  /* SOL_UDP */
	case 58:  /* SOL_ICMPV6 */
	case 132: /* SOL_SCTP */
	case 136: /* SOL_UDPLITE */
	case 255: /* SOL_RAW, and IPPROTO_RAW */
	case 269: /* SOL_DCCP */
		return 0;
	default:
		return sl_is_inet(a->family) || a->family == SL_AF_SMC;
	}
}

/* SCTP's own ways to bind and to choose peers: SCTP_SOCKOPT_BINDX_ADD, and SCTP_DSTADDRV{4,6} of a
 * control message (linux/sctp.h). Those of connectx come by sctp_bind_connect. */
SL_INLINE int sl_binds_by_option(const struct sl_attempt *a)
{
	return a->level == 132 && a->option == 100 && !(a->flags & SL_ATTEMPT_CONTROL);
}
SL_INLINE int sl_adds_peer(const struct sl_attempt *a)
{
	return a->level == 132 && (a->option == 7 || a->option == 8) &&
	       (a->flags & SL_ATTEMPT_CONTROL);
}

/* IP_HDRINCL, IPV6_HDRINCL: a raw socket's packets go where their own header says, whatever peer
 * the send names. */
SL_INLINE int sl_writes_header(const struct sl_attempt *a)
{
	return (a->level == 0 && a->option == 3) || (a->level == 41 && a->option == 36);
}

/* ioctls of sockets (linux/sockios.h: type 0x89), whatever the socket's family, and the one that
 * makes tun and tap devices (linux/if_tun.h). */
SL_INLINE int sl_is_network_ioctl(__u32 command)
{
	return ((command >> 8) & 0xff) == 0x89 || command == 0x400454ca /* TUNSETIFF */;
}

/*
 * Those that only read: an allow-list. Not in it, though named GET: SIOCGIFBR and SIOCGIFVLAN,
 * which also set (br_ioctl_stub, vlan_ioctl_handler), and SIOCDEVPRIVATE on, which mean something
 * else for every driver. SIOCETHTOOL sets too, but nothing that decides where a packet goes.
 */
SL_INLINE int sl_ioctl_reads(__u32 command)
{
	switch (command) {
	case 0x8901: /* FIOSETOWN */
	case 0x8902: /* SIOCSPGRP */
	case 0x8903: /* FIOGETOWN */
	case 0x8904: /* SIOCGPGRP */
	case 0x8905: /* SIOCATMARK */
	case 0x8906: /* SIOCGSTAMP_OLD */
	case 0x8907: /* SIOCGSTAMPNS_OLD */
	case 0x80108906: /* SIOCGSTAMP_NEW */
	case 0x80108907: /* SIOCGSTAMPNS_NEW */
	case 0x8910: /* SIOCGIFNAME */
	case 0x8912: /* SIOCGIFCONF */
	case 0x8913: /* SIOCGIFFLAGS */
	case 0x8915: /* SIOCGIFADDR */
	case 0x8917: /* SIOCGIFDSTADDR */
	case 0x8919: /* SIOCGIFBRDADDR */
	case 0x891b: /* SIOCGIFNETMASK */
	case 0x891d: /* SIOCGIFMETRIC */
	case 0x891f: /* SIOCGIFMEM */
	case 0x8921: /* SIOCGIFMTU */
	case 0x8925: /* SIOCGIFENCAP */
	case 0x8927: /* SIOCGIFHWADDR */
	case 0x8929: /* SIOCGIFSLAVE */
	case 0x8933: /* SIOCGIFINDEX */
	case 0x8935: /* SIOCGIFPFLAGS */
	case 0x8938: /* SIOCGIFCOUNT */
	case 0x8942: /* SIOCGIFTXQLEN */
	case 0x8946: /* SIOCETHTOOL */
	case 0x8947: /* SIOCGMIIPHY */
	case 0x894b: /* SIOCOUTQNSD */
	case 0x894c: /* SIOCGSKNS */
	case 0x8954: /* SIOCGARP */
	case 0x8970: /* SIOCGIFMAP */
	case 0x89b1: /* SIOCGHWTSTAMP */
		return 1;
	default:
		return 0;
	}
}
