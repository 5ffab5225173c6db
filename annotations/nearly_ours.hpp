// SPDX-License-Identifier: Apache-2.0
//
// Keys that nearly are ours (is_nearly_ours() in annotations/parser.hpp), and what is said of them.
// The files in hook/hooks.d match the same keys, by a pattern that a test compares with this.
// Internal to annotations/.
#pragma once

#include <string_view>

#include "base/result.hpp"

namespace socklid::annotations {

/// "io.socklid/egress: nearly an annotation of socklid's, which nobody would read; did you mean
/// io.socklid.egress?". `key` is one for which is_nearly_ours() holds.
[[nodiscard]] Failure fail_nearly_ours(std::string_view key);

}  // namespace socklid::annotations
