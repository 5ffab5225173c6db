// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test only: sl_decide(), sl_decide_packet(), sl_exec() and sl_is_too_late() as the BPF compiler
 * made them, callable by BPF_PROG_TEST_RUN, which LSM programs do not offer. tests/kernel compares
 * their answers with the host's.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/decide.h"
#include "bpf/decide_packet.h"
#include "bpf/decide_subjects.h"
#include "bpf/lists.bpf.h"
#include "bpf/policy_abi.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_policy);
} policy_under_test SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_attempt);
} attempt_under_test SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_packet);
} packet_under_test SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_decision);
} answer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_task);
} task_under_test SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_program);
} program_under_test SEC(".maps");

struct moment {
	struct sl_hours hours;
	__s64 now;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct moment);
} moment_under_test SEC(".maps");

/* A packet program, of which there is a test run and which may use tries. Looks at no packet. */
SEC("tc")
int decide_probe(struct __sk_buff *skb)
{
	const __u32 key = 0;
	const struct sl_policy *policy = bpf_map_lookup_elem(&policy_under_test, &key);
	const struct sl_attempt *given = bpf_map_lookup_elem(&attempt_under_test, &key);
	struct sl_decision *decision = bpf_map_lookup_elem(&answer, &key);
	struct sl_attempt attempt;

	if (!policy || !given || !decision)
		return 1;
	attempt = *given;
	*decision = sl_decide(policy, &attempt);
	return 0;
}

SEC("tc")
int packet_probe(struct __sk_buff *skb)
{
	const __u32 key = 0;
	const struct sl_policy *policy = bpf_map_lookup_elem(&policy_under_test, &key);
	const struct sl_packet *given = bpf_map_lookup_elem(&packet_under_test, &key);
	struct sl_decision *decision = bpf_map_lookup_elem(&answer, &key);
	struct sl_packet packet;

	if (!policy || !given || !decision)
		return 1;
	packet = *given;
	*decision = sl_decide_packet(policy, &packet);
	return 0;
}

SEC("tc")
int exec_probe(struct __sk_buff *skb)
{
	const __u32 key = 0;
	struct sl_task *task = bpf_map_lookup_elem(&task_under_test, &key);
	const struct sl_program *program = bpf_map_lookup_elem(&program_under_test, &key);

	if (!task || !program)
		return 1;
	sl_exec(task, program);
	return 0;
}

SEC("tc")
int hours_probe(struct __sk_buff *skb)
{
	const __u32 key = 0;
	const struct moment *moment = bpf_map_lookup_elem(&moment_under_test, &key);
	struct sl_decision *decision = bpf_map_lookup_elem(&answer, &key);

	if (!moment || !decision)
		return 1;
	decision->error = sl_is_too_late(&moment->hours, moment->now);
	return 0;
}
