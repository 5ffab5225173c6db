/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The only types that the BPF programs and user space share. C11 and C++20. Every struct is padded by hand and its size
 * asserted, so that both compilers agree. Ports are in host byte order; addresses are four words in network byte order.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#ifdef __cplusplus
#define SL_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size))
#else
#define SL_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#endif

/* What a task tries to do. */
enum sl_verb {
	SL_VERB_CREATE = 0,
	SL_VERB_BIND,
	SL_VERB_CONNECT,    /* connect(2) */
	SL_VERB_SEND,       /* a send that names its peer, or opens a connection with its data */
	SL_VERB_LISTEN,
	SL_VERB_ACCEPT,
	SL_VERB_SHUTDOWN,
	SL_VERB_SETSOCKOPT, /* setsockopt(2), and the same as a control message of a send */
	SL_VERB_NETLINK,    /* a netlink message that changes something */
	SL_VERB_BPF,        /* bpf(2) */
	SL_VERB_IOCTL,      /* an ioctl(2) that changes interfaces, addresses, routes or tunnels */
	SL_VERB_CGROUP,     /* moving a task to a cgroup outside the container's */
	SL_VERB_KEY,        /* having the host asked for a key: request_key(2) with an upcall */
	SL_VERB_MOUNT,      /* a new file system */
	SL_VERB_SYSFS,      /* writing to files that change devices, or have the kernel speak */
	SL_VERB_SYSCTL,     /* writing a sysctl of net/ */
	SL_VERB_MODULE,     /* having a family's or a protocol's module loaded */
};

/*
 * Why it was refused: the index into the counters of a container. Each has a row in
 * plan/reasons.hpp, which names the annotations behind it, so that every denial can be traced to its
 * cause. New ones come last: counters of programs that an earlier version loaded are read by number.
 */
enum sl_reason {
	SL_REASON_NONE = 0,      /* allowed */
	SL_REASON_UNCONFIGURED,  /* a policy that has not been written yet: everything is denied */
	SL_REASON_FAMILY,        /* a family that a restricting policy closes */
	SL_REASON_PROTOCOL,      /* a protocol that a restricting policy closes */
	SL_REASON_CREATE,
	SL_REASON_CREATE_TCP,
	SL_REASON_CREATE_UDP,
	SL_REASON_CONNECT,
	SL_REASON_BIND,
	SL_REASON_LISTEN,
	SL_REASON_ACCEPT,
	SL_REASON_SHUTDOWN,
	SL_REASON_MARK,          /* another mark than the policy's, by option or control message */
	SL_REASON_SETSOCKOPT,    /* an option that would loosen the policy, or that nobody knows */
	SL_REASON_NETLINK,       /* a netlink message that changes something */
	SL_REASON_BPF,           /* bpf(2), but for device programs below the container's cgroup */
	SL_REASON_IOCTL,         /* an ioctl that changes interfaces, addresses, routes or tunnels */
	SL_REASON_CGROUP,        /* a task on its way out of the container's cgroup */
	SL_REASON_FOREIGN,       /* a socket of another network namespace, or without the mark */
	SL_REASON_EGRESS,        /* a packet, or a connection, to where egress does not name */
	SL_REASON_ARRIVAL,       /* an unasked packet to a port that bind does not name */
	SL_REASON_SOURCE,        /* a packet from an address that is not the namespace's own */
	SL_REASON_JOIN,          /* a multicast group more than egress allows to report */
	SL_REASON_KEY,           /* a key that the host would have been asked for */
	SL_REASON_MOUNT,         /* a file system that reaches the network, or serves it */
	SL_REASON_SYSFS,         /* a file of sysfs, configfs or /proc/net that acts on the network */
	SL_REASON_SYSCTL,        /* a sysctl of net/ */
	SL_REASON_MODULE,        /* a module of a family or protocol that is closed */
	SL_REASON_SUBJECT,       /* a task of which nobody knows what programs it comes from */
	SL_REASON_HOURS,         /* a verb outside its subject's hours */
	SL_REASON_TRACE,         /* tracing a task that is less restricted */
	SL_REASON_FILE,          /* changing a protected file, or what leads to it */
	SL_REASON_COUNT,
};

