/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the kernel may do on a container's behalf although its policy restricts: allow-lists by name (D2a).
 * Pure C, for the programs and for a host unit test.
 *
 *   sl_file_system_is_local(&name)       "overlay", "fuse.sshfs": a mount of it reaches no network
 *   sl_sysctl_is_harmless(&dir, &leaf)   net/DIR/LEAF: it changes how well, not where to
 *   sl_sysctl_starts_programs(&leaf)     kernel/LEAF: the kernel runs what it names, as the host's root
 *   sl_node_reaches_network(&dir, &node) DIR/NODE of sysfs: what is written there sends, or makes devices
 *   sl_read_module(&name, &attempt)      "net-pf-2-proto-132-type-5": what a module would open
 */
#pragma once

#include <linux/in.h>
#include <linux/netlink.h>

#include "bpf/decide_policy.h"
#include "bpf/global.h"
#include "bpf/policy_abi.h"

/* A name of the kernel's, with zeroes behind it; one that is longer is cut and is on no list. */
#define SL_NAME_SIZE 40
struct sl_name {
	char text[SL_NAME_SIZE];
};

/* clang-format off */
/* Types that reach no network by themselves: memory, block devices, the kernel's own state, and what a
 * program inside serves. Without netfs clients (nfs, cifs, ceph, 9p, afs, orangefs), without cluster
 * file systems, whose locks travel (gfs2, ocfs2), without what is a server's or a cluster's
 * switchboard (nfsd, rpc_pipefs, configfs, dlmfs, debugfs, smackfs), and without what opens files below
 * it in a kernel thread, which is in no container (ecryptfs, aufs). */
#define SL_LOCAL_FILE_SYSTEMS(X)                                                \
	X("tmpfs") X("proc") X("sysfs") X("devpts") X("devtmpfs") X("mqueue")   \
	X("cgroup") X("cgroup2") X("overlay") X("ramfs") X("bpf") X("fuse")     \
	X("fuseblk") X("fusectl") X("hugetlbfs") X("securityfs") X("tracefs")   \
	X("pstore") X("efivarfs") X("binfmt_misc") X("autofs") X("binder")      \
	X("functionfs") X("resctrl") X("ext2") X("ext3") X("ext4") X("xfs")     \
	X("btrfs") X("f2fs") X("bcachefs") X("zfs") X("zonefs") X("erofs")      \
	X("squashfs") X("cramfs") X("romfs") X("iso9660") X("udf") X("vfat")    \
	X("msdos") X("exfat") X("ntfs") X("ntfs3") X("hfs") X("hfsplus") X("jfs")\
	X("reiserfs") X("nilfs2") X("minix") X("ufs") X("jffs2") X("ubifs")

/* Sysctls of net/ that a container may write in its own network namespace: sizes, times and ways of
 * TCP and of queues. None chooses an address, a port or a route, lets packets through or out. */
