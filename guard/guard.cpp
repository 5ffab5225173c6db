// SPDX-License-Identifier: Apache-2.0
//
// What one container needs of the pinned programs: links, its policy, its counters. Loading them
// is in load.cpp.
#include "guard/guard.hpp"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>
#include <type_traits>

#include "base/transaction.hpp"
#include "guard/maps.hpp"
#include "guard/pins.hpp"
#include "node/netns.hpp"
#include "plan/seal.hpp"
#include "system/bpf_calls.hpp"
#include "system/log.hpp"

namespace socklid {
namespace {

/// Its inode.
Result<std::uint32_t> own_pid_namespace() {
  struct stat status {};
  if (::stat("/proc/self/ns/pid", &status) != 0) {
    return fail_errno(Exit::node, "look at /proc/self/ns/pid");
  }
  return static_cast<std::uint32_t>(status.st_ino);
}

/// PROC_PID_INIT_INO (include/linux/proc_ns.h).
Result<bool> is_initial_pid_namespace() {
  constexpr std::uint32_t initial = 0xEFFFFFFC;
  return SL_TRY(own_pid_namespace()) == initial;
}

/// The result of a write: for a hash that is full, an error that names it.
Result<> check(const Result<Put>& written, std::string_view what) {
  if (!written) return wrap(what, written.error());
  if (*written != Put::full) return {};
  return fail(Exit::bpf, what,
              ": the kernel's maps hold as many containers as they can "
              "(`socklid doctor` counts): stop some, or run `socklid load`, "
              "which removes those that are gone");
}

template <typename Value>
Result<> remove_entry(const BpfMap<std::uint64_t, Value>& map, std::uint64_t key) {
  const auto removed = map.erase(key);
  if (removed) return {};
  return wrap("take the container out of the node's maps", removed.error());
}

/// Of a hash by cgroup id.
template <typename Value>
Result<std::set<std::uint64_t>> keys_of(const BpfMap<std::uint64_t, Value>& map) {
  std::set<std::uint64_t> keys;
  const auto walked = map.for_each_key([&keys](std::uint64_t key) { keys.insert(key); });
  if (!walked) return wrap("list the containers in the node's maps", walked.error());
  return keys;
}

/// The map that is pinned as `name`, or was called otherwise when it was.
std::string path_of(const std::string& directory, std::string_view name) {
  std::string path = directory + "/" + std::string(name);
  if (::access(path.c_str(), F_OK) == 0) return path;
  for (const pins::FormerName& known : pins::former_names) {
    if (known.name != name) continue;
    std::string former = directory + "/" + known.former;
    if (::access(former.c_str(), F_OK) == 0) return former;
  }
  return path;
}

}  // namespace

bool judge_packets(const Hooks& hooks) {
  return std::find(hooks.begin(), hooks.end(), Hook::inet_egress) != hooks.end();
}

Result<> Links::pin(const std::string& directory) const {
  for (const Link& link : links_) {
    const std::string path = directory + "/" + std::string(name(link.hook));
    if (bpf::pin(link.fd.get(), path) != 0) {
      return fail_errno(Exit::store,
                        "pin the link of " + std::string(name(link.hook)) + " as " + path);
    }
  }
  return {};
}

Result<LinkInfo> inspect_link(const std::string& path) {
  const UniqueFd fd = SL_TRY(get_pin(path));
  bpf_link_info info{};
  if (bpf::info(fd.get(), info) != 0) {
    return fail_errno(Exit::bpf, "read the link pinned as " + path);
  }
  return LinkInfo{path.substr(path.rfind('/') + 1), info.id, info.prog_id,
                  info.type == BPF_LINK_TYPE_CGROUP ? info.cgroup.cgroup_id : 0};
}

Result<SocketGuard> SocketGuard::find_maps(const std::string& directory) {
  SocketGuard guard;
  const auto find = [&directory](auto& map, const char* name) -> Result<> {
    map = SL_TRY(std::decay_t<decltype(map)>::find(path_of(directory, name)));
    return {};
  };
  SL_CHECK(find(guard.policies_, pins::policies));
  SL_CHECK(find(guard.policies_by_cgroup_, pins::policies_by_cgroup));
  SL_CHECK(find(guard.packet_policies_, pins::packet_policies));
  SL_CHECK(find(guard.denials_, pins::denials));
  SL_CHECK(find(guard.seals_, pins::seals));
  SL_CHECK(find(guard.joins_, pins::joins));
  const auto find_same = [&directory](auto& map, const char* name) -> Result<> {
    map = SL_TRY(std::decay_t<decltype(map)>::find_same(path_of(directory, name)));
    return {};
  };
  SL_CHECK(find_same(guard.lists_.prefixes, pins::prefixes));
  SL_CHECK(find_same(guard.lists_.ports, pins::ports));
  SL_CHECK(find_same(guard.subjects_.tasks, pins::tasks));
  SL_CHECK(find_same(guard.subjects_.task_counts, pins::task_counts));
  SL_CHECK(find_same(guard.subjects_.files, pins::files));
  SL_CHECK(find_same(guard.subjects_.named, pins::named));
  SL_CHECK(find_same(guard.subjects_.devices, pins::devices));
  SL_CHECK(find_same(guard.subjects_.subjects, pins::subjects));
  SL_CHECK(find(guard.subjects_.denials, pins::subject_denials));
  SL_CHECK(find_same(guard.subjects_.runs, pins::subject_runs));
  return guard;
}

Result<SocketGuard> SocketGuard::open_pins(const std::string& directory, const Hooks& hooks) {
  SocketGuard guard = SL_TRY(find_maps(directory));
  for (const std::string& map : guard.missing_maps()) {
    return fail(Exit::bpf, "open the BPF pin " + directory + "/" + map +
                               ": it is not there, or not as this build makes it");
  }
  for (const Hook hook : hooks) {
    if (is_per_cgroup(hook)) {
      guard.programs_[index_of(hook)] = SL_TRY(get_pin(directory + "/" + pins::program(hook)));
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
  return std::optional<SocketGuard>(SL_TRY(find_maps(directory)));
}

Result<Links> SocketGuard::attach(int cgroup_fd, const Hooks& hooks) const {
  std::vector<Links::Link> links;
  for (const Hook hook : hooks) {
    if (!is_per_cgroup(hook)) continue;
    const int program = programs_[index_of(hook)].get();
    UniqueFd link(bpf::attach(program, cgroup_fd, row_of(hook).attach));
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
  const auto added = seals_.add(container.cgroup_id, seal);
  SL_CHECK(check(added, "write the container's seal"));
  return *added == Put::done;
}

Result<sl_policy> SocketGuard::image_of(const GuardedContainer& container, const Plan& plan) const {
  sl_policy policy = plan.image;
  policy.cgroup_id = container.cgroup_id;
  policy.netns = plan.rules ? container.netns : 0;
  if (container.first_start != 0) {
    policy.first_start = container.first_start;
    policy.first_pid = static_cast<std::uint32_t>(container.pid);
    policy.pid_namespace = SL_TRY(own_pid_namespace());
  }
  policy.home = container.netns;
  policy.host = static_cast<std::uint32_t>(SL_TRY(host_netns()).front());
  policy.mntns = container.looked_up.mntns;
  return policy;
}

Result<> SocketGuard::write_policy(const GuardedContainer& container, const Plan& plan) const {
  const std::uint64_t id = container.cgroup_id;
  const auto old = SL_TRY(policies_by_cgroup_.find(id));
  sl_policy policy = SL_TRY(image_of(container, plan));
  policy.generation = old ? 1 - old->generation : 0;
  // What a run that was killed has left.
  SL_CHECK(clear_lists(lists_, id, policy.generation));

  Transaction transaction([](const Error& error) { log_warning(error.message); });
  // The counters come first, so that no denial goes uncounted; those of an earlier call stay.
  const auto counters = denials_.add(id, sl_denials{});
  SL_CHECK(check(counters, "make the container's counters"));
  if (*counters == Put::done) {
    transaction.done("make counters", [&] { return remove_entry(denials_, id); });
  }
  if (plan.seal && SL_TRY(write_seal(container, *plan.seal))) {
    transaction.done("write seal", [&] { return remove_entry(seals_, id); });
  }
  const SubjectEntries wanted = entries_of(plan, container.looked_up, policy);
  const bool had_entries = old && (old->more_flags & (SL_HAS_SUBJECTS | SL_HAS_FILES)) != 0;
  SubjectEntries before;
  if (had_entries || !wanted.empty()) before = SL_TRY(read_entries(subjects_, id));
  // Copies: an error below ends these two before the transaction, which was there before them.
  transaction.done("write subjects", [this, wanted, before]() -> Result<> {
    if (wanted.empty()) return {};
    SL_CHECK(put_entries(subjects_, before));
    return take_entries(subjects_, wanted, before);
  });
  SL_CHECK(put_entries(subjects_, wanted));
  SL_CHECK(fill_lists(lists_, all_lists(plan), id, policy.generation));
  transaction.done("fill lists", [&] { return clear_lists(lists_, id, policy.generation); });
  SL_CHECK(write_node_wide(policy));
  transaction.done("write policy by cgroup", [&] {
    return old ? write_node_wide(*old) : remove_entry(policies_by_cgroup_, id);
  });
  SL_CHECK(write_in_storage(policy, plan.hooks));
  transaction.commit();
  // The policy is in force. What nobody asks any more goes with the next one, or with it.
  const auto warn = [](const Result<>& done) {
    if (!done) log_warning(done.error().message);
  };
  if (!before.empty()) warn(take_entries(subjects_, before, wanted));
  if (old) warn(clear_lists(lists_, id, old->generation));
  return {};
}

/// Without a program attached to the cgroup there is no storage, and nobody to read it.
Result<> SocketGuard::write_in_storage(const sl_policy& policy, const Hooks& hooks) const {
  if (judge_packets(hooks)) {
    const auto packets = std::make_unique<sl_packet_policy>();
    packets->policy = policy;
    if (::getrandom(&packets->seed, sizeof(packets->seed), 0) != sizeof(packets->seed)) {
      return fail_errno(Exit::node, "get a random number");
    }
    SL_CHECK(check(packet_policies_.put_in_place(policy.cgroup_id, *packets),
                   "write the policy for the container's packets"));
  }
  if (std::none_of(hooks.begin(), hooks.end(), is_per_cgroup)) return {};
  return check(policies_.put(policy.cgroup_id, policy), "write the container's policy");
}

Result<> SocketGuard::write_node_wide(const sl_policy& policy) const {
  return check(policies_by_cgroup_.put(policy.cgroup_id, policy),
               "write the policy for the node-wide programs");
}

Result<sl_policy> SocketGuard::read_policy(std::uint64_t cgroup_id) const {
  const auto policy = SL_TRY(policies_.find(cgroup_id));
  if (!policy) return fail(Exit::bpf, "the container has no policy in the kernel");
  return *policy;
}

Result<std::optional<sl_policy>> SocketGuard::read_packet_policy(std::uint64_t cgroup_id) const {
  const auto packets = SL_TRY(packet_policies_.find(cgroup_id));
  return packets ? std::optional<sl_policy>(packets->policy) : std::nullopt;
}

Result<std::optional<sl_seal>> SocketGuard::read_seal(std::uint64_t cgroup_id) const {
  return seals_.find(cgroup_id);
}

Result<bool> SocketGuard::seal_by_hand(std::string_view hash, sl_seal_request request) {
  const UniqueFd program = SL_TRY(get_pin(pins::directory(hash) + "/" + pins::seal_by_hand));
  std::uint32_t result = 0;
  if (bpf::run(program.get(), &request, sizeof(request), result) != 0) {
    return fail_errno(Exit::bpf, "run the program that seals");
  }
  return result == 1;
}

Result<> SocketGuard::forget(std::uint64_t cgroup_id) const {
  for (const std::uint32_t generation : {0u, 1u}) {
    SL_CHECK(clear_lists(lists_, cgroup_id, generation));
  }
  SL_CHECK(remove_entry(policies_by_cgroup_, cgroup_id));
  SL_CHECK(forget_entries(subjects_, cgroup_id));
  SL_CHECK(remove_entry(denials_, cgroup_id));
  SL_CHECK(remove_entry(joins_, cgroup_id));
  return remove_entry(seals_, cgroup_id);
}

Result<sl_denials> SocketGuard::denials(std::uint64_t cgroup_id) const {
  sl_denials sum{};
  for (const sl_denials& value : SL_TRY(denials_.find_all(cgroup_id))) {
    for (std::size_t i = 0; i < SL_REASON_COUNT; i++) sum.count[i] += value.count[i];
  }
  return sum;
}

Result<sl_denials> SocketGuard::subject_denials(std::uint64_t cgroup_id,
                                                std::uint32_t index) const {
  sl_denials sum{};
  const sl_subject_key key = {.cgroup_id = cgroup_id, .index = index, .pad = 0};
  for (const sl_denials& value : SL_TRY(subjects_.denials.find_all(key))) {
    for (std::size_t i = 0; i < SL_REASON_COUNT; i++) sum.count[i] += value.count[i];
  }
  return sum;
}

Result<std::vector<LiveRun>> SocketGuard::live_runs(std::uint64_t cgroup_id) const {
  return socklid::live_runs(subjects_, cgroup_id);
}

Result<std::vector<sl_seal_request>> SocketGuard::open_runs(
    std::uint64_t cgroup_id, std::optional<std::uint32_t> subject) const {
  return socklid::open_runs(subjects_, cgroup_id, subject);
}

Result<std::vector<std::uint64_t>> SocketGuard::known_cgroups() const {
  std::set<std::uint64_t> ids = SL_TRY(keys_of(policies_by_cgroup_));
  ids.merge(SL_TRY(keys_of(denials_)));
  ids.merge(SL_TRY(keys_of(seals_)));
  ids.merge(SL_TRY(keys_of(joins_)));
  const auto add = [&ids](const auto& key, const auto& /*value*/) { ids.insert(key.cgroup_id); };
  SL_CHECK(subjects_.files.for_each(add));
  SL_CHECK(subjects_.named.for_each(add));
  SL_CHECK(subjects_.subjects.for_each(add));
  return std::vector<std::uint64_t>(ids.begin(), ids.end());
}

Result<std::vector<MapUse>> SocketGuard::map_use() const {
  std::vector<MapUse> all;
  const auto add = [&all](std::string_view what, const auto& map) -> Result<> {
    if (map) all.push_back({what, SL_TRY(keys_of(map)).size(), map.max_entries()});
    return {};
  };
  SL_CHECK(add("policies", policies_by_cgroup_));
  SL_CHECK(add("counters", denials_));
  SL_CHECK(add("seals", seals_));
  SL_CHECK(add("joins", joins_));
  const auto add_entries = [&all](std::string_view what, const auto& map) -> Result<> {
    std::uint64_t used = 0;
    SL_CHECK(map.for_each([&used](const auto& /*key*/, const auto& /*value*/) { used++; }));
    if (map) all.push_back({what, used, map.max_entries()});
    return {};
  };
  SL_CHECK(add_entries("subjects", subjects_.subjects));
  SL_CHECK(add_entries("subjects' tasks", subjects_.tasks));
  SL_CHECK(add_entries("runs of subjects", subjects_.runs));
  SL_CHECK(add_entries("subjects' and protected files", subjects_.files));
  SL_CHECK(add_entries("subjects' names", subjects_.named));
  SL_CHECK(add_entries("file systems with such files", subjects_.devices));
  if (!lists_.prefixes || !lists_.ports) return all;
  ListSize sum;
  for (const std::uint64_t id : SL_TRY(known_cgroups())) {
    const ListSize size = SL_TRY(size_of_lists(lists_, id));
    sum.prefixes += size.prefixes;
    sum.ports += size.ports;
  }
  all.push_back({"addresses", sum.prefixes, lists_.prefixes.max_entries()});
  all.push_back({"port ranges", sum.ports, lists_.ports.max_entries()});
  return all;
}

}  // namespace socklid
