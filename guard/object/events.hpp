// SPDX-License-Identifier: Apache-2.0
//
// What the programs tell by their ring buffer: that a container was sealed, or a run of a subject.
// For socklid events.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "plan/seal.hpp"

namespace socklid {

/// Hands each event of the builds `hashes` to `tell`, and takes it out of the ring: who reads next
/// does not see it again. Returns when there are no more; with `follow`, waits for more until the
/// process ends. Errors: Exit::bpf.
[[nodiscard]] Result<> read_events(const std::vector<std::string>& hashes, bool follow,
                                   const std::function<void(const sl_event&)>& tell);

}  // namespace socklid
