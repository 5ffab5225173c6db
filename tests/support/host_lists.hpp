// SPDX-License-Identifier: Apache-2.0
//
// sl_decide() on the host: its lists in plain vectors, asked as bpf/lists.bpf.h asks the tries.
//
//   host_lists() = compile(policy).lists;
//   sl_decide(&plan.image, &attempt);
#pragma once

#include <algorithm>
#include <cstring>

#include "bpf/decide.h"
#include "bpf/decide_packet.h"
#include "plan/endpoint_lists.hpp"

namespace socklid::test {

inline EndpointLists& host_lists() {
  static EndpointLists lists;
  return lists;
}

/// Whether the first `bits` bits of two byte strings are equal.
inline bool same_bits(const void* a, const void* b, std::uint32_t bits) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  const std::uint32_t bytes = bits / 8;
  if (std::memcmp(left, right, bytes) != 0) return false;
  const std::uint32_t rest = bits % 8;
  return rest == 0 || (left[bytes] ^ right[bytes]) >> (8 - rest) == 0;
}

/// What a longest-prefix trie answers; both keys begin with their number of bits.
template <typename Entries, typename Key, typename KeyOf>
auto longest_match(const Entries& entries, const Key& wanted, KeyOf key_of) {
  auto best = entries.end();
  for (auto it = entries.begin(); it != entries.end(); ++it) {
    const Key& key = key_of(*it);
    if (key.bits > wanted.bits || !same_bits(&key.generation, &wanted.generation, key.bits)) {
      continue;
    }
    if (best == entries.end() || key.bits > key_of(*best).bits) best = it;
  }
  return best;
}

}  // namespace socklid::test

static int sl_list_names(const sl_policy* policy, sl_list list, __u8 protocol,
                         const sl_attempt* a) {
  using namespace socklid::test;
  const socklid::EndpointLists& lists = host_lists();
  sl_prefix_key prefix{};
  prefix.generation = policy->generation;
  prefix.cgroup_id = policy->cgroup_id;
  prefix.list = static_cast<__u8>(list);
  prefix.family = static_cast<__u8>(a->address_family);
  prefix.subject = static_cast<__u8>(policy->subject);
  std::copy(std::begin(a->address), std::end(a->address), prefix.address);
  sl_port_key port{};
  port.bits = SL_PORT_FIXED_BITS + 16;
  port.generation = policy->generation;
  port.cgroup_id = policy->cgroup_id;
  port.protocol = protocol;
  port.subject = static_cast<__u8>(policy->subject);
  port.port = __builtin_bswap16(a->port);
  __u32 bits = a->address_family == SL_AF_INET6 ? 128 : 32;
  while (true) {
    prefix.bits = SL_PREFIX_FIXED_BITS + bits;
    const auto found = longest_match(
        lists.prefixes, prefix,
        [](const socklid::PrefixEntry& entry) -> const sl_prefix_key& { return entry.key; });
    if (found == lists.prefixes.end()) return 0;
    port.ports = found->value.ports;
    const auto named = longest_match(
        lists.ports, port, [](const sl_port_key& key) -> const sl_port_key& { return key; });
    if (named != lists.ports.end()) return 1;
    if (found->value.bits == 0) return 0;
    bits = found->value.bits - 1;
  }
}
