// SPDX-License-Identifier: Apache-2.0
//
// Time zones of subjects' hours, as the programs in the kernel have them: what a zone's clock shows
// from when on. By the node's tz database, never the container's.
//
//   const auto changes = SL_TRY(zone_changes("Europe/Berlin", ::time(nullptr)));
//   image.hours.tai_offset = SL_TRY(tai_offset());
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "node/files/looked_up.hpp"

namespace socklid {

/// For how long a container's zone follows its changes; later the last offset stays.
inline constexpr std::int64_t zone_years = 10;

/// From `now` on, in order, at most SL_HOURS_ZONES; the first is what holds now. `zone` is "UTC",
/// which has none, "+HH:MM" or "-HH:MM", or a name below /usr/share/zoneinfo. Errors:
/// Exit::unsupported, an unknown zone by name. Not for threads: it sets the environment's TZ.
[[nodiscard]] Result<std::vector<ZoneChange>> zone_changes(const std::string& zone,
                                                           std::int64_t now);

/// Nanoseconds of TAI ahead of UTC as this kernel has it: 0 until an NTP daemon tells it.
[[nodiscard]] Result<std::uint64_t> tai_offset();

}  // namespace socklid
