// SPDX-License-Identifier: Apache-2.0
//
// The decision as the BPF compiler made it against the decision as the host's compiler made it.
// Fails when one generated case of thousands gets another answer, of attempts, packets, execs and
// hours, or the probe does not load.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <random>

#include "bpf/decide_subjects.h"
#include "decide_probe.skel.h"
#include "guard/lists.hpp"
#include "tests/support/decide_cases.hpp"

namespace socklid::test {
namespace {

class DecideProbe : public ::testing::Test {
 protected:
  void SetUp() override {
    probe_ = decide_probe::open_and_load();
    ASSERT_NE(probe_, nullptr) << "the probe does not load: run as root on a kernel with BPF";
  }
  void TearDown() override { decide_probe::destroy(probe_); }

  template <typename Value>
  void put(const bpf_map* map, const Value& value) {
    const __u32 key = 0;
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(map), &key, &value, 0), 0);
  }
  static UniqueFd fd_of(const bpf_map* map) { return UniqueFd(::dup(bpf_map__fd(map))); }
  void use(const sl_policy& policy) { put(probe_->maps.policy_under_test, policy); }

  sl_decision ask(const sl_attempt& attempt) {
    put(probe_->maps.attempt_under_test, attempt);
    return run(probe_->progs.decide_probe);
  }
  sl_decision ask(const sl_packet& packet) {
    put(probe_->maps.packet_under_test, packet);
    return run(probe_->progs.packet_probe);
  }
  sl_decision run(const bpf_program* program) {
    const std::array<char, 64> packet{};  // of at least an Ethernet header
    const __u32 key = 0;
    sl_decision decision{1, 99};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
                .data_size_in = packet.size());
    EXPECT_EQ(bpf_prog_test_run_opts(bpf_program__fd(program), &options), 0);
    EXPECT_EQ(options.retval, 0u);
    EXPECT_EQ(bpf_map_lookup_elem(bpf_map__fd(probe_->maps.answer), &key, &decision), 0);
    return decision;
  }

  decide_probe* probe_{nullptr};
};

TEST_F(DecideProbe, GivesTheHostsAnswerForThousandsOfCases) {
  CaseGenerator generate(20031122);
  auto prefixes = decltype(ListMaps::prefixes)::of(fd_of(probe_->maps.prefixes));
  auto ports = decltype(ListMaps::ports)::of(fd_of(probe_->maps.ports));
  ASSERT_TRUE(prefixes && ports);
  const ListMaps maps{std::move(*prefixes), std::move(*ports)};
  std::array<int, SL_REASON_COUNT> seen{};
  for (int i = 0; i < 200; i++) {
    const sl_policy policy = generate.policy();
    use(policy);
    const auto egress = generate.list(false);
    host_lists() = compile_lists(generate.list(false), generate.list(true), &egress)
                       .of(policy.cgroup_id, policy.generation);
    ASSERT_TRUE(clear_lists(maps, policy.cgroup_id, policy.generation));
    ASSERT_TRUE(fill_lists(maps, host_lists(), policy.cgroup_id, policy.generation));
    for (int k = 0; k < 100; k++) {
      const sl_attempt attempt = generate.attempt();
      const sl_decision expected = sl_decide(&policy, &attempt);
      const sl_decision actual = ask(attempt);
      ASSERT_EQ(actual.error, expected.error) << "policy " << i << ", attempt " << k;
      ASSERT_EQ(actual.reason, expected.reason) << "policy " << i << ", attempt " << k;
      seen[expected.reason]++;
      const sl_packet packet = generate.packet();
      const sl_decision leaves = sl_decide_packet(&policy, &packet);
      const sl_decision answered = ask(packet);
      ASSERT_EQ(answered.error, leaves.error) << "policy " << i << ", packet " << k;
      ASSERT_EQ(answered.reason, leaves.reason) << "policy " << i << ", packet " << k;
      seen[leaves.reason]++;
    }
  }
  // The cases are worth something only if they meet every reason that sl_decide() can give.
  for (const int reason :
       {SL_REASON_NONE,       SL_REASON_UNCONFIGURED, SL_REASON_FAMILY,     SL_REASON_PROTOCOL,
        SL_REASON_CREATE,     SL_REASON_CREATE_TCP,   SL_REASON_CREATE_UDP, SL_REASON_CONNECT,
        SL_REASON_BIND,       SL_REASON_LISTEN,       SL_REASON_ACCEPT,     SL_REASON_MARK,
        SL_REASON_SETSOCKOPT, SL_REASON_SHUTDOWN,     SL_REASON_NETLINK,    SL_REASON_BPF,
        SL_REASON_IOCTL,      SL_REASON_CGROUP,       SL_REASON_FOREIGN,    SL_REASON_EGRESS,
        SL_REASON_ARRIVAL,    SL_REASON_JOIN}) {
    EXPECT_GT(seen[static_cast<std::size_t>(reason)], 0) << reason;
  }
}

/// As the probe's struct moment.
struct Moment {
  sl_hours hours;
  __s64 now;
};

TEST_F(DecideProbe, GivesTheHostsAnswerOfExecs) {
  std::mt19937 random(20031122);
  const auto any = [&random](std::uint32_t end) {
    return static_cast<std::uint32_t>(random() % end);
  };
  sl_task task{};
  int left = 0;
  for (int i = 0; i < 3000; i++) {
    sl_program program{};
    program.inode = any(3);
    program.device = any(2);
    program.entered = any(3) == 0 ? any(1U << 16) & any(1U << 16) & any(1U << 16) : 0;
    program.is_traced = any(8) == 0 ? 1 : 0;
    program.has_others = i / 100 % 2;
    for (__u8& inherit : program.inherit) {
      inherit = static_cast<__u8>(any(4) == 0 ? 255 : any(3));
    }
    put(probe_->maps.task_under_test, task);
    put(probe_->maps.program_under_test, program);
    run(probe_->progs.exec_probe);
    const __u32 key = 0, before = task.subjects;
    sl_task after{};
    ASSERT_EQ(bpf_map_lookup_elem(bpf_map__fd(probe_->maps.task_under_test), &key, &after), 0);
    sl_exec(&task, &program);
    ASSERT_EQ(std::memcmp(&after, &task, sizeof(task)), 0) << i;
    if ((before & ~task.subjects) != 0) left++;
  }
  EXPECT_GT(left, 100);
}

TEST_F(DecideProbe, GivesTheHostsAnswerOfHours) {
  std::mt19937_64 random(20031122);
  const auto any = [&random](std::uint64_t end) {
    return static_cast<std::int64_t>(random() % end);
  };
  int late = 0;
  for (int i = 0; i < 3000; i++) {
    Moment moment{};
    moment.now = any(4'000'000'000) - 100'000'000;
    moment.hours.windows = static_cast<__u32>(any(6));
    moment.hours.zones = static_cast<__u32>(any(SL_HOURS_ZONES + 2));
    for (sl_window& window : moment.hours.window) {
      window = {static_cast<__u16>(any(1440)), static_cast<__u16>(any(1441))};
    }
    __s64 from = any(1'000'000'000);
    for (sl_zone_change& zone : moment.hours.zone) {
      zone = {from += any(100'000'000), static_cast<__s32>(any(100'000) - 50'000), 0};
    }
    put(probe_->maps.moment_under_test, moment);
    const int expected = sl_is_too_late(&moment.hours, moment.now);
    ASSERT_EQ(run(probe_->progs.hours_probe).error, expected) << i;
    late += expected;
  }
  EXPECT_GT(late, 100);
  EXPECT_LT(late, 2900);
}

}  // namespace
}  // namespace socklid::test
