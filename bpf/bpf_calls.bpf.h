/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpf(2), with which whoever may use it takes our programs off: closed under every policy (I5), but
 * for device programs of cgroups below the container's own, which engines and systemd inside need.
 *
 *   bpf        the call             bpf_prog   a program that somebody gets a descriptor of
 *
 * A command's descriptors are looked at before the kernel takes them, and another thread can put
 * others in their place meanwhile. That gains a device program on another cgroup, or the engine's off
 * the container's own: what kind of program it is about stands in the command itself, which nobody
 * changes any more.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/magic.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/global.h"
#include "bpf/judge.bpf.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/program.bpf.h"

/* Whether the task's descriptor is a cgroup below the one with this id. */
SL_GLOBAL int is_cgroup_below(int fd, __u64 id)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	const struct kernfs_node *node;
	struct file *file = 0;
	struct inode *inode;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + fd);
	inode = file ? BPF_CORE_READ(file, f_inode) : 0;
	if (!inode || BPF_CORE_READ(inode, i_sb, s_magic) != CGROUP2_SUPER_MAGIC)
		return 0;
	node = BPF_CORE_READ(inode, i_private);
	return node && BPF_CORE_READ(node, id) != id && is_at_or_below((__u64)node, id);
}

/* What a command is about, as far as it is asked for. */
struct bpf_command {
	int number;
	__u32 attach_type;
	int target;
	__u32 prog_type;
};

static __always_inline __u32 word_of(const union bpf_attr *attr, __u32 offset)
{
	__u32 word = ~0u;

	bpf_probe_read_kernel(&word, sizeof(word), (const char *)attr + offset);
	return word;
}

/* The kernel's copy of the command, zeroes behind what was given (kernel/bpf/syscall.c, __sys_bpf). */
static __always_inline struct bpf_command read_command(int number, const union bpf_attr *attr)
{
	struct bpf_command command = {.number = number, .attach_type = ~0u, .target = -1};

	switch (number) {
	case BPF_PROG_LOAD:
		command.prog_type = word_of(attr, offsetof(union bpf_attr, prog_type));
		break;
	case BPF_PROG_ATTACH:
	case BPF_PROG_DETACH:
		command.attach_type = word_of(attr, offsetof(union bpf_attr, attach_type));
		command.target = (int)word_of(attr, offsetof(union bpf_attr, target_fd));
		break;
	case BPF_PROG_QUERY:
		command.attach_type = word_of(attr, offsetof(union bpf_attr, query.attach_type));
		command.target = (int)word_of(attr, offsetof(union bpf_attr, query.target_fd));
		break;
	case BPF_LINK_CREATE:
		command.attach_type = word_of(attr, offsetof(union bpf_attr, link_create.attach_type));
		command.target = (int)word_of(attr, offsetof(union bpf_attr, link_create.target_fd));
		break;
	default:
		break;
	}
	return command;
}

/* A program's descriptor by its id is for the second hook to judge; what the descriptors say of
 * themselves is of programs that the task has. */
static __always_inline int is_about_devices(const struct bpf_command *command, __u64 cgroup_id)
{
	switch (command->number) {
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_OBJ_GET_INFO_BY_FD:
		return 1;
	case BPF_PROG_LOAD:
		return command->prog_type == BPF_PROG_TYPE_CGROUP_DEVICE;
	default:
		return command->attach_type == BPF_CGROUP_DEVICE &&
		       is_cgroup_below(command->target, cgroup_id);
	}
}

SL_GLOBAL int judge_command(const struct sl_policy *policy,
			    const struct bpf_command *command)
{
	struct sl_attempt attempt = {.verb = SL_VERB_BPF};

	if (!policy || !command)
		return -EPERM;
	if (is_about_devices(command, policy->cgroup_id))
		attempt.flags |= SL_ATTEMPT_HARMLESS;
	return judge_by(policy, &attempt);
}

SEC("lsm/bpf")
int BPF_PROG(bpf, int cmd, union bpf_attr *attr)
{
	struct bpf_command command;

	if (cmd == SL_LIVENESS_COMMAND)
		return -SL_LIVENESS_ERROR;
	if (!has_policy())
		return 0;
	command = read_command(cmd, attr);
	for_each_policy(policy) {
		if (judge_command(policy, &command) != 0)
			return -EPERM;
	}
	return 0;
}

/* Asked for each descriptor of a program that is made: at its load, by its id, from its pin. */
SEC("lsm/bpf_prog")
int BPF_PROG(bpf_prog, struct bpf_prog *prog)
{
	const struct sl_attempt attempt = {.verb = SL_VERB_BPF};

	return prog->type == BPF_PROG_TYPE_CGROUP_DEVICE ? 0 : judge_node_wide(&attempt);
}
