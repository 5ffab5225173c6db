/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a packet's addresses are what they say: a source is one of the namespace's own, and what
 * passes over loopback stays here. Helpers for programs of packets know neither, so both are read from
 * the kernel's own lists.
 *
 * Of IPv4 the kernel sees to the source itself (ip_route_output_key_hash_rcu: __ip_dev_find), but for
 * sockets that are transparent, which the guard on options keeps closed, or that write the header
 * themselves. Of IPv6 it does not: the sysctl ip_nonlocal_bind is all that it asks.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/rtnetlink.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/decide.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/policy_abi.h"

/* More addresses and devices than a namespace has: what is not found by then is foreign. */
#define ADDRESS_STEPS 65536

/* A walk over all addresses of one family, device by device; a step looks at one of either. */
struct address_walk {
	struct list_head *devices; /* the head */
	struct list_head *device;  /* that comes next */
	struct list_head *head;    /* of the addresses of the device, IPv6 */
	struct list_head *address; /* that comes next */
	struct in_ifaddr *next;    /* the same for IPv4 */
	__u32 wanted[4];
	int ipv4;
	int found;
};

static __always_inline int is_at(const struct address_walk *walk, const __u32 *address)
{
	return walk->wanted[0] == address[0] &&
	       (walk->ipv4 || (walk->wanted[1] == address[1] && walk->wanted[2] == address[2] &&
			       walk->wanted[3] == address[3]));
}

/* To the next device; 1 at the end. */
static __always_inline long next_device(struct address_walk *walk)
{
	struct net_device *device;

	if (!walk->device || walk->device == walk->devices)
		return 1;
	device = (void *)walk->device - bpf_core_field_offset(struct net_device, dev_list);
	walk->device = BPF_CORE_READ(device, dev_list.next);
	if (walk->ipv4) {
		walk->next = BPF_CORE_READ(device, ip_ptr, ifa_list);
		return 0;
	}
	walk->address = BPF_CORE_READ(device, ip6_ptr, addr_list.next);
	walk->head = (void *)BPF_CORE_READ(device, ip6_ptr) +
		     bpf_core_field_offset(struct inet6_dev, addr_list);
	return 0;
}

static long step(__u32 index, struct address_walk *walk)
{
	struct in_ifaddr *next = walk->next;
	__u32 address[4] = {};

	if (walk->ipv4 && next) {
		bpf_core_read(address, sizeof(__u32), &next->ifa_local);
		walk->next = BPF_CORE_READ(next, ifa_next);
	} else if (!walk->ipv4 && walk->address && walk->address != walk->head) {
		struct inet6_ifaddr *one = (void *)walk->address -
			bpf_core_field_offset(struct inet6_ifaddr, if_list);

		bpf_core_read(address, sizeof(address), &one->addr);
		walk->address = BPF_CORE_READ(one, if_list.next);
	} else {
		return next_device(walk);
	}
	walk->found = is_at(walk, address);
	return walk->found;
}

/* The address of what the verifier knows as a pointer of its own kind, as a number. */
static __always_inline void *address_of(const void *pointer)
{
	const void *volatile held = pointer;
	void *address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), (const void *)&held);
	return address;
}

/* Whether a device of the socket's namespace has the packet's source address. */
static __always_inline int is_own_address(const struct bpf_sock *sk, const struct sl_packet *packet)
{
	struct sock *socket = address_of(sk);
	struct net *net = BPF_CORE_READ(socket, __sk_common.skc_net.net);
	struct address_walk walk = {
		.devices = (void *)net + bpf_core_field_offset(struct net, dev_base_head),
		.device = BPF_CORE_READ(net, dev_base_head.next),
		.wanted = {packet->local_address[0], packet->local_address[1],
			   packet->local_address[2], packet->local_address[3]},
		.ipv4 = packet->family == SL_AF_INET,
	};

	/* 127.0.0.0/8 is loopback's, all of it. */
	if (walk.ipv4 && (walk.wanted[0] & __builtin_bswap32(0xff000000)) ==
				 __builtin_bswap32(0x7f000000))
		return 1;
	bpf_loop(ADDRESS_STEPS, step, &walk, 0);
	return walk.found;
}

/* Whether the packet's route ends in this namespace: a socket that is bound to the loopback device
 * sends there whatever it likes. */
static __always_inline int stays_here(struct __sk_buff *skb, const struct sl_packet *packet)
{
	struct sk_buff *buffer = address_of(skb);
	void *route = (void *)(BPF_CORE_READ(buffer, _skb_refdst) & ~(unsigned long)SKB_DST_PTRMASK);
	__u16 type;

	if (packet->family == SL_AF_INET6)
		return (packet->address[0] & __builtin_bswap32(0xff000000)) ==
			       __builtin_bswap32(0xff000000) ||
		       (BPF_CORE_READ((struct rt6_info *)route, rt6i_flags) & RTF_LOCAL);
	type = BPF_CORE_READ((struct rtable *)route, rt_type);
	return type == RTN_LOCAL || type == RTN_MULTICAST || type == RTN_BROADCAST;
}

/* The address that a host has before it has one is of use to DHCP alone. */
static __always_inline int asks_for_address(const struct sl_packet *packet)
{
	return packet->family == SL_AF_INET && packet->protocol == IPPROTO_UDP &&
	       packet->local_port == 68 && packet->port == 67;
}

/* Whether a packet on its way out names an end that is not what it seems. */
static __always_inline int has_foreign_address(struct __sk_buff *skb, const struct bpf_sock *sk,
					       const struct sl_packet *packet,
					       const struct sl_policy *policy)
{
	if ((packet->flags & SL_PACKET_LOOPBACK) && !stays_here(skb, packet))
		return 1;
	if (policy->flags & SL_OPEN_TRANSPARENT)
		return 0;
	if (packet->family == SL_AF_INET && packet->local_address[0] == 0)
		return !asks_for_address(packet);
	if (packet->family == SL_AF_INET && !(packet->flags & SL_PACKET_RAW))
		return 0;
	return !is_own_address(sk, packet);
}
