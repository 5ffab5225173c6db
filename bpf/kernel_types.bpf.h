/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel fields we read, found by CO-RE on the kernel that runs: no vmlinux.h, no kernel
 * headers. Each struct has the kernel's name and, of its members, only those we use.
 */
#pragma once

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/net/sock.h. skc_num is in host byte order, the addresses in network byte order. */
struct sock_common {
	__u32 skc_rcv_saddr;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct {
		__u8 bytes[16];
	} skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	__u32 sk_mark;
};

/* include/linux/net.h */
struct socket {
	short type;
	struct sock *sk;
};

/* include/uapi/linux/socket.h, include/linux/socket.h: the kernel's own copy of an address */
struct sockaddr {
	unsigned short sa_family;
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
	void *msg_control;
	unsigned long msg_controllen;
	unsigned int msg_flags;
};

/* include/linux/skbuff.h */
struct sk_buff {
	unsigned char *data;
	unsigned int len;
};

#pragma clang attribute pop
