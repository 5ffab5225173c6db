// SPDX-License-Identifier: Apache-2.0
//
// What one container needs of the pinned programs: links, its policy, its counters. Loading them
// is in socket_guard_load.cpp.
#include "hook/socket_guard.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "hook/log.hpp"
#include "hook/seal.hpp"
#include "hook/socket_guard_maps.hpp"
#include "hook/socket_guard_pins.hpp"
#include "hook/transaction.hpp"

namespace socklid {
namespace {

/// PROC_PID_INIT_INO (include/linux/proc_ns.h).
Result<bool> is_initial_pid_namespace() {
  constexpr ino_t initial = 0xEFFFFFFC;
  struct stat status {};
  if (::stat("/proc/self/ns/pid", &status) != 0) {
    return fail_errno(Exit::node, "look at /proc/self/ns/pid");
  }
  return status.st_ino == initial;
}

/// Of an update that failed; E2BIG is what a hash says that is full (kernel/bpf/hashtab.c).
Failure cannot_write(std::string_view what) {
  if (errno == E2BIG) {
    return fail(Exit::bpf, std::string(what) +
                               ": the kernel's maps hold as many containers as they can "
                               "(`socklid doctor` counts): stop some, or `socklid load` forgets "
                               "those that are gone");
  }
  return fail_errno(Exit::bpf, what);
}

/// Whether it was made; what is there stays.
Result<bool> make_entry(const UniqueFd& map, std::uint64_t key, const void* value,
                        std::string_view what) {
  if (bpf_map_update_elem(map.get(), &key, value, BPF_NOEXIST) == 0) return true;
  if (errno == EEXIST) return false;
  return cannot_write(what);
}

Result<> remove_entry(const UniqueFd& map, std::uint64_t key) {
  if (!map || bpf_map_delete_elem(map.get(), &key) == 0 || errno == ENOENT) return {};
  return fail_errno(Exit::bpf, "take the container out of the node's maps");
}

/// Of a hash by cgroup id. A walk begins anew where its key has gone meanwhile.
Result<std::set<std::uint64_t>> keys_of(const UniqueFd& map) {
  std::set<std::uint64_t> keys;
  if (!map) return keys;
  std::uint64_t key = 0;
  const std::uint64_t* previous = nullptr;
  std::uint64_t next = 0;
  while (bpf_map_get_next_key(map.get(), previous, &next) == 0) {
    keys.insert(next);
    key = next;
    previous = &key;
  }
  if (errno != ENOENT) return fail_errno(Exit::bpf, "list the containers in the node's maps");
  return keys;
}

/// Per-CPU maps have one value for each *possible* CPU, each rounded up to 8 bytes
/// (Documentation/bpf/map_hash.rst); sl_denials is a multiple of 8.
Result<std::vector<sl_denials>> per_cpu_denials() {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return fail_errno(Exit::node, "count the possible CPUs", -cpus);
  return std::vector<sl_denials>(static_cast<std::size_t>(cpus));
}

}  // namespace

Result<> Links::pin(const std::string& directory) const {
  for (const Link& link : links_) {
    const std::string path = directory + "/" + std::string(name(link.hook));
    if (bpf_obj_pin(link.fd.get(), path.c_str()) != 0) {
      return fail_errno(Exit::store,
                        "pin the link of " + std::string(name(link.hook)) + " as " + path);
    }
  }
  return {};
}

Result<LinkInfo> inspect_link(const std::string& path) {
  const UniqueFd fd = SL_TRY(get_pin(path));
  bpf_link_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) {
    return fail_errno(Exit::bpf, "read the link pinned as " + path);
  }
  return LinkInfo{path.substr(path.rfind('/') + 1), info.id, info.prog_id,
                  info.type == BPF_LINK_TYPE_CGROUP ? info.cgroup.cgroup_id : 0};
}

Result<SocketGuard> SocketGuard::open_pins(const std::string& directory, const Hooks& hooks) {
  SocketGuard guard;
  guard.policies_ = SL_TRY(get_pin(directory + "/" + pins::policies));
  guard.guards_ = SL_TRY(get_pin(directory + "/" + pins::guards));
  guard.denials_ = SL_TRY(get_pin(directory + "/" + pins::denials));
  guard.places_ = SL_TRY(get_pin(directory + "/" + pins::places));
  guard.ports_ = SL_TRY(get_pin(directory + "/" + pins::ports));
  guard.seals_ = SL_TRY(get_pin(directory + "/" + pins::seals));
  for (const Hook hook : hooks) {
    if (is_per_cgroup(hook)) {
      guard.programs_[static_cast<std::size_t>(hook)] =
          SL_TRY(get_pin(directory + "/" + pins::program(hook)));
    }
  }
  return guard;
}

