// SPDX-License-Identifier: Apache-2.0
//
// One container's entries in the node's two tries of endpoint lists. For socket_guard.cpp.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "guard/maps.hpp"
#include "plan/endpoint_lists.hpp"

namespace socklid {

/// The two tries. Of a build without lists, or with others than ours, they are not there.
struct ListMaps {
  BpfMap<sl_prefix_key, sl_prefix> prefixes;
  BpfMap<sl_port_key, __u32> ports;
};

/// Adds the lists under the container's keys. The generation has no entries yet, and on an
/// error has none again. Exit::bpf; the error names a trie that is full.
[[nodiscard]] Result<> fill_lists(const ListMaps& maps, const EndpointLists& lists,
                                  std::uint64_t cgroup_id, std::uint32_t generation);

/// Removes all entries of one container and generation; none is fine (I7). Finds them without
/// knowing them, also those of a run that was killed.
[[nodiscard]] Result<> clear_lists(const ListMaps& maps, std::uint64_t cgroup_id,
                                   std::uint32_t generation);

/// How many entries a container has in the two tries.
struct ListSize {
  std::uint64_t prefixes{0};
  std::uint64_t ports{0};
};
/// As fill_lists() has written it down, in both generations: a trie cannot be counted but by going
/// through all of it. Nothing for a container without lists.
[[nodiscard]] Result<ListSize> size_of_lists(const ListMaps& maps, std::uint64_t cgroup_id);

/// How many entries of one container and generation are missing, other than in `lists`, or there
/// besides them. Walks this container's entries only.
[[nodiscard]] Result<std::size_t> count_wrong_entries(const ListMaps& maps,
                                                      const EndpointLists& lists,
                                                      std::uint64_t cgroup_id,
                                                      std::uint32_t generation);

/// Adds what clear_lists() finds the entries by, if somebody has taken it away.
[[nodiscard]] Result<> mark_lists(const ListMaps& maps, const EndpointLists& lists,
                                  std::uint64_t cgroup_id, std::uint32_t generation);

}  // namespace socklid
