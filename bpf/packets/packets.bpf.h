/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The packets of a container's own sockets, on their way out and in: cgroup programs that nothing in
 * a network namespace can bypass or take away. Under `egress` they judge every packet, in every kind
 * of namespace: alone in the host's, where no rule of ours may be, and beside the rules elsewhere (D13).
 * Without it one of them compares what leaves with its socket. So do the subjects of who made the socket.
 *
 *   inet_egress, inet_ingress    every packet, by the lists of egress and bind
 *   inet_egress_labels           the mark and the route alone, and datagrams by the list of connect
 *
 * They see the packets of full sockets, a SYN-ACK as its listener's (BPF_CGROUP_RUN_PROG_INET_EGRESS,
 * include/linux/bpf-cgroup.h), before they are cut into fragments or after they are put together, and
 * after the namespace's own address translation (ip_finish_output). Resets without a socket, TIME_WAIT
 * and ICMP errors are the kernel's own and not seen.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/packets/addresses.bpf.h"
#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/decide_packet.h"
#include "bpf/packets/flows.bpf.h"
#include "bpf/packets/headers.bpf.h"
#include "bpf/packets/makers.bpf.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"

/* A SYN with ACK is a listener's, or of a connection that Fast Open has begun for one. Two sockets that
 * connect to each other send one as well (RFC 9293, 3.5): that is an opening. */
