// SPDX-License-Identifier: Apache-2.0
#include "hook/observed.hpp"

#include <fcntl.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "guard/runs.hpp"
#include "nft/verify.hpp"
#include "node/occupants.hpp"
#include "plan/seal.hpp"
#include "system/mountinfo.hpp"

namespace socklid {
namespace {

/// What is wrong with the rules; of another build's the table's owner is all that is known.
Result<std::vector<std::string>> rules_damage(NetlinkSocket& netlink, const Expected& expected) {
  if (expected.rules) return differences(netlink, *expected.rules);
  std::vector<std::string> damage;
  const auto whose = SL_TRY(owner(netlink, expected.table));
  if (!whose) damage.push_back("table " + expected.table);
  if (whose && *whose != expected.comment) damage.push_back("owner of table " + expected.table);
  return damage;
}

void add_run(const LiveRun& run, const sl_seal& wanted, ObservedSubject& subject) {
  subject.tasks += run.tasks;
  if (!subject.is_sealed_later) return;
  ObservedRun& added = subject.runs.emplace_back();
  added.tasks = run.tasks;
  if (run.run) added.seal = seal_of_run(wanted, *run.run);
}

}  // namespace

Result<Expected> Observer::expect(const StoreEntry& entry) const {
  if (!entry.record) return fail(Exit::store, entry.key, ": has no record");
  return expected_of(entry, SL_TRY(PolicyStore::details(paths_, entry.key)));
}

Result<const GuardState*> Observer::state_of(const std::string& hash) {
  const auto known = builds_.find(hash);
  if (known != builds_.end()) return known->second ? &*known->second : nullptr;
  auto& state = builds_.emplace(hash, SL_TRY(GuardState::open(hash))).first->second;
  return state ? &*state : nullptr;
}

Result<> Observer::look_at_maps(const Expected& expected, Observed& observed) {
  const GuardState* const state = SL_TRY(state_of(expected.hash));
  if (state == nullptr) {
    observed.damage.push_back("programs " + expected.hash + ": not pinned");
    return {};
  }
  for (std::string& what :
       SL_TRY(state->differences(expected, paths_.bpffs + "/containers/" + expected.key))) {
    observed.damage.push_back(std::move(what));
  }
  observed.denials = SL_TRY(state->guard().denials(expected.cgroup_id));
  observed.seal = SL_TRY(state->guard().read_seal(expected.cgroup_id));
  return look_at_subjects(expected, state->guard(), observed);
}

Result<> Observer::look_at_subjects(const Expected& expected, const SocketGuard& guard,
                                    Observed& observed) {
  if (expected.plan.subjects.empty()) return {};
  const std::vector<LiveRun> runs = SL_TRY(guard.live_runs(expected.cgroup_id));
  for (const SubjectPlan& subject : expected.plan.subjects) {
    ObservedSubject one;
    one.name = subject.name;
    one.index = subject.index;
    one.denials = SL_TRY(guard.subject_denials(expected.cgroup_id, subject.index));
    one.is_sealed_later = is_sealed_later(subject.image);
    for (const LiveRun& run : runs) {
      if (run.subject == subject.index) add_run(run, subject.image.seal, one);
    }
    for (const ProgramFile& program : expected.looked_up.programs) {
      if (program.subject == subject.index) one.programs.push_back(program);
    }
    observed.subjects.push_back(std::move(one));
  }
  return {};
}

Result<int> Observer::cgroups() {
  if (!cgroups_) {
    const std::string point =
        paths_.cgroup_mount.empty() ? SL_TRY(find_cgroup_mount()).point : paths_.cgroup_mount;
    cgroups_.reset(::open(point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!cgroups_) return fail_errno(Exit::cgroup, "open " + point);
  }
  return cgroups_.get();
}

/// The namespace of the record, by a process of the container that is in it: a number is used again
/// once its namespace is gone, and what another one has is nothing of this container's.
Result<NetnsRef> Observer::netns_of(const Expected& expected) {
  const auto lives = [&] {
    return expected.start_time != 0 &&
           !process_is_dead(expected.pid, expected.start_time).value_or(true);
  };
  if (lives()) {
    auto netns = open_netns_of(expected.pid, expected.netns);
    if (netns && lives()) return std::move(*netns);
  }
  CgroupRef cgroup{.path = {}, .fd = {}, .id = expected.cgroup_id};
  const int root = SL_TRY(cgroups());
  cgroup.fd = SL_TRY(open_cgroup_by_id(root, expected.cgroup_id));
  if (cgroup.fd) {
    if (auto netns = SL_TRY(open_netns_of(cgroup, expected.netns))) return std::move(*netns);
  }
  return fail(Exit::netns,
              "none of the container's processes is in the network namespace that has its rules");
}

Result<> Observer::look_at_rules(const Expected& expected, Observed& observed) {
  const NetnsRef netns = SL_TRY(netns_of(expected));
  NetlinkSocket netlink = SL_TRY(NetlinkSocket::open_in(netns));
  std::vector<std::string> damage = SL_TRY(rules_damage(netlink, expected));
  observed.rules_damaged = !damage.empty();
  for (std::string& what : damage) observed.damage.push_back("nft: " + std::move(what));
  if (SL_TRY(owner(netlink, expected.table)) != std::optional(expected.comment)) {
    return fail(Exit::nft, "the network namespace has no rules of this container");
  }
  observed.counters = SL_TRY(counters(netlink, expected.table));
  return {};
}

Observed Observer::look(const StoreEntry& entry) {
  Observed observed;
  const auto expected = expect(entry);
  if (!expected) {
    observed.damage.push_back(expected.error().message);
    observed.counters_missing = "no record";
    return observed;
  }
  if (auto done = look_at_maps(*expected, observed); !done) {
    observed.damage.push_back("cannot look: " + done.error().message);
  }
  if (!expected->has_rules) {
    observed.counters_missing = entry.record->placement.netns == NetnsKind::host
                                    ? "no rules: the network namespace is the host's"
                                    : "no rules: io.socklid.egress is not given";
    return observed;
  }
  if (auto done = look_at_rules(*expected, observed); !done) {
    observed.counters_missing = done.error().message;
    if (!observed.rules_damaged) observed.damage.push_back("nft: " + done.error().message);
    observed.rules_damaged = true;
  }
  return observed;
}

std::uint64_t open_runs(const ObservedSubject& subject) {
  const std::uint64_t now = boot_time();
  return static_cast<std::uint64_t>(std::count_if(
      subject.runs.begin(), subject.runs.end(),
      [now](const ObservedRun& run) { return run.seal && !sealed_at(*run.seal, now); }));
}

std::uint64_t refused_by(const Observed& observed) {
  std::uint64_t sum = 0;
  if (observed.denials) {
    sum = std::accumulate(std::begin(observed.denials->count), std::end(observed.denials->count),
                          sum);
  }
  for (const ObservedSubject& subject : observed.subjects) {
    sum = std::accumulate(std::begin(subject.denials.count), std::end(subject.denials.count), sum);
  }
  for (const RuleCounter& counter : observed.counters) sum += counter.packets;
  return sum;
}

}  // namespace socklid