#define SL_POLICY_LEVELS 32 /* of cgroups, from the node's root, at which programs look for a policy's own */

/* Guards that share a reason with others, for tests that switch off one alone (bpf/decide.h). */
enum sl_single_guard {
	SL_GUARD_KEPT_PORT = 48, /* listening is for sockets that keep their port */
	SL_GUARD_NAMED_LISTENER, /* accepting is for listeners on a named port */
	SL_GUARD_FLOWS_OUTSIDE,  /* what passes over a free loopback makes nobody known */
	SL_GUARD_UNICAST,        /* the kernel copies nothing of what is judged by packet */
};

/* sl_policy.flags. A flag that is not set denies or leaves closed: all-zero denies everything. */
#define SL_CONFIGURED        (1u << 0)  /* written by the hook; without it everything is denied */
#define SL_UNRESTRICTED      (1u << 1)  /* families and protocols are not closed */
#define SL_ALLOW_CREATE      (1u << 2)
#define SL_ALLOW_CREATE_TCP  (1u << 3)
#define SL_ALLOW_CREATE_UDP  (1u << 4)
#define SL_ALLOW_CONNECT     (1u << 5)  /* else only what SL_LIST_CONNECT names */
#define SL_ALLOW_BIND        (1u << 6)  /* else only what SL_LIST_BIND names */
#define SL_ALLOW_LISTEN      (1u << 7)
#define SL_ALLOW_ACCEPT      (1u << 8)
#define SL_ALLOW_SHUTDOWN    (1u << 9)
#define SL_OPEN_ICMP         (1u << 10) /* ping sockets */
#define SL_OPEN_SCTP         (1u << 11)
#define SL_OPEN_DCCP         (1u << 12)
#define SL_OPEN_RAW          (1u << 13) /* SOCK_RAW of inet and inet6 */
#define SL_SET_MARK          (1u << 14) /* mark and mark_mask are in force */
#define SL_WRITE_ROUTES      (1u << 15) /* routing netlink and ioctls that change something */
#define SL_SEALED_LATER      (1u << 16) /* SL_HELD_BACK waits for the container's sl_seal, or the run's */
#define SL_JUDGE_PACKETS     (1u << 17) /* egress holds for packets, by SL_LIST_EGRESS and _SERVED */
#define SL_LOOPBACK_IS_FREE  (1u << 18) /* but not for those through the loopback interface */
#define SL_REFUSE_AT_CALL    (1u << 19) /* TCP is told so by connect(2): a packet gets no answer */
#define SL_OPEN_TRANSPARENT  (1u << 20) /* foreign sources: IP_TRANSPARENT, IP_FREEBIND */
#define SL_OPEN_SOURCE_GROUPS (1u << 21) /* multicast groups of given sources */
#define SL_MAY_JOIN          (1u << 25) /* multicast groups; with egress by bpf/packets/joins.bpf.h's count */
#define SL_ANY_TCP_PORT      (1u << 22) /* SL_LIST_BIND names every TCP port of every address */
/* Set by a program: a flow had another mark than its socket. From then on all of it is compared. */
#define SL_COMPARE_MARKS     (1u << 23)
#define SL_OPEN_KEYS         (1u << 24) /* upcalls for keys */
#define SL_OPEN_MOUNTS       (1u << 26) /* file systems of the network */
#define SL_OPEN_SYSFS        (1u << 27) /* sysfs, configfs and /proc/net */
#define SL_OPEN_SYSCTL       (1u << 28) /* sysctls of net/ */
#define SL_ALLOW_BPF         (1u << 29) /* bpf(2) */
#define SL_OPEN_UDP_PORTS    (1u << 30) /* ordinary ones, to datagram sockets: what comes in is judged */
#define SL_CONNECT_BY_PACKET (1u << 31) /* SL_LIST_CONNECT holds for each datagram, not for connect(2) */

