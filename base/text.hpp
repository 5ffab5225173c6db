// SPDX-License-Identifier: Apache-2.0
//
// Text that others wrote, made fit to be shown: the one place that says which characters a
// terminal, a log and a document of ours may hold (I11).
//
//   log(printable("\x1b[31mred"));      // \x1b[31mred
//   log("id is " + quoted(id, 64));     // id is "web"
//
// What is not shown as it is: control characters (C0, DEL and C1, which a terminal obeys), those
// that move or hide text (bidirectional controls, separators of lines and paragraphs, spaces
// without width, soft hyphen, tags, byte order mark), and bytes that are not UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace socklid {

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

/// What messages quote of a text whose language is ASCII: printable ASCII stays, the rest becomes
/// \n, \t, \xHH, and so do '"' and '\'. Shortened to `limit` bytes of `text` and an ellipsis.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t limit = 80);
/// The same in double quotes.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t limit = 80);

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
