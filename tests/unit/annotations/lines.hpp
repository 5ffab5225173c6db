// SPDX-License-Identifier: Apache-2.0
//
// What to_string(Policy) prints, taken back into annotations: shared by tests and fuzzers.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "annotations/parser.hpp"

namespace socklid::annotations {

/// One annotation for each "key: value" line.
inline Annotations from_lines(std::string_view text) {
  Annotations annotations;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t colon = std::min(line.find(": "), line.size());
    annotations.emplace(line.substr(0, colon), line.substr(std::min(colon + 2, line.size())));
  }
  return annotations;
}

/// Whether an error message is fit for syslog and a terminal: one line, nothing but printable ASCII
/// and our ellipsis, and not so long that a runtime would cut it off.
inline bool is_presentable(std::string_view message) {
  constexpr std::string_view ellipsis = "…";
  if (message.empty() || message.size() > 2000) return false;
  while (!message.empty()) {
    const bool printable = message.front() >= ' ' && message.front() <= '~';
    if (!printable && !message.starts_with(ellipsis)) return false;
    message.remove_prefix(printable ? 1 : ellipsis.size());
  }
  return true;
}

}  // namespace socklid::annotations
