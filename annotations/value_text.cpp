// SPDX-License-Identifier: Apache-2.0
#include "annotations/value_text.hpp"

#include <algorithm>

namespace socklid::annotations {
namespace {

constexpr std::string_view separators = " ;,";
constexpr std::size_t token_limit = 40;

bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

}  // namespace

Failure fail_value(const ValueText& value, std::string_view token, std::string_view problem) {
  const auto position = token.data() - value.text.data() + 1;
  std::string message = std::string(value.key) + ": " + quoted(value.text);
  message += ": at byte " + std::to_string(position);
  if (!token.empty()) message += " (" + quoted(token, token_limit) + ")";
  message += ": ";
  message += problem;
  return fail(Exit::annotation, std::move(message), {.byte = static_cast<std::uint32_t>(position)});
}

Failure fail_unsupported(const ValueText& value, std::string_view problem) {
  return fail(Exit::unsupported, value.key, ": ", quoted(value.text), ": ", problem);
}

Result<> check_printable(const ValueText& value) {
  const auto bad = std::find_if_not(value.text.begin(), value.text.end(), is_printable);
  if (bad == value.text.end()) return {};
  const auto at = static_cast<std::size_t>(bad - value.text.begin());
  return fail_value(value, value.text.substr(at, 1), "expected nothing but printable ASCII");
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> items;
  std::size_t begin = text.find_first_not_of(separators);
  while (begin != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    items.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(separators, end);
  }
  return items;
}

}  // namespace socklid::annotations
