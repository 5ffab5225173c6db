/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whom a container's datagram sockets talk to: a table of flows for each container, in its storage.
 * It is noted when a packet leaves for a peer that egress names, and when one comes from outside to a
 * port that bind names; either end may then send to the other, the socket that had the last packet as
 * long as it lives, and any other for a while. Nothing inside a namespace can write to it but by such a
 * packet. A cookie is never given to two sockets (sock_gen_cookie); half of one comes again after 2^32.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/decide.h"
#include "bpf/policy_abi.h"

#define FLOW_LIFETIME 112 /* of 2^30 ns: two minutes, as conntrack has it for a stream of UDP */

/* MurmurHash3's 32-bit round and finish (public domain). */
static __always_inline __u32 mix(__u32 hash, __u32 word)
{
	word *= 0xcc9e2d51;
	word = word << 15 | word >> 17;
	hash ^= word * 0x1b873593;
	hash = hash << 13 | hash >> 19;
	return hash * 5 + 0xe6546b64;
}

static __always_inline __u32 set_of(const struct sl_flow *flow, __u32 seed)
{
	__u32 hash = mix(seed, flow->address[3]);

	hash = mix(hash, flow->address[0]);
	hash = mix(hash, flow->address[1]);
	hash = mix(hash, flow->address[2]);
	hash = mix(hash, (__u32)flow->port << 16 | flow->local_port);
	hash = (hash ^ hash >> 16) * 0x85ebca6b;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35;
	return (hash ^ hash >> 16) & (SL_FLOW_SETS - 1);
}

/* One comparison, not six: the verifier follows both ways of each, for every place of a set. */
static __always_inline int is_same_flow(const struct sl_flow *a, const struct sl_flow *b)
{
	return ((a->local_port ^ b->local_port) | (a->port ^ b->port) |
		(a->address[0] ^ b->address[0]) | (a->address[1] ^ b->address[1]) |
		(a->address[2] ^ b->address[2]) | (a->address[3] ^ b->address[3])) == 0;
}

static __always_inline struct sl_flow flow_of(const struct sl_packet *packet)
{
	struct sl_flow flow = {.port = packet->port, .local_port = packet->local_port};

	if (packet->family == SL_AF_INET) {
		flow.address[2] = __builtin_bswap32(0xffff);
		flow.address[3] = packet->address[0];
	} else {
		flow.address[0] = packet->address[0];
		flow.address[1] = packet->address[1];
		flow.address[2] = packet->address[2];
		flow.address[3] = packet->address[3];
	}
	return flow;
}

enum following {
	FLOW_LOOK,   /* whether it is known */
	FLOW_FOLLOW, /* and if it is, from now on again */
	FLOW_NOTE,   /* it is known from now on */
};

/* Whether the flow of this packet is known. */
static __attribute__((noinline)) int follow_flow(struct sl_packet_policy *state,
				       const struct sl_packet *packet, __u32 socket,
				       enum following how)
{
	const __u32 now = bpf_ktime_get_coarse_ns() >> 30;
	struct sl_flow flow = flow_of(packet);
	struct sl_flow *flows = &state->flows[set_of(&flow, state->seed) * SL_FLOW_WAYS];
	__u32 place = 0, longest = 0;
	int known = 0;

	flow.last = now;
	flow.socket = socket;
	bpf_spin_lock(&state->lock);
#pragma unroll
	for (__u32 i = 0; i < SL_FLOW_WAYS; i++) {
		const __u32 idle = now - flows[i].last;

		if (is_same_flow(&flows[i], &flow)) {
			known = flows[i].last != 0 &&
				(idle <= FLOW_LIFETIME ||
				 (socket != 0 && flows[i].socket == socket));
			place = i;
			break;
		}
		if (idle >= longest) {
			longest = idle;
			place = i;
		}
	}
	if (how == FLOW_NOTE || (known && how == FLOW_FOLLOW))
		flows[place & (SL_FLOW_WAYS - 1)] = flow;
	bpf_spin_unlock(&state->lock);
	return known;
}

/* What a datagram that leaves lets in besides its peer's answer, by `answers`: whatever comes to its
 * port from the peer's address, or from anywhere. It is remembered beside the flows, as one with port
 * 0, or with no address. Only who asks keeps it alive: not who answers. */
static __always_inline int follow_question(struct sl_packet_policy *state,
					   const struct sl_packet *packet, __u32 socket,
					   enum following how)
{
	struct sl_packet asked = *packet;

	if (state->policy.answers == SL_ANSWERS_PEER || packet->protocol != IPPROTO_UDP)
		return 0;
	asked.port = 0;
	if (state->policy.answers == SL_ANSWERS_ANY) {
		asked.family = SL_AF_INET;
		asked.address[0] = 0;
	}
	return follow_flow(state, &asked, socket, how);
}
