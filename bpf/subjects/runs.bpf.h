/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seal of each run of a subject. A run begins where a task comes into the subject from outside, and is
 * open until it is sealed: the subject's verbs are free in it. Who is in the subject already begins none,
 * whatever it starts. What seals is found by the task that does it, whoever made the socket: a task seals
 * its own runs and nobody else's.
 *
 *   start_run      the exec of the subject's program, in bprm_committed_creds
 *   is_open_run    asked at each attempt that the seal holds back; finds a time over
 *   seal_runs      a listen or an accept, by the programs of bpf/seal.bpf.h
 *
 * A run has its place until SL_RUNS more have begun, and is sealed without one: no container takes any of
 * another's, and no flood of starts opens anything.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/attempt.bpf.h"
#include "bpf/decide_subjects.h"
#include "bpf/global.h"
#include "bpf/kernel_types.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/policy_abi.h"
#include "bpf/subject_abi.h"
#include "bpf/subjects/state.bpf.h"

/* A global function for the stack it has. The event is complete but for who did it. */
SL_GLOBAL int tell_sealed(struct sl_event *event)
{
	const struct task_struct *task = (void *)bpf_get_current_task_btf();

	if (!event) /* what the verifier must assume of a global function's argument */
		return 0;
	event->pid = BPF_CORE_READ(task, tgid);
	bpf_core_read(event->command, sizeof(event->command), &task->comm);
	bpf_ringbuf_output(&events, event, sizeof(*event), 0);
	return 0;
}

static __always_inline struct sl_runs *runs_of(__u64 cgroup_id, __u32 index)
{
	const struct sl_subject_key key = {.cgroup_id = cgroup_id, .index = index};

	return bpf_map_lookup_elem(&subject_runs, &key);
}

/* Where the run with this number is, if it still has a place. */
static __always_inline struct sl_run *place_of(struct sl_runs *runs, __u64 number)
{
	return &runs->run[number & (SL_RUNS - 1)];
}

/* Global functions, verified once for all who ask. The run need not wait for these bits any more; the one
 * who finds nothing else left seals it. A place that has become another run's in this very moment is that
 * one's loss: it is sealed too early, and never too late. */
SL_GLOBAL int saw_in_run(const struct sl_event *what, __u64 seen)
{
	struct sl_event event;
	struct sl_runs *runs;
	struct sl_run *run;
	__u64 before;

	if (!what)
		return 0;
	runs = runs_of(what->cgroup_id, what->subject - 1);
	if (!runs)
		return 0;
	run = place_of(runs, what->run);
	if (!sl_is_waiting(run->word, what->run))
		return 0;
	seen &= SL_RUN_WAITS;
	before = __sync_fetch_and_and(&run->word, ~seen);
	if (!sl_is_waiting(before, what->run) || (before & SL_RUN_WAITS & ~seen))
		return 0;
	run->sealed_by = what->cause;
	run->sealed_at = what->time;
	event = *what;
	return tell_sealed(&event);
}

/* Whether it is not sealed yet. */
SL_GLOBAL int is_open_run(__u64 cgroup_id, __u32 index, __u64 number)
{
	struct sl_runs *runs = runs_of(cgroup_id, index);
	struct sl_event over = {};
	struct sl_run *run;
	__u64 end;

	if (!runs)
		return 0;
	run = place_of(runs, number);
	if (!sl_is_waiting(run->word, number))
		return 0;
	end = run->ends_at;
	/* The end is this run's only if the place still is, in the order in which start_run() writes. */
	if (!sl_is_waiting(__sync_fetch_and_add(&run->word, 0), number))
		return 0;
	if (end == 0 || bpf_ktime_get_boot_ns() < end)
		return 1;
	over.time = end;
	over.cgroup_id = cgroup_id;
	over.cause = SL_SEAL_BY_TIME;
	over.run = number;
	over.subject = index + 1;
	saw_in_run(&over, SL_RUN_WAITS);
	return 0;
}

/* SL_ATTEMPT_UNSEALED, if the current task's run of the subject is open. */
SL_GLOBAL int run_flag(const struct sl_policy *subject)
{
	const struct sl_task *task;
	__u32 index;

	if (!subject || !(subject->flags & SL_SEALED_LATER))
		return 0;
	task = state_of_current();
	index = (subject->subject - 1) & (SL_SUBJECTS - 1);
	if (!task || !is_open_run(subject->cgroup_id, index, task->runs[index]))
		return 0;
	return SL_ATTEMPT_UNSEALED;
}

