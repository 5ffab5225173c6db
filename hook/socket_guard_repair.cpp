// SPDX-License-Identifier: Apache-2.0
//
// One container's entries in the maps: whether they are there, and putting them back.
#include <bpf/bpf.h>

#include "hook/seal.hpp"
#include "hook/socket_guard.hpp"
#include "hook/socket_guard_maps.hpp"
#include "hook/socket_guard_pins.hpp"

namespace socklid {

bool same_seal(const sl_seal& found, const sl_seal& wanted) {
  return found.waits_for == wanted.waits_for && found.duration == wanted.duration &&
         found.listen_count == wanted.listen_count && (found.missing & ~wanted.missing) == 0 &&
         std::memcmp(found.listens, wanted.listens, sizeof(found.listens)) == 0;
}

Result<std::optional<sl_policy>> SocketGuard::read_guard(std::uint64_t cgroup_id) const {
  return read_value<sl_policy>(guards_.get(), cgroup_id);
}

Result<bool> SocketGuard::has_counters(std::uint64_t cgroup_id) const {
  return !SL_TRY(read_bytes(denials_.get(), cgroup_id)).empty();
}

Result<std::size_t> SocketGuard::count_wrong_entries(const EndpointLists& lists,
                                                     std::uint64_t cgroup_id,
                                                     std::uint32_t generation) const {
  if (!places_ || !ports_) return std::size_t{0};  // missing_maps() names them
  return socklid::count_wrong_entries(list_maps(), lists, cgroup_id, generation);
}

std::vector<std::string> SocketGuard::missing_maps() const {
  struct Map {
    const char* pin;
    const UniqueFd& fd;
  };
  std::vector<std::string> missing;
  for (const Map& map :
       {Map{pins::policies, policies_}, Map{pins::guards, guards_}, Map{pins::denials, denials_},
        Map{pins::places, places_}, Map{pins::ports, ports_}, Map{pins::seals, seals_}}) {
    if (!map.fd) missing.emplace_back(map.pin);
  }
  return missing;
}

Result<> SocketGuard::rewrite_seal(const GuardedContainer& container, sl_seal seal) const {
  const auto found = SL_TRY(read_seal(container.cgroup_id));
  if (found && same_seal(*found, seal)) return {};
  seal.pid = static_cast<std::uint32_t>(container.pid);
  const bool sealed = found && found->sealed_at != 0;
  seal.sealed_at = sealed ? found->sealed_at : boot_time();
  seal.sealed_by = sealed ? found->sealed_by : std::uint32_t{SL_SEAL_BY_HAND};
  if (bpf_map_update_elem(seals_.get(), &container.cgroup_id, &seal, BPF_ANY) != 0) {
    return fail_errno(Exit::bpf, "write the container's seal");
  }
  return {};
}

Result<> SocketGuard::rewrite_policy(const GuardedContainer& container, const Plan& plan) const {
  if (plan.seal) SL_CHECK(rewrite_seal(container, *plan.seal));
  // Entries that have lost what they are found by would stay, and count.
  for (const std::uint32_t generation : {0U, 1U}) {
    SL_CHECK(mark_lists(list_maps(), plan.lists, container.cgroup_id, generation));
  }
  SL_CHECK(write_policy(container, plan));
  const auto written = SL_TRY(read_guard(container.cgroup_id));
  const std::uint32_t other = written ? 1 - written->generation : 1;
  return clear_lists(list_maps(), container.cgroup_id, other);
}

}  // namespace socklid
