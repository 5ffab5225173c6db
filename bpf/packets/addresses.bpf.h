/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a packet's addresses are what they say: a source is one of the namespace's own, what passes over
 * loopback stays here, and what is for loopback takes no other way. Helpers for programs of packets know
 * none of it, so it is read from the kernel's own lists.
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
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/policy_abi.h"

/* Devices and addresses of one family that are looked at: what is not found by then is foreign. */
#define ADDRESS_STEPS 256

static __always_inline int is_at(const struct sl_packet *packet, const __u32 *address)
{
	const __u32 *wanted = packet->local_address;

	return wanted[0] == address[0] &&
	       (packet->family == SL_AF_INET ||
		(wanted[1] == address[1] && wanted[2] == address[2] && wanted[3] == address[3]));
}

/* A walk over all devices of a namespace, and over the addresses of each. */
struct sl_walk {
	struct list_head *devices, *device; /* the namespace's own head, and the next device */
	struct list_head *head, *address; /* of a device that has IPv6, and its next address */
	struct in_ifaddr *next; /* the next address of a device that has IPv4 */
};

static __always_inline void enter_device(struct sl_walk *walk, __u32 family)
{
	struct net_device *of =
		(void *)walk->device - bpf_core_field_offset(struct net_device, dev_list);

	walk->device = BPF_CORE_READ(of, dev_list.next);
	if (family == SL_AF_INET) {
		walk->next = BPF_CORE_READ(of, ip_ptr, ifa_list);
		return;
	}
	walk->head = (void *)BPF_CORE_READ(of, ip6_ptr) +
		     bpf_core_field_offset(struct inet6_dev, addr_list);
	walk->address = BPF_CORE_READ(of, ip6_ptr, addr_list.next);
	if (!walk->address) /* the device has no IPv6 */
		walk->address = walk->head;
}

enum sl_walked { SL_WALKS_ON, SL_FOUND, SL_NOT_FOUND };

/* A step looks at one device or one address. A global function, verified once. No bpf_loop(): verifiers before
 * 6.7 take what its function does the first time for all that it does. An enum sl_walked. */
SL_GLOBAL int walk_on(struct sl_walk *walk, const struct sl_packet *packet)
{
	struct in_ifaddr *next;
	__u32 found[4] = {};

	if (!walk || !packet) /* what the verifier must assume of a global function's arguments */
		return SL_NOT_FOUND;
	next = walk->next;
	if (next) {
		if (bpf_core_read(found, sizeof(__u32), &next->ifa_local) != 0)
			return SL_NOT_FOUND;
		walk->next = BPF_CORE_READ(next, ifa_next);
	} else if (walk->address != walk->head) {
		struct inet6_ifaddr *one = (void *)walk->address -
					   bpf_core_field_offset(struct inet6_ifaddr, if_list);

		if (bpf_core_read(found, sizeof(found), &one->addr) != 0)
			return SL_NOT_FOUND;
		walk->address = BPF_CORE_READ(one, if_list.next);
	} else {
		if (!walk->device || walk->device == walk->devices)
			return SL_NOT_FOUND;
		enter_device(walk, packet->family);
		return SL_WALKS_ON;
	}
	return is_at(packet, found) ? SL_FOUND : SL_WALKS_ON;
}

/* Whether a device of the namespace has the packet's source address. */
SL_GLOBAL int has_address(unsigned long netns, const struct sl_packet *packet)
{
	struct net *net = (void *)netns;
	struct sl_walk walk = {};

	walk.devices = (void *)net + bpf_core_field_offset(struct net, dev_base_head);
	walk.device = BPF_CORE_READ(net, dev_base_head.next);
	for (int i = 0; i < ADDRESS_STEPS; i++) {
		const int walked = walk_on(&walk, packet);

		if (walked != SL_WALKS_ON)
			return walked == SL_FOUND;
	}
	return 0;
}

/* The address of what the verifier knows as a pointer of its own kind, as a number. */
static __always_inline void *address_of(const void *pointer)
{
	const void *volatile held = pointer;
	void *address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), (const void *)&held);
	return address;
}

