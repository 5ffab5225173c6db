// SPDX-License-Identifier: Apache-2.0
//
// Mark: the value and mask of io.socklid.mark, as SO_MARK and nft's `meta mark` know it
// (32 bits, host byte order).
//
//   MARK := N [ '/' N ]         value and mask
//   N    := decimal without leading zero, or 0x and 1 to 8 hexadecimal digits
//
//   3   0x3   0x10/0xf0   0x01000000/0xff000000
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "annotations/value_text.hpp"
#include "base/result.hpp"

namespace socklid::annotations {

/// Bits 24..31 are ours unless a mask claims them.
inline constexpr std::uint32_t default_mark_mask = 0x00ffffff;

/// value has no bit outside mask; mask is not 0.
struct Mark {
  std::uint32_t value{0};
  std::uint32_t mask{default_mark_mask};
  friend bool operator==(const Mark&, const Mark&) = default;
};

/// A value without a mask is at most 0xffffff. A value of 0 is an error under any mask: 0 is the
/// mark of packets that have none, so nothing could know the container's packets by it. Errors:
/// Exit::annotation, from fail_value().
[[nodiscard]] Result<Mark> parse_mark(const ValueText& value);

/// "0x3", or "0x10/0xf0" where the mask is not the default.
[[nodiscard]] std::string to_string(const Mark& mark);

}  // namespace socklid::annotations
