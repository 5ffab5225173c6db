// SPDX-License-Identifier: Apache-2.0
//
// The decision as the BPF compiler made it against the decision as the host's compiler made it.
// Fails when one generated case of thousands gets another answer, or the probe does not load.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

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

}  // namespace
}  // namespace socklid::test
