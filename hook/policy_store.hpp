// SPDX-License-Identifier: Apache-2.0
//
// PolicyStore: the state of each container with a policy (D8), in two places under one key:
//
//   <bpffs>/containers/<key>/   pinned links: what keeps the policy in force; published by rename
//   <run>/containers/<key>.json the Record
//
//   const std::string directory = SL_TRY(store.stage(key));      // pin the links there
//   SL_CHECK(store.publish(record));                             // the commit point
//   SL_CHECK(store.unstage(key));                                // what publish replaced, if any
//
// Callers hold the NodeLock; only list() works without it. A crash leaves at worst a staging
// directory with links in force, or a record without pins: sweep() and list() show both.
// All removals take what is absent as done (I7). Errors: Exit::store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "hook/paths.hpp"
#include "hook/record.hpp"

namespace socklid {

/// What the store has under one key. One of `record` and `pinned` may be missing.
struct StoreEntry {
  std::string key;
  StoreKey parts;                ///< of the key
  std::optional<Record> record;  ///< nothing: no file, or one that does not read
  bool recorded{false};          ///< whether there is a file at all
  bool pinned{false};            ///< whether there is a directory on bpffs
};

/// Exit::node, with the mend, if there is no bpffs at paths.bpffs_mount.
[[nodiscard]] Result<> check_bpffs(const Paths& paths);

class PolicyStore {
 public:
  /// Makes the directories if need be.
  [[nodiscard]] static Result<PolicyStore> open(const Paths& paths);

  /// Everything of every container. Works without the store being there, changes nothing.
  [[nodiscard]] static Result<std::vector<StoreEntry>> list(const Paths& paths);

  /// Makes an empty staging directory for `key`, in place of one that a crash has left, and gives
  /// its absolute path.
  [[nodiscard]] Result<std::string> stage(const std::string& key) const;
  /// Removes the staging directory of `key`.
  [[nodiscard]] Result<> unstage(const std::string& key) const;
  /// Writes the record, then renames staging to published. What was published under the key
  /// before is in the staging directory afterwards, still in force. On error nothing has changed.
  [[nodiscard]] Result<> publish(const Record& record) const;
  /// Takes publish() back: what it had replaced is published again with `previous`, or nothing.
  [[nodiscard]] Result<> withdraw(const std::string& key,
                                  const std::optional<Record>& previous) const;
  /// Removes the published directory of `key`: its links are no longer held by us.
  [[nodiscard]] Result<> unpin(const std::string& key) const;
  /// Removes the record of `key`.
  [[nodiscard]] Result<> erase(const std::string& key) const;
  /// Removes what runs that were killed have left half-made: staging directories, new files.
  [[nodiscard]] Result<> sweep() const;

 private:
  PolicyStore() = default;
  [[nodiscard]] Result<> replace_record(const std::string& key,
                                        const std::optional<Record>& record) const;
  std::string bpffs_;  ///< path of bpffs_directory_
  UniqueFd records_;   ///< <run>/containers
  UniqueFd bpffs_directory_;
  UniqueFd pins_;  ///< <bpffs>/containers
};

}  // namespace socklid
