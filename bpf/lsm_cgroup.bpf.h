/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The per-cgroup LSM programs, one per hook:
 *
 *   socket_create        create, families, protocols     socket_sendmsg     connect, where a send
 *   socket_post_create   the mark (D4), and who the maker is                chooses its peer; the
 *   socket_bind          bind                                               mark by control message
 *   socket_connect       connect                         socket_listen      listen; bind, unnamed
 *   socket_setsockopt    the mark, the guard on options  socket_accept      accept; bind, unnamed
 *   sk_getsecid          the mark, where no hook was asked
 *
 * They judge the task that acts, not the socket's maker: the kernel resolves the cgroup of `current`
 * (kernel/bpf/bpf_lsm.c, bpf_lsm_find_cgroup_shim), so that a socket handed in from outside is
 * judged where it is used (D3). Their return value is 1 to allow and 0 to deny, with -EPERM or what
 * bpf_set_retval() was given (kernel/bpf/cgroup.c).
 */
#pragma once

#include <asm/socket.h>
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/program.bpf.h"
#include "bpf/seal.bpf.h"
#include "bpf/subjects/verdict.bpf.h"

/* bpf_set_retval() gets constants: newer verifiers want its argument within [-4095, 0]. The compiler would
 * hand it the variable that it has just compared with one. */
#define answer_if(error, constant)                            \
	do {                                                  \
		long answer_ = -(constant);                   \
		if ((error) == -(constant)) {                 \
			asm volatile("" : "+r"(answer_));     \
			bpf_set_retval((int)answer_);         \
			return 0;                             \
		}                                             \
	} while (0)

static __always_inline int refuse(int error)
{
	answer_if(error, EAFNOSUPPORT);
	answer_if(error, EPROTONOSUPPORT);
	answer_if(error, ECONNREFUSED);
	answer_if(error, ENOPROTOOPT);
	answer_if(error, EINVAL);
	bpf_set_retval(-EPERM);
	return 0;
}

/* The container's policy first, then its subjects'. */
static __always_inline int judge(struct sl_attempt *attempt)
{
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);
	int error;

	attempt->flags |= seal_flag(policy);
	error = judge_one(policy, attempt);
	if (error == 0 && (policy->more_flags & SL_HAS_SUBJECTS))
		error = judge_subjects(policy, attempt);
	return error == 0 ? 1 : refuse(error);
}

/* Whether the socket was made outside the policy's cgroup and those below it. */
static __always_inline int is_made_outside(struct socket *sock, __u64 cgroup_id)
{
	struct sock *sk = sock->sk;

	if (!sk)
		return 1;
	/* Mostly it is that cgroup itself. */
	return sk->sk_cgrp_data.cgroup->kn->id != cgroup_id &&
	       !is_inside(sk->sk_cgrp_data.cgroup, cgroup_id);
}

/* Where packets are judged, by egress or for connect, a peer may be chosen with the container's own sockets only. */
static __always_inline __u32 outside_flag(struct socket *sock)
{
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);

	if (!(policy->flags & (SL_JUDGE_PACKETS | SL_CONNECT_BY_PACKET)) ||
	    !is_made_outside(sock, policy->cgroup_id))
		return 0;
	return SL_ATTEMPT_OUTSIDE;
}

/* What is known of a socket by who has made it. */
static __always_inline __u32 maker_flags(struct socket *sock)
{
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);

	return outside_flag(sock) | foreign_flag(policy, sock->sk);
}

