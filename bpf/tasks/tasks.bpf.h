/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processes are in a network namespace: an iterator over the tasks of the PID namespace of
 * who reads it (kernel/bpf/task_iter.c), in the place of a walk through /proc. Of each process that
 * is asked for one struct sl_found, and one more at the end. Threads count each by itself: a first
 * thread that has ended is in no namespace any more, and those it has left behind are. Most tasks
 * are in another namespace: they leave first, after 20 instructions. The kernel's iterator takes some
 * 570 more to come to each.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/tasks/search_abi.h"

SEC("iter/task")
int find_tasks(struct bpf_iter__task *ctx)
{
	const struct task_struct *looking, *task = ctx->task;
	const struct sl_search *wanted;
	const struct nsproxy *namespaces;
	struct sl_found found = {};
	const __u32 key = 0;

	wanted = bpf_map_lookup_elem(&search, &key);
	if (!wanted)
		return 0;
	if (task) {
		namespaces = task->nsproxy;
		if (!namespaces || namespaces->net_ns->ns.inum != wanted->netns)
			return 0;
		if ((wanted->flags & SL_SEARCH_OTHERS) &&
		    is_inside(BPF_CORE_READ(task, cgroups, dfl_cgrp), wanted->own_cgroup))
			return 0;
		looking = (void *)bpf_get_current_task_btf();
		found.pid = (__u32)own_number(task, level_of(looking)).nr;
		if (found.pid == 0)
			return 0;
	}
	found.nonce = wanted->nonce;
	bpf_seq_write(ctx->meta->seq, &found, sizeof(found));
	return 0;
}
