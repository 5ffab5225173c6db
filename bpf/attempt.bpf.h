/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs share: finding policies, counting, and reading an attempt out of the kernel.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/decide.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"

static __always_inline void count(__u64 cgroup_id, __u32 reason)
{
	struct sl_denials *counters = bpf_map_lookup_elem(&denials, &cgroup_id);

	if (counters && reason < SL_REASON_COUNT)
		__sync_fetch_and_add(&counters->count[reason], 1);
}

/* The policy of the cgroup at this level of the task's path, the root being 0. `end` when the path
 * ends above it. */
static __always_inline const struct sl_policy *policy_at(int level, int *end)
{
	const __u64 id = bpf_get_current_ancestor_cgroup_id(level);

	*end = id == 0;
	return *end ? 0 : bpf_map_lookup_elem(&policies_by_cgroup, &id);
}

/* Every policy above the task, the outermost first: most tasks of a node have none. The first `for` is
 * there for the name. */
#define for_each_policy(policy)                                                            \
	for (const struct sl_policy *policy = 0, *once_ = (void *)1; once_; once_ = 0)     \
		for (int level_ = 0, end_ = 0; level_ < 64 && !end_; level_++)             \
			if ((policy = policy_at(level_, &end_)))

/* Whether the cgroup is the one with this id or below it. No policy lies deeper than SL_POLICY_LEVELS:
 * what is there counts as outside. */
static __always_inline int is_inside(struct cgroup *cgroup, __u64 cgroup_id)
{
	struct cgroup **ancestors;
	int last;

	if (!cgroup)
		return 0;
	last = BPF_CORE_READ(cgroup, level);
	ancestors = __builtin_preserve_access_index(&cgroup->ancestors[0]);
	for (int level = 0; level < SL_POLICY_LEVELS && level <= last; level++) {
		struct cgroup *ancestor = 0;

		bpf_probe_read_kernel(&ancestor, sizeof(ancestor), ancestors + level);
		if (BPF_CORE_READ(ancestor, kn, id) == cgroup_id)
			return 1;
	}
	return 0;
}

/* The namespace that the process was made for, not one that it has made for its children. */
static __always_inline struct upid own_number(const struct task_struct *task, unsigned int level)
{
	const struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid number = {};

	/* None of a process that has just ended. */
	if (pid)
		bpf_core_read(&number, sizeof(number), &pid->numbers[level]);
	return number;
}

static __always_inline unsigned int level_of(const struct task_struct *task)
{
	const struct pid *pid = BPF_CORE_READ(task, thread_pid);

	return pid ? BPF_CORE_READ(pid, level) : 0;
}

/* The process's number in the PID namespace if that is its namespace of this level; else 0. A global function,
 * verified once and not in each turn of the loop. */
SL_GLOBAL int number_at(__u64 address, __u32 level, __u32 pid_namespace)
{
	const struct upid number = own_number((const void *)address, level);

	return number.ns && BPF_CORE_READ(number.ns, ns.inum) == pid_namespace ? number.nr : 0;
}

/* The process's number in the PID namespace; 0 if it has none there. */
static __always_inline __u32 number_in(const struct task_struct *task, __u32 pid_namespace)
{
	const unsigned int own = level_of(task);

	for (unsigned int level = 0; level < 32 && level <= own; level++) {
		const int number = number_at((unsigned long)task, level, pid_namespace);

		if (number != 0)
			return (__u32)number;
	}
	return 0;
}

/* Whether the task is of the container's first process, and that has not become a program yet: it is
 * the engine's own code that writes sysctls and makes mounts. A number may be used again, and a time
 * is in ticks: both together are that process. A global function, verified once. */
SL_GLOBAL int acts_for_engine(const struct sl_policy *policy)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	return policy && policy->first_start != 0 &&
	       (BPF_CORE_READ(leader, flags) & PF_FORKNOEXEC) != 0 &&
	       BPF_CORE_READ(leader, start_boottime) / SL_TICK == policy->first_start &&
	       number_in(leader, policy->pid_namespace) == policy->first_pid;
}

/* What is known of a socket whatever is done with it. */
static __always_inline struct sl_attempt attempt_on(struct socket *sock, enum sl_verb verb)
{
	struct sl_attempt attempt = {.verb = verb};
	struct sock *sk = sock->sk;

	attempt.type = (__u16)sock->type;
	if (sk) {
		attempt.family = sk->__sk_common.skc_family;
		attempt.protocol = sk->sk_protocol;
		attempt.netns = sk->__sk_common.skc_net.net->ns.inum;
		attempt.mark = sk->sk_mark;
	}
	return attempt;
}

/* An IPv4 address written as an IPv6 one (::ffff:a.b.c.d) is that IPv4 address. */
static __always_inline void normalise(struct sl_attempt *attempt)
{
	if (attempt->address_family != SL_AF_INET6 || attempt->address[0] != 0 ||
	    attempt->address[1] != 0 || attempt->address[2] != __builtin_bswap32(0xffff))
		return;
	attempt->address_family = SL_AF_INET;
	attempt->address[0] = attempt->address[3];
	attempt->address[2] = 0;
	attempt->address[3] = 0;
}

/* Copies a socket address out of the kernel's copy of it. Bytes beyond `length` are whatever
 * the kernel has there: sl_decide() does not look at an address that is too short. */
static __always_inline void read_address(struct sl_attempt *attempt, const void *address,
					 int length)
{
	struct {
		__u16 family;
		__u16 port;
		__u32 flow_or_ipv4;
		__u32 ipv6[4];
	} raw = {};

	if (length < 0 || bpf_probe_read_kernel(&raw, sizeof(raw), address) != 0)
		return;
	attempt->address_length = (__u32)length;
	attempt->address_family = raw.family;
	attempt->port = __builtin_bswap16(raw.port);
	if (raw.family == SL_AF_INET6)
		__builtin_memcpy(attempt->address, raw.ipv6, sizeof(raw.ipv6));
	else
		attempt->address[0] = raw.flow_or_ipv4;
	if (length >= SL_SIN6_LEN_RFC2133)
		normalise(attempt);
}