/* Nanoseconds of a tick of USER_HZ, 100 everywhere. */
#define SL_TICK 10000000ull

/* What a seal holds back: until then all of it is allowed. */
#define SL_HELD_BACK                                                                       \
	(SL_ALLOW_CREATE | SL_ALLOW_CREATE_TCP | SL_ALLOW_CREATE_UDP | SL_ALLOW_CONNECT |  \
	 SL_ALLOW_BIND | SL_ALLOW_LISTEN | SL_ALLOW_ACCEPT | SL_ALLOW_SHUTDOWN)

/*
 * One container's policy. It is the value of the per-cgroup programs' cgroup storage
 * (BPF_MAP_TYPE_CGROUP_STORAGE, Documentation/bpf/map_cgroup_storage.rst), and, in a hash by
 * cgroup id, that of the node-wide ones, which run for every task of the node and look up its cgroup
 * and each ancestor. One map update replaces it as a whole.
 */
struct sl_policy {
	__u64 cgroup_id;        /* of the cgroup the links are on: the key of counters and lists */
	__u32 flags;            /* SL_* above */
	__u32 mark;             /* host byte order, no bit outside mark_mask */
	__u32 mark_mask;
	__u32 netlink;          /* bit NETLINK_*: protocols of AF_NETLINK that may be created */
	__u64 families;         /* bit AF_*: families that may be created; AF_UNIX always may */
	__u32 generation;       /* of the lists that are in force, 0 or 1 */
	__u32 netns;            /* inode of the one network namespace of its sockets; 0: any */
	__u32 home;             /* inode of the network namespace that the container was made with */
	__u32 host;             /* inode of the host's */
	__u64 first_start;      /* of the first process, the engine's until it becomes a program: field 22
				 * of proc_pid_stat(5), USER_HZ since boot; 0: it is no engine's */
	__u32 first_pid;        /* its number in the next */
	__u32 pid_namespace;    /* inode: that of the hook */
	__u32 answers;          /* enum sl_answers: who may answer the datagrams of its sockets */
	__u32 more_flags;
	__u32 subject;          /* 1 + number of the subject whose policy it is (bpf/subject_abi.h); 0: the container's */
	__u32 mntns;            /* inode of the mount namespace that the container was made with */
};
#define SL_NAMES_CHOSEN_PORTS (1u << 0) /* SL_LIST_BIND has port 0, the kernel's choice, of some addresses */
#define SL_HAS_SUBJECTS       (1u << 1) /* programs of the container have policies of their own */
#define SL_HAS_FILES          (1u << 2) /* files of the container are protected */
SL_ASSERT_SIZE(struct sl_policy, 80);
enum sl_answers { SL_ANSWERS_PEER, SL_ANSWERS_HOST, SL_ANSWERS_ANY };

/* What seals a container. */
enum sl_seal_cause {
	SL_SEAL_BY_LISTEN = 1,  /* all of sl_seal.listens, or any if there are none */
	SL_SEAL_BY_ACCEPT,      /* the first connection that is accepted */
	SL_SEAL_BY_TIME,        /* sl_seal.duration after the program's start */
	SL_SEAL_BY_HAND,        /* `socklid seal`, whatever else was waited for */
};

/* A listening socket that is waited for. */
struct sl_seal_listen {
	__u8 family;            /* AF_INET, AF_INET6; 0: any address of both */
	__u8 pad;
	__u16 port;             /* host byte order */
	__u32 address[4];       /* network byte order; IPv4 in the first word */
};
SL_ASSERT_SIZE(struct sl_seal_listen, 20);
/*
 * One container's seal, in a hash by cgroup id. `sealed_at` is set once, by one compare-and-swap,
 * and never goes back: from then on every decision on every CPU finds it set. Times are nanoseconds
 * of CLOCK_BOOTTIME, which goes on while the machine sleeps.
 */
