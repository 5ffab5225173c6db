// SPDX-License-Identifier: Apache-2.0
#include "annotations/mark.hpp"

#include <optional>

#include "base/text.hpp"

namespace socklid::annotations {
namespace {

std::optional<std::uint32_t> parse_mark_number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  if (hexadecimal && text.size() > 8) return std::nullopt;
  // 010 is 8 to iptables and 10 to nft: whoever writes it means one of them, we can't know which.
  if (!hexadecimal && text.size() > 1 && text.front() == '0') return std::nullopt;
  return parse_number<std::uint32_t>(text, hexadecimal ? 16 : 10);
}

std::string with_0x(std::uint32_t number) {
  return "0x" + hexadecimal(number);
}

}  // namespace

Result<Mark> parse_mark(const ValueText& value) {
  const std::size_t slash = value.text.find('/');
  const std::string_view value_text = value.text.substr(0, slash);
  const auto number = parse_mark_number(value_text);
  if (!number) {
    return fail_value(value, value_text,
                      "expected a mark: N or N/MASK, each decimal or 0x and up to 8 digits");
  }
  Mark mark{.value = *number};
  if (slash != std::string_view::npos) {
    const std::string_view mask_text = value.text.substr(slash + 1);
    const auto mask = parse_mark_number(mask_text);
    if (!mask) {
      return fail_value(value, mask_text, "expected a mask, decimal or 0x and up to 8 digits");
    }
    if (*mask == 0) return fail_value(value, mask_text, "expected a mask other than 0");
    mark.mask = *mask;
  }
  if (mark.value == 0) {
    return fail_value(value, value_text,
                      "expected a mark other than 0: packets without a mark have 0");
  }
  if ((mark.value & ~mark.mask) != 0) {
    return fail_value(value, value_text,
                      slash == std::string_view::npos
                          ? "expected at most 0xffffff, or an explicit mask: " +
                                with_0x(mark.value) + "/0xffffffff"
                          : "expected no bit outside the mask " + with_0x(mark.mask));
  }
  return mark;
}

std::string to_string(const Mark& mark) {
  if (mark.mask == default_mark_mask) return with_0x(mark.value);
  return with_0x(mark.value) + "/" + with_0x(mark.mask);
}

}  // namespace socklid::annotations
