// SPDX-License-Identifier: Apache-2.0
//
// What every output of ours must be (I11), said a second time and in another way than base/text.cpp
// does: UTF-8 by the table of the Unicode Standard (3-7), and none of the characters that a
// terminal obeys or that turn the order of the others. Shared by tests and fuzz targets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace socklid {

/// The UTF-8 of a code point, also of a surrogate.
inline std::string utf8_of(char32_t code) {
  const auto tail = [code](unsigned shift) {
    return static_cast<char>(0x80U | ((code >> shift) & 0x3fU));
  };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xc0U | (code >> 6U)), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xe0U | (code >> 12U)), tail(6), tail(0)};
  return {static_cast<char>(0xf0U | (code >> 18U)), tail(12), tail(6), tail(0)};
}

/// Table 3-7: what the second byte may be after the first; 0 bytes: no character begins so.
struct WellFormed {
  unsigned char first, last, second_first, second_last;
  std::size_t bytes;
};
inline constexpr WellFormed well_formed[] = {
    {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

inline std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  for (const WellFormed& row : well_formed) {
    if (byte(0) < row.first || byte(0) > row.last) continue;
    if (text.size() < row.bytes) return 0;
    if (row.bytes > 1 && (byte(1) < row.second_first || byte(1) > row.second_last)) return 0;
    for (std::size_t at = 2; at < row.bytes; ++at) {
      if (byte(at) < 0x80 || byte(at) > 0xbf) return 0;
    }
    return row.bytes;
  }
  return 0;
}

/// Whether it controls a terminal, turns the order of what follows, or separates lines.
inline bool is_hostile(char32_t code) {
  const bool control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
  const bool direction = code == 0x061c || code == 0x200e || code == 0x200f ||
                         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return control || direction || code == 0x2028 || code == 0x2029 || code == 0xfeff;
}

/// Whether `text` is UTF-8 of which `allows` every character.
template <typename Predicate>
bool is_utf8_of(std::string_view text, Predicate allows) {
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0) return false;
    char32_t code = 0;
    for (const char c : text.substr(0, bytes)) {
      const auto byte = static_cast<unsigned char>(c);
      const bool follows = (byte & 0xc0U) == 0x80U;
      code = (code << 6U) | (byte & (follows ? 0x3fU : bytes == 1 ? 0x7fU : 0x7fU >> bytes));
    }
    if (!allows(code)) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

inline bool is_utf8(std::string_view text) {
  return is_utf8_of(text, [](char32_t) { return true; });
}

/// UTF-8 without a hostile character but the newline.
inline bool is_harmless(std::string_view text) {
  return is_utf8_of(text, [](char32_t code) { return code == '\n' || !is_hostile(code); });
}

inline bool is_harmless_line(std::string_view text) {
  return is_harmless(text) && text.find('\n') == std::string_view::npos;
}

}  // namespace socklid
