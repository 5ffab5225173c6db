/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The packets of a container's own sockets, on their way out and in: cgroup programs that nothing in
 * a network namespace can bypass or take away. They compare a packet with its socket, and where the
 * policy says so (SL_JUDGE_PACKETS) they are what enforces egress: alone in the host's network
 * namespace, where no rule of ours may be, and behind the rules in one that containers share.
 *
 * They see the packets of full sockets, a SYN-ACK as its listener's (BPF_CGROUP_RUN_PROG_INET_EGRESS,
 * include/linux/bpf-cgroup.h), before they are cut into fragments and after the namespace's own
 * address translation (ip_finish_output). Resets without a socket, TIME_WAIT and ICMP errors are the
 * kernel's own and not seen.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/decide_packet.h"
#include "bpf/policy_abi.h"

#define FLOW_LIFETIME (120ull * 1000000000) /* nanoseconds: conntrack's for a stream of UDP */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct sl_flow);
	__type(value, __u64);
} flows SEC(".maps");

/* The walks over headers are global functions: verified once, not for every path that leads to them.
 *
 * Options follow the header's 20 bytes; each but the one-byte ones has its length behind its type
 * (RFC 791). An option that goes on beyond the header ends the walk, as in ip_options_compile(). */
__attribute__((noinline)) int is_source_routed(struct __sk_buff *skb, __u32 end)
{
	__u32 offset = 20;

	for (int i = 0; i < 40 && offset < end; i++) {
		__u8 option[2] = {};

		if (bpf_skb_load_bytes(skb, offset, option, sizeof(option)) != 0 || option[0] == 0)
			return 0;
		if (option[0] == 131 /* IPOPT_LSRR */ || option[0] == 137 /* IPOPT_SSRR */)
			return 1;
		if (option[0] == 1 /* IPOPT_NOP */)
			offset += 1;
		else if (option[1] < 2)
			return 0;
		else
			offset += option[1];
	}
	return 0;
}

struct ipv4_header {
	__u8 version_and_length; /* length in 32-bit words */
	__u8 tos;
	__u16 total;
	__u16 id;
	__u16 fragment;          /* network byte order; the offset is in the lower 13 bits */
	__u8 ttl;
	__u8 protocol;
	__u16 checksum;
	__u32 source;
	__u32 destination;
};

/* Returns where the transport header begins. */
static __always_inline __u32 read_ipv4(struct __sk_buff *skb, struct sl_packet *packet)
{
	struct ipv4_header header = {};
	const int arrives = packet->flags & SL_PACKET_ARRIVES;
	__u32 end;

	packet->family = SL_AF_INET;
	if (bpf_skb_load_bytes(skb, 0, &header, sizeof(header)) != 0) {
		packet->flags |= SL_PACKET_UNREAD;
		return 0;
	}
	end = (header.version_and_length & 15) * 4;
	packet->protocol = header.protocol;
	packet->address[0] = arrives ? header.source : header.destination;
	packet->local_address[0] = arrives ? header.destination : header.source;
	if (header.fragment & __builtin_bswap16(0x1fff))
		packet->flags |= SL_PACKET_UNREAD;
	if (is_source_routed(skb, end))
		packet->flags |= SL_PACKET_ROUTED;
	return end;
}

/* Walks the extension headers (RFC 8200, section 4). More of them, or others, than any program has
 * reason for are not read. Returns where the transport header begins. */
__attribute__((noinline)) __u32 read_ipv6(struct __sk_buff *skb, struct sl_packet *packet)
{
	__u32 offset = 40;
	__u8 next = 0;
	int arrives;

	if (!packet) /* what the verifier must assume of a global function's argument */
		return 0;
	arrives = packet->flags & SL_PACKET_ARRIVES;

	packet->family = SL_AF_INET6;
	if (bpf_skb_load_bytes(skb, 6, &next, sizeof(next)) != 0 ||
	    bpf_skb_load_bytes(skb, 8, arrives ? packet->address : packet->local_address, 16) != 0 ||
	    bpf_skb_load_bytes(skb, 24, arrives ? packet->local_address : packet->address, 16) != 0)
		next = 59 /* NEXTHDR_NONE */;
	for (int i = 0; i < 8; i++) {
		__u8 header[4] = {};

		if (next != 0 /* NEXTHDR_HOP */ && next != 60 /* NEXTHDR_DEST */ &&
		    next != 43 /* NEXTHDR_ROUTING */ && next != 44 /* NEXTHDR_FRAGMENT */) {
			packet->protocol = next;
			return offset;
		}
		if (bpf_skb_load_bytes(skb, offset, header, sizeof(header)) != 0)
			break;
		if (next == 43)
			packet->flags |= SL_PACKET_ROUTED;
		if (next == 44) {
			if ((header[2] << 8 | header[3]) & 0xfff8)
				packet->flags |= SL_PACKET_UNREAD;
			offset += 8;
		} else {
			offset += (header[1] + 1) * 8;
		}
		next = header[0];
	}
	packet->flags |= SL_PACKET_UNREAD | SL_PACKET_ROUTED;
	return offset;
}

