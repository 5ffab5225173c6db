// SPDX-License-Identifier: Apache-2.0
#include "annotations/subject/hours.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace socklid::annotations {
namespace {

constexpr unsigned day = 24 * 60;
constexpr unsigned farthest_zone = 14 * 60;
constexpr std::size_t longest_zone = 64;

/// "HH:MM" in minutes; nothing if it is none, or more than `most`.
std::optional<std::uint16_t> minutes_of(std::string_view text, unsigned most) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = parse_number<std::uint16_t>(text.substr(0, 2));
  const auto minutes = parse_number<std::uint16_t>(text.substr(3));
  if (!hours || !minutes || *minutes > 59) return std::nullopt;
  const unsigned all = *hours * 60U + *minutes;
  return all <= most ? std::optional(static_cast<std::uint16_t>(all)) : std::nullopt;
}

std::optional<Window> window_of(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto from = minutes_of(text.substr(0, dash), day - 1);
  const auto to = minutes_of(text.substr(dash + 1), day);
  if (!from || !to || *from == *to) return std::nullopt;
  return Window{*from, *to};
}

std::string two_digits(unsigned number) {
  return {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
}

std::string clock(unsigned minutes) {
  return two_digits(minutes / 60) + ":" + two_digits(minutes % 60);
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// As the tz database writes names, and no path out of it.
bool is_zone_name(std::string_view text) {
  const auto may_stand = [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-' || c == '/';
  };
  return !text.empty() && text.size() <= longest_zone && is_letter(text.front()) &&
         text.back() != '/' && text.find("//") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), may_stand);
}

}  // namespace

Result<std::vector<Window>> parse_hours(const ValueText& value) {
  std::vector<Window> hours;
  for (const std::string_view item : split_list(value.text)) {
    const auto window = window_of(item);
    if (!window) {
      return fail_value(value, item,
                        "expected a time of day and when it ends, 00:00 to 24:00, such as "
                        "08:00-17:30 or 22:00-06:00");
    }
    hours.push_back(*window);
  }
  if (hours.empty() || hours.size() > max_windows) {
    return fail_value(
        value, value.text,
        "expected one to " + std::to_string(max_windows) + " windows, such as 08:00-17:30");
  }
  return hours;
}

std::string to_string(const std::vector<Window>& hours) {
  std::string text;
  for (const Window& window : hours) {
    if (!text.empty()) text += ' ';
    text += clock(window.from) + "-" + clock(window.to);
  }
  return text;
}

Result<std::string> parse_zone(const ValueText& value) {
  const std::string_view text = value.text;
  const bool is_offset = text.starts_with('+') || text.starts_with('-');
  if (is_offset ? minutes_of(text.substr(1), farthest_zone).has_value() : is_zone_name(text)) {
    return std::string(text);
  }
  return fail_value(value, text,
                    "expected UTC, a distance from it such as +02:00, at most 14:00, or a name of "
                    "the node's tz database such as Europe/Berlin");
}

}  // namespace socklid::annotations
