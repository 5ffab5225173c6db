/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel would do for the container by itself, in sockets of its own or as the host's root (D2a).
 *
 *   key_alloc                upcalls: the host's /sbin/request-key, as root, in the initial namespaces
 *   sb_mount                 mount(2), before the file system does anything
 *   fs_context_parse_param   fsconfig(2), at the first parameter
 *   sb_kern_mount            those that need no parameter
 *   kernel_module_request    modules of families, protocols and file systems that are closed
 */
#pragma once

#include <linux/bpf.h>
#include <linux/mount.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/decide.h"
#include "bpf/files.bpf.h"
#include "bpf/judge.bpf.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/program.bpf.h"
#include "bpf/subjects/protected.bpf.h"

/* Each upcall has a key of this type, whatever key is asked for (security/keys/request_key_auth.c).
 * What the kernel asks for a volume that is mounted it asks with credentials of its own (fs/nfs/nfs4idmap.c,
 * net/dns_resolver/dns_query.c: override_creds). */
SEC("lsm/key_alloc")
int BPF_PROG(key_alloc, struct key *key)
{
	const struct sl_attempt attempt = {.verb = SL_VERB_KEY};
	const struct task_struct *task = (const void *)bpf_get_current_task();

	if (BPF_CORE_READ(task, cred) != BPF_CORE_READ(task, real_cred) ||
	    !is_called(BPF_CORE_READ(key, type, name), ".request_key_auth",
		       sizeof(".request_key_auth")))
		return 0;
	return judge_deputy(&attempt);
}

static __always_inline int judge_file_system(const char *type)
{
	struct sl_attempt attempt = {.verb = SL_VERB_MOUNT};
	struct sl_name name = {};

	if (!has_policy())
		return 0;
	read_name(&name, type);
	if (sl_file_system_is_local(&name))
		attempt.flags |= SL_ATTEMPT_HARMLESS;
	return judge_deputy(&attempt);
}

/* With one of these flags mount(2) makes no new file system (fs/namespace.c, path_mount). */
#define SL_MOUNT_OF_OLD                                                                     \
	(MS_REMOUNT | MS_BIND | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE | MS_MOVE)

SEC("lsm/sb_mount")
int BPF_PROG(sb_mount, const char *dev_name, const struct path *path, const char *type,
	     unsigned long flags)
{
	if (judge_mount(path, flags) != 0)
		return -EPERM;
	return flags & SL_MOUNT_OF_OLD ? 0 : judge_file_system(type);
}

/* 0 leaves it to the kernel's own function behind this program, which says that the parameter is for
 * the file system (include/linux/lsm_hook_defs.h: -ENOPARAM). Submounts of a volume, and what changes
 * one, are no new file systems. */
SEC("lsm/fs_context_parse_param")
int BPF_PROG(fs_context_parse_param, struct fs_context *fc)
{
	if (BPF_CORE_READ_BITFIELD_PROBED(fc, purpose) != FS_CONTEXT_FOR_MOUNT)
		return 0;
	return judge_file_system(BPF_CORE_READ(fc, fs_type, name));
}

SEC("lsm/sb_kern_mount")
int BPF_PROG(sb_kern_mount, const struct super_block *sb)
{
	return judge_file_system(BPF_CORE_READ(sb, s_type, name));
}

/* The name is gone when the attempt is judged: the stack of all calls together is 512 bytes. */
static __always_inline enum sl_module_kind read_module(const char *kmod_name,
						       struct sl_attempt *attempt)
{
	struct sl_name name = {};

	read_name(&name, kmod_name);
	return sl_read_module(&name, attempt);
}

SEC("lsm/kernel_module_request")
int BPF_PROG(kernel_module_request, char *kmod_name)
{
	struct sl_attempt attempt = {.verb = SL_VERB_MODULE};

	if (!has_policy())
		return 0;
	switch (read_module(kmod_name, &attempt)) {
	case SL_MODULE_FILE_SYSTEM:
		return judge_file_system(kmod_name + sizeof("fs-") - 1);
	case SL_MODULE_OTHER:
		return 0;
	default:
		return judge_deputy(&attempt);
	}
}
