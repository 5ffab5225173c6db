// SPDX-License-Identifier: Apache-2.0
#include "annotations/opened_options.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace socklid::annotations {
namespace {

struct Word {
  std::string_view name;
  bool OpenedOptions::*opens;
};

constexpr Word words[] = {
    {"transparent", &OpenedOptions::transparent},
    {"source-groups", &OpenedOptions::source_groups},
};

}  // namespace

Result<OpenedOptions> parse_opened_options(const ValueText& value) {
  OpenedOptions options;
  for (const std::string_view item : split_list(value.text)) {
    const auto* found = std::find_if(std::begin(words), std::end(words),
                                     [&](const Word& word) { return word.name == item; });
    if (found == std::end(words)) {
      return fail_value(value, item, "expected transparent or source-groups, or both");
    }
    options.*found->opens = true;
  }
  return options;
}

std::string to_string(const OpenedOptions& options) {
  std::string text;
  for (const Word& word : words) {
    if (!(options.*word.opens)) continue;
    if (!text.empty()) text += ' ';
    text += word.name;
  }
  return text;
}

}  // namespace socklid::annotations