#define SL_SEAL_LISTENS 16
struct sl_seal {
	__u64 sealed_at;        /* 0: not yet */
	__u64 started_at;       /* when the first process has become the container's program; 0: not yet */
	__u64 duration;         /* SL_SEAL_BY_TIME: nanoseconds from started_at on; 0: no such seal */
	__u64 missing;          /* bit i: listens[i] has not been seen */
	__u32 waits_for;        /* enum sl_seal_cause */
	__u32 sealed_by;        /* enum sl_seal_cause; 0: not sealed, or this very moment */
	__u32 pid;              /* of the first process, in the initial PID namespace */
	__u32 listen_count;     /* of listens */
	struct sl_seal_listen listens[SL_SEAL_LISTENS];
};
SL_ASSERT_SIZE(struct sl_seal, 368);
/* To the program that seals by hand. */
struct sl_seal_request {
	__u64 cgroup_id;
	__u64 run;              /* of the subject */
	__u32 subject;          /* as in sl_policy; 0: the container itself is sealed */
	__u32 pad;
};
SL_ASSERT_SIZE(struct sl_seal_request, 24);
/* What the ring buffer tells: a container was sealed, or one run of a subject. */
struct sl_event {
	__u64 time;             /* sl_seal.sealed_at */
	__u64 cgroup_id;
	__u32 cause;            /* enum sl_seal_cause */
	__u32 pid;              /* who did it, or whose attempt found the time over; initial namespace */
	char command[16];       /* its name, ends with 0 */
	__u64 run;              /* of the subject */
	__u32 subject;          /* as in sl_policy; 0: the container was sealed */
	__u32 pad;
};
SL_ASSERT_SIZE(struct sl_event, 56);

/*
 * The multicast groups that one container has joined under egress, in a hash by cgroup id. A group is
 * a report of the kernel's to the link, in which the container chooses the address: this is how much
 * of that it gets in all its life. Entries are made by the program at the first join.
 */
#define SL_JOINED_GROUPS   16
#define SL_JOIN_INTERVAL   1000000000ull /* nanoseconds from one new group to the next */
struct sl_joined_group {
	__u16 family;           /* AF_INET, AF_INET6; 0: none yet */
	__u16 pad;
	__u32 address[4];       /* network byte order; IPv4 in the first word */
};
SL_ASSERT_SIZE(struct sl_joined_group, 20);
struct sl_joins {
	__u64 last;             /* when the last new group came: nanoseconds of CLOCK_BOOTTIME; 0: never */
	__u32 count;            /* of groups; past SL_JOINED_GROUPS it tells of attempts */
	__u32 pad;
	struct sl_joined_group groups[SL_JOINED_GROUPS];
};
SL_ASSERT_SIZE(struct sl_joins, 336);

/*
 * The lists of all containers, in two longest-prefix tries (BPF_MAP_TYPE_LPM_TRIE): a prefix of
 * addresses has a set of ports; a set is made of prefixes of port numbers. A peer is named if a
 * prefix that holds its address, of whatever length, has its port (bpf/lists.bpf.h).
 * Everything after `bits` is compared from its first byte on, in steps of a bit; `bits` counts them.
 */
enum sl_list {
	SL_LIST_END = 0,        /* of no list: marks the first key of one container and generation */
	SL_LIST_CONNECT,
	SL_LIST_BIND,
	SL_LIST_EGRESS,         /* of packets, as is the next */
	SL_LIST_SERVED,         /* bind, by the address that a packet came for */
};

#define SL_PREFIX_FIXED_BITS 160 /* all but the address */
struct sl_prefix_key {
	__u32 bits;             /* SL_PREFIX_FIXED_BITS + 0..32 or 0..128 */
	__u32 generation;
	__u64 cgroup_id;
	__u8 list;              /* enum sl_list */
	__u8 family;            /* AF_INET or AF_INET6 */
	__u8 subject;           /* as in sl_policy */
	__u8 pad[5];
	__u32 address[4];       /* network byte order; IPv4 in the first word */
};
SL_ASSERT_SIZE(struct sl_prefix_key, 40);

