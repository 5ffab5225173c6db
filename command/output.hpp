// SPDX-License-Identifier: Apache-2.0
//
// What every verb prints with: columns, times, and the only ways out of the program, which let no
// character through that a terminal obeys (I11). What others wrote goes through printable() of
// base/text.hpp before it becomes a part of a text, so that it makes no lines of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"

namespace socklid::command {

/// Lines of cells, each column as wide as its widest cell in characters, two spaces apart, nothing
/// behind the last one.
[[nodiscard]] std::string columns(const std::vector<std::vector<std::string>>& lines);

/// "2026-11-22T02:24:02Z" from seconds since 1970.
[[nodiscard]] std::string utc_time(std::int64_t seconds);

template <typename Items>
[[nodiscard]] json::Array json_array(const Items& items) {
  json::Array array;
  for (const auto& item : items) array.emplace_back(std::string(item));
  return array;
}

/// To standard output, through printable_lines().
void print(std::string_view text);
/// Indented, with a newline behind it.
void print_json(const json::Value& value);
/// Byte by byte: a file that the node's administrator wrote, for another one; words of our own
/// alone.
void print_verbatim(std::string_view content);
/// "socklid: MESSAGE" to standard error, one printable line.
void print_error(std::string_view message);

}  // namespace socklid::command
