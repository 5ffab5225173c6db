/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many multicast groups a container joins under an egress that names something: SL_JOINED_GROUPS
 * in its life, one new one in SL_JOIN_INTERVAL. Of each the kernel tells the link in a report of its
 * own (IGMP, MLD). A group that the container has joined before may be joined again.
 *
 * The option's value is the kernel's own copy, which it goes on with: nobody changes it after the look.
 * The kernel asks the programs of the socket's cgroup here, not of the task's (kernel/bpf/cgroup.c,
 * __cgroup_bpf_run_filter_setsockopt), so that a socket of elsewhere is for sl_decide() to refuse.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>

#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/global.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"

/* What the kernel copies of a value at most (sockopt_alloc_buf). */
#define SL_COPIED 4096

/* struct group_req, and the same of 32-bit code (include/net/compat.h). */
enum {
	SL_GROUP_REQ = 136,
	SL_GROUP_REQ_FAMILY = 8,
	SL_COMPAT_GROUP_REQ = 132,
	SL_COMPAT_GROUP_REQ_FAMILY = 4,
};

static __always_inline int read_bytes(const struct bpf_sockopt *ctx, __u32 offset, void *to, __u32 size)
{
	const char *from = (const char *)ctx->optval + offset;

	if ((void *)(from + size) > ctx->optval_end)
		return 0;
	__builtin_memcpy(to, from, size);
	return 1;
}

/* The address within a struct group_req whose socket address begins at `offset`. */
static __always_inline int read_group(const struct bpf_sockopt *ctx, __u32 offset,
				      struct sl_joined_group *group)
{
	if (!read_bytes(ctx, offset, &group->family, sizeof(group->family)))
		return 0;
	if (group->family == SL_AF_INET6)
		return read_bytes(ctx, offset + offsetof(struct sockaddr_in6, sin6_addr),
				  group->address, sizeof(struct in6_addr));
	return read_bytes(ctx, offset + offsetof(struct sockaddr_in, sin_addr), group->address,
			  sizeof(struct in_addr));
}

/* Whether a struct group_req could be read in the way of 32-bit code too. The kernel reads it by the
 * call; a group of both readings has none. */
static __always_inline int is_ambiguous(const struct bpf_sockopt *ctx)
{
	__u16 family = 0;

	if (!read_bytes(ctx, SL_COMPAT_GROUP_REQ_FAMILY, &family, sizeof(family)))
		return 1;
	return sl_is_inet(family);
}

/* 0 if nobody can tell which group it is, or the kernel will refuse it. */
static __always_inline int find_group(const struct bpf_sockopt *ctx, struct sl_joined_group *group)
{
	if (ctx->optlen > SL_COPIED)
		return 0;
	if (ctx->optname == MCAST_JOIN_GROUP) {
		if (ctx->optlen >= SL_GROUP_REQ)
			return !is_ambiguous(ctx) && read_group(ctx, SL_GROUP_REQ_FAMILY, group);
		return ctx->optlen >= SL_COMPAT_GROUP_REQ &&
		       read_group(ctx, SL_COMPAT_GROUP_REQ_FAMILY, group);
	}
	/* struct ip_mreq, ip_mreqn and ipv6_mreq begin with it. */
	if (ctx->level == IPPROTO_IPV6) {
		group->family = SL_AF_INET6;
		return read_bytes(ctx, 0, group->address, sizeof(struct in6_addr));
	}
	group->family = SL_AF_INET;
	return read_bytes(ctx, 0, group->address, sizeof(struct in_addr));
}

static __always_inline int is_joined(const struct sl_joins *joined,
				     const struct sl_joined_group *group)
{
	for (int i = 0; i < SL_JOINED_GROUPS; i++) {
		const struct sl_joined_group *one = &joined->groups[i];

		if (one->family == group->family && one->address[0] == group->address[0] &&
		    one->address[1] == group->address[1] && one->address[2] == group->address[2] &&
		    one->address[3] == group->address[3])
			return 1;
	}
	return 0;
}

/* Of two at once one makes it. A global function, for the stack that it takes. */
SL_GLOBAL int make_joins(__u64 cgroup_id)
{
	const struct sl_joins none = {};

	return (int)bpf_map_update_elem(&joins, &cgroup_id, &none, BPF_NOEXIST);
}

static __always_inline struct sl_joins *joins_of(__u64 cgroup_id)
{
	struct sl_joins *joined = bpf_map_lookup_elem(&joins, &cgroup_id);

	if (joined)
		return joined;
	make_joins(cgroup_id);
	return bpf_map_lookup_elem(&joins, &cgroup_id);
}

/* Of two at once the one that takes the moment for itself goes on, and alone until the next one. */
static __always_inline int may_join(struct sl_joins *joined, const struct sl_joined_group *group)
{
	const __u64 last = joined->last; /* before `now`, which is never earlier then */
	const __u64 now = bpf_ktime_get_boot_ns();
	struct sl_joined_group *slot;
	__u32 index;

	if (is_joined(joined, group))
		return 1;
	if (joined->count >= SL_JOINED_GROUPS || (last != 0 && now - last < SL_JOIN_INTERVAL) ||
	    __sync_val_compare_and_swap(&joined->last, last, now) != last)
		return 0;
	index = __sync_fetch_and_add(&joined->count, 1);
	if (index >= SL_JOINED_GROUPS)
		return 0;
	slot = &joined->groups[index];
	slot->address[0] = group->address[0];
	slot->address[1] = group->address[1];
	slot->address[2] = group->address[2];
	slot->address[3] = group->address[3];
	asm volatile("" ::: "memory"); /* whoever finds the family finds the address */
	slot->family = group->family;
	return 1;
}

SEC("cgroup/setsockopt")
int group_join(struct bpf_sockopt *ctx)
{
	const struct sl_policy *policy;
	struct sl_joined_group group = {};
	struct sl_joins *joined;

	if (sl_kind_of_option(ctx->level, ctx->optname) != SL_OPTION_JOINS) {
		/* More than the kernel has copied: it shall go on with the caller's own. */
		if (ctx->optlen > SL_COPIED)
			ctx->optlen = 0;
		return 1;
	}
	policy = bpf_get_local_storage(&policies, 0);
	if (!sl_is_on(SL_REASON_JOIN))
		return 1;
	if (find_group(ctx, &group)) {
		joined = joins_of(policy->cgroup_id);
		if (joined && may_join(joined, &group))
			return 1;
	}
	count(policy->cgroup_id, SL_REASON_JOIN);
	return 0;
}
