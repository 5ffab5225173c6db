// SPDX-License-Identifier: Apache-2.0
#include "annotations/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace socklid::annotations {
namespace {

constexpr std::size_t longest_word = 64;  // of a word worth comparing

/// How many characters to insert, delete or replace to make one out of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string_view nearest_of(std::string_view word, std::span<const std::string_view> words) {
  if (word.size() > longest_word) return {};
  std::string_view nearest;
  std::size_t best = longest_word;
  for (const std::string_view one : words) {
    const std::size_t distance = edit_distance(word, one);
    // A third of it: more than that is another word.
    if (distance <= one.size() / 3 + 1 && distance < best) {
      best = distance;
      nearest = one;
    }
  }
  return nearest;
}

}  // namespace socklid::annotations
