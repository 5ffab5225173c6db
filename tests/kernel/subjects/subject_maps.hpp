// SPDX-License-Identifier: Apache-2.0
//
// The maps of the programs that are loaded, by the names that they have in bpf/: what the hook
// writes for a container with subjects, and what the programs note of it.
//
//   put_in("devices", device, std::uint32_t{1});
//   const auto count = find_in<std::uint64_t, std::int64_t>("task_counts", cgroup_id);
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"
#include "bpf/subject_abi.h"

namespace socklid::test {

/// The newest of that name; aborts if there is none.
[[nodiscard]] UniqueFd open_map(std::string_view name);

template <typename Key, typename Value>
void put_in(std::string_view map, const Key& key, const Value& value) {
  ASSERT_EQ(bpf_map_update_elem(open_map(map).get(), &key, &value, BPF_ANY), 0)
      << map << ": " << std::strerror(errno);
}

template <typename Key, typename Value>
std::optional<Value> find_in(std::string_view map, const Key& key) {
  Value value{};
  if (bpf_map_lookup_elem(open_map(map).get(), &key, &value) != 0) return std::nullopt;
  return value;
}

/// Those of a subject, of all processors.
inline void make_counters(const sl_subject_key& key) {
  const std::vector<sl_denials> zero(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  ASSERT_EQ(bpf_map_update_elem(open_map("subject_denials").get(), &key, zero.data(), BPF_ANY), 0);
}

inline std::uint64_t counted(const sl_subject_key& key, sl_reason reason) {
  std::vector<sl_denials> each(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_lookup_elem(open_map("subject_denials").get(), &key, each.data()) != 0) return 0;
  std::uint64_t sum = 0;
  for (const sl_denials& one : each) sum += one.count[reason];
  return sum;
}

/// How many tasks of the container have an entry.
inline std::size_t tasks_of(std::uint64_t cgroup_id) {
  const UniqueFd map = open_map("tasks");
  std::size_t found = 0;
  std::uint64_t key = 0;
  for (bool more = bpf_map_get_next_key(map.get(), nullptr, &key) == 0; more;
       more = bpf_map_get_next_key(map.get(), &key, &key) == 0) {
    sl_task task{};
    if (bpf_map_lookup_elem(map.get(), &key, &task) == 0 && task.cgroup_id == cgroup_id) ++found;
  }
  return found;
}

}  // namespace socklid::test
