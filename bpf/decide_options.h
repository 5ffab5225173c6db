/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Numbers of the kernel, and what socket options, control messages and ioctls are to a restricting
 * policy. Pure C, for bpf/decide.h. The options themselves are bpf/decide_option_table.h.
 */
#pragma once

#include <asm/ioctls.h>
#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ioctl.h> /* before if_tun.h, which lacks it */
#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "bpf/decide_option_table.h"
#include "bpf/global.h"
#include "bpf/policy_abi.h"

#ifdef __BPF__
#define SL_INLINE static __attribute__((always_inline)) inline
#else
#define SL_INLINE static inline
#endif

/* Kernel numbers that no uapi header carries: include/linux/socket.h, include/linux/net.h,
 * include/net/ipv6.h. */
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
	SL_SIN6_LEN_RFC2133 = 24, /* the shortest address that inet6 takes */
};
/* linux/sctp.h, which wants the C library's struct sockaddr_storage. */
enum {
	SL_SCTP_SOCKOPT_BINDX_ADD = 100,
};
/* linux/wireless.h, which wants linux/if.h. */
enum {
	SL_WIRELESS_IOC_TYPE = 0x8B,
	SL_SIOCIWFIRSTPRIV = 0x8BE0,
};

SL_INLINE int sl_is_inet(__u16 family)
{
	return family == SL_AF_INET || family == SL_AF_INET6;
}

#define SL_OPTION_CASE(name, number, kind) case number: return SL_OPTION_##kind;
#define SL_OPTION_LEVEL_CASE(name, number)                    \
	case number:                                          \
		switch (option) {                             \
		SL_OPTIONS_##name(SL_OPTION_CASE)             \
		default: return SL_OPTION_ABSENT;             \
		}
#define SL_CONTROL_LEVEL_CASE(name, number)                   \
	case number:                                          \
		switch (type) {                               \
		SL_CONTROLS_##name(SL_OPTION_CASE)            \
		default: return SL_OPTION_ABSENT;             \
		}

SL_GLOBAL __u32 sl_kind_of_option(__s32 level, __s32 option)
{
	switch (level) {
	SL_OPTION_LEVELS(SL_OPTION_LEVEL_CASE)
	default: return SL_OPTION_ABSENT;
	}
}

SL_GLOBAL __u32 sl_kind_of_control(__s32 level, __s32 type)
{
	switch (level) {
	SL_CONTROL_LEVELS(SL_CONTROL_LEVEL_CASE)
	default: return SL_OPTION_ABSENT;
	}
}

/* Whether a restricting policy refuses options of this kind by name. */
SL_INLINE int sl_option_loosens(__u32 policy_flags, __u32 kind)
{
	switch (kind) {
	case SL_OPTION_SOURCE_GROUPS:
		return !(policy_flags & SL_OPEN_SOURCE_GROUPS);
	case SL_OPTION_FOREIGN_SOURCE:
		return !(policy_flags & SL_OPEN_TRANSPARENT);
	case SL_OPTION_ANYCAST:
	case SL_OPTION_MARKS:
	case SL_OPTION_ROUTES:
	case SL_OPTION_RULES:
	case SL_OPTION_HANDS_OVER:
	case SL_OPTION_REPAIRS:
		return 1;
	default:
		return 0;
	}
}

/* Families whose sockets have the options of the table and no others: SMC hands its options down to a
 * TCP socket. Those of others are for the family's opening to answer for. */
SL_INLINE int sl_has_option_table(__u16 family)
{
	return sl_is_inet(family) || family == SL_AF_SMC;
}

/* ioctls of sockets, whatever the socket's family, those of wireless links (linux/wireless.h), the one that makes
 * tun and tap devices, and the one that makes a network device of a terminal (SLIP, CAN, GSM: drivers/tty). */
SL_INLINE int sl_is_network_ioctl(__u32 command)
{
	return _IOC_TYPE(command) == SOCK_IOC_TYPE || _IOC_TYPE(command) == SL_WIRELESS_IOC_TYPE ||
	       command == TUNSETIFF || command == TIOCSETD;
}

/* Addresses, and the state, of a device that is there. */
SL_INLINE int sl_ioctl_sets_up(__u32 command)
{
	switch (command) {
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCDIFADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFBRDADDR:
		return 1;
	default:
		return 0;
	}
}

/*
 * Those that only read: an allow-list. Not in it, though named GET: SIOCGIFBR and SIOCGIFVLAN,
 * which also set (br_ioctl_stub, vlan_ioctl_handler), SIOCETHTOOL, whose command lies in memory that
 * another thread can change after the look, and SIOCDEVPRIVATE on, which mean something else for every
 * driver. Those of wireless links that read are odd (IW_IS_GET); from SIOCIWFIRSTPRIV on they are a driver's own.
 */
SL_INLINE int sl_ioctl_reads(__u32 command)
{
	if (_IOC_TYPE(command) == SL_WIRELESS_IOC_TYPE)
		return (command & 1) && command < SL_SIOCIWFIRSTPRIV;
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

/* Whether the option does what a verb does. */
SL_INLINE int sl_option_acts(__u32 kind)
{
	return kind == SL_OPTION_BINDS || kind == SL_OPTION_CHOOSES_PEER;
}
