/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The node-wide LSM programs, for what is rare. They run for every task of the node and look up its
 * cgroups, each of which can have a policy:
 *
 *   socket_shutdown      shutdown                    netlink_send        netlink that only reads
 *   file_ioctl, _compat  ioctls that only read, of routes and protected files, and no programs for perf
 *   task_alloc           children in other cgroups; those in subjects
 *   sctp_bind_connect    SCTP's own ways to bind and connect
 *
 * More of them are in bpf/bpf_calls.bpf.h, bpf/files.bpf.h, bpf/deputies.bpf.h and bpf/subjects/.
 *
 * None looks at the return value of the program before it, which follows the hook's arguments: the
 * first that answers with anything but 0 is the last (arch/x86/net/bpf_jit_comp.c,
 * invoke_bpf_mod_ret), and a kernel that adds an argument has that in its place.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_addr.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide.h"
#include "bpf/global.h"
#include "bpf/judge.bpf.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/program.bpf.h"
#include "bpf/subjects/state.bpf.h"
#include "bpf/subjects/verdict.bpf.h"

SEC("lsm/socket_shutdown")
int BPF_PROG(socket_shutdown, struct socket *sock)
{
	struct sl_attempt attempt = attempt_on(sock, SL_VERB_SHUTDOWN);

	return judge_node_wide(&attempt);
}

/* Whether one routing message only reads. The type's low bits say what it does, from RTM_BASE on
 * (linux/rtnetlink.h): new, del, get, set; types below are netlink's own. RTM_GETDCB also sets, by a
 * command within it (net/dcb/dcbnl.c, dcb_doit). `ip link show` begins
 * with an RTM_NEWLINK that names no device and may not make one, to see how the kernel refuses it
 * (net/core/rtnetlink.c, __rtnl_newlink: ENODEV). */
static __always_inline int message_reads(const struct nlmsghdr *header,
					 const unsigned char *data)
{
	const __u32 bare_link = NLMSG_LENGTH(sizeof(struct ifinfomsg));
	__u32 index = 1;

	if (header->nlmsg_type == RTM_GETDCB)
		return 0;
	if (header->nlmsg_type < RTM_BASE || (header->nlmsg_type & 3) == (RTM_GETLINK & 3))
		return 1;
	if (header->nlmsg_type != RTM_NEWLINK || header->nlmsg_len != bare_link ||
	    (header->nlmsg_flags & NLM_F_CREATE))
		return 0;
	return bpf_probe_read_kernel(&index, sizeof(index),
				     data + sizeof(*header) +
					     offsetof(struct ifinfomsg, ifi_index)) == 0 &&
	       index == 0;
}

/* The first bytes of messages about a link and about an address, which are not of one length. */
union sl_routing_body {
	struct ifinfomsg link;
	struct ifaddrmsg address;
};

#define SL_IFF_UP 1u /* linux/if.h, which does not go with the kernel's own types */

struct sl_routing_attribute {
	struct rtattr header;
	__u32 value[4];
};

static __always_inline int is_loopback_address(const __u32 *address, __u8 family)
{
	if (family == SL_AF_INET)
		return address[0] == __builtin_bswap32(0x7f000001);
	return address[0] == 0 && address[1] == 0 && address[2] == 0 &&
	       address[3] == __builtin_bswap32(1);
}

/* Whether the attributes at this address, of so many bytes, say 127.0.0.1 or ::1 and nothing else of weight. */
static __always_inline int name_loopback(const unsigned char *data, __u32 left, __u8 family)
{
	const __u32 size = family == SL_AF_INET ? 4 : 16;

	for (int i = 0; i < 3; i++) {
		struct sl_routing_attribute attribute = {};

		if (left < sizeof(attribute.header))
			return i > 0 && left == 0;
		if (bpf_probe_read_kernel(&attribute.header, sizeof(attribute.header), data) != 0)
			return 0;
		if (attribute.header.rta_len != sizeof(attribute.header) +
						(attribute.header.rta_type == IFA_FLAGS ? 4 : size) ||
		    attribute.header.rta_len > left)
			return 0;
		if (attribute.header.rta_type != IFA_FLAGS &&
		    (bpf_probe_read_kernel(attribute.value, size, data + sizeof(attribute.header)) != 0 ||
		     (attribute.header.rta_type != IFA_LOCAL &&
		      attribute.header.rta_type != IFA_ADDRESS) ||
		     !is_loopback_address(attribute.value, family)))
			return 0;
		data += attribute.header.rta_len;
		left -= attribute.header.rta_len;
	}
	return left == 0;
}

