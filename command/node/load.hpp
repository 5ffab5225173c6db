// SPDX-License-Identifier: Apache-2.0
//
// socklid load: loads, pins and anchors the programs ahead of the first container, which then need
// not wait for it. It takes programs and maps of other builds that nobody uses off the node.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "plan/plan.hpp"

namespace socklid::command {

struct LoadOptions {
  std::string hooks{"common"};
};

[[nodiscard]] std::optional<Hook> hook_named(std::string_view wanted);
/// The hooks of a list of names with commas; `all`, `none`, or `common`: what a policy with a mark
/// and lists for connect and bind needs. Exit::usage for a name that is none.
[[nodiscard]] Result<Hooks> hooks_named(std::string_view list);

/// Loaded already is done. Where the node's state was made in another view (another bpffs, other
/// namespaces) and none of its containers lives, this view is taken from now on.
[[nodiscard]] Result<int> load(const LoadOptions& options);

}  // namespace socklid::command
