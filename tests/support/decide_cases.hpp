// SPDX-License-Identifier: Apache-2.0
//
// Generated policies and attempts for sl_decide(), the same on every machine: the kernel test
// feeds them to the compiled BPF and compares its answers with the host's.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "annotations/address.hpp"
#include "tests/support/host_lists.hpp"

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
    policy.mark = pick<std::uint32_t>({0, 3});
    policy.mark_mask = 0xff;
    policy.netns = pick<std::uint32_t>({0, 0, 77});
    policy.cgroup_id = 1;
    policy.home = 77;
    policy.host = 5;
    policy.generation = static_cast<std::uint32_t>(below(2));
    return policy;
  }

  sl_packet packet() {
    sl_packet packet{};
    packet.flags = static_cast<std::uint16_t>(below(2048));
    if (below(2) == 0) packet.flags &= SL_PACKET_ARRIVES | SL_PACKET_OPENS | SL_PACKET_ANSWERS;
    packet.family = pick<std::uint16_t>({2, 10});
    packet.protocol = pick<std::uint8_t>({1, 6, 6, 17, 17, 33, 58, 132, 136});
    packet.port = port();
    packet.local_port = port();
    address(packet.address);
    address(packet.local_address);
    return packet;
  }

  sl_attempt attempt() {
    sl_attempt attempt{};
    attempt.verb = static_cast<std::uint8_t>(below(SL_VERB_MODULE + 2));
    attempt.flags = static_cast<std::uint32_t>(below(2048));
    attempt.family = pick<std::uint16_t>({0, 1, 2, 2, 10, 10, 16, 17, 40, 43, 63, 64, 65535});
    attempt.type = pick<std::uint16_t>({0, 1, 1, 2, 2, 3, 5, 6, 10});
    attempt.protocol =
        pick<std::uint32_t>({0, 0, 1, 6, 17, 33, 58, 132, 136, 255, 256, 262, 12, 31, 32, 64, ~0u});
    attempt.address_family = pick<std::uint16_t>({0, 1, 2, 2, 10, 10, 16});
    attempt.port = port();
    attempt.address_length = pick<std::uint32_t>({0, 1, 2, 15, 16, 23, 24, 28, 128});
    address(attempt.address);
    attempt.level = pick<std::int32_t>({0, 0, 1, 6, 17, 41, 41, 132, 255, 282, -1});
    attempt.option = pick<std::int32_t>(
        {-1, 0,  1,  4,  5,  6,  7,  8,   17,  19,  20,  27,  31,     35,     36,     42,
         46, 51, 57, 63, 64, 65, 75, 100, 103, 132, 200, 300, 0x8913, 0x8914, 0x8946, 0x400454ca});
    attempt.netns = pick<std::uint32_t>({0, 77, 77, 78});
    attempt.mark = pick<std::uint32_t>({0, 3, 0x103});
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

  /// Of few addresses and ports, so that they overlap, and name some attempts.
 public:
  std::vector<annotations::Endpoint> list(bool ports_only) {
    using annotations::Protocol;
    std::vector<annotations::Endpoint> list(below(8));
    for (annotations::Endpoint& endpoint : list) {
      endpoint.protocol = ports_only ? pick<Protocol>({Protocol::tcp, Protocol::udp})
                                     : pick<Protocol>({Protocol::tcp, Protocol::udp, Protocol::icmp,
                                                       Protocol::sctp, Protocol::dccp});
      const bool has_ports = endpoint.protocol != Protocol::icmp && below(4) != 0;
      if (has_ports) endpoint.ports = {port(), 65535};
      if (below(2) == 0) endpoint.prefix = prefix();
    }
    return list;
  }

 private:
  annotations::Prefix prefix() {
    annotations::Prefix prefix;
    const bool ipv4 = below(2) == 0;
    prefix.family = ipv4 ? annotations::AddressFamily::ipv4 : annotations::AddressFamily::ipv6;
    prefix.bits = ipv4 ? pick<std::uint8_t>({0, 8, 31, 32}) : pick<std::uint8_t>({0, 31, 127, 128});
    std::uint32_t words[4] = {};
    address(words);
    std::memcpy(prefix.address.data(), words, ipv4 ? 4 : 16);
    for (unsigned bit = prefix.bits; bit < 128; bit++) {
      prefix.address[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
    }
    return prefix;
  }

  void address(std::uint32_t (&words)[4]) {
    for (std::uint32_t& word : words) word = pick<std::uint32_t>({0, 0, 1, 0x0100007f, 0xffffffff});
  }

  std::mt19937_64 random_;
};

}  // namespace socklid::test
