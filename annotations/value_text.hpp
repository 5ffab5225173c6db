// SPDX-License-Identifier: Apache-2.0
//
// ValueText: one value under parse and its name, so that every error about it reads alike:
//
//   io.socklid.bind: "tcp/80 udp/x": at byte 12 ("x"): expected a port from 0 to 65535
//
// A value may be written over many lines, as a YAML block scalar is, with comments between. That is
// taken away once, for all keys, by BareText.
//
// The line goes to syslog and to a terminal, and the value was written by whoever wrote the
// workload: nothing but printable ASCII of it gets into a message, and not much of that.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"

namespace socklid::annotations {

struct ValueText {
  std::string_view key;  ///< printable: "io.socklid.bind/web", or "io.socklid.policy: bind"
  std::string_view text;
  bool is_array{false};      ///< from a JSON array: `text` is its elements with spaces between
  std::string_view whole{};  ///< as it was given, where `text` is what counts of it; else empty
  std::size_t skipped{0};    ///< how many bytes of `whole` stand before `text`
  std::string_view name{};   ///< of a key that has one: NAME of io.socklid.subject.NAME
};

/// Exit::annotation: KEY: "VALUE": at byte N ("TOKEN"): PROBLEM. `token` must be a part of
/// `value.text` (the same memory); N is where it begins, counted from 1.
[[nodiscard]] Failure fail_value(const ValueText& value, std::string_view token,
                                 std::string_view problem);

/// Exit::unsupported: KEY: "VALUE": PROBLEM. For what the language has and this version has not.
[[nodiscard]] Failure fail_unsupported(const ValueText& value, std::string_view problem);

/// All of the language is printable ASCII and white space (space, \t, \n, \v, \f, \r): anything
/// else is an error that says where.
[[nodiscard]] Result<> check_printable(const ValueText& value);

/// A value that counts no comments and no other white space than spaces, none of them at its ends;
/// each byte that is left is where it was. A comment is a line that begins with `#`, perhaps after
/// blanks; lines end with \n or \r. An array has none. Owns the text that value() shows.
class BareText {
 public:
  /// Errors: Exit::annotation if there is nothing but comments.
  [[nodiscard]] static Result<BareText> of(const ValueText& value);
  [[nodiscard]] ValueText value() const;

 private:
  explicit BareText(const ValueText& given) : given_(given), blanked_(given.text) {}
  ValueText given_;
  std::string blanked_;
};

/// The items of LIST := [SEP] [ITEM { SEP ITEM }] [SEP], where SEP is any run of white space, ';'
/// and ','. Each item is a part of `text`, none is empty.
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view text);

}  // namespace socklid::annotations
