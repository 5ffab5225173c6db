// SPDX-License-Identifier: Apache-2.0
//
// SealStatus: whether a container is sealed, since when and by what, for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "command/running/container.hpp"

namespace socklid::command {

/// Times of the two clocks at one moment: seals go by the first, people by the second.
struct Moment {
  std::uint64_t boot{0};  ///< nanoseconds of CLOCK_BOOTTIME
  std::int64_t utc{0};    ///< nanoseconds since 1970
};
[[nodiscard]] Moment moment();
/// Seconds since 1970 at a time of the first clock.
[[nodiscard]] std::int64_t utc_at(std::uint64_t boot, const Moment& now);

struct SealStatus {
  std::optional<std::int64_t> sealed;  ///< seconds since 1970; nothing: open
  std::string by;                      ///< "listen", "accept", "time", "hand"; empty if open
  std::string waits_for;               ///< empty if sealed
};

[[nodiscard]] SealStatus status_of(const sl_seal& seal, const Moment& now);

/// From what was observed; nothing for a container that was held to its policy from the start.
[[nodiscard]] std::optional<SealStatus> status_of(const std::optional<sl_seal>& seal,
                                                  const Moment& now);

/// Nothing for a container that was held to its policy from the start, or whose programs are gone.
[[nodiscard]] std::optional<SealStatus> seal_of(const Container& container);

/// "start", "open", "sealed".
[[nodiscard]] std::string seal_word(const std::optional<SealStatus>& seal);
/// "from the start", "open, waits for tcp/443", "sealed 2026-11-22T09:12:01Z by listen".
[[nodiscard]] std::string seal_text(const std::optional<SealStatus>& seal);
/// null for "from the start".
[[nodiscard]] json::Value seal_json(const std::optional<SealStatus>& seal);

}  // namespace socklid::command
