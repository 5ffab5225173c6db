/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What is decided of subjects and of protected files (bpf/subject_abi.h). Pure C, for the programs and
 * for a host unit test.
 *
 *   sl_exec(&task, &program)              which subjects the task is in after this exec, and begins a run of
 *   sl_is_too_late(&hours, seconds)       whether it is outside the subject's hours
 *   sl_decide_task(task, cgroup_id)       whether it is known what programs the task comes from
 *   sl_decide_trace(tracer, target, open) whether the one may have a hold of the other
 *   sl_is_waiting(word, number)           whether a run of a subject is not sealed yet
 *   sl_look_at(flags, is_itself, on_name) one step from a file to its file system's root
 *   sl_file_ioctl_reads(command)          whether an ioctl of a protected file changes nothing
 *   sl_file_ioctl_stays(command)          whether one of another file changes no more than that one
 *
 * A subject only takes away. The one widening is that who enters a subject is no longer everyone else.
 */
#pragma once

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/ioctl.h>

#include "bpf/decide_policy.h"
#include "bpf/global.h"
#include "bpf/subject_abi.h"

/* In sl_task.levels of everyone else: of that one alone a task is rid by entering another subject. */
#define SL_LEVELS_OTHERS 254

/* What a task becomes, as the exec of it has shown. */
struct sl_program {
	__u64 inode;
	__u32 device;
	__u32 entered;            /* bit i: its file, or a script's that it runs, is subject i's */
	__u32 is_traced;          /* somebody holds the task, and may be in what it would leave */
	__u32 has_others;         /* the container has a subject for everyone else */
	__u8 inherit[SL_SUBJECTS]; /* of those that are entered */
};

/* Another program counts a level of each subject down, and ends those that have none left. */
SL_INLINE int sl_goes_on(int same, __u8 *level)
{
	if (same || *level == SL_LEVELS_ALL || *level == SL_LEVELS_OTHERS)
		return 1;
	if (*level == 0)
		return 0;
	(*level)--;
	return 1;
}

/* Who has no other subject is everyone else, and who has one is not. */
SL_INLINE __u32 sl_with_others(struct sl_task *task, const struct sl_program *program, __u32 set)
{
	const __u32 others = 1u << SL_SUBJECT_OTHERS;
	__u8 *level = &task->levels[SL_SUBJECT_OTHERS];

	if ((set & others) && *level != SL_LEVELS_OTHERS)
		return set;
	if ((set & ~others) && !program->is_traced)
		return set & ~others;
	if (set == 0 && program->has_others) {
		*level = SL_LEVELS_OTHERS;
		return others;
	}
	return set;
}

/* Of subject `i`. */
SL_GLOBAL int sl_exec_one(struct sl_task *task, const struct sl_program *program, __u32 i)
{
	const __u32 bit = 1u << (i & (SL_SUBJECTS - 1));
	int same;

	if (!task || !program || i >= SL_SUBJECTS)
		return 0;
	same = task->inode == program->inode && task->device == program->device;
	if (program->entered & bit) {
		task->levels[i] = program->inherit[i];
		task->subjects |= bit;
	} else if ((task->subjects & bit) &&
		   !sl_goes_on(same || program->is_traced, &task->levels[i])) {
		task->subjects &= ~bit;
	}
	return 0;
}

/* Of the subjects that a task has come into, those of which a new run begins: it was in none. Whoever was
 * everyone else once and is again is still of that run: to start a subject and leave it by its levels is no
 * way to another one. Out of a named subject a task is free of it, and a new run gives it no more. */
SL_INLINE __u32 sl_begun(const struct sl_task *task, __u32 before)
{
	__u32 begun = task->subjects & ~before;

	if (task->runs[SL_SUBJECT_OTHERS] != 0)
		begun &= ~(1u << SL_SUBJECT_OTHERS);
	return begun;
}

