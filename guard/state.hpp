// SPDX-License-Identifier: Apache-2.0
//
// GuardState: the programs, links and maps that one build has on this node, opened once, to hold
// many containers against. Changes nothing.
//
//   if (const auto state = SL_TRY(GuardState::open(expected.hash)))
//     damage = SL_TRY(state->differences(expected, pins_of_the_container));
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "bpf/policy_abi.h"
#include "guard/expected.hpp"
#include "guard/guard.hpp"

namespace socklid {

class GuardState {
 public:
  /// Nothing if the build has no programs on this node.
  [[nodiscard]] static Result<std::optional<GuardState>> open(std::string_view hash);

  /// Each part of `expected` that is not in force, by name: "link of socket_bind: not pinned",
  /// "anchor of socket_bind: not pinned", "node-wide policy: another than the record's", "2 entries
  /// of the endpoint lists". `pins` is the container's directory on bpffs. Of another build than
  /// ours: links, anchors and the entries' presence. Costs a few calls for each hook and list entry
  /// of this container, whatever others have. Errors: Exit::bpf, nothing was found out.
  [[nodiscard]] Result<std::vector<std::string>> differences(const Expected& expected,
                                                             const std::string& pins) const;

  /// The build's maps, for counters and seals.
  [[nodiscard]] const SocketGuard& guard() const { return guard_; }

  /// Takes away the pins of anchors that hold on to nothing any more, so that the next
  /// SocketGuard::open() makes them anew.
  [[nodiscard]] Result<> drop_dead_anchors(const std::vector<std::string>& hooks) const;

 private:
  struct Program {
    std::uint32_t id{0};  ///< 0: not pinned
    std::string anchor;   ///< what is wrong with its anchor; empty: nothing
  };
  explicit GuardState(SocketGuard guard) : guard_(std::move(guard)) {}
  [[nodiscard]] const Program& program_of(const std::string& hook) const;
  void check_links(const Expected& expected, const std::string& pins,
                   std::vector<std::string>& all) const;
  [[nodiscard]] Result<> check_policies(const Expected& expected,
                                        std::vector<std::string>& all) const;
  [[nodiscard]] Result<> check_seal(const Expected& expected, std::vector<std::string>& all) const;
  void check_subjects_seals(const Expected& expected, std::vector<std::string>& all) const;

  std::string directory_;  ///< of the build's pins
  SocketGuard guard_;
  mutable std::map<std::string, Program> programs_;  ///< by hook, each looked at once
};

}  // namespace socklid
