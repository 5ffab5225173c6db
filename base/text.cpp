// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace socklid {
namespace {

struct Range {
  char32_t first, last;
};

/// Unicode 15, General_Category Cc, Zl and Zp, and of Cf what is seen nowhere and changes how the
/// rest is read (UAX #9 for the bidirectional ones).
constexpr Range hidden[] = {
    {0x0000, 0x001f},    // C0
    {0x007f, 0x009f},    // DEL and C1
    {0x00ad, 0x00ad},    // soft hyphen
    {0x061c, 0x061c},    // Arabic letter mark
    {0x180e, 0x180e},    // Mongolian vowel separator
    {0x200b, 0x200f},    // without width; left-to-right and right-to-left mark
    {0x2028, 0x202e},    // line, paragraph; embeddings and overrides
    {0x2060, 0x206f},    // word joiner, invisible operators; isolates
    {0xfeff, 0xfeff},    // byte order mark
    {0xfff9, 0xfffb},    // interlinear annotation
    {0xe0000, 0xe007f},  // tags
};

void append_byte(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out.append("\\x").append(1, digits[byte >> 4U]).append(1, digits[byte & 0xfU]);
}

void append_escaped(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      append_byte(out, c);
    }
  }
}

/// Bytes that the character with this first one has; 0 if none begins so.
std::size_t length_of(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

std::size_t step(std::string_view text) {
  return std::max<std::size_t>(first_character(text).bytes, 1);
}

/// As printable_lines() has them.
std::string printable(std::string_view text, bool lines) {
  std::string out;
  bool at_begin = lines;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::string_view bytes = text.substr(0, std::max<std::size_t>(character.bytes, 1));
    const bool newline = lines && text[0] == '\n';
    const bool indent = at_begin && text[0] == '\t';
    at_begin = newline || indent;
    if (newline || indent || (character.bytes > 0 && is_shown(character.code))) {
      out += bytes;
    } else {
      append_escaped(out, bytes);
    }
    text.remove_prefix(bytes.size());
  }
  return out;
}

}  // namespace

std::string concat_parts(std::initializer_list<TextPart> parts) {
  std::size_t size = 0;
  for (const TextPart& part : parts) size += part.text().size();
  std::string text;
  text.reserve(size);
  for (const TextPart& part : parts) text += part.text();
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trimmed(std::string_view text, std::string_view blanks) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string hexadecimal(std::uint64_t number) {
  std::array<char, 16> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return {digits.data(), result.ptr};
}

Character first_character(std::string_view text) {
  if (text.empty()) return {};
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = length_of(first);
  if (length == 0 || length > text.size()) return {};
  if (length == 1) return {first, 1};
  char32_t code = first & (0x7fU >> length);
  for (const char c : text.substr(1, length - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) != 0x80U) return {};
    code = (code << 6U) | (byte & 0x3fU);
  }
  constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};  // no overlong form
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < smallest[length] || code > 0x10ffff || surrogate) return {};
  return {code, length};
}

bool is_shown(char32_t code) {
  return std::none_of(std::begin(hidden), std::end(hidden), [code](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

std::string printable(std::string_view text) {
  return printable(text, false);
}

std::string printable_lines(std::string_view text) {
  return printable(text, true);
}

std::string excerpt(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text.substr(0, limit)) {
    if (c == '"' || c == '\\') out += '\\';
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      append_escaped(out, {&c, 1});
    }
  }
  if (text.size() > limit) out += "…";
  return out;
}

std::string quote(std::string_view text, std::size_t limit) {
  return '"' + excerpt(text, limit) + '"';
}

std::string as_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = first_character(text).bytes;
    if (length > 0 && text[0] != '\0') {
      out += text.substr(0, length);
    } else {
      append_byte(out, text[0]);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); text.remove_prefix(step(text))) ++count;
  return count;
}

std::string_view first_characters(std::string_view text, std::size_t count) {
  std::string_view rest = text;
  for (; count > 0 && !rest.empty(); --count) rest.remove_prefix(step(rest));
  return text.substr(0, text.size() - rest.size());
}

std::string shortened(std::string text, std::size_t width) {
  constexpr std::string_view dots = "...";
  if (width < dots.size() || count_characters(text) <= width) return text;
  text.resize(first_characters(text, width - dots.size()).size());
  return text.append(dots);
}

}  // namespace socklid