/* Returns the subjects of which the task begins a run: their numbers are the caller's to give. */
SL_INLINE __u32 sl_exec(struct sl_task *task, const struct sl_program *program)
{
	__u32 before;

	if (!task->classified)
		task->subjects = 0;
	before = task->subjects;
	for (__u32 i = 0; i < SL_SUBJECTS; i++)
		sl_exec_one(task, program, i);
	task->subjects = sl_with_others(task, program, task->subjects);
	task->inode = program->inode;
	task->device = program->device;
	task->pending = 0;
	task->classified = 1;
	return sl_begun(task, before);
}

/* Of sl_run.word. No run has the number 0. */
SL_INLINE int sl_is_waiting(__u64 word, __u64 number)
{
	return number != 0 && word >> SL_RUN_BITS == number && (word & SL_RUN_WAITS) != 0;
}

SL_GLOBAL int sl_has_begun(const struct sl_hours *hours, __u32 zone, __s64 now)
{
	if (!hours || zone >= SL_HOURS_ZONES)
		return 0;
	return zone < hours->zones && hours->zone[zone].from <= now;
}

/* The zone's local time ahead of UTC at `now`. */
SL_INLINE __s64 sl_offset(const struct sl_hours *hours, __s64 now)
{
	__s64 offset = hours->zones ? hours->zone[0].offset : 0;

	for (__u32 i = 0; i < SL_HOURS_ZONES; i++) {
		if (sl_has_begun(hours, i, now))
			offset = hours->zone[i].offset;
	}
	return offset;
}

/* `now`: seconds since 1970, UTC, and less than 0 of a clock that is not set. */
SL_INLINE int sl_is_too_late(const struct sl_hours *hours, __s64 now)
{
	const __u64 day = 86400;
	__u64 local;
	__u32 minute;

	if (hours->windows == 0)
		return 0;
	local = (__u64)(now + sl_offset(hours, now)) + (day << 30); /* whole days, for what is below 0 */
	minute = (__u32)(local % day) / 60;
	for (__u32 i = 0; i < SL_HOURS_WINDOWS; i++) {
		const __u32 from = hours->window[i].from, to = hours->window[i].to;

		if (i >= hours->windows)
			break;
		if (from <= to ? minute >= from && minute < to : minute >= from || minute < to)
			return 0;
	}
	return 1;
}

/* A task without an entry has come into the cgroup without an exec: nobody knows what it may do. */
SL_INLINE struct sl_decision sl_decide_task(const struct sl_task *task, __u64 cgroup_id)
{
	SL_DENY_IF(!task || !task->classified || task->cgroup_id != cgroup_id, EPERM,
		   SL_REASON_SUBJECT);
	return sl_allow();
}

/* Who has a hold of another acts as that one: not if that one may do more. `open`: the subjects of which the
 * target is in another run than the tracer, one that is not sealed. Whether the tracer's own is does not
 * matter: a hold outlasts its seal. */
SL_INLINE struct sl_decision sl_decide_trace(const struct sl_task *tracer,
					     const struct sl_task *target, __u32 open)
{
	if (!tracer || !tracer->subjects)
		return sl_allow();
	SL_DENY_IF(!target || target->cgroup_id != tracer->cgroup_id ||
			   (tracer->subjects & (~target->subjects | open)),
		   EPERM, SL_REASON_TRACE);
	return sl_allow();
}

/* Whether a socket was made by a task that is less restricted than this one, or no longer has the mark
 * that it was given: `mark` is what it has. */
SL_INLINE int sl_is_made_by_another(const struct sl_maker *maker, const struct sl_task *task,
				    __u64 cgroup_id, __u32 mark)
{
	return !maker || !task || maker->cgroup_id != cgroup_id ||
	       (task->subjects & ~maker->subjects) || ((maker->mark ^ mark) & maker->mark_mask);
}

/* Whether an ioctl of a file or a directory changes nothing of it. An allow-list: file systems have ioctls
 * that exchange what two files hold, or take a directory away, by a descriptor that is open for reading
 * (EXT4_IOC_SWAP_BOOT, BTRFS_IOC_SNAP_DESTROY). Those of type 'T' are the descriptor's own (FIOCLEX,
 * FIONREAD, FIOASYNC), or a terminal's, which isatty(3) asks for (asm-generic/ioctls.h). */
