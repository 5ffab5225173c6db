// SPDX-License-Identifier: Apache-2.0
#include "annotations/value_text.hpp"

#include <algorithm>

namespace socklid::annotations {
namespace {

constexpr std::string_view white_space = " \t\n\v\f\r";
constexpr std::string_view line_ends = "\n\r";
constexpr std::string_view separators = " \t\n\v\f\r;,";
constexpr std::size_t token_limit = 40;

bool is_white_space(char c) {
  return white_space.find(c) != std::string_view::npos;
}

bool is_of_the_language(char c) {
  return (c >= ' ' && c <= '~') || is_white_space(c);
}

std::string_view shown(const ValueText& value) {
  return value.whole.empty() ? value.text : value.whole;
}

}  // namespace

Failure fail_value(const ValueText& value, std::string_view token, std::string_view problem) {
  const auto position =
      token.data() - value.text.data() + static_cast<std::ptrdiff_t>(value.skipped) + 1;
  std::string message = std::string(value.key) + ": " + quote(shown(value));
  message += ": at byte " + std::to_string(position);
  if (!token.empty()) message += " (" + quote(token, token_limit) + ")";
  message += ": ";
  message += problem;
  return fail(Exit::annotation, std::move(message), {.byte = static_cast<std::uint32_t>(position)});
}

Failure fail_unsupported(const ValueText& value, std::string_view problem) {
  return fail(Exit::unsupported, value.key, ": ", quote(shown(value)), ": ", problem);
}

Result<> check_printable(const ValueText& value) {
  const auto bad = std::find_if_not(value.text.begin(), value.text.end(), is_of_the_language);
  if (bad == value.text.end()) return {};
  const auto at = static_cast<std::size_t>(bad - value.text.begin());
  return fail_value(value, value.text.substr(at, 1), "expected nothing but printable ASCII");
}

Result<BareText> BareText::of(const ValueText& value) {
  BareText bare(value);
  std::string& text = bare.blanked_;
  bool commented = false;
  std::size_t next = 0;
  for (std::size_t begin = 0; begin < text.size() && !value.is_array; begin = next + 1) {
    next = std::min(text.find_first_of(line_ends, begin), text.size());
    const std::size_t first = text.find_first_not_of(white_space, begin);
    if (first == std::string::npos || first >= next || text[first] != '#') continue;
    std::fill(text.begin() + static_cast<std::ptrdiff_t>(first),
              text.begin() + static_cast<std::ptrdiff_t>(next), ' ');
    commented = true;
  }
  std::replace_if(text.begin(), text.end(), is_white_space, ' ');
  if (commented && text.find_first_not_of(' ') == std::string::npos) {
    return fail_value(value, value.text,
                      "expected a value beside the comments; a list that is to be empty is empty");
  }
  return bare;
}

ValueText BareText::value() const {
  const std::size_t first = std::min(blanked_.find_first_not_of(' '), blanked_.size());
  const std::size_t end = blanked_.find_last_not_of(' ') + 1;
  const std::string_view text(blanked_);
  return {.key = given_.key,
          .text = first < end ? text.substr(first, end - first) : text.substr(first),
          .is_array = given_.is_array,
          .whole = given_.text,
          .skipped = first,
          .name = given_.name};
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
