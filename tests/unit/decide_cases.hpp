// SPDX-License-Identifier: Apache-2.0
//
// Generated policies and attempts for sl_decide(), the same on every machine: the kernel test
// feeds them to the compiled BPF and compares its answers with the host's.
#pragma once

#include <array>
#include <cstdint>
#include <random>

#include "bpf/decide.h"

namespace socklid::test {

struct Case {
  sl_policy policy{};
  sl_attempt attempt{};
};

/// Values near the edges of what sl_decide() compares, so that random cases meet its branches.
class CaseGenerator {
 public:
  explicit CaseGenerator(std::uint32_t seed) : random_(seed) {}

  sl_policy policy() {
    sl_policy policy{};
    policy.flags = below(32) == 0 ? 0 : static_cast<std::uint32_t>(random_()) | SL_CONFIGURED;
    if (below(2) == 0) policy.flags &= ~std::uint32_t{SL_UNRESTRICTED};
    policy.families = below(4) == 0 ? random_() : (1u << 1) | (1u << 2) | (1u << 10) | (1u << 16);
    policy.netlink = below(2) == 0 ? 1 : static_cast<std::uint32_t>(random_());
    policy.bind_count = pick<std::uint32_t>({0, 1, 2, 7, SL_BIND_MAX});
    for (std::uint32_t i = 0; i < policy.bind_count; i++) policy.bind[i] = range();
    return policy;
  }

  sl_attempt attempt() {
    sl_attempt attempt{};
    attempt.verb = static_cast<std::uint8_t>(below(SL_VERB_BPF + 2));
    attempt.flags = static_cast<std::uint32_t>(below(16));
    attempt.family = pick<std::uint16_t>({0, 1, 2, 2, 10, 10, 16, 17, 40, 43, 63, 64, 65535});
    attempt.type = pick<std::uint16_t>({0, 1, 1, 2, 2, 3, 5, 6, 10});
    attempt.protocol =
        pick<std::uint32_t>({0, 0, 1, 6, 17, 33, 58, 132, 136, 255, 256, 262, 12, 31, 32, 64, ~0u});
    attempt.address_family = pick<std::uint16_t>({0, 1, 2, 2, 10, 10, 16});
    attempt.port = port();
    attempt.address_length = pick<std::uint32_t>({0, 1, 2, 15, 16, 23, 24, 28, 128});
    address(attempt.address);
    attempt.level = pick<std::int32_t>({0, 1, 6, 41, 132, 255, -1});
    attempt.option =
        pick<std::int32_t>({-1, 0, 1, 4, 5, 6, 7, 19, 36, 57, 63, 64, 65, 75, 100, 200});
    return attempt;
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  template <typename T>
  T pick(std::initializer_list<T> values) {
    return *(values.begin() + below(values.size()));
  }

  std::uint16_t port() {
    return pick<std::uint16_t>({0, 1, 22, 79, 80, 81, 443, 32768, 65534, 65535});
  }

  void address(std::uint32_t (&words)[4]) {
    for (std::uint32_t& word : words) word = pick<std::uint32_t>({0, 0, 1, 0x0100007f, 0xffffffff});
  }

  sl_bind_range range() {
    sl_bind_range range{};
    range.first = port();
    range.last = below(4) == 0 ? 65535 : range.first;
    range.protocol = pick<std::uint8_t>({6, 6, 17});
    range.family = pick<std::uint8_t>({0, 0, 2, 10});
    address(range.address);
    for (std::uint32_t& word : range.mask) word = pick<std::uint32_t>({0, 0xff, 0xffffffff});
    return range;
  }

  std::mt19937_64 random_;
};

}  // namespace socklid::test
