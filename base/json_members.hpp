// SPDX-License-Identifier: Apache-2.0
//
// Members of a document of somebody else's, of whatever size, depth and content: only what is asked
// for has to be good. For files that hold what we look for beside what others may write into them.
//
//   SL_CHECK(json::for_each_member(text, 3, [&](const json::Path& path, std::string_view token) {
//     if (path.size() == 2 && path[0] == "annotations") keep(path[1], json::parse_string(token));
//   }));
//
// It is no check of the document: strings may hold anything, names may come twice (the caller sees
// both), numbers and words are not looked at. Where the brackets do not fit it is an error.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace socklid::json {

/// Names from the outermost object on; in an array "".
using Path = std::vector<std::string>;

/// Calls `visit` for each string, number or word at most `depth` names deep, with its bytes as they
/// stand in the document, quotes included. A name that is no text is "". Takes time and, for what
/// is nested, memory in proportion to the text. Errors (Exit::state): "at byte 17: ...", after what
/// stands before that was told of.
[[nodiscard]] Result<> for_each_member(
    std::string_view text, std::size_t depth,
    const std::function<void(const Path& path, std::string_view token)>& visit);

/// What stands between the brackets and commas of a document that is an array, to be read one by
/// one: what one holds hides no other. Errors (Exit::state): it is none, or is cut off.
[[nodiscard]] Result<std::vector<std::string_view>> elements(std::string_view text);

/// The text of a string's bytes; nothing if it is no string, or its content no text.
[[nodiscard]] std::optional<std::string> parse_string(std::string_view token);
/// Nothing if it is no whole number that fits.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view token);

}  // namespace socklid::json
