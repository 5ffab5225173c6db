// SPDX-License-Identifier: Apache-2.0
//
// socklid list: one line for each container under policy, and for each that should be.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "command/running/container.hpp"
#include "command/running/seal_status.hpp"
#include "command/running/unguarded.hpp"

namespace socklid::command {

struct ListOptions {
  bool json{false};
  bool no_trunc{false};
};

struct ListLine {
  Container container;
  std::optional<std::uint64_t> denied;  ///< by programs and by rules
  std::optional<SealStatus> seal;
  std::vector<std::string> damage{};  ///< of a damaged one
  std::size_t subjects{0};            ///< how many it has
  std::uint64_t open_runs{0};         ///< of those, that are not sealed yet
};

struct Listing {
  std::vector<Unguarded> unguarded;
  std::vector<ListLine> lines;
};

/// A header, then the lines, those of containers without their policy first. Without `no_trunc`
/// ids have 12 characters and policies 40.
[[nodiscard]] std::string list_text(const Listing& listing, bool no_trunc);
[[nodiscard]] json::Value list_json(const Listing& listing);

/// 1 if a container is damaged.
[[nodiscard]] Result<int> list(const ListOptions& options);

}  // namespace socklid::command
