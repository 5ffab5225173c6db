// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program for each hook of ours (plan/kernel_hooks.hpp) that allows all and does nothing else.
 * What it costs to have a program on a hook at all is what remains: the floor.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define ALLOWS(section, name, answer)     \
	SEC(section)                      \
	int name(void *context)           \
	{                                 \
		return answer;            \
	}

#define OF_CGROUP(name) ALLOWS("lsm_cgroup/" #name, name, 1)
#define OF_NODE(name) ALLOWS("lsm/" #name, name, 0)

OF_CGROUP(socket_create)
OF_CGROUP(socket_post_create)
OF_CGROUP(socket_bind)
OF_CGROUP(socket_connect)
OF_CGROUP(socket_sendmsg)
OF_CGROUP(socket_listen)
OF_CGROUP(socket_accept)
OF_CGROUP(socket_setsockopt)
OF_CGROUP(sk_getsecid)

ALLOWS("cgroup_skb/egress", inet_egress, 1)
ALLOWS("cgroup_skb/egress", inet_egress_labels, 1)
ALLOWS("cgroup/setsockopt", group_join, 1)
ALLOWS("cgroup/sysctl", sysctl, 1)
ALLOWS("cgroup_skb/ingress", inet_ingress, 1)
ALLOWS("sockops", sock_ops, 1)

OF_NODE(socket_shutdown)
OF_NODE(netlink_send)
OF_NODE(bpf)
OF_NODE(bpf_prog)
OF_NODE(file_ioctl)
OF_NODE(file_ioctl_compat)
OF_NODE(file_open)
OF_NODE(inode_mkdir)
OF_NODE(inode_symlink)
OF_NODE(key_alloc)
OF_NODE(sb_mount)
OF_NODE(fs_context_parse_param)
OF_NODE(sb_kern_mount)
OF_NODE(kernel_module_request)
OF_NODE(task_alloc)
OF_NODE(sctp_bind_connect)
OF_NODE(sock_graft)
OF_NODE(bprm_creds_for_exec)
OF_NODE(bprm_committed_creds)
OF_NODE(bprm_check_security)
OF_NODE(task_free)
OF_NODE(ptrace_access_check)
OF_NODE(inode_follow_link)
OF_NODE(ptrace_traceme)
OF_NODE(inode_create)
OF_NODE(inode_mknod)
OF_NODE(inode_link)
OF_NODE(inode_unlink)
OF_NODE(inode_rmdir)
OF_NODE(inode_rename)
OF_NODE(inode_setattr)
OF_NODE(inode_file_setattr)
OF_NODE(inode_setxattr)
OF_NODE(inode_removexattr)
OF_NODE(inode_set_acl)
OF_NODE(inode_remove_acl)
OF_NODE(move_mount)
OF_NODE(sb_umount)
OF_NODE(sb_pivotroot)
OF_NODE(capable)

char LICENSE[] SEC("license") = "GPL";
