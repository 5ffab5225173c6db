// SPDX-License-Identifier: Apache-2.0
//
// Two programs make one hook where libmnl cannot be linked static, as on Debian 12 (D9).
// socklid-hook is static and starts in half the time of `true`, but has no nft in it there. It
// serves every container without `egress` itself, because those need no rules. Other runs it hands
// over to its twin, socklid-hook-rules, in the same process and with the same input.
//
//   if (needs_rules(state, stage, paths)) return hand_over("createRuntime", input);
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "node/container_state.hpp"
#include "system/paths.hpp"

namespace socklid {

/// Whether the run touches nft rules: the container asks for egress, or one of its id is on record
/// with rules. What others have left is for runs that have nft anyway. False where a policy does
/// not parse, or the container's process is not to be found: the error needs no rules.
[[nodiscard]] bool needs_rules(const ContainerState& container, Stage stage, const Paths& paths);

/// Becomes `socklid-hook-rules ARGUMENT` beside this program's file, with `input` on standard
/// input and no environment. Returns only if that fails (Exit::internal).
[[nodiscard]] Result<> hand_over(const char* argument, std::string_view input);

}  // namespace socklid