SL_INLINE int sl_file_ioctl_reads(__u32 command)
{
	if (((command >> _IOC_TYPESHIFT) & _IOC_TYPEMASK) == 'T')
		return 1;
	switch (command) {
	case FIBMAP:
	case FIGETBSZ:
	case FS_IOC_GETFLAGS:
	case FS_IOC32_GETFLAGS:
	case FS_IOC_GETVERSION:
	case FS_IOC32_GETVERSION:
	case FS_IOC_FIEMAP:
	case FS_IOC_FSGETXATTR:
	case FS_IOC_GETFSLABEL:
	case FS_IOC_MEASURE_VERITY:
	case _IOR(0x15, 0, __u8[17]): /* FS_IOC_GETFSUUID, struct fsuuid2, since 6.9 */
	case _IOR(0x15, 1, __u8[129]): /* FS_IOC_GETFSSYSFSPATH, struct fs_sysfs_path, since 6.9 */
	case _IOWR('f', 135, __u8[40]): /* FS_IOC_READ_VERITY_METADATA, linux/fsverity.h */
	case _IOW('f', 21, __u8[12]): /* FS_IOC_GET_ENCRYPTION_POLICY, linux/fscrypt.h */
	case _IOWR('f', 22, __u8[9]): /* FS_IOC_GET_ENCRYPTION_POLICY_EX */
	case _IOWR('f', 26, __u8[128]): /* FS_IOC_GET_ENCRYPTION_KEY_STATUS */
	case _IOR('f', 27, __u8[16]): /* FS_IOC_GET_ENCRYPTION_NONCE */
		return 1;
	default:
		return 0;
	}
}

/* Kinds of ioctls of which some reach every file of the file system, by a name, a number or a handle, and ask no
 * other hook: BTRFS_IOC_SNAP_DESTROY, BCH_IOCTL_SUBVOLUME_DESTROY, XFS_IOC_ATTRMULTI_BY_HANDLE,
 * NILFS_IOCTL_CLEAN_SEGMENTS, OCFS2_IOC_REFLINK. */
SL_INLINE int sl_reaches_file_system(__u32 command)
{
	const __u32 type = (command >> _IOC_TYPESHIFT) & _IOC_TYPEMASK;

	return type == 0x94 || type == 0xbc || type == 'X' || type == 'n' || type == 'o';
}

/* Whether an ioctl changes nothing but the file that it is called on. Of those kinds an allow-list. */
SL_INLINE int sl_file_ioctl_stays(__u32 command)
{
	if (!sl_reaches_file_system(command) || sl_file_ioctl_reads(command))
		return 1;
	switch (command) {
	case FICLONE:
	case FICLONERANGE:
	case FIDEDUPERANGE: /* makes nothing but what was equal one */
	case FS_IOC_FSSETXATTR:
	case FITRIM:
		return 1;
	default:
		return 0;
	}
}

enum sl_looked { SL_GOES_UP, SL_IS_FREE, SL_IS_PROTECTED };

/* A file, or a directory above it, has these SL_FILE_* flags. `on_name`: the attempt is on the name, that
 * it goes or is mounted over, and not on what the file holds: an exception's own name is its parent's. */
SL_INLINE enum sl_looked sl_look_at(__u32 flags, int is_itself, int on_name)
{
	if (!sl_is_on(SL_REASON_FILE))
		return SL_IS_FREE;
	if (is_itself && ((flags & SL_FILE_SELF) || (on_name && (flags & SL_FILE_ENTRY))))
		return SL_IS_PROTECTED;
	if (flags & SL_FILE_EXCEPT)
		return is_itself && on_name ? SL_GOES_UP : SL_IS_FREE;
	return flags & SL_FILE_TREE ? SL_IS_PROTECTED : SL_GOES_UP;
}
