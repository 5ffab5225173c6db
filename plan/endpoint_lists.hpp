// SPDX-License-Identifier: Apache-2.0
//
// EndpointLists: what `connect`, `bind` and `egress` name, as the entries of the two tries (D5a)
// that the kernel's programs ask (bpf/policy_abi.h, bpf/lists.bpf.h). Pure: a value that grows
// linearly with the lists, whatever overlaps in them.
//
//   const EndpointLists lists = compile_lists(connect, bind);
//   write(lists.of(cgroup_id, generation).prefixes);  // the keys that one container's entries have
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "annotations/address.hpp"
#include "base/result.hpp"
#include "bpf/policy_abi.h"

namespace socklid {

/// One container's share of each of the two tries, which hold 512 such: what the 10,000 endpoints
/// that a policy may have come to where each names one port, with those of `bind` once more as what
/// is served. A range of ports is up to 30 entries.
inline constexpr std::size_t max_list_entries = 32768;

struct PrefixEntry {
  sl_prefix_key key;
  sl_prefix value;
};

struct EndpointLists {
  std::vector<PrefixEntry> prefixes;  ///< no two with one key
  std::vector<sl_port_key> ports;     ///< likewise

  [[nodiscard]] bool empty() const { return prefixes.empty(); }
  /// The same entries under a container's keys.
  [[nodiscard]] EndpointLists of(std::uint64_t cgroup_id, std::uint32_t generation) const;
};

/// Keys have cgroup id and generation 0. An endpoint without address is a prefix of 0 bits in each
/// family. Sets of ports that are equal are one. `egress` is given where packets are judged: then
/// what arrives is held against `bind` too, by the address it came for (SL_LIST_SERVED).
[[nodiscard]] EndpointLists compile_lists(
    const std::vector<annotations::Endpoint>& connect,
    const std::vector<annotations::Endpoint>& bind,
    const std::vector<annotations::Endpoint>* egress = nullptr);

/// The lists of a container, or of a subject of it, and what their annotations begin with:
/// "io.socklid.", "io.socklid.subject.sshd: ".
struct NamedLists {
  std::string prefix;
  const std::vector<annotations::Endpoint>* connect;
  const std::vector<annotations::Endpoint>* bind;
  const std::vector<annotations::Endpoint>* egress;  ///< null: not given
};

/// Whether all of them keep to one container's share. Exit::unsupported: names the annotation that
/// has most of what is too much, how much it comes to, and the share.
[[nodiscard]] Result<> check_share(const std::vector<NamedLists>& lists);

}  // namespace socklid