/* 127.0.0.0/8, all of it, and ::1 are loopback's in every namespace: no other host has them. */
static __always_inline int is_of_loopback(const struct sl_packet *packet, const __u32 *address)
{
	if (packet->family == SL_AF_INET)
		return (address[0] & __builtin_bswap32(0xff000000)) ==
		       __builtin_bswap32(0x7f000000);
	return address[0] == 0 && address[1] == 0 && address[2] == 0 &&
	       address[3] == __builtin_bswap32(1);
}

/* What is_remembered() asks for. Not of IPv4, whose sources the kernel has seen to but for raw sockets, nor
 * of TCP, which asks once for a connection. 0: there is nothing to remember. */
static __always_inline int read_own(struct bpf_sock *sk, const struct sl_packet *packet,
				    struct sl_own_address *own)
{
	const struct sock *socket;
	const struct net *net = 0;

	if (packet->family != SL_AF_INET6 || packet->protocol != IPPROTO_UDP)
		return 0;
	socket = (void *)bpf_skc_to_udp6_sock(sk);
	if (!socket || !bpf_core_field_exists(net->ipv6.dev_addr_genid))
		return 0;
	net = socket->__sk_common.skc_net.net;
	own->netns = net->net_cookie;
	own->changes = (__u32)net->ipv6.dev_addr_genid.counter;
	own->address[0] = packet->local_address[0];
	own->address[1] = packet->local_address[1];
	own->address[2] = packet->local_address[2];
	own->address[3] = packet->local_address[3];
	return 1;
}

/* Whether it is the source that was found last, and nothing has changed since: the kernel counts every
 * address that comes or goes in a namespace (__ipv6_ifa_notify), and no two namespaces ever have one
 * cookie. The count is read before the walk, so that what goes meanwhile is not remembered. */
static __always_inline int is_remembered(struct sl_packet_policy *state,
					 const struct sl_own_address *own)
{
	const struct sl_own_address *last = &state->own;
	int known;

	bpf_spin_lock(&state->lock);
	known = last->netns == own->netns && last->changes == own->changes &&
		last->address[3] == own->address[3] && last->address[0] == own->address[0] &&
		last->address[1] == own->address[1] && last->address[2] == own->address[2];
	bpf_spin_unlock(&state->lock);
	return known;
}

/* Whether the packet's source is an address of the socket's namespace. */
static __always_inline int is_own_address(struct sl_packet_policy *state, struct bpf_sock *sk,
					  const struct sl_packet *packet)
{
	struct sl_own_address own = {};
	struct sock *socket;
	int remembers;

	if (is_of_loopback(packet, packet->local_address))
		return 1;
	remembers = read_own(sk, packet, &own);
	if (remembers && is_remembered(state, &own))
		return 1;
	socket = address_of(sk);
	if (!has_address((unsigned long)BPF_CORE_READ(socket, __sk_common.skc_net.net), packet))
		return 0;
	if (remembers) {
		bpf_spin_lock(&state->lock);
		state->own = own;
		bpf_spin_unlock(&state->lock);
	}
	return 1;
}

/* Whether the packet's route ends in this namespace: a socket that is bound to the loopback device
 * sends there whatever it likes. */
static __always_inline int stays_here(struct __sk_buff *skb, const struct sl_packet *packet)
{
	struct sk_buff *buffer;
	void *route;
	__u16 type;

	if (is_of_loopback(packet, packet->address))
		return 1;
	buffer = address_of(skb);
	route = (void *)(BPF_CORE_READ(buffer, _skb_refdst) & ~(unsigned long)SKB_DST_PTRMASK);
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
static __always_inline int has_foreign_address(struct __sk_buff *skb, struct bpf_sock *sk,
					       const struct sl_packet *packet,
					       struct sl_packet_policy *state)
{
	if ((packet->flags & SL_PACKET_LOOPBACK) && !stays_here(skb, packet))
		return 1;
	if (state->policy.flags & SL_OPEN_TRANSPARENT)
		return 0;
	if (packet->family == SL_AF_INET && packet->local_address[0] == 0)
		return !asks_for_address(packet);
	if (packet->family == SL_AF_INET && !(packet->flags & SL_PACKET_RAW))
		return 0;
	return !is_own_address(state, sk, packet);
}
