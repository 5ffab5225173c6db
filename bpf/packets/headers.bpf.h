/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet says of itself: its headers, into the input of sl_decide_packet().
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_helpers.h>

#include "bpf/decide.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/policy_abi.h"

/*
 * Nearly all packets have IPv4 without options or IPv6 without extensions, and lie in one piece at least
 * so far as is looked at. Those are read without a call. What is built otherwise is left to the walks
 * below, and so is every protocol but these.
 */
#define PLAIN_IPV4 0x45      /* version, and a header of five words */
#define TCP_FLAGS_AT 13      /* bytes into its header, of 14 that are looked at */

static __always_inline int is_ipv6_packet(const struct __sk_buff *skb)
{
	return skb->protocol == __builtin_bswap16(ETH_P_IPV6);
}

static __always_inline int is_plain_protocol(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP ||
	       protocol == IPPROTO_ICMPV6;
}

static __always_inline int is_plain_ipv4(const struct iphdr *ipv4)
{
	return *(const __u8 *)ipv4 == PLAIN_IPV4 &&
	       !(ipv4->frag_off & __builtin_bswap16(IP_OFFSET));
}

/* Where the transport header of a plain packet begins, of which `size` bytes are there; 0: not plain. */
static __always_inline const __u8 *plain_transport(struct __sk_buff *skb, __u32 size,
						   __u8 *protocol)
{
	const __u8 *begin = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct ipv6hdr *ipv6 = (void *)begin;
	const struct iphdr *ipv4 = (void *)begin;

	if (is_ipv6_packet(skb)) {
		if ((const __u8 *)(ipv6 + 1) + size > end)
			return 0;
		*protocol = ipv6->nexthdr;
		return (const __u8 *)(ipv6 + 1);
	}
	if ((const __u8 *)(ipv4 + 1) + size > end || !is_plain_ipv4(ipv4))
		return 0;
	*protocol = ipv4->protocol;
	return (const __u8 *)(ipv4 + 1);
}

/* Whether there is no place in the packet for a source route. */
static __always_inline int has_no_route(struct __sk_buff *skb)
{
	__u8 protocol = 0;

	return plain_transport(skb, 0, &protocol) && is_plain_protocol(protocol);
}

/* Whether it goes on with a TCP connection: neither opens one nor answers for a listener. */
static __always_inline int goes_on(struct __sk_buff *skb)
{
	__u8 protocol = 0;
	const __u8 *tcp = plain_transport(skb, TCP_FLAGS_AT + 1, &protocol);

	return tcp && protocol == IPPROTO_TCP && !(tcp[TCP_FLAGS_AT] & TCPHDR_SYN);
}

static __always_inline void read_ports(struct sl_packet *packet, __u16 source, __u16 destination)
{
	const int arrives = packet->flags & SL_PACKET_ARRIVES;

	packet->port = __builtin_bswap16(arrives ? source : destination);
	packet->local_port = __builtin_bswap16(arrives ? destination : source);
}

static __always_inline void read_tcp_flags(struct sl_packet *packet, __u8 flags)
{
	if ((flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN)
		packet->flags |= SL_PACKET_OPENS;
	else if ((flags & (TCPHDR_SYN | TCPHDR_ACK)) == (TCPHDR_SYN | TCPHDR_ACK))
		packet->flags |= SL_PACKET_ANSWERS;
}

static __always_inline int read_plain_transport(struct sl_packet *packet, const __u8 *transport,
						const void *end, __u8 protocol)
{
	const __u16 *ports = (const void *)transport;

	packet->protocol = protocol;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return 1;
	if (!is_plain_protocol(protocol) || (const void *)(ports + 2) > end)
		return 0;
	read_ports(packet, ports[0], ports[1]);
	if (protocol == IPPROTO_UDP)
		return 1;
	if ((const void *)(transport + TCP_FLAGS_AT + 1) > end)
		return 0;
	read_tcp_flags(packet, transport[TCP_FLAGS_AT]);
	return 1;
}

/* All of a plain packet. 0: it is not plain, and the walks read it from the beginning. */
SL_GLOBAL int read_plain(struct __sk_buff *skb, struct sl_packet *packet)
{
	const __u8 *begin = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct ipv6hdr *ipv6 = (const void *)begin;
	const struct iphdr *ipv4 = (const void *)begin;
	int arrives;

	if (!packet) /* what the verifier must assume of a global function's argument */
		return 0;
	arrives = packet->flags & SL_PACKET_ARRIVES;
	if (is_ipv6_packet(skb)) {
		if ((const __u8 *)(ipv6 + 1) > end)
			return 0;
		packet->family = SL_AF_INET6;
		__builtin_memcpy(arrives ? packet->address : packet->local_address, &ipv6->saddr,
				 16);
		__builtin_memcpy(arrives ? packet->local_address : packet->address, &ipv6->daddr,
				 16);
		return read_plain_transport(packet, (const __u8 *)(ipv6 + 1), end, ipv6->nexthdr);
	}
	if ((const __u8 *)(ipv4 + 1) > end || !is_plain_ipv4(ipv4))
		return 0;
	packet->family = SL_AF_INET;
	packet->address[0] = arrives ? ipv4->saddr : ipv4->daddr;
	packet->local_address[0] = arrives ? ipv4->daddr : ipv4->saddr;
	return read_plain_transport(packet, (const __u8 *)(ipv4 + 1), end, ipv4->protocol);
}

/* The walks over headers are global functions: verified once, not for every path that leads to them.
 *
 * Options follow the header's 20 bytes; each but the one-byte ones has its length behind its type
 * (RFC 791). An option that goes on beyond the header ends the walk, as in ip_options_compile(). */
SL_GLOBAL int is_source_routed(struct __sk_buff *skb, __u32 end)
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
SL_GLOBAL __u32 read_ipv6(struct __sk_buff *skb, struct sl_packet *packet)
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
	__u8 type = 0;

	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6)
		return;
	if (bpf_skb_load_bytes(skb, offset, &ports, sizeof(ports)) != 0) {
		packet->flags |= SL_PACKET_UNREAD;
		return;
	}
	read_ports(packet, ports.source, ports.destination);
	if (packet->protocol == IPPROTO_SCTP || packet->protocol == IPPROTO_DCCP) {
		/* RFC 9260, 3.3.2: the chunk INIT; RFC 4340, 5.1: the type Request, behind a bit */
		const int sctp = packet->protocol == IPPROTO_SCTP;

		if (bpf_skb_load_bytes(skb, offset + (sctp ? 12 : 8), &type, sizeof(type)) != 0)
			packet->flags |= SL_PACKET_UNREAD;
		else if (sctp ? type == 1 : (type & 0x1e) == 0)
			packet->flags |= SL_PACKET_OPENS;
		return;
	}
	if (packet->protocol != IPPROTO_TCP)
		return;
	if (bpf_skb_load_bytes(skb, offset + 13, &flags, sizeof(flags)) != 0)
		packet->flags |= SL_PACKET_UNREAD;
	else
		read_tcp_flags(packet, flags);
}

/* Its addresses, its protocol and how it is routed. Returns where the transport header begins. */
static __always_inline __u32 read_network(struct __sk_buff *skb, struct sl_packet *packet)
{
	return is_ipv6_packet(skb) ? read_ipv6(skb, packet) : read_ipv4(skb, packet);
}
