/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lists of endpoints of all containers, and what sl_decide() asks of them (D5a). Two tries, so that
 * the cost does not grow with the list: one look-up for each list prefix that holds the address,
 * from the longest on, and one for the port in its set. Prefixes that overlap need no care: a
 * longer one hides no shorter one, because all that hold the address are asked.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/decide.h"
#include "bpf/global.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"

#ifdef SL_MUTANT
static __always_inline int sl_is_on(__u32 guard)
{
	const __u32 key = 0;
	const __u64 *off = bpf_map_lookup_elem(&mutant_off, &key);

	return !off || !(*off & (1ull << guard));
}
#endif

SL_GLOBAL int sl_list_names(const struct sl_policy *policy, enum sl_list list,
			    __u8 protocol, const struct sl_attempt *a)
{
	if (!policy || !a) /* what the verifier must assume of a global function's arguments */
		return 0;

	struct sl_prefix_key prefix = {
		.generation = policy->generation,
		.cgroup_id = policy->cgroup_id,
		.list = (__u8)list,
		.family = (__u8)a->address_family,
		.subject = (__u8)policy->subject,
		.address = {a->address[0], a->address[1], a->address[2], a->address[3]},
	};
	struct sl_port_key port = {
		.bits = SL_PORT_FIXED_BITS + 16,
		.generation = policy->generation,
		.cgroup_id = policy->cgroup_id,
		.protocol = protocol,
		.subject = (__u8)policy->subject,
		.port = __builtin_bswap16(a->port),
	};
	__u32 bits = a->address_family == SL_AF_INET6 ? 128 : 32;

	for (int i = 0; i <= 128; i++) {
		const struct sl_prefix *found;

		prefix.bits = SL_PREFIX_FIXED_BITS + bits;
		found = bpf_map_lookup_elem(&prefixes, &prefix);
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
