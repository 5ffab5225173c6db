// SPDX-License-Identifier: Apache-2.0
#include "hook/socket_guard_maps.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace socklid {
namespace {

Result<bpf_map_info> info_of(int map) {
  bpf_map_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &size) != 0) return fail_errno(Exit::bpf, "look at a map");
  return info;
}

}  // namespace

Result<UniqueFd> get_pin(const std::string& path) {
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd) return fail_errno(Exit::bpf, "open the BPF pin " + path);
  return fd;
}

Result<UniqueFd> find_map(const std::string& path, std::size_t key_size, std::size_t value_size) {
  UniqueFd map(bpf_obj_get(path.c_str()));
  if (!map && errno == ENOENT) return map;
  if (!map) return fail_errno(Exit::bpf, "open the BPF pin " + path);
  const bpf_map_info info = SL_TRY(info_of(map.get()));
  const bool ours = info.key_size == key_size && (value_size == 0 || info.value_size == value_size);
  if (!ours) map.reset();
  return map;
}

Result<std::uint32_t> max_entries(int map) {
  return SL_TRY(info_of(map)).max_entries;
}

Result<std::vector<std::vector<char>>> read_bytes(int map, std::uint64_t key) {
  std::vector<std::vector<char>> values;
  if (map < 0) return values;
  const bpf_map_info info = SL_TRY(info_of(map));
  const bool per_cpu = info.type == BPF_MAP_TYPE_PERCPU_HASH;
  const int cpus = per_cpu ? libbpf_num_possible_cpus() : 1;
  if (cpus < 0) return fail_errno(Exit::node, "count the possible CPUs", -cpus);
  // Per-CPU maps have one value for each *possible* CPU, each rounded up to 8 bytes
  // (Documentation/bpf/map_hash.rst).
  const std::size_t stride = per_cpu ? (info.value_size + 7U) / 8U * 8U : info.value_size;
  std::vector<char> all(stride * static_cast<std::size_t>(cpus));
  if (bpf_map_lookup_elem(map, &key, all.data()) != 0) {
    if (errno == ENOENT) return values;
    return fail_errno(Exit::bpf, "read an entry of a map");
  }
  for (auto value = all.begin(); value != all.end(); value += static_cast<std::ptrdiff_t>(stride)) {
    values.emplace_back(value, value + info.value_size);
  }
  return values;
}

}  // namespace socklid