#define SL_HARMLESS_SYSCTLS(X)                                                  \
	X("core", "somaxconn") X("core", "optmem_max") X("core", "rmem_max")        \
	X("core", "rmem_default") X("core", "wmem_max") X("core", "wmem_default")   \
	X("core", "txrehash") X("unix", "max_dgram_qlen")                           \
	X("ipv4", "ping_group_range") X("ipv4", "udp_rmem_min")                     \
	X("ipv4", "udp_wmem_min") X("ipv4", "tcp_abort_on_overflow")                \
	X("ipv4", "tcp_adv_win_scale") X("ipv4", "tcp_app_win")                     \
	X("ipv4", "tcp_autocorking") X("ipv4", "tcp_base_mss")                      \
	X("ipv4", "tcp_congestion_control") X("ipv4", "tcp_dsack")                  \
	X("ipv4", "tcp_early_retrans") X("ipv4", "tcp_ecn") X("ipv4", "tcp_fack")   \
	X("ipv4", "tcp_fastopen") X("ipv4", "tcp_fin_timeout") X("ipv4", "tcp_frto") \
	X("ipv4", "tcp_keepalive_intvl") X("ipv4", "tcp_keepalive_probes")          \
	X("ipv4", "tcp_keepalive_time") X("ipv4", "tcp_limit_output_bytes")         \
	X("ipv4", "tcp_max_reordering") X("ipv4", "tcp_max_syn_backlog")            \
	X("ipv4", "tcp_max_tw_buckets") X("ipv4", "tcp_min_rtt_wlen")               \
	X("ipv4", "tcp_min_tso_segs") X("ipv4", "tcp_moderate_rcvbuf")              \
	X("ipv4", "tcp_mtu_probing") X("ipv4", "tcp_no_metrics_save")               \
	X("ipv4", "tcp_notsent_lowat") X("ipv4", "tcp_orphan_retries")              \
	X("ipv4", "tcp_recovery") X("ipv4", "tcp_reordering")                       \
	X("ipv4", "tcp_retrans_collapse") X("ipv4", "tcp_retries1")                 \
	X("ipv4", "tcp_retries2") X("ipv4", "tcp_rfc1337") X("ipv4", "tcp_rmem")    \
	X("ipv4", "tcp_sack") X("ipv4", "tcp_slow_start_after_idle")                \
	X("ipv4", "tcp_stdurg") X("ipv4", "tcp_syn_retries")                        \
	X("ipv4", "tcp_synack_retries") X("ipv4", "tcp_syncookies")                 \
	X("ipv4", "tcp_thin_linear_timeouts") X("ipv4", "tcp_timestamps")           \
	X("ipv4", "tcp_tso_win_divisor") X("ipv4", "tcp_tw_reuse")                  \
	X("ipv4", "tcp_window_scaling") X("ipv4", "tcp_wmem")                       \
	X("ipv4", "tcp_workaround_signed_windows")                                  \
	X("ipv4", "tcp_backlog_ack_defer") X("ipv4", "tcp_comp_sack_delay_ns")      \
	X("ipv4", "tcp_comp_sack_nr") X("ipv4", "tcp_comp_sack_slack_ns")           \
	X("ipv4", "tcp_ecn_fallback") X("ipv4", "tcp_min_snd_mss")                  \
	X("ipv4", "tcp_mtu_probe_floor") X("ipv4", "tcp_pacing_ca_ratio")           \
	X("ipv4", "tcp_pacing_ss_ratio") X("ipv4", "tcp_pingpong_thresh")           \
	X("ipv4", "tcp_probe_interval") X("ipv4", "tcp_probe_threshold")            \
	X("ipv4", "tcp_rto_max_ms") X("ipv4", "tcp_rto_min_us")                     \
	X("ipv4", "tcp_shrink_window") X("ipv4", "tcp_syn_linear_timeouts")         \
	X("ipv4", "tcp_tso_rtt_log")

/* Sysctls of kernel/ that name a program which the kernel starts outside of every container
 * (kernel/umh.c; fs/coredump.c). */
#define SL_STARTING_SYSCTLS(X)                                                  \
	X("core_pattern") X("modprobe") X("hotplug") X("poweroff_cmd")

/* Nodes of sysfs that belong to no network namespace, although what is written to them or below sends,
 * makes network devices, or names a program that the kernel starts (uevent_helper). */
#define SL_NETWORK_NODES(X)                                                     \
	X("bus", "rbd") X("bus", "fcoe") X("bus", "netdevsim") X("module", "fcoe")  \
	X("module", "libfcoe") X("module", "rdma_rxe") X("kernel", "uevent_helper")
/* clang-format on */

/* Whether the name begins with the literal's `length` bytes. Unrolled to comparisons with constants. */
SL_INLINE int sl_begins(const struct sl_name *name, const char *literal, int length)
{
	for (int i = 0; i < length; i++) {
		if (name->text[i] != literal[i])
			return 0;
	}
	return 1;
}

#define SL_NAMED(name, literal) sl_begins((name), literal, sizeof(literal))

/* By what is before the first dot, as get_fs_type() has it (fs/filesystems.c): what is behind it is a
 * subtype's, which a program serves. */
