// SPDX-License-Identifier: Apache-2.0
//
// How much a test does (tests/suite/table.py).
//
//   const int forks = is_thorough() ? 100'000 : 1'000;
#pragma once

#include <cstdlib>
#include <string_view>

namespace socklid::test {

/// Whether there is the time of `./run test --all`: SOCKLID_LEVEL says so, or is not set.
inline bool is_thorough() {
  const char* level = std::getenv("SOCKLID_LEVEL");
  return level == nullptr || std::string_view(level) == "all";
}

}  // namespace socklid::test