/* Notes a use of the socket (SL_USE_*). Whether its other use excludes that; without memory nobody knows. */
static __always_inline int is_excluded(struct socket *sock, __u32 use)
{
	struct sock *sk = sock->sk;
	__u32 *word = 0;

	if (!sl_is_on(SL_GUARD_UNICAST))
		return 0;
	if (sk)
		word = bpf_sk_storage_get(&uses, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return !word || (__sync_fetch_and_or(word, use) & ~use) != 0;
}

SEC("lsm_cgroup/socket_create")
int BPF_PROG(socket_create, int family, int type, int protocol, int kern)
{
	const struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct sl_attempt attempt = {
		.verb = SL_VERB_CREATE,
		.flags = kern ? SL_ATTEMPT_KERNEL : 0,
		.family = (__u16)family,
		.type = (__u16)type,
		.protocol = (__u32)protocol,
		.netns = task->nsproxy->net_ns->ns.inum,
	};

	return judge(&attempt);
}

SEC("lsm_cgroup/socket_post_create")
int BPF_PROG(socket_post_create, struct socket *sock)
{
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);
	struct sock *sk = sock->sk;
	__u32 mark;

	if (!sk)
		return 1;
	mark = sk->sk_mark;
	if (policy->flags & SL_SET_MARK)
		mark = (mark & ~policy->mark_mask) | policy->mark;
	if ((policy->more_flags & SL_HAS_SUBJECTS) && note_maker(policy, sk, &mark) != 0)
		return 0;
	if (mark == sk->sk_mark)
		return 1;
	/* A socket that could not be marked must not exist. */
	if (bpf_setsockopt(sk, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0)
		return 0;
	return 1;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(socket_bind, struct socket *sock, struct sockaddr *address, int addrlen)
{
	struct sl_attempt attempt = attempt_on(sock, SL_VERB_BIND);
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);
	const struct sock *sk = sock->sk;

	read_address(&attempt, address, addrlen);
	/* What comes to a socket that was made elsewhere no program of the container's sees. */
	if (sk && (policy->flags & SL_OPEN_UDP_PORTS) && attempt.port >= 1024 /* PROT_SOCK */ &&
	    attempt.port >= sk->__sk_common.skc_net.net->ipv4.sysctl_ip_prot_sock &&
	    !is_made_outside(sock, policy->cgroup_id))
		attempt.flags |= SL_ATTEMPT_ORDINARY_PORT;
	return judge(&attempt);
}

SEC("lsm_cgroup/socket_connect")
int BPF_PROG(socket_connect, struct socket *sock, struct sockaddr *address, int addrlen)
{
	struct sl_attempt attempt = attempt_on(sock, SL_VERB_CONNECT);
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);

	attempt.flags |= maker_flags(sock);
	read_address(&attempt, address, addrlen);
	/* A socket whose peer is named is bound to nothing. */
	if (sl_is_judged_by_packet(policy, &attempt) && !sl_may_reach(policy, &attempt) &&
	    !is_excluded(sock, SL_USE_UNICAST))
		attempt.flags |= SL_ATTEMPT_UNICAST;
	return judge(&attempt);
}

struct control_header { /* struct cmsghdr, include/linux/socket.h */
	__u64 length;
	__s32 level;
	__s32 type;
};

/* One control message. A global function, verified once and not in each turn of the loop. */
SL_GLOBAL int judge_message(struct sl_attempt *attempt)
{
	if (!attempt) /* what the verifier must assume of a global function's argument */
		return 0;
	attempt->verb = SL_VERB_SETSOCKOPT;
	return judge(attempt);
}

/* A control message can do to one packet what a socket option does to all: each is judged as the
 * option of its level and type. The kernel's own copy, walked as the kernel walks it
 * (for_each_cmsghdr); what is malformed it refuses itself. More than 16 are nobody's need, and taken for
 * the worst that one can be. */
static __always_inline int judge_control(struct sl_attempt *attempt, const char *control,
					 __u64 left)
{
	attempt->verb = SL_VERB_SETSOCKOPT;
	attempt->flags |= SL_ATTEMPT_CONTROL;
	for (int i = 0; i < 16; i++) {
		struct control_header header;
		__u64 aligned;

		if (left < sizeof(header))
			return 1;
		if (bpf_probe_read_kernel(&header, sizeof(header), control) != 0)
			return 0;
		if (header.length < sizeof(header) || header.length > left)
			return 1;
		attempt->level = header.level;
		attempt->option = header.type;
		if (!judge_message(attempt))
			return 0;
		aligned = (header.length + 7) & ~7ull;
		if (aligned >= left)
			return 1;
		control += aligned;
		left -= aligned;
	}
	attempt->level = SOL_SOCKET;
	attempt->option = SO_MARK;
	return judge_message(attempt);
}

SEC("lsm_cgroup/socket_sendmsg")
int BPF_PROG(socket_sendmsg, struct socket *sock, struct msghdr *msg)
{
	struct sl_attempt attempt;
	const void *address;
	__u64 control_length = msg->msg_controllen;

	attempt = attempt_on(sock, SL_VERB_SEND);
	/* The common send, of data alone on a connected socket, is over here. */
	if (attempt.family == SL_AF_UNIX ||
	    (!msg->msg_name && control_length == 0 && sl_is_inet(attempt.family)))
		return 1;
	if (control_length != 0 && !judge_control(&attempt, msg->msg_control, control_length))
		return 0;
	attempt.verb = SL_VERB_SEND;
	attempt.flags = maker_flags(sock);
	/* Read here and not above: kept meanwhile it would take the stack of all calls together over 512 bytes. */
	address = msg->msg_name;
	if (address) {
		attempt.flags |= SL_ATTEMPT_ADDRESS;
		read_address(&attempt, address, msg->msg_namelen);
	}
	if (msg->msg_flags & MSG_FASTOPEN)
		attempt.flags |= SL_ATTEMPT_FASTOPEN;
	return judge(&attempt);
}

static __always_inline void read_local_address(struct sl_attempt *attempt, struct sock *sk)
{
	if (attempt->family == SL_AF_INET6)
		bpf_probe_read_kernel(attempt->address, sizeof(attempt->address),
				      &sk->__sk_common.skc_v6_rcv_saddr);
	else
		attempt->address[0] = sk->__sk_common.skc_rcv_saddr;
	normalise(attempt);
}

