// SPDX-License-Identifier: Apache-2.0
//
// Paths of the container, as subjects and `readonly` name them:
//
//   PATHS := PATH { ' ' PATH }     between white space, which no path has; no other separator
//   PATH  := '/' ...               printable ASCII, absolute, without a component "..", at most
//                                  4095 bytes; a doubled '/', one at the end and "." count nothing
//
// `readonly` has exceptions besides, !PATH, each below a path that it protects:
//
//   /usr/sbin /etc/apache2 !/etc/apache2/run
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "annotations/policy.hpp"
#include "annotations/value_text.hpp"
#include "base/result.hpp"

namespace socklid::annotations {

/// PATH_MAX without its 0 (linux/limits.h).
inline constexpr std::size_t max_path_bytes = 4095;
/// The most paths of one container.
inline constexpr std::size_t max_protected_paths = 256;

/// The parts of `text` between white space.
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text);

/// One path, in its shortest form. `token` is a part of `value.text`. Errors: Exit::annotation,
/// from fail_value().
[[nodiscard]] Result<std::string> parse_path(const ValueText& value, std::string_view token);

/// Each path once. Errors: Exit::annotation, from fail_value().
[[nodiscard]] Result<std::vector<ProtectedPath>> parse_readonly(const ValueText& value);
[[nodiscard]] std::string to_string(const std::vector<ProtectedPath>& paths);

/// Whether `path` is `above` or below it; both in their shortest form.
[[nodiscard]] bool is_within(std::string_view path, std::string_view above);

}  // namespace socklid::annotations