struct sl_prefix {
	__u32 ports;            /* number of its set, from 1 on */
	__u32 bits;             /* of the address, 0..128 */
};                              /* of SL_LIST_END: how many entries the container has in the two tries */
SL_ASSERT_SIZE(struct sl_prefix, 8);
#define SL_PORT_FIXED_BITS 144 /* all but the port */
struct sl_port_key {
	__u32 bits;             /* SL_PORT_FIXED_BITS + 0..16 */
	__u32 generation;
	__u64 cgroup_id;
	__u32 ports;            /* number of the set */
	__u8 protocol;          /* IPPROTO_*; UDP-Lite is looked up as UDP */
	__u8 subject;           /* as in sl_policy */
	__u16 port;             /* network byte order; 0 where the protocol has none */
};
SL_ASSERT_SIZE(struct sl_port_key, 24);

/*
 * bpf(SL_LIVENESS_COMMAND) is answered with SL_LIVENESS_ERROR by our program on the bpf hook, and
 * with EINVAL by a kernel on which it does not run: one without `bpf` among its active LSMs attaches
 * programs all the same, and never calls them.
 */
#define SL_LIVENESS_COMMAND 0x736c6964
#define SL_LIVENESS_ERROR   55 /* ENOANO */

/* Denials of one container by reason, per CPU, in a hash by cgroup id. */
struct sl_denials {
	__u64 count[SL_REASON_COUNT];
};
SL_ASSERT_SIZE(struct sl_denials, SL_REASON_COUNT * 8);

/* sl_attempt.flags */
#define SL_ATTEMPT_KERNEL    (1u << 0) /* a socket the kernel makes for itself */
#define SL_ATTEMPT_ADDRESS   (1u << 1) /* an address was given (send) */
#define SL_ATTEMPT_FASTOPEN  (1u << 2) /* MSG_FASTOPEN */
#define SL_ATTEMPT_LISTENING (1u << 3) /* the socket listens already */
#define SL_ATTEMPT_CONTROL   (1u << 4) /* level and option are a control message's */
#define SL_ATTEMPT_READS     (1u << 5) /* the netlink messages only read */
#define SL_ATTEMPT_UNSEALED  (1u << 6) /* the container, or the subject's run, is not sealed yet */
#define SL_ATTEMPT_OUTSIDE   (1u << 7) /* the socket was made outside the container's cgroup */
#define SL_ATTEMPT_COMPAT    (1u << 8) /* by a 32-bit call, for which bpf/packets/joins.bpf.h is not asked */
#define SL_ATTEMPT_KEEPS_PORT (1u << 9) /* bind(2) gave it its port: it has no other until it is closed */
#define SL_ATTEMPT_HARMLESS  (1u << 10) /* by name: a local file system, a sysctl of TCP, a device program */
#define SL_ATTEMPT_SETS_UP   (1u << 12) /* addresses, or the state, of the one device of a namespace, lo */
#define SL_ATTEMPT_FOREIGN   (1u << 13) /* the socket was made by a task that was allowed more */
#define SL_ATTEMPT_TOO_LATE  (1u << 14) /* outside the subject's hours */
#define SL_ATTEMPT_ORDINARY_PORT (1u << 11) /* from net.ipv4.ip_unprivileged_port_start of its namespace on */
#define SL_ATTEMPT_UNICAST   (1u << 15) /* a datagram socket that may send no broadcasts, from now on */

/* What the kernel told a program about one attempt: the input of sl_decide(). */
struct sl_attempt {
	__u8 verb;              /* enum sl_verb */
	__u8 pad[3];
	__u32 flags;            /* SL_ATTEMPT_* */
	__u16 family;           /* of the socket, AF_* */
	__u16 type;             /* SOCK_* without flags */
	__u32 protocol;         /* IPPROTO_* or NETLINK_* as asked for (create) or of the socket */
	__u16 address_family;   /* sa_family; for listen the socket's family */
	__u16 port;             /* host byte order */
	__u32 address_length;   /* as the kernel was given it */
	__u32 address[4];       /* network byte order; IPv4 in the first word */
	__s32 level;            /* setsockopt, and cmsg_level and cmsg_type of a control message */
	__s32 option;           /* for ioctl its command */
	__u32 netns;            /* inode: the socket's; for create the task's, for a sysctl its table's */
	__u32 mark;             /* of the socket, host byte order */
};
SL_ASSERT_SIZE(struct sl_attempt, 56);