/*
 * Whether a routing message asks for a lo as every namespace has it: up, and with 127.0.0.1/8 and ::1/128. A
 * systemd that is a container's first process begins with these (src/shared/loopback-setup.c), and version 252
 * ends if they cannot even be sent. What is there already is answered with EEXIST. The device of index 1 is lo
 * (net/core/dev.h, LOOPBACK_IFINDEX). A global function.
 */
SL_GLOBAL int asks_for_loopback(__u64 address, __u32 length)
{
	const __u32 bare_link = NLMSG_LENGTH(sizeof(struct ifinfomsg));
	const unsigned char *data = (const void *)address;
	union sl_routing_body body = {};
	struct nlmsghdr header = {};

	if (length < NLMSG_LENGTH(sizeof(struct ifaddrmsg)) ||
	    bpf_probe_read_kernel(&header, sizeof(header), data) != 0)
		return 0;
	data += sizeof(header);
	if (header.nlmsg_type == RTM_NEWLINK || header.nlmsg_type == RTM_SETLINK) {
		if (length != bare_link || (header.nlmsg_flags & NLM_F_CREATE) ||
		    bpf_probe_read_kernel(&body.link, sizeof(body.link), data) != 0)
			return 0;
		return body.link.ifi_family == 0 && body.link.ifi_index == 1 &&
		       body.link.ifi_flags == SL_IFF_UP && body.link.ifi_change == SL_IFF_UP;
	}
	if (header.nlmsg_type != RTM_NEWADDR || (header.nlmsg_flags & NLM_F_REPLACE) ||
	    bpf_probe_read_kernel(&body.address, sizeof(body.address), data) != 0 ||
	    body.address.ifa_index != 1)
		return 0;
	if (!(body.address.ifa_family == SL_AF_INET && body.address.ifa_prefixlen == 8) &&
	    !(body.address.ifa_family == SL_AF_INET6 && body.address.ifa_prefixlen == 128))
		return 0;
	return name_loopback(data + sizeof(body.address), length - NLMSG_LENGTH(sizeof(body.address)),
			     body.address.ifa_family);
}

/* Whether a routing message sets up what it finds, and makes nothing: an address, or the state of a
 * device. Attributes of a link's could lead into other namespaces (IFLA_LINK_NETNSID). */
static __always_inline int message_sets_up(const struct nlmsghdr *header)
{
	const __u32 bare_link = NLMSG_LENGTH(sizeof(struct ifinfomsg));

	switch (header->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return 1;
	case RTM_NEWLINK:
	case RTM_SETLINK:
		return header->nlmsg_len == bare_link && !(header->nlmsg_flags & NLM_F_CREATE);
	default:
		return 0;
	}
}

#define SL_NETIF_F_NETNS_LOCAL (1ull << 13) /* include/linux/netdev_features.h, until 6.11 */

/* Whether a device is made with its namespace and ends with it, with no hardware behind it: lo, and those that a
 * module of tunnels has in every namespace (net/ipv4/ip_tunnel.c, ip_tunnel_init_net). */
static __always_inline int is_of_its_namespace(const struct net_device *device)
{
	const struct net_device___6_15 *newest = (const void *)device;
	const struct net_device___6_12 *newer = (const void *)device;

	if (BPF_CORE_READ(device, dev.parent))
		return 0;
	if (bpf_core_field_exists(newest->netns_immutable))
		return BPF_CORE_READ_BITFIELD_PROBED(newest, netns_immutable) != 0;
	if (bpf_core_field_exists(newer->netns_local))
		return BPF_CORE_READ_BITFIELD_PROBED(newer, netns_local) != 0;
	return (BPF_CORE_READ(device, features) & SL_NETIF_F_NETNS_LOCAL) != 0;
}

