// SPDX-License-Identifier: Apache-2.0
//
// StoreIndex: which containers have a given id, cgroup or network namespace, found without reading
// the records of all others (D17). Empty files, one directory for each value:
//
//   <run>/index/id/<encoded id>/<key>   cgroup/<cgroup id>/<key>   netns/<inode>/<key>
//
// Only what has nft rules is in netns/. An entry may outlive its record after a crash, never the
// other way round: it is written first and removed last. Errors: Exit::store.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/record.hpp"
#include "system/paths.hpp"

namespace socklid {

enum class IndexBy { id, cgroup, netns };

class StoreIndex {
 public:
  /// `directory` is <run>/index, or where one is being made.
  explicit StoreIndex(std::string directory) : directory_(std::move(directory)) {}

  /// Sorted; none if there is no such value, or no index yet.
  [[nodiscard]] Result<std::vector<std::string>> keys(IndexBy by, const std::string& value) const;
  /// Under its id, its cgroup and, with rules, its namespace. There already is done.
  [[nodiscard]] Result<> add(const Record& record) const;
  /// Takes `key` out; `netns` is where it had rules, if it had. Absent is done (I7).
  [[nodiscard]] Result<> remove(const std::string& key, const StoreKey& parts,
                                std::optional<std::uint64_t> netns) const;

 private:
  [[nodiscard]] std::string path(IndexBy by, const std::string& value) const;
  [[nodiscard]] Result<> remove(IndexBy by, const std::string& value, const std::string& key) const;
  std::string directory_;
};

/// How a cgroup id or an inode is written as a value.
[[nodiscard]] std::string index_value(std::uint64_t number);

}  // namespace socklid