/* sl_packet.flags */
#define SL_PACKET_ARRIVES    (1u << 0) /* else it leaves */
#define SL_PACKET_ROUTED     (1u << 1) /* it has a source route or a routing header */
#define SL_PACKET_REMARKED   (1u << 2) /* its mark is not its socket's, of the bits that are compared */
#define SL_PACKET_LOOPBACK   (1u << 3) /* through the loopback interface */
#define SL_PACKET_UNREAD     (1u << 4) /* not a first fragment, or headers that nobody knows */
#define SL_PACKET_RAW        (1u << 5) /* of a socket that writes its headers itself */
#define SL_PACKET_OPENS      (1u << 6) /* TCP: SYN, but not a listener's answer; SCTP, DCCP: the same */
#define SL_PACKET_ANSWERS    (1u << 7) /* TCP: a listener's SYN with ACK */
#define SL_PACKET_KNOWN      (1u << 8) /* datagrams: the two ends have exchanged some lately */
#define SL_PACKET_FOREIGN    (1u << 9) /* from, or over loopback to, an address of nobody here */
#define SL_PACKET_KERNELS    (1u << 10) /* of a raw socket that the kernel has made for itself */

/* A packet of one of the container's sockets: the input of sl_decide_packet(). */
struct sl_packet {
	__u16 flags;            /* SL_PACKET_* */
	__u16 family;           /* AF_INET or AF_INET6: the packet's, not the socket's */
	__u8 protocol;          /* IPPROTO_*, behind all extension headers */
	__u8 pad;
	__u16 port;             /* of the peer; ports are in host byte order, 0 where there are none */
	__u16 local_port;
	__u16 pad2;
	__u32 address[4];       /* of the peer; network byte order; IPv4 in the first word */
	__u32 local_address[4];
};
SL_ASSERT_SIZE(struct sl_packet, 44);

/*
 * Two ends that exchange datagrams: what one of them may send the other may answer. A container has a table of them of its own,
 * of SL_FLOW_SETS sets; which set a flow is in its hash says. In a full set the one that was idle longest makes room.
 */
#define SL_FLOW_SETS 128
#define SL_FLOW_WAYS 8
struct sl_flow {
	__u32 address[4];       /* of the peer, network byte order; IPv4 as ::ffff:a.b.c.d */
	__u16 port;             /* of the peer; host byte order; both are 0 for ICMP */
	__u16 local_port;
	__u32 last;             /* when the last packet was, in units of 2^30 ns; 0: there is no flow */
	__u32 socket;           /* the low half of its cookie: of ours that had that packet */
};
SL_ASSERT_SIZE(struct sl_flow, 28);

/* An IPv6 address of one of the container's namespaces, found last. */
struct sl_own_address {
	__u64 netns;            /* the namespace's cookie; 0: none was looked for */
	__u32 changes;          /* how often an address of it had changed by then */
	__u32 address[4];       /* network byte order */
	__u32 pad;
};
SL_ASSERT_SIZE(struct sl_own_address, 32);
/* What the programs that judge packets know of a container: the value of their own cgroup storage,
 * written in place (BPF_F_LOCK) before the container's first process runs. */
struct sl_packet_policy {
	struct sl_policy policy;
	struct bpf_spin_lock lock; /* of all below */
	__u32 seed;                /* of the flows' hash: which set a peer gets nobody can foresee */
	struct sl_own_address own;
	struct sl_flow flows[SL_FLOW_SETS * SL_FLOW_WAYS];
};
SL_ASSERT_SIZE(struct sl_packet_policy, 120 + SL_FLOW_SETS * SL_FLOW_WAYS * 28);

struct sl_decision {
	__s32 error;            /* 0, or a negative errno */
	__u32 reason;           /* enum sl_reason */
};
SL_ASSERT_SIZE(struct sl_decision, 8);
