// SPDX-License-Identifier: Apache-2.0
//
// Counters: what a container's guards have stopped so far, in the BPF programs and in the rules.
//
//   const Counts before = SL_TRY(counters.read());
//   ...
//   if (rose(Guard::connect, before, SL_TRY(counters.read()))) ...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "bpf/policy_abi.h"
#include "guard/guard.hpp"
#include "nft/nft.hpp"
#include "node/netns.hpp"
#include "selftest/guard.hpp"

namespace socklid::selftest {

struct Counts {
  sl_denials denials{};  ///< of the container and of its subjects together
  std::vector<RuleCounter> rules;
};

/// Whether the guard has stopped something between the two. False for Guard::harmless.
[[nodiscard]] bool rose(Guard guard, const Counts& before, const Counts& after);
/// All that has risen, by the names that people know, guards or not.
[[nodiscard]] std::vector<std::string> risen(const Counts& before, const Counts& after);

/// The numbers of the subjects that the annotations make.
[[nodiscard]] Result<std::vector<std::uint32_t>> subjects_of(
    const annotations::Annotations& annotations);

class Counters {
 public:
  /// Of the container in that cgroup, whose rules are in `netns`. The programs are loaded.
  [[nodiscard]] static Result<Counters> open(std::uint64_t cgroup_id, const NetnsRef& netns,
                                             std::vector<std::uint32_t> subjects);
  [[nodiscard]] Result<Counts> read() const;

 private:
  Counters(std::uint64_t cgroup_id, SocketGuard guard, NetlinkSocket netlink,
           std::vector<std::uint32_t> subjects)
      : cgroup_id_(cgroup_id),
        guard_(std::move(guard)),
        netlink_(std::move(netlink)),
        subjects_(std::move(subjects)) {}

  std::uint64_t cgroup_id_;
  SocketGuard guard_;
  mutable NetlinkSocket netlink_;  ///< asking changes nothing of the rules
  std::vector<std::uint32_t> subjects_;
};

}  // namespace socklid::selftest