static __always_inline int is_of_listener(const struct bpf_sock *sk)
{
	struct tcp_sock *socket;

	if (sk->state == BPF_TCP_LISTEN)
		return 1;
	socket = address_of(sk);
	return BPF_CORE_READ(socket, fastopen_rsk) != 0;
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
	if ((packet->flags & SL_PACKET_ANSWERS) && !is_of_listener(sk))
		packet->flags ^= SL_PACKET_ANSWERS | SL_PACKET_OPENS;
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

/* What follows the opening of a TCP connection has its addresses. */
static __always_inline int chooses_addresses(const struct sl_packet *packet)
{
	return packet->protocol != IPPROTO_TCP ||
	       (packet->flags & (SL_PACKET_OPENS | SL_PACKET_RAW));
}

/* Whether what leaves has another mark than its socket, as far as the policy says what marks are. */
static __always_inline int is_remarked(const struct __sk_buff *skb, const struct bpf_sock *sk,
				       const struct sl_policy *policy)
{
	return (sk->mark ^ skb->mark) & sl_compared_mark(policy);
}

/* The sockets by which a namespace's kernel speaks for itself (neighbour discovery, group reports, TCP
 * resets of IPv6) belong to the cgroup of whoever has made the namespace: the container's own, where
 * runc makes both. They are raw, and hold no reference to the namespace, as every socket of a task does
 * (inet_ctl_sock_create). */
static __always_inline int is_kernels(struct bpf_sock *sk)
{
	struct sock *socket;

	if (sk->type != SL_SOCK_RAW)
		return 0;
	socket = address_of(sk);
	return !BPF_CORE_READ_BITFIELD_PROBED(socket, __sk_common.skc_net_refcnt);
}

/* What its socket tells of a packet that leaves, but for its addresses. */
static __always_inline void read_labels(const struct __sk_buff *skb, struct bpf_sock *sk,
					const struct sl_policy *policy, struct sl_packet *packet)
{
	if (is_remarked(skb, sk, policy))
		packet->flags |= SL_PACKET_REMARKED;
	if (is_kernels(sk))
		packet->flags |= SL_PACKET_KERNELS;
}

/* 1 lets the packet go on, 0 drops it. */
static __always_inline int answer(const struct sl_policy *policy, struct sl_decision decision)
{
	if (decision.error == 0)
		return 1;
	count(policy->cgroup_id, decision.reason);
	return 0;
}

static __always_inline struct bpf_sock *full_socket(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	return sk ? bpf_sk_fullsock(sk) : 0;
}

/*
 * The packets that most are: of a TCP connection that has been opened, with nothing in their headers that
 * could lead them elsewhere. Neither their addresses nor their ports count for sl_decide_packet(), and so
 * they are not read. That it is a connection of the kernel's TCP, and not what a raw socket writes,
 * its socket tells when they leave; what arrives a raw socket may have anyway.
 */
static __always_inline int judge_going_on(struct __sk_buff *skb, const struct sl_policy *policy,
					  struct bpf_sock *sk, __u16 flags)
{
	struct sl_packet packet = {.flags = flags, .protocol = IPPROTO_TCP};

	if (sk && is_remarked(skb, sk, policy))
		packet.flags |= SL_PACKET_REMARKED;
	return answer(policy, sl_decide_packet(policy, &packet));
}

static __always_inline int judge_packet(struct __sk_buff *skb, __u16 flags)
{
	struct sl_packet_policy *state = bpf_get_local_storage(&packet_policies, 0);
	const int going_on = goes_on(skb), arrives = flags & SL_PACKET_ARRIVES;
	const struct sl_policy *policy = &state->policy;
	struct sl_packet packet = {.flags = flags};
	struct sl_decision decision;
	int has_flow, is_known, answers;
	const struct sl_maker *maker;
	struct bpf_sock *sk;
	__u32 socket;

	if (going_on && arrives)
		return judge_going_on(skb, policy, 0, flags);
	sk = full_socket(skb);
	maker = maker_of(policy, sk);
	if (!arrives && sk && lacks_makers_mark(policy, maker, skb, sk))
		return 0;
	if (going_on && sk && sk->type == SL_SOCK_STREAM)
		return judge_going_on(skb, policy, sk, flags);
	if (!read_plain(skb, &packet))
		read_transport(skb, &packet, read_network(skb, &packet));
	if (skb->ifindex == LOOPBACK_IFINDEX)
		packet.flags |= SL_PACKET_LOOPBACK;
	else if (!arrives && is_of_loopback(&packet, packet.address))
		packet.flags |= SL_PACKET_FOREIGN; /* of a socket that is bound to a device; an answer as well */
	if (sk) {
		read_socket(sk, &packet);
		if (!arrives)
			read_labels(skb, sk, policy, &packet);
		if (!arrives && chooses_addresses(&packet) &&
		    has_foreign_address(skb, sk, &packet, state))
			packet.flags |= SL_PACKET_FOREIGN;
	}
	has_flow = sl_packet_has_flow(policy, &packet);
	socket = has_flow && sk ? (__u32)bpf_get_socket_cookie(skb) : 0;
	is_known = has_flow && follow_flow(state, &packet, socket, FLOW_FOLLOW);
	/* Who answers from another port may be written to there, but not whoever answers. */
	answers = has_flow && !is_known && arrives && follow_question(state, &packet, socket, FLOW_LOOK);
	if (is_known || answers)
		packet.flags |= SL_PACKET_KNOWN;
	decision = sl_decide_packet(policy, &packet);
	if (decision.error == 0 && maker && judge_makers(maker, &packet, 1) != 0)
		return 0;
	if (decision.error != 0 || !has_flow)
		return answer(policy, decision);
	if (!is_known && !(answers && policy->answers == SL_ANSWERS_ANY))
		follow_flow(state, &packet, socket, FLOW_NOTE);
	if (!arrives)
		follow_question(state, &packet, socket, FLOW_NOTE);
	return 1;
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

SEC("cgroup_skb/egress")
int inet_egress_labels(struct __sk_buff *skb)
{
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);
	struct bpf_sock *sk = full_socket(skb);
	const struct sl_maker *maker = maker_of(policy, sk);
	struct sl_packet packet = {};

	if (sk && lacks_makers_mark(policy, maker, skb, sk))
		return 0;
	if ((policy->flags & SL_CONNECT_BY_PACKET) && !goes_on(skb)) {
		if (!read_plain(skb, &packet))
			read_transport(skb, &packet, read_network(skb, &packet));
	} else if (!has_no_route(skb)) {
		read_network(skb, &packet);
	}
	if (sk && sl_compared_mark(policy) != 0)
		read_labels(skb, sk, policy, &packet);
	if (maker && judge_makers(maker, &packet, 0) != 0)
		return 0;
	return answer(policy, sl_decide_labels(policy, &packet));
}