/* The task has come into the subject from outside. Without an entry of its runs it is sealed. */
SL_GLOBAL int start_run(struct sl_task *task, __u64 cgroup_id, __u32 index)
{
	const struct sl_subject_key key = {.cgroup_id = cgroup_id, .index = index};
	const struct sl_subject *subject = bpf_map_lookup_elem(&subjects, &key);
	struct sl_runs *runs;
	struct sl_run *run;
	__u64 number, now;

	if (!task)
		return 0;
	index &= SL_SUBJECTS - 1;
	task->runs[index] = 0;
	if (!subject || !(subject->policy.flags & SL_SEALED_LATER))
		return 0;
	runs = bpf_map_lookup_elem(&subject_runs, &key);
	if (!runs)
		return 0;
	number = __sync_fetch_and_add(&runs->last, 1) + 1;
	now = bpf_ktime_get_boot_ns();
	run = place_of(runs, number);
	/* Nobody's while it is written. */
	__sync_lock_test_and_set(&run->word, 0);
	run->started_at = now;
	run->ends_at = subject->seal.duration ? now + subject->seal.duration : 0;
	run->sealed_at = 0;
	run->sealed_by = 0;
	__sync_lock_test_and_set(&run->word,
				 number << SL_RUN_BITS | (subject->seal.missing ?: 1));
	task->runs[index] = number;
	return 0;
}

static __always_inline int is_listen(const struct sl_seal_listen *wanted,
				     const struct sl_attempt *listening)
{
	if (wanted->port != listening->port)
		return 0;
	if (wanted->family == 0)
		return 1;
	return wanted->family == listening->address_family &&
	       wanted->address[0] == listening->address[0] &&
	       wanted->address[1] == listening->address[1] &&
	       wanted->address[2] == listening->address[2] &&
	       wanted->address[3] == listening->address[3];
}

/* Which of the listens that the seal waits for this is: a bit each. */
SL_GLOBAL int seen_listens(const struct sl_seal *seal,
			   const struct sl_attempt *listening)
{
	__u32 seen = 0;

	if (!seal || !listening)
		return 0;
	for (__u32 i = 0; i < SL_SEAL_LISTENS; i++) {
		if (i < seal->listen_count && is_listen(&seal->listens[i], listening))
			seen |= 1u << i;
	}
	return (int)seen;
}

/* What has come in the current task's run of the subject, if that waits for it. */
SL_GLOBAL int seal_run(__u64 cgroup_id, __u32 index, __u32 cause,
		       const struct sl_attempt *listening)
{
	const struct sl_subject_key key = {.cgroup_id = cgroup_id, .index = index};
	const struct sl_subject *subject = bpf_map_lookup_elem(&subjects, &key);
	const struct sl_task *task = state_of_current();
	struct sl_event event = {.cgroup_id = cgroup_id, .cause = cause};
	__u64 seen = SL_RUN_WAITS;

	if (!subject || !task || !(subject->policy.flags & SL_SEALED_LATER) ||
	    subject->seal.waits_for != cause)
		return 0;
	if (listening && subject->seal.listen_count != 0)
		seen = (__u32)seen_listens(&subject->seal, listening);
	event.time = bpf_ktime_get_boot_ns();
	event.run = task->runs[index & (SL_SUBJECTS - 1)];
	event.subject = index + 1;
	return saw_in_run(&event, seen);
}

/* The same of all that the current task is in. `listening` of a listen, nothing of an accept. */
SL_GLOBAL int seal_runs(__u64 cgroup_id, __u32 cause,
			const struct sl_attempt *listening)
{
	const struct sl_task *task = state_of_current();

	if (!task || task->cgroup_id != cgroup_id)
		return 0;
	for_each_subject(i, task->subjects)
		seal_run(cgroup_id, i, cause, listening);
	return 0;
}

/* Whether the target is in another run of the subject than the tracer, one that is open. */
SL_GLOBAL int is_in_open_run(const struct sl_task *tracer,
			     const struct sl_task *target, __u32 index)
{
	if (!tracer || !target)
		return 0;
	index &= SL_SUBJECTS - 1;
	return tracer->runs[index] != target->runs[index] &&
	       is_open_run(target->cgroup_id, index, target->runs[index]);
}

/* Of the subjects that both are in, the first of which that is so: a bit. Not all of them: on 6.1 the verifier
 * would follow each set that can come of it. */
SL_GLOBAL int open_elsewhere(const struct sl_task *tracer,
			     const struct sl_task *target)
{
	if (!tracer || !target || tracer->cgroup_id != target->cgroup_id)
		return 0;
	for_each_subject(i, tracer->subjects & target->subjects) {
		if (is_in_open_run(tracer, target, i))
			return 1 << i;
	}
	return 0;
}
