// SPDX-License-Identifier: Apache-2.0
#include "annotations/mark.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace socklid::annotations {
namespace {

std::optional<std::uint32_t> parse_number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  if (hexadecimal && text.size() > 8) return std::nullopt;
  // 010 is 8 to iptables and 10 to nft: whoever writes it means one of them, we can't know which.
  if (!hexadecimal && text.size() > 1 && text.front() == '0') return std::nullopt;
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, hexadecimal ? 16 : 10);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::string hexadecimal(std::uint32_t number) {
  std::array<char, 8> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return "0x" + std::string(digits.data(), result.ptr);
}

}  // namespace

Result<Mark> parse_mark(const ValueText& value) {
  const std::size_t slash = value.text.find('/');
  const std::string_view value_text = value.text.substr(0, slash);
  const auto number = parse_number(value_text);
  if (!number) {
    return fail_value(value, value_text,
                      "expected a mark: N or N/MASK, each decimal or 0x and up to 8 digits");
  }
  Mark mark{.value = *number};
  if (slash != std::string_view::npos) {
    const std::string_view mask_text = value.text.substr(slash + 1);
    const auto mask = parse_number(mask_text);
    if (!mask) {
      return fail_value(value, mask_text, "expected a mask, decimal or 0x and up to 8 digits");
    }
    if (*mask == 0) return fail_value(value, mask_text, "expected a mask other than 0");
    mark.mask = *mask;
  }
  if (mark.value == 0) {
    return fail_value(value, value_text,
                      "expected a mark other than 0, the mark of packets that have none");
  }
  if ((mark.value & ~mark.mask) != 0) {
    return fail_value(value, value_text,
                      slash == std::string_view::npos
                          ? "expected at most 0xffffff, or an explicit mask: " +
                                hexadecimal(mark.value) + "/0xffffffff"
                          : "expected no bit outside the mask " + hexadecimal(mark.mask));
  }
  return mark;
}

std::string to_string(const Mark& mark) {
  if (mark.mask == default_mark_mask) return hexadecimal(mark.value);
  return hexadecimal(mark.value) + "/" + hexadecimal(mark.mask);
}

}  // namespace socklid::annotations
