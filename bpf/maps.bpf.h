/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All maps of the programs. guard/pins.hpp has the names that they are pinned by, and a
 * container's entries in all of them are by the id of its cgroup.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/policy_abi.h"
#include "bpf/tasks/search_abi.h"
#include "bpf/subject_abi.h"

/* As many as the node may have containers under policy. */
#define SL_CONTAINERS 16384
/*
 * Of the endpoint lists of all containers, in each of the two tries: what 512 containers may have that
 * have the most each may (plan/endpoint_lists.hpp), so that no pod's author fills them for the others.
 * A trie takes memory for the entries that it has, not for those that it might have.
 */
#define SL_LIST_ENTRIES (1 << 24)

/* The policy of the cgroup a program is attached to, found without a look-up and also for tasks
 * in cgroups below it. Zero until the hook writes it, and zero denies. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, struct sl_policy);
} policies SEC(".maps");

/* The same policies by cgroup id, for the node-wide programs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct sl_policy);
} policies_by_cgroup SEC(".maps");

/* What was refused, by reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, SL_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct sl_denials);
} denials SEC(".maps");

/* What the containers that are sealed later wait for, and whether they still do (bpf/seal.bpf.h). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct sl_seal);
} seals SEC(".maps");

/* The multicast groups that containers have joined under egress (bpf/packets/joins.bpf.h). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct sl_joins);
} joins SEC(".maps");

/* For `socklid events`. While nobody reads and it is full, new events are lost; the seals tell
 * themselves. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536); /* bytes */
} events SEC(".maps");

/* The endpoint lists' prefixes of addresses, and which set of ports each has (bpf/lists.bpf.h). */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SL_LIST_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sl_prefix_key);
	__type(value, struct sl_prefix);
} prefixes SEC(".maps");

/* The sets of ports: what is there is in the set, the value means nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SL_LIST_ENTRIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sl_port_key);
	__type(value, __u32);
} ports SEC(".maps");

/* What the programs that judge packets know of the cgroup they are attached to: its policy, and whom
 * its datagram sockets talk to. It dies with the cgroup. */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, struct sl_packet_policy);
} packet_policies SEC(".maps");

/*
 * What each task is, by the address of its task_struct; it goes with the task (bpf/subjects/). Not the
 * tasks' own storage: on 6.1 that answers with nothing while another look-up on the same processor was
 * interrupted, and a task without its subjects could exec out of them. Memory for an entry may be
 * refused, as for every map here, and then the fork or the exec is.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_TASKS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct sl_task);
} tasks SEC(".maps");

/* How many entries of `tasks` a container has; it goes with the policy. Not an LRU hash: its processors keep
 * 128 free entries each, and on a node with many of them it forgot what living containers have. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __s64);
} task_counts SEC(".maps");

/* The files of containers that are subjects' programs, or protected. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_FILES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sl_file_key);
	__type(value, struct sl_file);
} files SEC(".maps");

/* The names by which subjects' programs and protected files are found, whatever file is there now: bit i is subject
 * i's. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_PROGRAM_NAMES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sl_named_key);
	__type(value, __u32);
} named SEC(".maps");

/* The file systems that have anything protected: the first look of every program on files. What is there
 * is one, the value means nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sl_subject_key);
	__type(value, struct sl_subject);
} subjects SEC(".maps");

/* What a subject refused that its container allows, by reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, SL_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sl_subject_key);
	__type(value, struct sl_denials);
} subject_denials SEC(".maps");

/* Which runs of a subject are not sealed yet (bpf/subjects/runs.bpf.h): of those that are sealed later. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SL_CONTAINERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sl_subject_key);
	__type(value, struct sl_runs);
} subject_runs SEC(".maps");

/* Who made a socket of a container with subjects. A connection that is accepted has its listener's. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct sl_maker);
} makers SEC(".maps");

/* What datagram sockets are bound to, of containers whose connections are judged by packet (SL_USE_*). One word, so that of
 * two threads at once one sees what the other has done. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} uses SEC(".maps");
#define SL_USE_UNICAST   (1u << 0) /* it was connected to a peer that only its packets are asked for */
#define SL_USE_BROADCAST (1u << 1) /* it has asked for SO_BROADCAST */

/* Which processes to look for (bpf/tasks/tasks.bpf.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_search);
} search SEC(".maps");

#ifdef SL_MUTANT
/* Bit sl_reason or sl_single_guard: that guard is off (bpf/decide.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} mutant_off SEC(".maps");
#endif
