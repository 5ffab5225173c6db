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
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/decide_packet.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"

#define FLOW_LIFETIME (120ull * 1000000000) /* nanoseconds: conntrack's for a stream of UDP */

/* The walks over headers are global functions: verified once, not for every path that leads to them.
 *
 * Options follow the header's 20 bytes; each but the one-byte ones has its length behind its type
 * (RFC 791). An option that goes on beyond the header ends the walk, as in ip_options_compile(). */
__attribute__((noinline)) int is_source_routed(struct __sk_buff *skb, __u32 end)
{
	__u32 offset = sizeof(struct iphdr);

	for (int i = 0; i < 40 && offset < end; i++) {
		__u8 option[2] = {};

		if (bpf_skb_load_bytes(skb, offset, option, sizeof(option)) != 0 ||
		    option[0] == IPOPT_END)
			return 0;
		if (option[0] == IPOPT_LSRR || option[0] == IPOPT_SSRR)
			return 1;
		if (option[0] == IPOPT_NOOP)
			offset += 1;
		else if (option[1] < 2)
			return 0;
		else
			offset += option[1];
	}
	return 0;
}

/* Returns where the transport header begins. */
static __always_inline __u32 read_ipv4(struct __sk_buff *skb, struct sl_packet *packet)
{
	struct iphdr header = {};
	const int arrives = packet->flags & SL_PACKET_ARRIVES;
	__u32 end;

	packet->family = SL_AF_INET;
	if (bpf_skb_load_bytes(skb, 0, &header, sizeof(header)) != 0) {
		packet->flags |= SL_PACKET_UNREAD;
		return 0;
	}
	end = header.ihl * 4;
	packet->protocol = header.protocol;
	packet->address[0] = arrives ? header.saddr : header.daddr;
	packet->local_address[0] = arrives ? header.daddr : header.saddr;
	if (header.frag_off & __builtin_bswap16(IP_OFFSET))
		packet->flags |= SL_PACKET_UNREAD;
	if (is_source_routed(skb, end))
		packet->flags |= SL_PACKET_ROUTED;
	return end;
}

/* Walks the extension headers (RFC 8200, section 4). More of them, or others, than any program has
 * reason for are not read. Returns where the transport header begins. */
__attribute__((noinline)) __u32 read_ipv6(struct __sk_buff *skb, struct sl_packet *packet)
{
	__u32 offset = sizeof(struct ipv6hdr);
	__u8 next = 0;
	int arrives;

	if (!packet) /* what the verifier must assume of a global function's argument */
		return 0;
	arrives = packet->flags & SL_PACKET_ARRIVES;

	packet->family = SL_AF_INET6;
	if (bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, nexthdr), &next, sizeof(next)) != 0 ||
	    bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, saddr),
			       arrives ? packet->address : packet->local_address, 16) != 0 ||
	    bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, daddr),
			       arrives ? packet->local_address : packet->address, 16) != 0)
		next = IPPROTO_NONE;
	for (int i = 0; i < 8; i++) {
		__u8 header[4] = {};

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_ROUTING && next != IPPROTO_FRAGMENT) {
			packet->protocol = next;
			return offset;
		}
		if (bpf_skb_load_bytes(skb, offset, header, sizeof(header)) != 0)
			break;
		if (next == IPPROTO_ROUTING)
			packet->flags |= SL_PACKET_ROUTED;
		if (next == IPPROTO_FRAGMENT) {
			if ((header[2] << 8 | header[3]) & IP6_OFFSET)
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

	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6)
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
	if (packet->protocol != IPPROTO_TCP)
		return;
	if (bpf_skb_load_bytes(skb, offset + 13, &flags, sizeof(flags)) != 0)
		packet->flags |= SL_PACKET_UNREAD;
	else if ((flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN)
		packet->flags |= SL_PACKET_OPENS;
	else if ((flags & (TCPHDR_SYN | TCPHDR_ACK)) == (TCPHDR_SYN | TCPHDR_ACK))
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
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP)
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

	transport = skb->protocol == __builtin_bswap16(ETH_P_IPV6)
			    ? read_ipv6(skb, &packet)
			    : read_ipv4(skb, &packet);
	sk = sk ? bpf_sk_fullsock(sk) : 0;
	if (sk && !(flags & SL_PACKET_ARRIVES) &&
	    ((sk->mark ^ skb->mark) & sl_compared_mark(policy)))
		packet.flags |= SL_PACKET_REMARKED;
	if (policy->flags & SL_JUDGE_PACKETS) {
		read_transport(skb, &packet, transport);
		if (skb->ifindex == LOOPBACK_IFINDEX)
			packet.flags |= SL_PACKET_LOOPBACK;
		if (sk)
			read_socket(sk, &packet);
		if (packet.protocol == IPPROTO_UDP)
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