Result<std::optional<SocketGuard>> SocketGuard::find(std::string_view hash) {
  const std::string directory = pins::directory(hash);
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::optional<SocketGuard>();
    return fail_errno(Exit::bpf, "look for " + directory);
  }
  SocketGuard guard;
  constexpr std::size_t id = sizeof(std::uint64_t);
  guard.policies_ = SL_TRY(find_map(directory + "/" + pins::policies, id));
  guard.guards_ = SL_TRY(find_map(directory + "/" + pins::guards, id));
  guard.denials_ = SL_TRY(find_map(directory + "/" + pins::denials, id));
  guard.places_ =
      SL_TRY(find_map(directory + "/" + pins::places, sizeof(sl_place_key), sizeof(sl_place)));
  guard.ports_ =
      SL_TRY(find_map(directory + "/" + pins::ports, sizeof(sl_port_key), sizeof(__u32)));
  guard.seals_ = SL_TRY(find_map(directory + "/" + pins::seals, id));
  return std::optional<SocketGuard>(std::move(guard));
}

Result<Links> SocketGuard::attach(int cgroup_fd, const Hooks& hooks) const {
  std::vector<Links::Link> links;
  for (const Hook hook : hooks) {
    if (!is_per_cgroup(hook)) continue;
    const int program = programs_[static_cast<std::size_t>(hook)].get();
    UniqueFd link(bpf_link_create(program, cgroup_fd, pins::attach_type(hook), nullptr));
    if (!link) {
      const int error = errno;
      std::string what = "attach the program of " + std::string(name(hook));
      // A program attached without BPF_F_ALLOW_MULTI keeps all others out of its cgroup's hook.
      if (error == EPERM) what += " (another program holds this hook of the cgroup for itself)";
      if (error == E2BIG) what += " (the cgroup has 64 programs on this hook already)";
      return fail_errno(Exit::bpf, what, error);
    }
    links.push_back({hook, std::move(link)});
  }
  return Links(std::move(links));
}

Result<bool> SocketGuard::write_seal(const GuardedContainer& container, sl_seal seal) const {
  seal.pid = static_cast<std::uint32_t>(container.pid);
  // Programs know processes by their numbers in the initial namespace. Elsewhere the start of the
  // container's program cannot be told from any other: the time begins now.
  if (!SL_TRY(is_initial_pid_namespace())) seal.started_at = boot_time();
  return make_entry(seals_, container.cgroup_id, &seal, "write the container's seal");
}

Result<> SocketGuard::write_policy(const GuardedContainer& container, const Plan& plan) const {
  const std::uint64_t id = container.cgroup_id;
  const auto old = SL_TRY(read_value<sl_policy>(guards_.get(), id));
  sl_policy policy = plan.image;
  policy.cgroup_id = id;
  policy.netns = plan.rules ? container.netns : 0;
  policy.generation = old ? 1 - old->generation : 0;
  // What a run that was killed has left.
  SL_CHECK(clear_lists(list_maps(), id, policy.generation));

  Transaction transaction([](const Error& error) { log_warning(error.message); });
  const auto forget_in = [&](const UniqueFd& map) { return [&] { return remove_entry(map, id); }; };
  // The counters come first, so that no denial goes uncounted; those of an earlier call stay.
  const std::vector<sl_denials> zero = SL_TRY(per_cpu_denials());
  if (SL_TRY(make_entry(denials_, id, zero.data(), "make the container's counters"))) {
    transaction.done("make counters", forget_in(denials_));
  }
  if (plan.seal && SL_TRY(write_seal(container, *plan.seal))) {
    transaction.done("write seal", forget_in(seals_));
  }
  SL_CHECK(fill_lists(list_maps(), plan.lists, id, policy.generation));
  transaction.done("fill lists", [&] { return clear_lists(list_maps(), id, policy.generation); });
  SL_CHECK(write_guard(policy));
  transaction.done("write guard",
                   [&] { return old ? write_guard(*old) : remove_entry(guards_, id); });
  // Without a per-cgroup program attached there is no storage, and nobody to read it.
  if (std::any_of(plan.hooks.begin(), plan.hooks.end(), is_per_cgroup) &&
      bpf_map_update_elem(policies_.get(), &id, &policy, BPF_ANY) != 0) {
    return fail_errno(Exit::bpf, "write the container's policy");
  }
  transaction.commit();
  if (!old) return {};
  // The policy is in force. Lists that nobody asks any more go with the next one, or with it.
  const auto cleared = clear_lists(list_maps(), id, old->generation);
  if (!cleared) log_warning(cleared.error().message);
  return {};
}

