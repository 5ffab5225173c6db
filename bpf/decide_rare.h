/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The part of sl_decide() that is no part of a socket's life: the verbs of the node-wide programs. Pure C,
 * and compiled wherever bpf/decide.h is.
 *
 *   struct sl_decision decision = sl_decide_rarely(policy, &attempt);
 */
#pragma once

#include "bpf/decide_deputies.h"
#include "bpf/decide_options.h"
#include "bpf/decide_policy.h"
#include "bpf/policy_abi.h"

/* A sandbox within the container makes a network namespace and sets up its lo: nothing leads out of
 * one with no other device. The container's own, and the host's, are never that. */
SL_INLINE int sl_sets_up_sandbox(const struct sl_policy *p, const struct sl_attempt *a)
{
	return (a->flags & SL_ATTEMPT_SETS_UP) && a->netns != p->home && a->netns != p->host &&
	       a->netns != 0;
}

/* A netlink socket that the policy would not let be made can still be handed in. */
SL_INLINE struct sl_decision sl_decide_netlink(const struct sl_policy *p,
					       const struct sl_attempt *a)
{
	const int changes_routes = a->protocol == 0 /* NETLINK_ROUTE */ &&
				   !(p->flags & SL_WRITE_ROUTES) &&
				   !(a->flags & SL_ATTEMPT_READS) && !sl_sets_up_sandbox(p, a);

	SL_DENY_IF(!(p->flags & SL_UNRESTRICTED) &&
			   (!sl_bit_is_set(p->netlink, a->protocol) || changes_routes),
		   EPERM, SL_REASON_NETLINK);
	return sl_allow();
}

/* The verbs of the node-wide LSM programs, which also run for tasks without any policy. */
SL_INLINE struct sl_decision sl_decide_rare(const struct sl_policy *p, const struct sl_attempt *a)
{
	const int restricted = !(p->flags & SL_UNRESTRICTED);

	switch (a->verb) {
	case SL_VERB_SHUTDOWN:
		SL_DENY_IF(!(sl_flags(p, a) & SL_ALLOW_SHUTDOWN) && a->family != SL_AF_UNIX, EPERM,
			   SL_REASON_SHUTDOWN);
		return sl_allow();
	case SL_VERB_NETLINK:
		return sl_decide_netlink(p, a);
	case SL_VERB_BPF:
		SL_DENY_IF(!(p->flags & SL_ALLOW_BPF) && !(a->flags & SL_ATTEMPT_HARMLESS), EPERM,
			   SL_REASON_BPF);
		return sl_allow();
	case SL_VERB_IOCTL:
		SL_DENY_IF(restricted && !(p->flags & SL_WRITE_ROUTES) &&
				   !sl_ioctl_reads((__u32)a->option) && !sl_sets_up_sandbox(p, a),
			   EPERM, SL_REASON_IOCTL);
		return sl_allow();
	case SL_VERB_CGROUP:
		/* Outside its cgroup a task is under no policy, whatever that policy says. */
		SL_DENY_IF(1, EPERM, SL_REASON_CGROUP);
		return sl_allow();
	default:
		return sl_decide_deputy(p, a);
	}
}

SL_INLINE struct sl_decision sl_decide_unconfigured(const struct sl_attempt *a)
{
	return a->family == SL_AF_UNIX ? sl_allow() : sl_deny(EPERM, SL_REASON_UNCONFIGURED);
}

/* The same as sl_decide() of the verbs that are not about a socket's life: for programs that see no
 * others, and that have a seventh of it to verify. */
SL_INLINE struct sl_decision sl_decide_rarely(const struct sl_policy *p, const struct sl_attempt *a)
{
	return p->flags & SL_CONFIGURED ? sl_decide_rare(p, a) : sl_decide_unconfigured(a);
}
