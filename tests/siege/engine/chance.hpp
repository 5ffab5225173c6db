// SPDX-License-Identifier: Apache-2.0
//
// Chance: numbers that a seed makes, the same ones everywhere and always (SplitMix64).
//
//   Chance chance(7);
//   if (chance.percent(30)) return chance.one_of(list);
#pragma once

#include <cstddef>
#include <cstdint>

namespace socklid::siege {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }
  /// 0 to `limit` - 1; `limit` is at least 1.
  unsigned below(std::size_t limit) { return static_cast<unsigned>(next() % limit); }
  /// True so many times of a hundred.
  bool percent(unsigned share) { return below(100) < share; }
  /// `list` is not empty.
  template <class List>
  auto one_of(const List& list) {
    return list[below(list.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace socklid::siege
