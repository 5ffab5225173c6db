// SPDX-License-Identifier: Apache-2.0
#include "annotations/opened/deputies.hpp"

#include "annotations/opened/words.hpp"

namespace socklid::annotations {
namespace {

constexpr Word<Deputies> deputy_words[] = {
    {"keys", &Deputies::keys},
    {"mounts", &Deputies::mounts},
    {"sysfs", &Deputies::sysfs},
    {"sysctl", &Deputies::sysctl},
};

}  // namespace

Result<Deputies> parse_deputies(const ValueText& value) {
  return parse_words(value, deputy_words);
}

std::string to_string(const Deputies& deputies) {
  return print_words(deputies, deputy_words);
}

}  // namespace socklid::annotations
