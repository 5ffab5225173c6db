// SPDX-License-Identifier: Apache-2.0
//
// Values that are a list of words, each of which opens something of its own. A struct has a bool
// for each, and a table of Words says which. Printed they have one space between.
//
// Internal to annotations/.
#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/value_text.hpp"
#include "base/result.hpp"
#include "base/text.hpp"

namespace socklid::annotations {

template <typename Opened>
struct Word {
  std::string_view name;
  bool Opened::*opens;
};

/// Errors: Exit::annotation, from fail_value(), naming every word there is.
template <typename Opened, std::size_t count>
[[nodiscard]] Result<Opened> parse_words(const ValueText& value,
                                         const Word<Opened> (&words)[count]) {
  Opened opened;
  for (const std::string_view item : split_list(value.text)) {
    const auto* found = std::find_if(std::begin(words), std::end(words),
                                     [&](const Word<Opened>& word) { return word.name == item; });
    if (found == std::end(words)) {
      std::vector<std::string_view> names;
      for (const Word<Opened>& word : words) names.push_back(word.name);
      return fail_value(value, item, "expected one or more of " + joined(names, " "));
    }
    opened.*found->opens = true;
  }
  return opened;
}

template <typename Opened, std::size_t count>
[[nodiscard]] std::string print_words(const Opened& opened, const Word<Opened> (&words)[count]) {
  std::vector<std::string_view> names;
  for (const Word<Opened>& word : words) {
    if (opened.*word.opens) names.push_back(word.name);
  }
  return joined(names, " ");
}

}  // namespace socklid::annotations