/* Whether the namespace at this address has no device that leads out of it, or that came from elsewhere. A global
 * function. */
SL_GLOBAL int leads_nowhere(__u64 net)
{
	const __u64 head = net + bpf_core_field_offset(struct net, dev_base_head);
	const struct list_head *at = BPF_CORE_READ((const struct net *)net, dev_base_head.next);

	for (int i = 0; i < 32 && at; i++) {
		if ((__u64)at == head)
			return i > 0;
		if (!is_of_its_namespace((const void *)((const char *)at -
							bpf_core_field_offset(struct net_device, dev_list))))
			return 0;
		at = BPF_CORE_READ(at, next);
	}
	return 0;
}

/* Of the message at this address: how many bytes further the next is, 0 if none is, and less if the message may
 * not be. A global function, verified once and not in each turn of the loop. */
SL_GLOBAL int judge_routing_message(__u64 address, __u32 left, __u32 sets_up)
{
	const unsigned char *data = (const void *)address;
	struct nlmsghdr header;
	__u32 aligned;

	if (left < sizeof(header))
		return 0;
	if (bpf_probe_read_kernel(&header, sizeof(header), data) != 0)
		return -1;
	if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > left)
		return 0;
	if (!message_reads(&header, data) && !(sets_up && message_sets_up(&header)) &&
	    !asks_for_loopback(address, header.nlmsg_len))
		return -1;
	aligned = NLMSG_ALIGN(header.nlmsg_len);
	return aligned < left ? (int)aligned : 0;
}

/* Whether every message of the buffer only reads, or may set up a device if `sets_up`, walking it as
 * the kernel will (net/netlink/af_netlink.c, netlink_rcv_skb). */
static __always_inline int only_does(const struct sk_buff *skb, int sets_up)
{
	/* Read as a number: newer verifiers know what skb->data is, and hand no pointer over. */
	unsigned long data = (unsigned long)BPF_CORE_READ(skb, data);
	__u32 left = skb->len;

	for (int i = 0; i < 128; i++) {
		const int length = judge_routing_message(data, left, (__u32)sets_up);

		if (length <= 0)
			return length == 0;
		data += length;
		left -= (__u32)length;
	}
	return 0;
}

SEC("lsm/netlink_send")
int BPF_PROG(netlink_send, struct sock *sk, struct sk_buff *skb)
{
	struct sl_attempt attempt = {.verb = SL_VERB_NETLINK, .family = SL_AF_NETLINK};

	if (!has_policy())
		return 0;
	attempt.protocol = sk->sk_protocol;
	attempt.netns = sk->__sk_common.skc_net.net->ns.inum;
	if (attempt.protocol == NETLINK_ROUTE && only_does(skb, 0))
		attempt.flags |= SL_ATTEMPT_READS;
	else if (attempt.protocol == NETLINK_ROUTE &&
		 /* Read as a number: a global function takes no pointer that the verifier knows. */
		 leads_nowhere((__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net)) && only_does(skb, 1))
		attempt.flags |= SL_ATTEMPT_SETS_UP;
	return judge_node_wide(&attempt);
}

/* What an ioctl of a socket is about: that socket's namespace. */
static __always_inline void look_at_namespace(const struct file *file, struct sl_attempt *attempt)
{
	const struct socket *sock;
	struct net *net;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & 0170000) != 0140000) /* S_IFMT, S_IFSOCK */
		return;
	sock = BPF_CORE_READ(file, private_data);
	net = BPF_CORE_READ(sock, sk, __sk_common.skc_net.net);
	attempt->netns = BPF_CORE_READ(net, ns.inum);
	if (leads_nowhere((__u64)net))
		attempt->flags |= SL_ATTEMPT_SETS_UP;
}

/* Sockets, devices and pipes hold nothing that could be protected. */
static __always_inline int judge_file_ioctl(const struct file *file, unsigned int command)
{
	const __u16 type = BPF_CORE_READ(file, f_inode, i_mode) & 0170000; /* S_IFMT */

	if (sl_file_ioctl_reads(command) || (type != 0100000 && type != 0040000)) /* S_IFREG, S_IFDIR */
		return 0;
	if (!sl_file_ioctl_stays(command))
		return judge_file_system_of(file);
	return judge_content(file);
}

