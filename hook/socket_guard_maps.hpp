// SPDX-License-Identifier: Apache-2.0
//
// Maps as they are found pinned on bpffs. Those of another build may be missing, or have keys and
// values of other sizes than ours, and the kernel copies as many bytes as the map says: everything
// is read by the map's own measure.
//
//   const UniqueFd map = SL_TRY(find_map(path, sizeof(std::uint64_t)));  // invalid: not for us
//   const auto seal = SL_TRY(read_value<sl_seal>(map.get(), cgroup_id));
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace socklid {

[[nodiscard]] Result<UniqueFd> get_pin(const std::string& path);

/// Invalid if there is no such map, or one whose keys, or values if a size is given, have another
/// size.
[[nodiscard]] Result<UniqueFd> find_map(const std::string& path, std::size_t key_size,
                                        std::size_t value_size = 0);

[[nodiscard]] Result<std::uint32_t> max_entries(int map);

/// The value of `key` as the map has it, or nothing. Of a per-CPU map that of each CPU.
[[nodiscard]] Result<std::vector<std::vector<char>>> read_bytes(int map, std::uint64_t key);

/// The value of `key`, or nothing. What another build's value lacks is zero.
template <typename Value>
[[nodiscard]] Result<std::optional<Value>> read_value(int map, std::uint64_t key) {
  const auto bytes = SL_TRY(read_bytes(map, key));
  if (bytes.empty()) return std::optional<Value>();
  Value value{};
  std::memcpy(&value, bytes.front().data(), std::min(sizeof(value), bytes.front().size()));
  return std::optional<Value>(value);
}

}  // namespace socklid
