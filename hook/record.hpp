// SPDX-License-Identifier: Apache-2.0
//
// Record: what we know about one container with a policy, as it stands in
// <run>/containers/<key>.json (D8). Everything that removal needs is in here, because poststop
// gets fewer annotations, no process, no namespace and no cgroup.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/mark.hpp"
#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "hook/placement.hpp"

namespace socklid {

struct Record {
  std::string id;
  std::uint64_t cgroup_id{0};
  std::string cgroup_path;         ///< as CgroupRef::path
  std::uint64_t netns{0};          ///< inode of the network namespace at creation
  Placement placement;             ///< in it
  std::string object_hash;         ///< of the BPF programs in force
  std::vector<std::string> hooks;  ///< names, as in hook/plan.hpp
  std::optional<annotations::Mark> mark;
  bool rules{false};                     ///< whether nft rules of ours are in the namespace
  annotations::Annotations annotations;  ///< those of ours
  std::string container;                 ///< its name in its pod, if its engine said it for sure
  std::vector<std::string> notes;        ///< from the plan, for people
  std::int64_t created{0};               ///< seconds since 1970
  std::int64_t pid{0};                   ///< of the first process
  friend bool operator==(const Record&, const Record&) = default;
};

[[nodiscard]] std::string to_json(const Record& record);
/// Exit::store, naming the member that is missing or of the wrong type. Unknown members are fine:
/// a later version may have written them.
[[nodiscard]] Result<Record> parse_record(std::string_view text);

/// The name of a container's directory on bpffs and of its record: the id and the cgroup id, so
/// that a container and its restarted self are two. bpffs refuses dots in names (bpf_lookup() in
/// kernel/bpf/inode.c) and a name has 255 bytes at most: characters of the id outside
/// [A-Za-z0-9-] are written _HH, and an id that gets too long is cut and its hash appended.
[[nodiscard]] std::string key_of(std::string_view id, std::uint64_t cgroup_id);

/// The parts of a key. An encoded id compares equal for equal ids.
struct StoreKey {
  std::string encoded_id;
  std::uint64_t cgroup_id{0};
  friend bool operator==(const StoreKey&, const StoreKey&) = default;
};
[[nodiscard]] std::string encode_id(std::string_view id);
/// Nothing if `name` is not a key.
[[nodiscard]] std::optional<StoreKey> parse_key(std::string_view name);

}  // namespace socklid