/* The socket is not locked, and so only what it keeps is known of it: the port and the address that
 * bind(2) was given. Any other address is the connection's, and the wildcard once it listens. */
SEC("lsm_cgroup/socket_listen")
int BPF_PROG(socket_listen, struct socket *sock)
{
	struct sl_attempt attempt = attempt_on(sock, SL_VERB_LISTEN);
	struct sock *sk = sock->sk;
	__u32 locks;

	if (sk && sl_is_inet(attempt.family)) {
		locks = BPF_CORE_READ_BITFIELD(sk, sk_userlocks);
		attempt.address_family = attempt.family;
		attempt.port = sk->__sk_common.skc_num;
		if (sk->__sk_common.skc_state == BPF_TCP_LISTEN)
			attempt.flags |= SL_ATTEMPT_LISTENING;
		if (locks & SOCK_BINDPORT_LOCK)
			attempt.flags |= SL_ATTEMPT_KEEPS_PORT;
		if (locks & SOCK_BINDADDR_LOCK)
			read_local_address(&attempt, sk);
	}
	return judge(&attempt);
}

SEC("lsm_cgroup/socket_accept")
int BPF_PROG(socket_accept, struct socket *sock)
{
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);
	struct sl_attempt attempt = attempt_on(sock, SL_VERB_ACCEPT);
	struct sock *sk = sock->sk;

	if ((!(policy->flags & SL_ALLOW_BIND) || (policy->more_flags & SL_HAS_SUBJECTS)) && sk) {
		attempt.address_family = attempt.family;
		attempt.port = sk->__sk_common.skc_num;
		read_local_address(&attempt, sk);
		if (is_made_outside(sock, policy->cgroup_id))
			attempt.flags |= SL_ATTEMPT_OUTSIDE;
	}
	return judge(&attempt);
}

/* Of 32-bit calls the kernel asks no program on cgroup/setsockopt (net/socket.c, in_compat_syscall()). On x86 a call is one:
 * TS_COMPAT, arch/x86/include/asm/thread_info.h. On arm64 a program is: PSR_MODE32_BIT, arch/arm64/include/uapi/asm/ptrace.h. */
static __always_inline int is_compat(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct pt_regs___arm64 *registers;

	if (bpf_core_field_exists(task->thread_info.status))
		return BPF_CORE_READ(task, thread_info.status) & 2;
	registers = (const void *)bpf_task_pt_regs(task);
	return !bpf_core_field_exists(registers->pstate) || (BPF_CORE_READ(registers, pstate) & 0x10);
}

SEC("lsm_cgroup/socket_setsockopt")
int BPF_PROG(socket_setsockopt, struct socket *sock, int level, int optname)
{
	struct sl_attempt attempt = attempt_on(sock, SL_VERB_SETSOCKOPT);
	const struct sl_policy *policy = bpf_get_local_storage(&policies, 0);

	if (level == SOL_SOCKET && optname == SO_BROADCAST && (policy->flags & SL_CONNECT_BY_PACKET) &&
	    sl_is_inet(attempt.family) && sl_is_udp(&attempt) && is_excluded(sock, SL_USE_BROADCAST))
		attempt.flags |= SL_ATTEMPT_UNICAST;
	attempt.level = level;
	attempt.option = optname;
	/* Only a join asks whose socket it is, and whether bpf/packets/joins.bpf.h counts for it. */
	if (sl_kind_of_option(level, optname) == SL_OPTION_JOINS)
		attempt.flags |= maker_flags(sock) | (is_compat() ? SL_ATTEMPT_COMPAT : 0);
	return judge(&attempt);
}

/*
 * Called with the flow that a datagram is about to be sent by, before any rule sees it
 * (security_sk_classify_flow, include/net/flow.h). SO_MARK as a control message is refused where a hook
 * is asked; sendmmsg(2) asks none about a second message to one peer. A void hook refuses nothing, so it
 * is noted: the packet follows in the same call, and every packet of the container is compared from then
 * on. No socket's memory is needed for that, which its owner could use up.
 */
SEC("lsm_cgroup/sk_getsecid")
int BPF_PROG(sk_getsecid, const struct sock *sk, __u32 *secid)
{
	struct sl_policy *policy = bpf_get_local_storage(&policies, 0);
	const char *flow =
		(const char *)secid - bpf_core_field_offset(struct flowi_common, flowic_secid);
	__u32 mark = 0;

	if (bpf_probe_read_kernel(&mark, sizeof(mark),
				  flow + bpf_core_field_offset(struct flowi_common,
							       flowic_mark)) == 0 &&
	    mark == sk->sk_mark)
		return 1;
	if (!(policy->flags & SL_COMPARE_MARKS))
		__sync_fetch_and_or(&policy->flags, SL_COMPARE_MARKS);
	return 1;
}
