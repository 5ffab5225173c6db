// SPDX-License-Identifier: Apache-2.0
#include "command/output.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace socklid::command {

std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out.append("\\x").append(1, digits[byte >> 4U]).append(1, digits[byte & 0xfU]);
    }
  }
  return out;
}

std::string shortened(std::string text, std::size_t width) {
  constexpr std::string_view dots = "...";
  if (text.size() <= width || width < dots.size()) return text;
  text.resize(width - dots.size());
  return text.append(dots);
}

std::string columns(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      row += line[i];
      row.append(widths[i] - line[i].size() + 2, ' ');
    }
    row.resize(row.find_last_not_of(' ') + 1);
    text += row + '\n';
  }
  return text;
}

std::string utc_time(std::int64_t seconds) {
  const time_t time = seconds;
  struct tm parts {};
  std::array<char, 32> text{};
  if (::gmtime_r(&time, &parts) == nullptr) return std::to_string(seconds);
  const std::size_t length = ::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

void print(std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json(const json::Value& value) {
  print(json::to_pretty_string(value) + "\n");
}

}  // namespace socklid::command
