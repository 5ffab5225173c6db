/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Subjects: programs of a container that have policies of their own, and files that nobody in it may
 * change. What the BPF programs and user space share of them (bpf/subjects.bpf.h, bpf/protected.bpf.h).
 *
 * A file is known by its number and its file system's, as the kernel has them inside: `i_ino`, and
 * `s_dev` as the mount has it in proc_pid_mountinfo(5), MAJOR << 20 | MINOR (include/linux/kdev_t.h).
 * stat(2) has others on an overlay of several file systems; `ino:` of proc_pid_fdinfo(5) is i_ino.
 */
#pragma once

#include "bpf/policy_abi.h"

/* Of one container; a task's set of them is a bit each. */
#define SL_SUBJECTS 16
/* The number of the one that is everyone else, if the container has such a one. */
#define SL_SUBJECT_OTHERS 15
#define SL_LEVELS_ALL 255
/* Tasks in subjects that one container may have, so that it fills no neighbour's share. */
#define SL_TASKS_OF_ONE 4096
#define SL_TASKS (1 << 18)
/* The node's: of 128 containers with as many files as each may have (max_files in node/files/resolve.hpp), and of 256 with
 * as many names (max_names there). */
#define SL_FILES (1 << 17)
#define SL_PROGRAM_NAMES (1 << 16)

/* What a task is, in a hash by the address of its task_struct; it goes with the task. */
struct sl_task {
	__u64 cgroup_id;        /* of the container whose subjects these are, and which it counts for */
	__u64 inode;            /* of the program that it runs */
	__u32 device;
	__u32 subjects;         /* bit i: in subject i */
	__u32 pending;          /* what the exec under way would add */
	__u32 classified;       /* 0: it has not finished an exec in this container */
	__u8 levels[SL_SUBJECTS]; /* execs of other programs until the subject ends; SL_LEVELS_ALL: never */
	__u64 runs[SL_SUBJECTS];  /* which run of the subject it belongs to; 0: to one that is held from its
				   * first instruction */
};
SL_ASSERT_SIZE(struct sl_task, 176);

/* Who made a socket, in its storage. */
struct sl_maker {
	__u64 cgroup_id;
	__u32 subjects;
	__u32 mark;             /* as it was given */
	__u32 mark_mask;        /* the bits of it that the policy or a subject sets */
	__u32 pad;
};
SL_ASSERT_SIZE(struct sl_maker, 24);

struct sl_file_key {
	__u64 cgroup_id;
	__u64 inode;
	__u32 device;
	__u32 pad;
};
SL_ASSERT_SIZE(struct sl_file_key, 24);
#define SL_FILE_TREE   (1u << 0) /* protected, with all below it */
#define SL_FILE_ENTRY  (1u << 1) /* its name may not be taken away, nor be mounted over */
#define SL_FILE_EXCEPT (1u << 2) /* not protected, with all below it; its own name is its parent's */
#define SL_FILE_SELF   (1u << 3) /* protected, by any of its names */
struct sl_file {
	__u32 subjects;         /* that an exec of it enters */
	__u32 flags;            /* SL_FILE_* */
};
SL_ASSERT_SIZE(struct sl_file, 8);

/* Whatever file has the program's name in its directory, so that a new one is the subject too. */
struct sl_named_key {
	__u64 cgroup_id;
	__u64 inode;            /* of the directory */
	__u32 device;
	__u32 pad;
	char name[64];          /* ends with 0, and is 0 from there on; longer names are not here */
};
SL_ASSERT_SIZE(struct sl_named_key, 88);

struct sl_subject_key {
	__u64 cgroup_id;
	__u32 index;            /* 0..SL_SUBJECTS - 1 */
	__u32 pad;
};
SL_ASSERT_SIZE(struct sl_subject_key, 16);

/* When a subject may do anything. Outside, its verbs but shutdown are denied. */
#define SL_HOURS_WINDOWS 4
#define SL_HOURS_ZONES 32
struct sl_window {
	__u16 from, to;         /* minutes of the day, 0..1440; `to` is no part; from > to: over midnight */
};
struct sl_zone_change {
	__s64 from;             /* seconds since 1970, UTC; before the first one the first one holds */
	__s32 offset;           /* local time ahead of UTC, seconds */
	__u32 pad;
};
struct sl_hours {
	__u64 tai_offset;       /* nanoseconds of TAI ahead of UTC, as the node's clock has it */
	__u32 windows;          /* how many; 0: always */
	__u32 zones;            /* how many; 0: UTC */
	struct sl_window window[SL_HOURS_WINDOWS];
	struct sl_zone_change zone[SL_HOURS_ZONES];
};
SL_ASSERT_SIZE(struct sl_hours, 544);

struct sl_subject {
	struct sl_policy policy; /* cgroup_id, generation and subject are the container's and its own */
	__u32 inherit;           /* levels: 0..100, or SL_LEVELS_ALL */
	__u32 pad;
	struct sl_hours hours;
	struct sl_seal seal;     /* what each run of it waits for, if it is SL_SEALED_LATER; nothing has come */
};
SL_ASSERT_SIZE(struct sl_subject, 1000);

/*
 * The runs of a subject that is sealed later, in a hash by sl_subject_key: a run begins with the exec by
 * which a task comes in from outside, and all that it starts belong to it. The newest have a place each,
 * SL_RUNS of them, which a run is found in by its number. A run that has none is sealed, and so is every
 * run of a subject that has no entry.
 *
 * Numbers go up by one, and never come again: whoever makes an entry anew begins at the microseconds since
 * boot, and no subject is started once in a microsecond.
 */
#define SL_RUNS 64
#define SL_RUN_BITS 16 /* SL_SEAL_LISTENS, which the number stands above */
#define SL_RUN_WAITS 0xffffull
struct sl_run {
	__u64 word;             /* number << SL_RUN_BITS, and bit i: it waits for listens[i], or, if there are
				 * none, bit 0: for what seals. None of them: it is sealed */
	__u64 started_at;       /* nanoseconds of CLOCK_BOOTTIME, as the others */
	__u64 ends_at;          /* when it is sealed by time; 0: it is not */
	__u64 sealed_at;        /* to be shown, as the next: the word decides */
	__u32 sealed_by;        /* enum sl_seal_cause */
	__u32 pad;
};
SL_ASSERT_SIZE(struct sl_run, 40);
struct sl_runs {
	__u64 last;             /* the number of the run that began last */
	struct sl_run run[SL_RUNS]; /* by its number modulo SL_RUNS */
};
SL_ASSERT_SIZE(struct sl_runs, 8 + SL_RUNS * 40);
