// SPDX-License-Identifier: Apache-2.0
//
// Which of some words another one was most likely meant to be.
//
//   nearest_of("conect", std::vector<std::string_view>{"bind", "connect"})  // "connect"
#pragma once

#include <span>
#include <string_view>

namespace socklid::annotations {

/// The one with the fewest characters to insert, delete or replace, at most a third of its own;
/// empty if none is as near.
[[nodiscard]] std::string_view nearest_of(std::string_view word,
                                          std::span<const std::string_view> words);

}  // namespace socklid::annotations
