// SPDX-License-Identifier: Apache-2.0
#include "annotations/opened/opened_options.hpp"

#include "annotations/opened/words.hpp"

namespace socklid::annotations {
namespace {

constexpr Word<OpenedOptions> option_words[] = {
    {"transparent", &OpenedOptions::transparent},
    {"source-groups", &OpenedOptions::source_groups},
};

}  // namespace

Result<OpenedOptions> parse_opened_options(const ValueText& value) {
  return parse_words(value, option_words);
}

std::string to_string(const OpenedOptions& options) {
  return print_words(options, option_words);
}

}  // namespace socklid::annotations
