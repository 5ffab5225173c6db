// SPDX-License-Identifier: Apache-2.0
//
// One container's entries in the maps: whether they are there, and putting them back.
#include <cstring>

#include "guard/guard.hpp"
#include "guard/pins.hpp"
#include "plan/seal.hpp"

namespace socklid {

bool same_seal(const sl_seal& found, const sl_seal& wanted) {
  return found.waits_for == wanted.waits_for && found.duration == wanted.duration &&
         found.listen_count == wanted.listen_count && (found.missing & ~wanted.missing) == 0 &&
         std::memcmp(found.listens, wanted.listens, sizeof(found.listens)) == 0;
}

Result<std::optional<sl_policy>> SocketGuard::read_node_wide_policy(std::uint64_t cgroup_id) const {
  return policies_by_cgroup_.find(cgroup_id);
}

Result<bool> SocketGuard::has_counters(std::uint64_t cgroup_id) const {
  return SL_TRY(denials_.find(cgroup_id)).has_value();
}

Result<std::size_t> SocketGuard::count_wrong_entries(const EndpointLists& lists,
                                                     std::uint64_t cgroup_id,
                                                     std::uint32_t generation) const {
  if (!lists_.prefixes || !lists_.ports) return std::size_t{0};  // missing_maps() names them
  return socklid::count_wrong_entries(lists_, lists, cgroup_id, generation);
}

Result<std::vector<std::string>> SocketGuard::wrong_subjects(const Plan& plan,
                                                             const LookedUp& looked_up,
                                                             const sl_policy& policy) const {
  if (!subjects_.files || !subjects_.subjects) return std::vector<std::string>();
  return differences(subjects_, entries_of(plan, looked_up, policy), plan, looked_up,
                     policy.cgroup_id);
}

std::vector<std::string> SocketGuard::missing_maps() const {
  std::vector<std::string> missing;
  const auto look = [&missing](const auto& map, const char* name) {
    if (!map) missing.emplace_back(name);
  };
  look(policies_, pins::policies);
  look(policies_by_cgroup_, pins::policies_by_cgroup);
  look(packet_policies_, pins::packet_policies);
  look(denials_, pins::denials);
  look(lists_.prefixes, pins::prefixes);
  look(lists_.ports, pins::ports);
  look(seals_, pins::seals);
  look(joins_, pins::joins);
  look(subjects_.tasks, pins::tasks);
  look(subjects_.task_counts, pins::task_counts);
  look(subjects_.files, pins::files);
  look(subjects_.named, pins::named);
  look(subjects_.devices, pins::devices);
  look(subjects_.subjects, pins::subjects);
  look(subjects_.denials, pins::subject_denials);
  look(subjects_.runs, pins::subject_runs);
  return missing;
}

Result<> SocketGuard::rewrite_seal(const GuardedContainer& container, sl_seal seal) const {
  const auto found = SL_TRY(read_seal(container.cgroup_id));
  if (found && same_seal(*found, seal)) return {};
  seal.pid = static_cast<std::uint32_t>(container.pid);
  const bool sealed = found && found->sealed_at != 0;
  seal.sealed_at = sealed ? found->sealed_at : boot_time();
  seal.sealed_by = sealed ? found->sealed_by : std::uint32_t{SL_SEAL_BY_HAND};
  const auto written = seals_.put(container.cgroup_id, seal);
  if (!written) return wrap("write the container's seal", written.error());
  if (*written != Put::done) return fail(Exit::bpf, "write the container's seal: the map is full");
  return {};
}

Result<> SocketGuard::rewrite_policy(const GuardedContainer& container, const Plan& plan) const {
  if (plan.seal) SL_CHECK(rewrite_seal(container, *plan.seal));
  // Entries that have lost what they are found by would stay, and count.
  for (const std::uint32_t generation : {0U, 1U}) {
    SL_CHECK(mark_lists(lists_, all_lists(plan), container.cgroup_id, generation));
  }
  SL_CHECK(write_policy(container, plan));
  const auto written = SL_TRY(read_node_wide_policy(container.cgroup_id));
  const std::uint32_t other = written ? 1 - written->generation : 1;
  return clear_lists(lists_, container.cgroup_id, other);
}

}  // namespace socklid
