// SPDX-License-Identifier: Apache-2.0
#include "annotations/nearly_ours.hpp"

#include <array>
#include <string>

#include "annotations/document.hpp"
#include "annotations/parser.hpp"
#include "annotations/settings.hpp"
#include "base/text.hpp"

namespace socklid::annotations {
namespace {

constexpr std::string_view left_out = ".-_/";
/// Both of the same length.
constexpr std::array<std::string_view, 2> beginnings = {"iosocklid", "socklidio"};
static_assert(beginnings[0].size() == beginnings[1].size());

/// "io.Socklid/egress" is "iosocklidegress". No more than the first `limit` characters of it.
std::string squeezed(std::string_view key, std::size_t limit) {
  std::string text;
  for (const char c : key) {
    if (text.size() == limit) break;
    if (left_out.find(c) != std::string_view::npos) continue;
    text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

}  // namespace

bool is_nearly_ours(std::string_view key) {
  if (key.starts_with(key_prefix)) return false;
  const std::string text = squeezed(key, beginnings[0].size());
  return text == beginnings[0] || text == beginnings[1];
}

Failure fail_nearly_ours(std::string_view key) {
  constexpr std::size_t longest = 64;  // of a name worth comparing
  constexpr std::string_view what = "nearly an annotation of socklid's, which nobody would read";
  const std::string own = squeezed(key, longest).substr(beginnings[0].size());
  for (const KeyInfo& info : keys()) {
    const std::string stem = squeezed(stem_of(info).substr(key_prefix.size()), longest);
    if (stem == own || (is_named(info) && own.starts_with(stem))) {
      return fail_unknown(excerpt(key), what, info.name, Called::key);
    }
  }
  return fail_unknown(excerpt(key), what, concat(key_prefix, own), Called::key);
}

}  // namespace socklid::annotations