static __always_inline void read_transport(struct __sk_buff *skb, struct sl_packet *packet,
					   __u32 offset)
{
	struct {
		__u16 source;
		__u16 destination;
	} ports = {};
	__u8 flags = 0;

	if (packet->protocol == SL_IPPROTO_ICMP || packet->protocol == SL_IPPROTO_ICMPV6)
		return;
	if (bpf_skb_load_bytes(skb, offset, &ports, sizeof(ports)) != 0) {
		packet->flags |= SL_PACKET_UNREAD;
		return;
	}
	if (packet->flags & SL_PACKET_ARRIVES) {
		packet->port = __builtin_bswap16(ports.source);
		packet->local_port = __builtin_bswap16(ports.destination);
	} else {
		packet->port = __builtin_bswap16(ports.destination);
		packet->local_port = __builtin_bswap16(ports.source);
	}
	if (packet->protocol != SL_IPPROTO_TCP)
		return;
	if (bpf_skb_load_bytes(skb, offset + 13, &flags, sizeof(flags)) != 0)
		packet->flags |= SL_PACKET_UNREAD;
	else if ((flags & 18) == 2 /* SYN, no ACK */)
		packet->flags |= SL_PACKET_OPENS;
	else if ((flags & 18) == 18)
		packet->flags |= SL_PACKET_ANSWERS;
}

/* What the namespace's address translation has not changed: the peer that connect(2) was given and
 * the port the socket has. */
static __always_inline void read_socket(const struct bpf_sock *sk, struct sl_packet *packet)
{
	if (sk->type == SL_SOCK_RAW) {
		packet->flags |= SL_PACKET_RAW;
		return;
	}
	if (packet->flags & SL_PACKET_ARRIVES)
		return;
	if (packet->protocol == SL_IPPROTO_TCP || packet->protocol == SL_IPPROTO_UDP)
		packet->local_port = (__u16)sk->src_port;
	if (!(packet->flags & SL_PACKET_OPENS))
		return;
	packet->port = __builtin_bswap16(sk->dst_port);
	if (packet->family == SL_AF_INET) {
		packet->address[0] = sk->dst_ip4;
	} else {
		packet->address[0] = sk->dst_ip6[0];
		packet->address[1] = sk->dst_ip6[1];
		packet->address[2] = sk->dst_ip6[2];
		packet->address[3] = sk->dst_ip6[3];
	}
}

/* Notes a packet of UDP that arrives at a port which bind names, and finds it again for the answer. */
static __always_inline void follow_flow(const struct sl_policy *policy, struct sl_packet *packet)
{
	struct sl_flow flow = {
		.cgroup_id = policy->cgroup_id,
		.address = {packet->address[0], packet->address[1], packet->address[2],
			    packet->address[3]},
		.port = packet->port,
		.local_port = packet->local_port,
		.family = packet->family,
	};
	__u64 now = bpf_ktime_get_ns();
	__u64 *last;

	if (packet->flags & SL_PACKET_ARRIVES) {
		if (sl_packet_is_named(policy, SL_LIST_SERVED, packet))
			bpf_map_update_elem(&flows, &flow, &now, BPF_ANY);
		return;
	}
	last = bpf_map_lookup_elem(&flows, &flow);
	if (!last || now - *last > FLOW_LIFETIME)
		return;
	*last = now;
	packet->flags |= SL_PACKET_ANSWERS;
}

/* 1 lets the packet go on, 0 drops it. */
static __always_inline int judge_packet(struct __sk_buff *skb, __u16 flags)
{
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);
	struct sl_packet packet = {.flags = flags};
	struct bpf_sock *sk = skb->sk;
	struct sl_decision decision;
	__u32 transport;

	transport = skb->protocol == __builtin_bswap16(0x86dd) /* ETH_P_IPV6 */
			    ? read_ipv6(skb, &packet)
			    : read_ipv4(skb, &packet);
	sk = sk ? bpf_sk_fullsock(sk) : 0;
	if (sk && !(flags & SL_PACKET_ARRIVES) && sk->mark != skb->mark)
		packet.flags |= SL_PACKET_REMARKED;
	if (policy->flags & SL_JUDGE_PACKETS) {
		read_transport(skb, &packet, transport);
		if (skb->ifindex == 1 /* LOOPBACK_IFINDEX, include/net/flow.h */)
			packet.flags |= SL_PACKET_LOOPBACK;
		if (sk)
			read_socket(sk, &packet);
		if (packet.protocol == SL_IPPROTO_UDP)
			follow_flow(policy, &packet);
	}
	decision = sl_decide_packet(policy, &packet);
	if (decision.error == 0)
		return 1;
	count(policy->cgroup_id, decision.reason);
	return 0;
}

SEC("cgroup_skb/egress")
int inet_egress(struct __sk_buff *skb)
{
	return judge_packet(skb, 0);
}

SEC("cgroup_skb/ingress")
int inet_ingress(struct __sk_buff *skb)
{
	return judge_packet(skb, SL_PACKET_ARRIVES);
}
