// SPDX-License-Identifier: Apache-2.0
//
// PolicyStore: the state of each container with a policy (D8), under one key:
//
//   <bpffs>/containers/<key>/    pinned links: what keeps the policy in force; published by rename
//   <run>/containers/<key>.json  the Record, which others look up
//   <run>/details/<key>.json     its Details, which nobody else reads
//   <run>/index/                 finds records by id, cgroup and namespace (store/index.hpp)
//   <run>/view.json              the view in which all of it was made (store/view.hpp)
//   <run>/intents/<key>.json     what a run is about to do, and leaves half-done if it is killed
//   <run>/slow/<inode>           network namespaces whose nf_tables kept somebody waiting
//   <run>/cursor                 how far the collection of what is gone has got
//   <run>/new/                   files that are being written
//
//   const std::string directory = SL_TRY(store.stage(key));      // pin the links there
//   SL_CHECK(store.publish({record, details}));                  // the commit point
//   SL_CHECK(store.unstage(key));                                // what publish replaced, if any
//
// Callers hold the NodeLock; only the static functions work without it, and without the store being
// there. All removals take what is absent as done (I7). Errors: Exit::store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "store/index.hpp"
#include "store/record.hpp"
#include "system/paths.hpp"

namespace socklid {

/// The store's content under one key. One of `record` and `pinned` may be missing.
struct StoreEntry {
  std::string key;
  StoreKey parts;                ///< of the key
  std::optional<Record> record;  ///< nothing: no file, or one that does not read
  bool recorded{false};          ///< whether there is a file at all
  bool pinned{false};            ///< whether there is a directory on bpffs
};

/// The work that a run is about to put in force: the record that it will publish. Its network
/// namespace and slot are taken from then on, while it installs rules without the node's lock.
struct Intent {
  Record record;
  bool in_flight{false};  ///< the run that wrote it lives
  friend bool operator==(const Intent&, const Intent&) = default;
};

/// view_here() with what to do about a missing bpffs: to mount one is no advice where policies are
/// pinned on another.
[[nodiscard]] Result<View> view_of_node(const Paths& paths);
/// Whether this process sees the node as the runs did that made the store. Exit::node.
[[nodiscard]] Result<> check_view(const Paths& paths);

/// Both parts of what is written down of one container.
struct Saved {
  Record record;
  Details details;
  friend bool operator==(const Saved&, const Saved&) = default;
};

class PolicyStore {
 public:
  /// Makes the directories if need be, and the index if 0.1.0 has left records without one.
  [[nodiscard]] static Result<PolicyStore> open(const Paths& paths);

  /// Everything of every container: for tools and whole collections, not for a start.
  [[nodiscard]] static Result<std::vector<StoreEntry>> list(const Paths& paths);
  /// Those that the index has; reads no other record.
  [[nodiscard]] static Result<std::vector<StoreEntry>> find(const Paths& paths, IndexBy by,
                                                            const std::string& value);
  /// The view in which the store's policies were made; nothing: none was recorded yet.
  [[nodiscard]] static Result<std::optional<View>> view(const Paths& paths);
  [[nodiscard]] static Result<Details> details(const Paths& paths, const std::string& key);
  [[nodiscard]] static StoreEntry entry(const Paths& paths, const std::string& key);

  /// Keys of records, at most `count`, from where the last run that called move_on() had got, round
  /// and round. Reads no record.
  struct Stretch {
    std::vector<std::string> keys;
    std::int64_t end{0};  ///< where the next one begins, as telldir(3)
  };
  [[nodiscard]] static Result<Stretch> next(const Paths& paths, std::size_t count);
  [[nodiscard]] Result<> move_on(const Stretch& stretch) const;

  [[nodiscard]] Result<> take_view(const View& view) const;
  /// Sorted by key. What does not read was not written by us, and is left out.
  [[nodiscard]] Result<std::vector<Intent>> intents() const;
  /// In flight for as long as the descriptor is open.
  [[nodiscard]] Result<UniqueFd> begin(const Record& wanted) const;
  /// Absent is done, and so is all of <run>. Whoever ends an intent of his own needs no lock.
  [[nodiscard]] Result<> end(const std::string& key) const;
  /// Writes down what a killed run may have left in a network namespace, as a record without pins.
  [[nodiscard]] Result<> keep_unpinned(const Record& record) const;

  /// Network namespaces that only `socklid gc` tries again.
  [[nodiscard]] bool is_slow(std::uint64_t netns) const;
  [[nodiscard]] Result<> set_slow(std::uint64_t netns, bool slow) const;
  [[nodiscard]] Result<> forget_slow() const;

  /// Makes an empty staging directory for `key`, in place of one that a crash has left, and gives
  /// its absolute path.
  [[nodiscard]] Result<std::string> stage(const std::string& key) const;
  /// Removes the staging directory of `key`.
  [[nodiscard]] Result<> unstage(const std::string& key) const;
  /// Writes record and details, then renames staging to published. What was published under the key
  /// before is in the staging directory afterwards, still in force. On error nothing has changed.
  [[nodiscard]] Result<> publish(const Saved& wanted) const;
  /// Takes publish() back: what it had replaced is published again with `previous`, or nothing.
  [[nodiscard]] Result<> withdraw(const std::string& key,
                                  const std::optional<Saved>& previous) const;
  /// Removes the published directory of `key`: its links are no longer held by us.
  [[nodiscard]] Result<> unpin(const std::string& key) const;
  [[nodiscard]] bool is_pinned(const std::string& key) const;
  /// Removes the record of `key`, its details, and both from the index. `netns` is where it has
  /// rules, if its record may not say so any more, or not yet.
  [[nodiscard]] Result<> erase(const std::string& key,
                               std::optional<std::uint64_t> netns = std::nullopt) const;
  /// Removes what runs that were killed have left half-made: staging directories, new files.
  [[nodiscard]] Result<> sweep() const;

 private:
  explicit PolicyStore(Paths paths) : paths_(std::move(paths)), index_(paths_.run + "/index") {}
  [[nodiscard]] Result<> write(int directory, const std::string& name,
                               std::string_view content) const;
  [[nodiscard]] Result<> put(const Saved& saved) const;
  [[nodiscard]] std::optional<Saved> saved(const std::string& key) const;
  [[nodiscard]] Result<> make_index() const;
  [[nodiscard]] Result<> convert(const StoreEntry& entry, const StoreIndex& index) const;

  Paths paths_;
  StoreIndex index_;
  UniqueFd run_;      ///< <run>
  UniqueFd new_;      ///< <run>/new
  UniqueFd records_;  ///< <run>/containers
  UniqueFd details_;  ///< <run>/details
  UniqueFd intents_;  ///< <run>/intents
  UniqueFd slow_;     ///< <run>/slow
  UniqueFd bpffs_;    ///< <bpffs>
  UniqueFd pins_;     ///< <bpffs>/containers
};

}  // namespace socklid
