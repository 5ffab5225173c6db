// SPDX-License-Identifier: Apache-2.0
//
// find_netns: a network namespace that nobody holds open for us, by its number.
//
//   const auto netns = SL_TRY(find_netns(record.netns));
//   if (!netns) return {};  // it is gone, and its rules with it
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "node/netns.hpp"

namespace socklid {

/// The namespace with that inode, for removal without a process: by its mounts, then by the
/// processes in it. Those the kernel names where this build's programs are loaded; else, as after
/// an upgrade or for what has lost its pins, /proc is walked. Nothing if it is gone.
[[nodiscard]] Result<std::optional<NetnsRef>> find_netns(std::uint64_t inode);

}  // namespace socklid
