/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sealing: from when on a container's verbs are held to its policy (D3a), and a run of a subject to
 * the subject's (bpf/subjects/runs.bpf.h). What seals:
 *
 *   sock_ops               a TCP socket of the container listens (BPF_SOCK_OPS_TCP_LISTEN_CB,
 *                          called once inet_listen() has succeeded, net/ipv4/af_inet.c)
 *   sock_graft             a connection is accepted (inet_accept(), in the task that accepts)
 *   bprm_committed_creds   the first process becomes the container's program: a duration begins,
 *                          and the first attempt after its end finds it over. Subjects are entered
 *                          there, too
 *   seal_by_hand           `socklid seal`, by BPF_PROG_TEST_RUN
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/program.bpf.h"
#include "bpf/subjects/enter.bpf.h"
#include "bpf/subjects/runs.bpf.h"

/* The first to get here seals; all others find it done. */
static __always_inline void seal_now(struct sl_seal *seal, __u64 cgroup_id, __u32 cause, __u64 time)
{
	struct sl_event event = {.time = time, .cgroup_id = cgroup_id, .cause = cause};

	if (__sync_val_compare_and_swap(&seal->sealed_at, 0, time) != 0)
		return;
	seal->sealed_by = cause;
	tell_sealed(&event);
}

/* Not static: verified once for all who ask. A seal that is not there is closed. */
SL_GLOBAL int is_unsealed(__u64 cgroup_id)
{
	struct sl_seal *seal = bpf_map_lookup_elem(&seals, &cgroup_id);
	__u64 end;

	if (!seal || seal->sealed_at != 0)
		return 0;
	if (seal->waits_for != SL_SEAL_BY_TIME || seal->started_at == 0)
		return 1;
	end = seal->started_at + seal->duration;
	if (bpf_ktime_get_boot_ns() < end)
		return 1;
	seal_now(seal, cgroup_id, SL_SEAL_BY_TIME, end);
	return 0;
}

static __always_inline __u32 seal_flag(const struct sl_policy *policy)
{
	if (!(policy->flags & SL_SEALED_LATER))
		return 0;
	return is_unsealed(policy->cgroup_id) ? SL_ATTEMPT_UNSEALED : 0;
}

/* The container's seal, if it is still open and waits for this. */
static __always_inline struct sl_seal *seal_waiting_for(const struct sl_policy *policy, __u32 cause)
{
	const __u64 id = policy->cgroup_id;
	struct sl_seal *seal;

	if (!(policy->flags & SL_SEALED_LATER))
		return 0;
	seal = bpf_map_lookup_elem(&seals, &id);
	return seal && seal->sealed_at == 0 && seal->waits_for == cause ? seal : 0;
}

static __always_inline void see_listen(struct sl_seal *seal, __u64 cgroup_id,
				       const struct sl_attempt *listening)
{
	const __u64 seen = (__u32)seen_listens(seal, listening);

	/* Of two at once the second finds nothing missing. */
	if ((__sync_fetch_and_and(&seal->missing, ~seen) & ~seen) == 0)
		seal_now(seal, cgroup_id, SL_SEAL_BY_LISTEN, bpf_ktime_get_boot_ns());
}

SEC("sockops")
int sock_ops(struct bpf_sock_ops *ops)
{
	const struct sl_policy *policy;
	struct sl_attempt listening = {};
	struct sl_seal *seal;

	if (ops->op != BPF_SOCK_OPS_TCP_LISTEN_CB)
		return 1;
	policy = bpf_get_local_storage(&policies, 0);
	seal = seal_waiting_for(policy, SL_SEAL_BY_LISTEN);
	if (!seal && !(policy->more_flags & SL_HAS_SUBJECTS))
		return 1;
	listening.address_family = (__u16)ops->family;
	listening.port = (__u16)ops->local_port;
	if (ops->family == SL_AF_INET6) {
		listening.address[0] = ops->local_ip6[0];
		listening.address[1] = ops->local_ip6[1];
		listening.address[2] = ops->local_ip6[2];
		listening.address[3] = ops->local_ip6[3];
	} else {
		listening.address[0] = ops->local_ip4;
	}
	normalise(&listening);
	if (seal)
		see_listen(seal, policy->cgroup_id, &listening);
	if (policy->more_flags & SL_HAS_SUBJECTS)
		seal_runs(policy->cgroup_id, SL_SEAL_BY_LISTEN, &listening);
	return 1;
}

SEC("lsm/sock_graft")
int BPF_PROG(sock_graft, struct sock *sk)
{
	if (!sl_is_inet(sk->__sk_common.skc_family))
		return 0;
	for_each_policy(policy) {
		struct sl_seal *seal = seal_waiting_for(policy, SL_SEAL_BY_ACCEPT);

		if (seal)
			seal_now(seal, policy->cgroup_id, SL_SEAL_BY_ACCEPT, bpf_ktime_get_boot_ns());
		if (policy->more_flags & SL_HAS_SUBJECTS)
			seal_runs(policy->cgroup_id, SL_SEAL_BY_ACCEPT, 0);
	}
	return 0;
}

SEC("lsm/bprm_committed_creds")
int BPF_PROG(bprm_committed_creds, struct linux_binprm *bprm)
{
	const __u32 pid = (__u32)(bpf_get_current_pid_tgid() >> 32);

	enter_subjects((__u64)BPF_CORE_READ(bprm, file));
	for_each_policy(policy) {
		struct sl_seal *seal = seal_waiting_for(policy, SL_SEAL_BY_TIME);

		if (seal && seal->pid == pid)
			__sync_val_compare_and_swap(&seal->started_at, 0, bpf_ktime_get_boot_ns());
	}
	return 0;
}

static __always_inline int seal_run_by_hand(const struct sl_seal_request *request)
{
	struct sl_event event = {.cause = SL_SEAL_BY_HAND};

	event.time = bpf_ktime_get_boot_ns();
	event.cgroup_id = request->cgroup_id;
	event.subject = request->subject;
	event.run = request->run;
	saw_in_run(&event, SL_RUN_WAITS);
	return 1;
}

/* Returns 1 if there is such a seal, open or not. */
SEC("syscall")
int seal_by_hand(struct sl_seal_request *request)
{
	const __u64 id = request->cgroup_id;
	struct sl_seal *seal;

	if (request->subject != 0)
		return seal_run_by_hand(request);
	seal = bpf_map_lookup_elem(&seals, &id);
	if (!seal)
		return 0;
	seal_now(seal, id, SL_SEAL_BY_HAND, bpf_ktime_get_boot_ns());
	return 1;
}