SL_GLOBAL int sl_file_system_is_local(const struct sl_name *type)
{
	if (!type) /* what the verifier must assume of a global function's argument */
		return 0;
#define SL_IS_LOCAL(literal)                                             \
	if (sl_begins(type, literal, sizeof(literal) - 1) &&             \
	    (type->text[sizeof(literal) - 1] == 0 ||                     \
	     type->text[sizeof(literal) - 1] == '.'))                    \
		return 1;
	SL_LOCAL_FILE_SYSTEMS(SL_IS_LOCAL)
#undef SL_IS_LOCAL
	return 0;
}

SL_GLOBAL int sl_sysctl_is_harmless(const struct sl_name *directory, const struct sl_name *leaf)
{
	if (!directory || !leaf)
		return 0;
#define SL_IS_HARMLESS(in, name)                                     \
	if (SL_NAMED(directory, in) && SL_NAMED(leaf, name))         \
		return 1;
	SL_HARMLESS_SYSCTLS(SL_IS_HARMLESS)
#undef SL_IS_HARMLESS
	return 0;
}

SL_GLOBAL int sl_sysctl_starts_programs(const struct sl_name *leaf)
{
	if (!leaf)
		return 0;
#define SL_STARTS(name)              \
	if (SL_NAMED(leaf, name))    \
		return 1;
	SL_STARTING_SYSCTLS(SL_STARTS)
#undef SL_STARTS
	return 0;
}

SL_GLOBAL int sl_node_reaches_network(const struct sl_name *directory, const struct sl_name *node)
{
	if (!directory || !node)
		return 0;
#define SL_REACHES(in, name)                                         \
	if (SL_NAMED(directory, in) && SL_NAMED(node, name))         \
		return 1;
	SL_NETWORK_NODES(SL_REACHES)
#undef SL_REACHES
	return 0;
}

/* What a module that the kernel asks modprobe for would bring. */
enum sl_module_kind {
	SL_MODULE_OTHER = 0,
	SL_MODULE_FILE_SYSTEM,  /* "fs-nfs" */
	SL_MODULE_SOCKETS,      /* "net-pf-10", "net-pf-2-proto-132-type-5": family, protocol, type */
	SL_MODULE_DIAGNOSIS,    /* "net-pf-16-proto-4-type-2-132": netlink's, of that family's protocol */
	/* "netdev-tunl0", "rtnl-link-bond", "tty-ldisc-1": network devices. Of tunnels one is in every network namespace
	 * of the node as soon as the module is there, and any ioctl that names it asks (net/core/dev_ioctl.c, dev_load). */
	SL_MODULE_DEVICE,
};

/* The decimal number at `*at`; -1 if there is none. `*at` moves behind it. */
SL_INLINE int sl_read_number(const struct sl_name *name, int *at)
{
	int number = -1;

	for (int i = 0; i < 5; i++) {
		const int place = *at;
		char digit;

		if (place < 0 || place >= SL_NAME_SIZE)
			break;
		digit = name->text[place];
		if (digit < '0' || digit > '9')
			break;
		number = (number < 0 ? 0 : number) * 10 + (digit - '0');
		*at = place + 1;
	}
	return number;
}

/* Moves `*at` behind `word` if that is what is there. */
SL_INLINE int sl_skip(const struct sl_name *name, int *at, const char *word, int length)
{
	for (int i = 0; i < length; i++) {
		const int place = *at + i;

		if (place < 0 || place >= SL_NAME_SIZE || name->text[place] != word[i])
			return 0;
	}
	*at += length;
	return 1;
}

/* Fills in of the attempt what the name says: family, protocol and type; a type of 0 is none that was
 * named. Its option is the kind. Names are net/socket.c's, net/ipv4/af_inet.c's and net/core/sock_diag.c's. */