Result<> SocketGuard::write_guard(const sl_policy& policy) const {
  if (bpf_map_update_elem(guards_.get(), &policy.cgroup_id, &policy, BPF_ANY) == 0) return {};
  return cannot_write("write the policy for the node-wide programs");
}

Result<sl_policy> SocketGuard::read_policy(std::uint64_t cgroup_id) const {
  const auto policy = SL_TRY(read_value<sl_policy>(policies_.get(), cgroup_id));
  if (!policy) return fail(Exit::bpf, "the container has no policy in the kernel");
  return *policy;
}

Result<std::optional<sl_seal>> SocketGuard::read_seal(std::uint64_t cgroup_id) const {
  return read_value<sl_seal>(seals_.get(), cgroup_id);
}

Result<bool> SocketGuard::seal_by_hand(std::string_view hash, std::uint64_t cgroup_id) {
  const UniqueFd program = SL_TRY(get_pin(pins::directory(hash) + "/" + pins::seal_by_hand));
  sl_seal_request request{.cgroup_id = cgroup_id};
  bpf_test_run_opts run{};
  run.sz = sizeof(run);
  run.ctx_in = &request;
  run.ctx_size_in = sizeof(request);
  if (bpf_prog_test_run_opts(program.get(), &run) != 0) {
    return fail_errno(Exit::bpf, "run the program that seals");
  }
  return run.retval == 1;
}

Result<> SocketGuard::forget(std::uint64_t cgroup_id) const {
  for (const std::uint32_t generation : {0u, 1u}) {
    SL_CHECK(clear_lists(list_maps(), cgroup_id, generation));
  }
  for (const UniqueFd* map : {&guards_, &denials_, &seals_}) {
    SL_CHECK(remove_entry(*map, cgroup_id));
  }
  return {};
}

Result<sl_denials> SocketGuard::denials(std::uint64_t cgroup_id) const {
  sl_denials sum{};
  for (const std::vector<char>& bytes : SL_TRY(read_bytes(denials_.get(), cgroup_id))) {
    sl_denials value{};
    std::memcpy(&value, bytes.data(), std::min(sizeof(value), bytes.size()));
    for (std::size_t i = 0; i < SL_REASON_COUNT; i++) sum.count[i] += value.count[i];
  }
  return sum;
}

Result<std::vector<std::uint64_t>> SocketGuard::known_cgroups() const {
  std::set<std::uint64_t> ids;
  for (const UniqueFd* map : {&guards_, &denials_, &seals_}) {
    ids.merge(SL_TRY(keys_of(*map)));
  }
  return std::vector<std::uint64_t>(ids.begin(), ids.end());
}

Result<std::vector<MapUse>> SocketGuard::map_use() const {
  std::vector<MapUse> all;
  for (const auto& [what, map] : {std::pair{"policies", &guards_}, std::pair{"counters", &denials_},
                                  std::pair{"seals", &seals_}}) {
    if (!*map) continue;
    all.push_back({what, SL_TRY(keys_of(*map)).size(), SL_TRY(max_entries(map->get()))});
  }
  if (!places_ || !ports_) return all;
  ListSize sum;
  for (const std::uint64_t id : SL_TRY(known_cgroups())) {
    const ListSize size = SL_TRY(size_of_lists(list_maps(), id));
    sum.places += size.places;
    sum.ports += size.ports;
  }
  all.push_back({"addresses", sum.places, SL_TRY(max_entries(places_.get()))});
  all.push_back({"port ranges", sum.ports, SL_TRY(max_entries(ports_.get()))});
  return all;
}

}  // namespace socklid
