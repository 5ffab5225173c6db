/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the iterator over tasks and who runs it share (bpf/tasks/tasks.bpf.h, guard/tasks.hpp).
 */
#pragma once

#include "bpf/policy_abi.h"

/*
 * A look for processes of a network namespace (bpf/tasks/tasks.bpf.h), in an array of one: those who look
 * wait for each other (guard/tasks.cpp). What is found carries the nonce, and so does the end.
 */
#define SL_SEARCH_OTHERS (1u << 0) /* only those of another PID namespace, and outside own_cgroup */
struct sl_search {
	__u64 nonce;
	__u64 own_cgroup;       /* id; of SL_SEARCH_OTHERS */
	__u32 netns;            /* inode */
	__u32 flags;            /* SL_SEARCH_* */
};
SL_ASSERT_SIZE(struct sl_search, 24);
struct sl_found {
	__u64 nonce;
	__u32 pid;              /* in the PID namespace of who looks; 0: the end */
	__u32 pad;
};
SL_ASSERT_SIZE(struct sl_found, 16);
