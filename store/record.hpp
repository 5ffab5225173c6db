// SPDX-License-Identifier: Apache-2.0
//
// Record: the part of a container's state that later runs look up, in <run>/containers/<key>.json
// (D8). It has numbers and names of bounded length, 1 KiB at most. So one container's annotations
// cost no other container's start anything (D17). Everything that removal needs is in here, because
// poststop gets fewer annotations, no process, no namespace and no cgroup. Details: the rest, in
// <run>/details/<key>.json, read for this container only, and by people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/mark.hpp"
#include "annotations/parser.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "node/files/looked_up.hpp"
#include "plan/placement.hpp"
#include "store/view.hpp"

namespace socklid {

/// Bytes that to_json(Record) never exceeds, whatever the id.
inline constexpr std::size_t record_limit = 1024;

struct Record {
  std::string id;  ///< at most id_limit bytes
  std::uint64_t cgroup_id{0};
  std::uint64_t netns{0};   ///< inode of the network namespace at creation
  Placement placement;      ///< in it
  std::string object_hash;  ///< of the BPF programs in force
  std::optional<annotations::Mark> mark;
  bool rules{false};            ///< whether nft rules of ours are in the namespace
  std::int64_t created{0};      ///< seconds since 1970
  std::int64_t pid{0};          ///< of the first process
  std::uint64_t start_time{0};  ///< of that process, as parse_start_time(); 0: written by 0.1.0
  std::optional<View> view;     ///< it was made in; nothing: written by 0.1.0
  friend bool operator==(const Record&, const Record&) = default;
};

struct Details {
  std::string cgroup_path;               ///< as CgroupRef::path
  annotations::Annotations annotations;  ///< those of ours
  std::string container;                 ///< its name in its pod, if its engine said it for sure
  std::vector<std::string> hooks;        ///< names, as in plan/kernel_hooks.hpp
  std::vector<std::string> notes;        ///< from the plan, for people
  LookedUp looked_up{};                  ///< its subjects' and protected files; mostly nothing
  friend bool operator==(const Details&, const Details&) = default;
};

[[nodiscard]] std::string to_json(const Record& record);
[[nodiscard]] std::string to_json(const Details& details);

/// Exit::store, naming the member that is missing or of the wrong type. Unknown members are fine: a
/// later version may have written them, and 0.1.0 had record and details in one document, which
/// both functions read.
[[nodiscard]] Result<Record> parse_record(std::string_view text);
[[nodiscard]] Result<Details> parse_details(std::string_view text);

/// A view as it stands in a record, and in a document of its own. Errors: Exit::store.
[[nodiscard]] json::Value to_value(const View& view);
[[nodiscard]] Result<View> parse_view(const json::Value& value);

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
