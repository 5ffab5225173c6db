// SPDX-License-Identifier: Apache-2.0
//
// What every verb prints with: text that a terminal does not obey, columns, times.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace socklid::command {

/// Printable ASCII as it is, everything else as \n, \t or \xHH. Ids and annotations were written
/// by others, and a terminal obeys control characters.
[[nodiscard]] std::string printable(std::string_view text);

/// At most `width` characters, the last three of them dots if something was cut.
[[nodiscard]] std::string shortened(std::string text, std::size_t width);

/// Lines of cells, each column as wide as its widest cell, two spaces apart, nothing behind the
/// last one.
[[nodiscard]] std::string columns(const std::vector<std::vector<std::string>>& lines);

/// "2026-11-22T02:24:02Z" from seconds since 1970.
[[nodiscard]] std::string utc_time(std::int64_t seconds);

/// With `separator` between the items.
template <typename Items>
[[nodiscard]] std::string joined(const Items& items, std::string_view separator) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += separator;
    text += item;
  }
  return text;
}

template <typename Items>
[[nodiscard]] json::Array json_array(const Items& items) {
  json::Array array;
  for (const auto& item : items) array.emplace_back(std::string(item));
  return array;
}

/// To standard output.
void print(std::string_view text);
/// Indented, with a newline behind it.
void print_json(const json::Value& value);

}  // namespace socklid::command
