// SPDX-License-Identifier: Apache-2.0
//
// Text: put together, taken apart, and, where others wrote it, made fit to be shown.
//
//   const std::string path = concat("/proc/", pid, "/fd/", name);
//   for (const std::string_view line : split(text, '\n')) read(trimmed(line));
//   if (const auto mode = parse_number<mode_t>("0644", 8)) use(*mode);
//
// The second half is the one place that says which characters a terminal, a log and a document of
// ours may hold (I11).
//
//   log(printable("\x1b[31mred"));      // \x1b[31mred
//   log("id is " + quote(id, 64));      // id is "web"
//
// Not shown as they are: control characters (C0, DEL and C1, which a terminal obeys), bytes that
// are not UTF-8, and characters that move or hide text (bidirectional controls, separators of lines
// and paragraphs, spaces without width, soft hyphen, tags, byte order mark).
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace socklid {

// Put together, taken apart -----------------------------------------------------------------

/// An argument of concat(): a text, a character, or a whole number, which it writes in decimal.
class TextPart {
 public:
  // NOLINTBEGIN(google-explicit-constructor): the parts are written as they are.
  template <std::convertible_to<std::string_view> Text>
  TextPart(const Text& text) : text_(text) {}
  TextPart(char character) : digits_{character}, text_(digits_.data(), 1) {}
  template <std::integral Number>
  requires(!std::same_as<Number, char> && !std::same_as<Number, bool>) TextPart(Number number)
      : digits_{},
        text_(digits_.data(),
              static_cast<std::size_t>(
                  std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr -
                  digits_.data())) {}
  // NOLINTEND(google-explicit-constructor)
  TextPart(const TextPart&) = delete;
  TextPart& operator=(const TextPart&) = delete;
  ~TextPart() = default;

  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::array<char, 20> digits_;  // of the longest, a std::int64_t with its sign
  std::string_view text_;
};

[[nodiscard]] std::string concat_parts(std::initializer_list<TextPart> parts);

/// All parts, one behind the other.
template <typename... Parts>
[[nodiscard]] std::string concat(const Parts&... parts) {
  return concat_parts({TextPart(parts)...});
}

/// Splits at `separator`; empty parts stay, so that there is one at least.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

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

/// Without `blanks` at the beginning and at the end.
[[nodiscard]] std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n");

/// The number at the beginning of `text`, which is cut off: digits of `base`, for a signed type
/// behind a '-', no blank, no '+', no 0x. Nothing, and `text` as it was, if there is none, or none
/// that fits.
template <std::integral Number>
[[nodiscard]] std::optional<Number> take_number(std::string_view& text, int base = 10) {
  Number number{0};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return number;
}

/// The number that `text` is, to its end.
template <std::integral Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text, int base = 10) {
  const auto number = take_number<Number>(text, base);
  return text.empty() ? number : std::nullopt;
}

/// Lower case, without 0x and leading zeros.
[[nodiscard]] std::string hexadecimal(std::uint64_t number);

// Made fit to be shown ----------------------------------------------------------------------

/// The first character of a text.
struct Character {
  char32_t code{0};
  std::size_t bytes{0};  ///< 0: the text does not begin with UTF-8 (RFC 3629), or is empty
};
[[nodiscard]] Character first_character(std::string_view text);

/// Whether the character may be shown as it is.
[[nodiscard]] bool is_shown(char32_t code);

/// `text` as one line of UTF-8. What is not shown becomes \n, \t or, each byte of it, \xHH. A
/// backslash stays one: what is printable already comes out as it went in.
[[nodiscard]] std::string printable(std::string_view text);
/// The same for a text of several lines: newlines stay, and tabs at the beginning of a line.
[[nodiscard]] std::string printable_lines(std::string_view text);

/// How messages quote a text whose language is ASCII: printable ASCII stays, the rest becomes
/// \n, \t, \xHH, and so do '"' and '\'. Shortened to `limit` bytes of `text` and an ellipsis.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t limit = 80);
/// The same in double quotes.
[[nodiscard]] std::string quote(std::string_view text, std::size_t limit = 80);

/// `text` itself if it is UTF-8 without NUL, which our documents hold; else with \xHH for each NUL
/// and each byte that is part of no character.
[[nodiscard]] std::string as_utf8(std::string_view text);

/// How many characters; a byte that is not UTF-8 counts as one.
[[nodiscard]] std::size_t count_characters(std::string_view text);
/// The first `count` of them, or all.
[[nodiscard]] std::string_view first_characters(std::string_view text, std::size_t count);
/// At most `width` characters, the last three of them dots if something was cut.
[[nodiscard]] std::string shortened(std::string text, std::size_t width);

}  // namespace socklid
