// SPDX-License-Identifier: Apache-2.0
//
// socklid list: one line for each container under policy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "command/container.hpp"

namespace socklid::command {

struct ListOptions {
  bool json{false};
  bool no_trunc{false};
};

struct ListLine {
  Container container;
  std::optional<std::uint64_t> denied;
};

/// A header, then the lines. Without `no_trunc` ids have 12 characters and policies 40.
[[nodiscard]] std::string list_text(const std::vector<ListLine>& lines, bool no_trunc);
[[nodiscard]] json::Value list_json(const std::vector<ListLine>& lines);

[[nodiscard]] Result<int> list(const ListOptions& options);

}  // namespace socklid::command
