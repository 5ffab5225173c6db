// SPDX-License-Identifier: Apache-2.0
//
// When a subject may do anything: windows of each day, and the zone whose clock they mean.
//
//   HOURS  := LIST of WINDOW                     4 of them at most
//   WINDOW := HH:MM '-' HH:MM                    00:00 to 24:00; the end is no part of it; an end
//                                                before the beginning is the next day's
//   ZONE   := UTC | ( '+' | '-' ) HH:MM | NAME   ahead of UTC, at most 14:00
//   NAME   := of the node's tz database: letters, digits, '_', '+', '-' and '/', 64 at most
//
//   08:00-12:00 13:00-17:30   22:00-06:00   Europe/Berlin   +02:00
//
// Whether a node has a zone of that name is found out when the container starts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/subject.hpp"
#include "annotations/value_text.hpp"
#include "base/result.hpp"

namespace socklid::annotations {

/// Errors: Exit::annotation, from fail_value().
[[nodiscard]] Result<std::vector<Window>> parse_hours(const ValueText& value);
/// "22:00-06:00 12:00-13:00"
[[nodiscard]] std::string to_string(const std::vector<Window>& hours);

/// Errors: Exit::annotation, from fail_value().
[[nodiscard]] Result<std::string> parse_zone(const ValueText& value);

}  // namespace socklid::annotations
