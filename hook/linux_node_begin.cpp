// SPDX-License-Identifier: Apache-2.0
//
// How a run that changes something begins: lock, view, and what killed runs have left.
#include "hook/linux_node.hpp"
#include "node/limits.hpp"
#include "system/privileges.hpp"

namespace socklid {
namespace {

/// For how long a run removes what is gone: a share of run_seconds, whatever there is.
constexpr std::int64_t collect_milliseconds = 1000;

}  // namespace

Result<> LinuxNode::begin() {
  return begin(false);
}

Result<> LinuxNode::begin_and_take_view() {
  return begin(true);
}

Result<> LinuxNode::begin(bool takes_view) {
  SL_CHECK(check_privileges());
  const View here = SL_TRY(view_of_node(paths_));
  if (const auto where = mount()) leave_limits(*where);
  lock_ = SL_TRY(NodeLock::acquire(paths_, deadline_));
  store_ = SL_TRY(PolicyStore::open(paths_));
  SL_CHECK(settle_view(here, takes_view));
  collects_until_ = Deadline::after_milliseconds(collect_milliseconds);
  SL_CHECK(clean_up_after_killed_runs());
  return store_->sweep();
}

Result<bool> LinuxNode::anybody_lives() {
  for (const StoreEntry& entry : SL_TRY(entries())) {
    if (liveness(entry.parts.cgroup_id) == Liveness::populated) return true;
  }
  return false;
}

/// What 0.1.0 has left is of this view if its pins are here.
Result<> LinuxNode::settle_view(const View& here, bool takes_it) {
  const auto recorded = PolicyStore::view(paths_);
  if (!recorded && !takes_it) return Failure(recorded.error());
  if (recorded && *recorded) {
    const auto same = check_same(**recorded, here);
    if (same) {
      view_ = here;
      return {};
    }
    if (!takes_it || SL_TRY(anybody_lives())) return same;
  } else {
    for (const StoreEntry& entry : SL_TRY(entries())) {
      if (entry.pinned || !entry.recorded) continue;
      if (liveness(entry.parts.cgroup_id) != Liveness::populated) continue;
      return fail(Exit::node, "the pins of container ", entry.parts.encoded_id,
                  ", which runs, are not on the bpffs at ", paths_.bpffs_mount,
                  ": run this in the mount namespace of the engine");
    }
  }
  SL_CHECK(store_->take_view(here));
  view_ = here;
  return {};
}

/// A run that was killed has published both halves, or what it did is taken back. Each is tried:
/// what hinders one is not the next one's business.
Result<> LinuxNode::clean_up_after_killed_runs() {
  for (const Intent& intent : SL_TRY(store_->intents())) {
    if (intent.in_flight) continue;
    if (const auto done = take_back(intent.record); !done) {
      warn("clean up after a killed run: " + done.error().message);
    }
  }
  return {};
}

/// All but its rules, for which somebody else's namespace may have to be waited for: a record says
/// where they are, which is collected like that of any container that is gone.
Result<> LinuxNode::take_back(const Record& begun) {
  const std::string key = key_of(begun.id, begun.cgroup_id);
  if (!store_->is_pinned(key)) {
    SL_CHECK(forget(begun.object_hash, begun.cgroup_id));
    SL_CHECK(begun.rules ? store_->keep_unpinned(begun) : store_->erase(key));
  }
  return store_->end(key);
}

void LinuxNode::let_go() {
  lock_.reset();
}

Result<std::vector<Record>> LinuxNode::in_flight() {
  std::vector<Record> records;
  const PolicyStore* const store = SL_TRY(this->store());
  for (Intent& intent : SL_TRY(store->intents())) {
    if (intent.in_flight) records.push_back(std::move(intent.record));
  }
  return records;
}

Result<> LinuxNode::forget_slow() {
  return SL_TRY(store())->forget_slow();
}

}  // namespace socklid
