// SPDX-License-Identifier: Apache-2.0
//
// The little of TOML that settings of others are found by, line by line. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace socklid::command {

/// Without blanks around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// `line` up to a '#' that is not within quotes.
[[nodiscard]] std::string_view without_comment(std::string_view line);

/// The strings of an array or of a single value, in either quotes; escapes stay as they are.
[[nodiscard]] std::vector<std::string> strings_in(std::string_view value);

/// "plugins", "io.containerd.grpc.v1.cri" from `plugins."io.containerd.grpc.v1.cri"`.
using TomlPath = std::vector<std::string>;
[[nodiscard]] TomlPath parse_toml_path(std::string_view dotted);

/// KEY = VALUE, from line `begin` to line `end`, which is the first that is not of it.
struct TomlEntry {
  TomlPath table;
  TomlPath key;
  std::string value;
  std::size_t begin{0};
  std::size_t end{0};
};

/// [TABLE] or [[TABLE]] on line `line`.
struct TomlHeader {
  TomlPath table;
  std::size_t line{0};
};

struct TomlLines {
  std::vector<std::string> lines;
  std::vector<TomlHeader> headers;
  std::vector<TomlEntry> entries;
  bool ends_open{false};  ///< within an array or an inline table
};

/// Strings over several lines are not known here.
[[nodiscard]] TomlLines read_toml_lines(std::string_view text);

}  // namespace socklid::command