/* A program that perf attaches runs for all tasks of the node. */
static __always_inline int judge_ioctl(const struct file *file, unsigned int command)
{
	struct sl_attempt attempt = {.verb = SL_VERB_IOCTL, .option = (__s32)command};

	if (command == PERF_EVENT_IOC_SET_BPF)
		attempt.verb = SL_VERB_BPF;
	else if (!sl_is_network_ioctl(command))
		return judge_file_ioctl(file, command);
	else if (sl_ioctl_sets_up(command))
		look_at_namespace(file, &attempt);
	return judge_node_wide(&attempt);
}

SEC("lsm/file_ioctl")
int BPF_PROG(file_ioctl, struct file *file, unsigned int cmd)
{
	return judge_ioctl(file, cmd);
}

/* From 32-bit code, where the kernel asks separately (security_file_ioctl_compat, 6.8 and stable
 * kernels from then on); elsewhere the program above sees those too. */
SEC("lsm/file_ioctl_compat")
int BPF_PROG(file_ioctl_compat, struct file *file, unsigned int cmd)
{
	return judge_ioctl(file, cmd);
}

/* A child is in its parent's subjects. clone3(2) can start it in another cgroup, and which one is not to
 * be seen here. */
SEC("lsm/task_alloc")
int BPF_PROG(task_alloc, struct task_struct *task, unsigned long clone_flags)
{
	const struct sl_policy *policy;

	if (!(clone_flags & CLONE_INTO_CGROUP))
		return inherit_subjects(task);
	policy = innermost_policy();
	if (policy && judge_leaving(policy) != 0)
		return -EPERM;
	return inherit_subjects(task);
}

static __always_inline int is_ipv6(const void *address)
{
	__u16 family = 0;

	return bpf_probe_read_kernel(&family, sizeof(family), address) == 0 &&
	       family == SL_AF_INET6;
}

/* What is left of the addresses that a call hands over, one behind the other. */
struct sl_addresses {
	const char *next;
	int left; /* bytes */
	__u32 pad;
};

/* Whether the next of them is refused. A global function, verified once and not in each turn of the loop. */
SL_GLOBAL int is_refused_next(const struct sl_policy *policy,
			      struct sl_attempt *attempt,
			      struct sl_addresses *rest)
{
	int size;

	if (!policy || !attempt || !rest)
		return 1;
	read_address(attempt, rest->next, rest->left);
	size = is_ipv6(rest->next) ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	rest->next += size;
	rest->left -= size;
	return judge_one(policy, attempt) != 0 || ((policy->more_flags & SL_HAS_SUBJECTS) &&
						   judge_subjects(policy, attempt) != 0);
}

/* Asked for sctp_bindx, sctp_connectx and the first send of a new association, with one address
 * after the other (Documentation/security/SCTP.rst). The last two come from packets of the peer,
 * in whatever task was interrupted, and only with net.sctp.addip_enable. */
SEC("lsm/sctp_bind_connect")
int BPF_PROG(sctp_bind_connect, struct sock *sk, int optname, struct sockaddr *address, int addrlen)
{
	struct sl_attempt attempt = {
		.verb = optname == SL_SCTP_SOCKOPT_BINDX_ADD ? SL_VERB_BIND : SL_VERB_CONNECT,
		.type = SL_SOCK_STREAM,
		.family = sk->__sk_common.skc_family,
		.protocol = IPPROTO_SCTP,
		.netns = sk->__sk_common.skc_net.net->ns.inum,
		.mark = sk->sk_mark,
	};
	struct sl_addresses rest = {.next = (const char *)address, .left = addrlen};
	const struct sl_policy *policy = innermost_policy();

	if (!policy || optname == SCTP_PARAM_ADD_IP || optname == SCTP_PARAM_SET_PRIMARY)
		return 0;
	attempt.flags |= seal_flag(policy) | foreign_flag(policy, sk);
	for (int i = 0; i < 8 && rest.left > 0; i++) {
		if (is_refused_next(policy, &attempt, &rest))
			return -EPERM;
	}
	return rest.left > 0 ? -EPERM : 0;
}
