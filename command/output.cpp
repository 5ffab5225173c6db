// SPDX-License-Identifier: Apache-2.0
#include "command/output.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace socklid::command {

std::string columns(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], count_characters(line[i]));
    }
  }
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      row += line[i];
      row.append(widths[i] - count_characters(line[i]) + 2, ' ');
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
  print_verbatim(printable_lines(text));
}

void print_json(const json::Value& value) {
  print(json::to_pretty_string(value) + "\n");
}

void print_verbatim(std::string_view content) {
  (void)std::fwrite(content.data(), 1, content.size(), stdout);
}

void print_error(std::string_view message) {
  std::fprintf(stderr, "socklid: %s\n", printable(message).c_str());
}

}  // namespace socklid::command
