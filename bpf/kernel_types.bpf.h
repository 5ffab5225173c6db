/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel fields we read, found by CO-RE on the kernel that runs: no vmlinux.h, no kernel
 * headers. Each struct has the kernel's name and, of its members, only those we use. The numbers are
 * the kernel's own, which no uapi header carries.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

enum {
	LOOPBACK_IFINDEX = 1,        /* include/net/flow.h */
	IP_OFFSET = 0x1fff,          /* include/net/ip.h: of a fragment, in host byte order */
	IP6_OFFSET = 0xfff8,         /* include/net/ipv6.h: likewise */
	TCPHDR_SYN = 0x02,           /* include/net/tcp.h: of the header's 14th byte */
	TCPHDR_ACK = 0x10,
	MSG_FASTOPEN = 0x20000000,   /* include/linux/socket.h */
	FMODE_WRITE = 0x2,           /* include/linux/fs.h */
	PTRACE_MODE_ATTACH = 0x2,    /* include/linux/ptrace.h */
	DCACHE_DISCONNECTED = 0x20,  /* include/linux/dcache.h */
	PF_FORKNOEXEC = 0x40,        /* include/linux/sched.h */
	CONFIGFS_MAGIC = 0x62656570, /* fs/configfs/mount.c */
	SKB_DST_PTRMASK = 1,         /* include/linux/skbuff.h, SKB_DST_NOREF: not of the address */
	RTF_LOCAL = 0x80000000,      /* include/uapi/linux/ipv6_route.h */
	SOCK_BINDADDR_LOCK = 4,      /* include/net/sock.h: of sk_userlocks */
	SOCK_BINDPORT_LOCK = 8,
	SCTP_PARAM_ADD_IP = __builtin_bswap16(0xc001), /* include/linux/sctp.h */
	SCTP_PARAM_SET_PRIMARY = __builtin_bswap16(0xc004),
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/linux/ns_common.h, include/net/net_namespace.h, include/linux/nsproxy.h */
struct ns_common {
	unsigned int inum;
};
struct list_head {
	struct list_head *next;
};
struct hlist_node {
	struct hlist_node *next;
};
struct hlist_head {
	struct hlist_node *first;
};
/* include/linux/sysctl.h, fs/proc/internal.h: a directory begins with its own header */
struct ctl_table {
	const char *procname;
};
struct ctl_dir;
struct ctl_table_set {
	void *is_seen;
};
struct ctl_table_root {
	struct ctl_table_set default_set;
};
struct ctl_table_header {
	const struct ctl_table *ctl_table;
	struct ctl_table_root *root;
	struct ctl_table_set *set;
	struct ctl_dir *parent;
};
struct bpf_sysctl_kern {
	struct ctl_table_header *head;
	const struct ctl_table *table;
};

typedef struct {
	int counter;
} atomic_t;
struct netns_ipv4 {
	int sysctl_ip_prot_sock; /* net.ipv4.ip_unprivileged_port_start */
};
struct netns_ipv6 {
	atomic_t dev_addr_genid; /* grows with each address that comes or goes */
};
struct net {
	struct ns_common ns;
	__u64 net_cookie; /* never given to another */
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
	struct list_head dev_base_head; /* of net_device.dev_list */
	struct ctl_table_set sysctls;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct mnt_namespace { /* fs/mount.h */
	struct ns_common ns;
};
struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};

/* include/linux/pid.h, include/linux/pid_namespace.h: a process has a number in its own namespace,
 * which is at `level`, and in each above. */
struct pid_namespace {
	struct ns_common ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	struct hlist_head tasks[4]; /* the first: of task_struct.pid_links */
	unsigned int level;
	struct upid numbers[];
};

/* include/linux/sched.h, include/linux/cgroup-defs.h */
struct cgroup;
struct css_set {
	struct cgroup *dfl_cgrp;
};
struct thread_info { /* x86 */
	__u32 status;
};

struct file;
struct fdtable { /* include/linux/fdtable.h */
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct cred;

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;          /* PF_* */
	unsigned int ptrace;         /* not 0: it is traced */
	__u64 start_boottime;        /* nanoseconds since boot */
	struct task_struct *group_leader;
	const struct cred *cred;     /* those that are in force */
	const struct cred *real_cred;
	struct files_struct *files;
	int pid;
	int tgid;
	char comm[16];
	struct nsproxy *nsproxy;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	struct css_set *cgroups;
};

/* include/linux/bpf.h, kernel/bpf/task_iter.c */
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

/* include/net/sock.h. skc_num is in host byte order, the addresses in network byte order. */
struct sock_common {
	__u32 skc_rcv_saddr;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_net_refcnt : 1; /* not of sockets that the kernel makes for a namespace */
	possible_net_t skc_net;
	struct {
		__u8 bytes[16];
	} skc_v6_rcv_saddr;
};

/* include/linux/cgroup-defs.h: the cgroup of the task that made the socket; `ancestors` begin with
 * the root's and end with its own, at `level`. */
struct kernfs_node;
struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup *ancestors[];
};
struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock {
	struct sock_common __sk_common;
	__u8 sk_userlocks : 4;
	__u16 sk_protocol;
	__u32 sk_mark;
	struct sock_cgroup_data sk_cgrp_data;
};

