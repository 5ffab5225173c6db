// SPDX-License-Identifier: Apache-2.0
//
// ValueText: one value under parse and its name, so that every error about it reads alike:
//
//   io.socklid.bind: "tcp/80 udp/x": at byte 12 ("x"): expected a port from 0 to 65535
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
  bool is_array{false};  ///< from a JSON array: `text` is its elements with spaces between
};

/// Exit::annotation: KEY: "VALUE": at byte N ("TOKEN"): PROBLEM. `token` must be a part of
/// `value.text` (the same memory); N is where it begins, counted from 1.
[[nodiscard]] Failure fail_value(const ValueText& value, std::string_view token,
                                 std::string_view problem);

/// Exit::unsupported: KEY: "VALUE": PROBLEM. For what the language has and this version has not.
[[nodiscard]] Failure fail_unsupported(const ValueText& value, std::string_view problem);

/// All of the language is printable ASCII: anything else is an error that says where.
[[nodiscard]] Result<> check_printable(const ValueText& value);

/// The items of LIST := [SEP] [ITEM { SEP ITEM }] [SEP], where SEP is any run of space, ';' and
/// ','. Tabs and newlines are no separators. Each item is a part of `text`, none is empty.
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view text);

}  // namespace socklid::annotations
