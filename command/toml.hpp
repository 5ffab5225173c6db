// SPDX-License-Identifier: Apache-2.0
//
// TOML documents of others as plain values that know their lines, so that a document can be edited
// line by line and keeps its comments. The only file that knows toml++ is toml.cpp. Pure.
//
//   const TomlValue document = SL_TRY(parse_toml(text));
//   if (const TomlValue* version = document.find("version")) use(version->integer, version->begin);
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace socklid::command {

struct TomlValue {
  /// other: a number that is not whole, a date or a time.
  enum class Kind : std::uint8_t { table, array, string, integer, boolean, other };
  /// How a table is made. `above`: by the header of a table below it; `key`: by a dotted key, by an
  /// inline table, or as an element of an array of tables.
  enum class Made : std::uint8_t { header, above, key };

  Kind kind{Kind::table};
  Made made{Made::key};
  std::map<std::string, TomlValue, std::less<>> members;  ///< of a table
  std::vector<TomlValue> items;                           ///< of an array
  std::string string;
  std::int64_t integer{0};
  bool boolean{false};
  bool is_inline{false};  ///< of a table: {...}, to which nothing can be added
  std::size_t begin{0};   ///< the first line, from 0 on: the header's, or the one with the key
  std::size_t end{0};     ///< the line behind the last one; of a table with a header, nothing

  /// The member `key` of a table; null if there is none or this is no table.
  [[nodiscard]] const TomlValue* find(std::string_view key) const;
  [[nodiscard]] bool is_table() const { return kind == Kind::table; }
  /// The strings of an array, or the one that this is.
  [[nodiscard]] std::vector<std::string> strings() const;
};

/// "plugins", "io.containerd.grpc.v1.cri" of `plugins."io.containerd.grpc.v1.cri"`.
using TomlPath = std::vector<std::string>;

/// TOML 1.0. Errors (Exit::usage): "line 3: ..."; also keys of more than 32 parts and values more
/// than 32 deep.
[[nodiscard]] Result<TomlValue> parse_toml(std::string_view text);

/// `text` as a string of TOML, quotes included.
[[nodiscard]] std::string toml_string(std::string_view text);

}  // namespace socklid::command