SL_INLINE enum sl_module_kind sl_read_module(const struct sl_name *name, struct sl_attempt *attempt)
{
	int at = 0, number;

	if (sl_skip(name, &at, "netdev-", 7) || sl_skip(name, &at, "rtnl-link-", 10) ||
	    sl_skip(name, &at, "tty-ldisc-", 10)) {
		attempt->option = SL_MODULE_DEVICE;
		return SL_MODULE_DEVICE;
	}
	if (sl_skip(name, &at, "fs-", 3))
		return SL_MODULE_FILE_SYSTEM;
	if (!sl_skip(name, &at, "net-pf-", 7))
		return SL_MODULE_OTHER;
	attempt->family = (__u16)sl_read_number(name, &at);
	if (!sl_skip(name, &at, "-proto-", 7))
		return SL_MODULE_SOCKETS;
	attempt->protocol = (__u32)sl_read_number(name, &at);
	if (!sl_skip(name, &at, "-type-", 6))
		return SL_MODULE_SOCKETS;
	attempt->type = (__u16)sl_read_number(name, &at);
	if (attempt->family != SL_AF_NETLINK || attempt->protocol != NETLINK_SOCK_DIAG)
		return SL_MODULE_SOCKETS;
	attempt->family = attempt->type;
	attempt->type = 0;
	attempt->protocol = 0;
	number = sl_skip(name, &at, "-", 1) ? sl_read_number(name, &at) : -1;
	if (number >= 0)
		attempt->protocol = (__u32)number;
	return SL_MODULE_DIAGNOSIS;
}

/* Of any type where none is named. */
SL_INLINE int sl_some_type_is_open(const struct sl_policy *p, const struct sl_attempt *a)
{
	const __u16 types[] = {SL_SOCK_STREAM, SL_SOCK_DGRAM, SL_SOCK_RAW, SL_SOCK_DCCP};
	struct sl_attempt typed = *a;

	if (a->type != 0 || a->protocol == 0)
		return a->type == 0 || sl_inet_protocol_is_open(p, a);
	for (int i = 0; i < 4; i++) {
		typed.type = types[i];
		if (sl_inet_protocol_is_open(p, &typed))
			return 1;
	}
	return 0;
}

SL_INLINE int sl_module_is_open(const struct sl_policy *p, const struct sl_attempt *a)
{
	if (a->option == SL_MODULE_DEVICE)
		return (p->flags & SL_WRITE_ROUTES) != 0;
	if (a->family == SL_AF_UNIX)
		return 1;
	if (!sl_bit_is_set(p->families, a->family))
		return 0;
	if (a->family == SL_AF_NETLINK)
		return sl_bit_is_set(p->netlink, a->protocol);
	return !sl_is_inet(a->family) || sl_some_type_is_open(p, a);
}

/* A sysctl of net/ is the container's own, its neighbours' in a pod, or the host's; or that of a
 * network namespace which was made inside, and which nothing leaves that is not judged again. One of
 * no namespace (`netns` is 0) is the whole node's. */
SL_INLINE int sl_sysctl_is_open(const struct sl_policy *p, const struct sl_attempt *a)
{
	if (a->netns == 0 || a->netns == p->host)
		return 0;
	return a->netns != p->home || (a->flags & SL_ATTEMPT_HARMLESS);
}

/* What the kernel is asked to do by other means than sockets. */
SL_INLINE struct sl_decision sl_decide_deputy(const struct sl_policy *p, const struct sl_attempt *a)
{
	const int restricted = !(p->flags & SL_UNRESTRICTED);
	const int harmless = (a->flags & SL_ATTEMPT_HARMLESS) != 0;

	switch (a->verb) {
	case SL_VERB_KEY:
		SL_DENY_IF(restricted && !(p->flags & SL_OPEN_KEYS), EPERM, SL_REASON_KEY);
		return sl_allow();
	case SL_VERB_MOUNT:
		SL_DENY_IF(restricted && !(p->flags & SL_OPEN_MOUNTS) && !harmless, EPERM,
			   SL_REASON_MOUNT);
		return sl_allow();
	case SL_VERB_SYSFS:
		SL_DENY_IF(restricted && !(p->flags & SL_OPEN_SYSFS), EPERM, SL_REASON_SYSFS);
		return sl_allow();
	case SL_VERB_SYSCTL:
		SL_DENY_IF(restricted && !(p->flags & SL_OPEN_SYSCTL) && !sl_sysctl_is_open(p, a),
			   EPERM, SL_REASON_SYSCTL);
		return sl_allow();
	case SL_VERB_MODULE:
		SL_DENY_IF(restricted && !sl_module_is_open(p, a), EPERM, SL_REASON_MODULE);
		return sl_allow();
	default:
		return sl_deny(EPERM, SL_REASON_UNCONFIGURED);
	}
}
