/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lists of endpoints of all containers, and what sl_decide() asks of them. Two tries, so that
 * the cost does not grow with the list: one look-up for each list prefix that holds the address,
 * from the longest on, and one for the port in its set. Prefixes that overlap need no care: a
 * longer one hides no shorter one, because all that hold the address are asked.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/decide.h"
#include "bpf/policy_abi.h"

/*
 * What 512 containers may have that have the most each may (hook/endpoint_lists.hpp), so that no
 * pod's author fills them for the others. A trie takes memory for the entries that it has, not for
 * those that it might have.
 */
#define SL_LISTS_LIMIT (1 << 24)

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SL_LISTS_LIMIT);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sl_place_key);
	__type(value, struct sl_place);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SL_LISTS_LIMIT);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sl_port_key);
	__type(value, __u32);
} ports SEC(".maps");

#ifdef SL_MUTANT
/* Bit sl_reason: that guard is off. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} mutant_off SEC(".maps");

static __always_inline int sl_is_on(enum sl_reason reason)
{
	const __u32 key = 0;
	const __u64 *off = bpf_map_lookup_elem(&mutant_off, &key);

	return !off || !(*off & (1ull << reason));
}
#endif

__attribute__((noinline)) int sl_list_names(const struct sl_policy *policy, enum sl_list list,
					    __u8 protocol, const struct sl_attempt *a)
{
	if (!policy || !a) /* what the verifier must assume of a global function's arguments */
		return 0;

	struct sl_place_key place = {
		.generation = policy->generation,
		.cgroup_id = policy->cgroup_id,
		.list = (__u8)list,
		.family = (__u8)a->address_family,
		.address = {a->address[0], a->address[1], a->address[2], a->address[3]},
	};
	struct sl_port_key port = {
		.bits = SL_PORT_FIXED_BITS + 16,
		.generation = policy->generation,
		.cgroup_id = policy->cgroup_id,
		.protocol = protocol,
		.port = __builtin_bswap16(a->port),
	};
	__u32 bits = a->address_family == SL_AF_INET6 ? 128 : 32;

	for (int i = 0; i <= 128; i++) {
		const struct sl_place *found;

		place.bits = SL_PLACE_FIXED_BITS + bits;
		found = bpf_map_lookup_elem(&places, &place);
		if (!found)
			return 0;
		port.ports = found->ports;
		bits = found->bits;
		if (bpf_map_lookup_elem(&ports, &port))
			return 1;
		if (bits == 0)
			return 0;
		bits--;
	}
	return 0;
}
