// SPDX-License-Identifier: Apache-2.0
#include "system/mountinfo.hpp"

#include <algorithm>
#include <cstddef>

#include "base/text.hpp"

namespace socklid {
namespace {

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

/// mangle_path() in fs/seq_file.c writes white space and backslashes as \ooo.
std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                  (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// "MAJOR:MINOR"; 0 if it is none.
std::uint32_t device_of(std::string_view text) {
  constexpr unsigned minor_bits = 20;  // MINORBITS, include/linux/kdev_t.h
  const std::vector<std::string_view> parts = split(text, ':');
  if (parts.size() != 2) return 0;
  const auto major = parse_number<std::uint32_t>(parts[0]);
  const auto minor = parse_number<std::uint32_t>(parts[1]);
  return major && minor ? *major << minor_bits | *minor : 0;
}

}  // namespace

std::vector<Mount> parse_mountinfo(std::string_view text) {
  // 36 35 98:0 ROOT POINT OPTIONS [OPTIONAL...] - TYPE SOURCE SUPER_OPTIONS
  constexpr std::ptrdiff_t fixed_fields = 6;
  std::vector<Mount> mounts;
  for (const std::string_view line : split(text, '\n')) {
    const std::vector<std::string_view> fields = split(line, ' ');
    if (fields.size() < static_cast<std::size_t>(fixed_fields)) continue;
    const auto dash = std::find(fields.begin() + fixed_fields, fields.end(), "-");
    if (dash == fields.end() || dash + 1 == fields.end()) continue;
    const bool is_shared =
        std::any_of(fields.begin() + fixed_fields, dash,
                    [](std::string_view one) { return one.starts_with("shared:"); });
    mounts.push_back({.root = unescape(fields[3]),
                      .point = unescape(fields[4]),
                      .type = std::string(*(dash + 1)),
                      .id = parse_number<std::uint64_t>(fields[0]).value_or(0),
                      .device = device_of(fields[2]),
                      .is_shared = is_shared});
  }
  return mounts;
}

}  // namespace socklid