/* include/net/flow.h */
struct flowi_common {
	__u32 flowic_mark;
	__u32 flowic_secid;
};

/* include/linux/net.h */
struct socket {
	short type;
	struct sock *sk;
};

/* include/uapi/linux/socket.h, include/linux/socket.h: the kernel's own copy of an address */
struct sockaddr {
	unsigned short sa_family;
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
	void *msg_control;
	unsigned long msg_controllen;
	unsigned int msg_flags;
};

/* include/linux/skbuff.h: the lowest bit of _skb_refdst is no part of the address */
struct sk_buff {
	unsigned long _skb_refdst;
	unsigned char *data;
	unsigned int len;
};

/* include/net/route.h, include/net/ip6_fib.h: both begin with their struct dst_entry */
struct rtable {
	__u16 rt_type; /* RTN_* */
};
struct rt6_info {
	__u32 rt6i_flags; /* RTF_* */
};

/* include/linux/netdevice.h, include/linux/inetdevice.h, include/net/if_inet6.h: addresses in network
 * byte order */
struct in_ifaddr {
	struct in_ifaddr *ifa_next;
	__u32 ifa_local;
};
struct in_device {
	struct in_ifaddr *ifa_list;
};
struct inet6_ifaddr {
	struct {
		__u8 bytes[16];
	} addr;
	struct list_head if_list;
};
struct inet6_dev {
	struct list_head addr_list;
};
struct device { /* include/linux/device.h */
	struct device *parent;
};
struct net_device {
	struct list_head dev_list;
	__u64 features; /* NETIF_F_* */
	struct device dev;
	struct in_device *ip_ptr;
	struct inet6_dev *ip6_ptr;
};
/* That a device stays in its network namespace: a feature until 6.11, then a bit, then the same of another name. */
struct net_device___6_12 {
	unsigned long netns_local : 1;
};
struct net_device___6_15 {
	unsigned long netns_immutable : 1;
};

/* include/linux/tcp.h: where an early answer to Fast Open is not acknowledged yet, its request */
struct request_sock;
struct tcp_sock {
	struct request_sock *fastopen_rsk;
};

/* include/linux/kernfs.h. Of a cgroup's file the parent is the cgroup, whose id is the cgroup's. */
struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
	const void *ns; /* of sysfs: whose node it is */
	__u64 id;
};
/* From 6.15 on. */
struct kernfs_node___renamed {
	struct kernfs_node *__parent;
};

/* include/linux/fs.h */
struct file_system_type {
	const char *name;
};
struct dentry;
struct user_namespace { /* include/linux/user_namespace.h; the host's is at level 0 */
	int level;
};
struct super_block {
	__u32 s_dev; /* MAJOR << 20 | MINOR */
	struct user_namespace *s_user_ns;
	unsigned long s_magic;
	struct file_system_type *s_type;
	struct dentry *s_root;
};
struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
	union {
		struct hlist_head i_dentry;
	};
	void *i_private;
};
/* include/linux/dcache.h: the root of a file system is its own parent */
struct qstr {
	const unsigned char *name;
};
struct dentry {
	unsigned int d_flags; /* DCACHE_* */
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
	union {
		struct hlist_node d_alias;
	} d_u;
};
/* include/linux/path.h, include/linux/mount.h, fs/mount.h */
struct vfsmount {
	struct dentry *mnt_root;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};
struct file {
	unsigned int f_mode;
	unsigned int f_flags; /* O_* */
	struct path f_path;
	struct inode *f_inode;
	void *private_data; /* of a socket's: struct socket */
};
struct mnt_idmap;
/* The same numbers on all architectures (include/uapi/asm-generic/unistd.h). */
#define SL_MOUNT_SETATTR  442
#define SL_OPEN_TREE_ATTR 467
/* arch/ARCH/include/asm/ptrace.h */
struct pt_regs___x86 {
	unsigned long orig_ax;
};
struct pt_regs___arm64 {
	__u64 pstate; /* the processor's, of the task's own code */
	int syscallno;
};
/* include/linux/binfmts.h */
struct linux_binprm {
	struct file *file; /* of a script's interpreter, once that is looked at */
};

/* include/linux/fs_context.h */
enum fs_context_purpose {
	FS_CONTEXT_FOR_MOUNT, /* and not for a submount, nor for a change */
};
struct fs_context {
	struct file_system_type *fs_type;
	enum fs_context_purpose purpose : 8;
};

/* fs/proc/internal.h */
struct proc_dir_entry {
	struct proc_dir_entry *parent;
	char *name;
};
struct proc_inode {
	struct pid *pid; /* of what is below /proc/PID */
	struct proc_dir_entry *pde;
	struct ctl_table_header *sysctl;
	const struct ctl_table *sysctl_entry;
	struct inode vfs_inode;
};

/* include/linux/key.h */
struct key_type {
	const char *name;
};
struct key {
	struct key_type *type;
};

/* include/linux/bpf.h */
struct bpf_prog {
	enum bpf_prog_type type;
};

#pragma clang attribute pop
