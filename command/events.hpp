// SPDX-License-Identifier: Apache-2.0
//
// socklid events: what happened to containers since somebody looked last: that they were sealed.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "command/running/seal_status.hpp"

namespace socklid::command {

struct EventsOptions {
  bool follow{false};
  bool json{false};
};

/// The container, or the run of a subject, that an event is about.
struct Sealed {
  std::string container;  ///< the id, or "cgroup N" of one that is no longer known
  std::string subject;    ///< by name, or its number; empty: the container itself was sealed
};

/// An event as `socklid events` prints it.
[[nodiscard]] std::string event_text(const sl_event& event, const Sealed& sealed,
                                     const Moment& now);
[[nodiscard]] json::Value event_json(const sl_event& event, const Sealed& sealed,
                                     const Moment& now);

/// Takes away the events that it prints: each is printed once.
[[nodiscard]] Result<int> events(const EventsOptions& options);

}  // namespace socklid::command
