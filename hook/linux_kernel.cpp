// SPDX-License-Identifier: Apache-2.0
#include "hook/linux_kernel.hpp"

#include <fcntl.h>
#include <time.h>

#include <array>
#include <map>
#include <utility>

#include "hook/log.hpp"
#include "hook/nft.hpp"
#include "hook/occupants.hpp"
#include "hook/privileges.hpp"
#include "hook/socket_guard_tasks.hpp"

namespace socklid {
namespace {

/// How many containers on record a start looks at, and for how long it removes what is gone: a
/// share of run_seconds, whatever there is.
constexpr std::size_t looked_at = 16;
constexpr std::int64_t collect_milliseconds = 1000;

/// Whose rules are in the namespace. A table of our name without our comment is somebody else's,
/// and not ours to replace (I6).
Result<std::vector<RulesOwner>> rules_owners_in(const NetnsRef& netns) {
  NetlinkSocket netlink = SL_TRY(NetlinkSocket::open_in(netns));
  std::vector<RulesOwner> owners;
  for (const Table& table : SL_TRY(tables(netlink))) {
    auto parsed = parse_rules_owner(table.owner);
    if (!parsed) {
      return fail(Exit::netns, "table inet ", table_name(table.slot),
                  " in the container's network namespace was not made by "
                  "socklid: delete it there");
    }
    parsed->slot = table.slot;
    owners.push_back(std::move(*parsed));
  }
  return owners;
}

Failure out_of_order(std::string_view what) {
  return fail(Exit::internal, what, " before identify(), begin() or attach()");
}

}  // namespace

LinuxKernel::LinuxKernel(Paths paths, Deadline deadline)
    : paths_(std::move(paths)), deadline_(deadline) {}

void LinuxKernel::warn(std::string_view message) {
  log_warning(message);
}
void LinuxKernel::note(std::string_view message) {
  log_notice(message);
}
std::int64_t LinuxKernel::now() const {
  return ::time(nullptr);
}

Result<std::vector<StoreEntry>> LinuxKernel::entries() {
  return PolicyStore::list(paths_);
}

Result<std::vector<StoreEntry>> LinuxKernel::entries_of(const std::string& id) {
  return PolicyStore::find(paths_, IndexBy::id, encode_id(id));
}

Result<std::vector<StoreEntry>> LinuxKernel::related(const ContainerTarget& target) {
  const std::array<std::pair<IndexBy, std::string>, 3> wanted{
      {{IndexBy::id, encode_id(target.id)},
       {IndexBy::cgroup, index_value(target.cgroup.id)},
       {IndexBy::netns, index_value(target.netns.inode)}}};
  std::map<std::string, StoreEntry> found;
  for (const auto& [by, value] : wanted) {
    for (StoreEntry& entry : SL_TRY(PolicyStore::find(paths_, by, value))) {
      found.try_emplace(entry.key, std::move(entry));
    }
  }
  std::vector<StoreEntry> entries;
  for (auto& [key, entry] : found) entries.push_back(std::move(entry));
  return entries;
}

Result<std::vector<StoreEntry>> LinuxKernel::some_gone() {
  const PolicyStore::Stretch stretch = SL_TRY(PolicyStore::next(paths_, looked_at));
  std::vector<StoreEntry> gone;
  for (const std::string& key : stretch.keys) {
    if (liveness(parse_key(key)->cgroup_id) == Liveness::gone) {
      gone.push_back(PolicyStore::entry(paths_, key));
    }
  }
  // Rules are left to a run that can take them away, hook/handover.hpp.
  if (!has_nft()) {
    std::erase_if(gone, [](const StoreEntry& one) { return one.record && one.record->rules; });
  }
  PolicyStore* const store = SL_TRY(this->store());
  SL_CHECK(store->move_on(stretch));
  return gone;
}

bool LinuxKernel::has_collected_enough() const {
  return collects_until_ && collects_until_->milliseconds_left() == 0;
}

Result<Details> LinuxKernel::details(const std::string& key) {
  return PolicyStore::details(paths_, key);
}

Result<> LinuxKernel::begin() {
  return begin(false);
}

Result<> LinuxKernel::begin_and_take_view() {
  return begin(true);
}

Result<> LinuxKernel::begin(bool takes_view) {
  SL_CHECK(check_privileges());
  const View here = SL_TRY(view_of_node(paths_));
  lock_ = SL_TRY(NodeLock::acquire(paths_, deadline_));
  store_ = SL_TRY(PolicyStore::open(paths_));
  SL_CHECK(settle_view(here, takes_view));
  collects_until_ = Deadline::after_milliseconds(collect_milliseconds);
  clean_up_after_killed_run();
  return store_->sweep();
}

Result<bool> LinuxKernel::anybody_lives() {
  for (const StoreEntry& entry : SL_TRY(entries())) {
    if (liveness(entry.parts.cgroup_id) == Liveness::populated) return true;
  }
  return false;
}

/// What 0.1.0 has left is of this view if its pins are here.
Result<> LinuxKernel::settle_view(const View& here, bool takes_it) {
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

/// A run that was killed has published both halves, or what it did is taken back.
void LinuxKernel::clean_up_after_killed_run() {
  const auto intent = store_->intent();
  if (!intent || !*intent) return;
  const std::string& key = (*intent)->key;
  const std::uint64_t cgroup_id = parse_key(key)->cgroup_id;
  if (!store_->is_pinned(key)) {
    const auto forgotten = forget((*intent)->object_hash, cgroup_id);
    if (!forgotten) return warn("clean up after a killed run: " + forgotten.error().message);
    if (const auto erased = store_->erase(key, (*intent)->netns); !erased)
      warn(erased.error().message);
  }
  if (const auto ended = store_->end(); !ended) warn(ended.error().message);
}

Liveness LinuxKernel::liveness(std::uint64_t cgroup_id) {
  const auto mount = mount_fd();
  if (!mount) return Liveness::populated;
  return cgroup_liveness(*mount, cgroup_id).value_or(Liveness::populated);
}

bool LinuxKernel::has_ended(const Record& record) {
  return process_is_dead(static_cast<pid_t>(record.pid), record.start_time).value_or(false);
}

std::string LinuxKernel::programs() const {
  return std::string(object_hash());
}

Result<std::vector<std::uint64_t>> LinuxKernel::known_cgroups() {
  const std::optional<SocketGuard> guard = SL_TRY(SocketGuard::find(programs()));
  return guard ? guard->known_cgroups() : std::vector<std::uint64_t>{};
}

Result<Identity> LinuxKernel::identify(const ContainerState& container) {
  // Before the process: without the rights, or from another view, its numbers and paths are
  // riddles.
  SL_CHECK(check_privileges());
  SL_CHECK(check_view());
  process_ = SL_TRY(ContainerProcess::open(container.pid));
  return identify_container(*process_, container);
}

Result<ContainerTarget> LinuxKernel::open_target(const ContainerState& container,
                                                 const Identity& identity) {
  if (!process_) return out_of_order("open_target");
  const CgroupMount where = SL_TRY(mount());
  ContainerTarget target{.id = container.id,
                         .pid = container.pid,
                         .cgroup = SL_TRY(open_container_cgroup(where, *process_, container)),
                         .netns = SL_TRY(open_netns(*process_)),
                         .netns_kind = NetnsKind::own,
                         .start_time = process_->start_time(),
                         .rules_owners = {}};
  const bool in_pod =
      identity.sandbox || (identity.hint && is_shared_with(where, target.cgroup.path,
                                                           *identity.hint, target.netns.inode));
  target.netns_kind = classify(target.netns.inode, SL_TRY(host_netns()), in_pod);
  return target;
}

Result<> LinuxKernel::look_around(ContainerTarget& target) {
  if (target.netns_kind == NetnsKind::own) {
    if (!SocketGuard::is_loaded()) {
      const CgroupMount where = SL_TRY(mount());
      SL_CHECK(SocketGuard::open({}, where.point));
    }
    if (SL_TRY(has_another_container(target.netns.inode, target.cgroup.id))) {
      target.netns_kind = NetnsKind::shared;
    }
  }
  target.rules_owners = SL_TRY(rules_owners_in(target.netns));
  return {};
}

Result<> LinuxKernel::check_unchanged(const ContainerTarget& target) {
  if (!process_) return out_of_order("check_unchanged");
  SL_CHECK(process_->check_same());
  SL_CHECK(check_inside(target.cgroup, *process_));
  if (SL_TRY(open_netns(*process_)).inode == target.netns.inode) return {};
  return fail(Exit::process,
              "the container's process has changed its network namespace while it "
              "was set up");
}

Result<> LinuxKernel::install_rules(const ContainerTarget& target, const NftRuleset& rules) {
  NetlinkSocket netlink = SL_TRY(NetlinkSocket::open_in(target.netns));
  return install(netlink, rules);
}

Result<> LinuxKernel::uninstall_rules(const ContainerTarget& target, const std::string& table) {
  NetlinkSocket netlink = SL_TRY(NetlinkSocket::open_in(target.netns));
  return uninstall(netlink, table);
}

Result<> LinuxKernel::attach(const ContainerTarget& target, const Hooks& hooks) {
  const CgroupMount where = SL_TRY(mount());
  guard_ = SL_TRY(SocketGuard::open(hooks, where.point));
  links_.emplace(SL_TRY(guard_->attach(target.cgroup.fd.get(), hooks)));
  return {};
}

Result<> LinuxKernel::detach(const ContainerTarget& /*target*/) {
  links_.reset();
  return {};
}

Result<> LinuxKernel::write_policy(const ContainerTarget& target, const Plan& plan) {
  if (!guard_) return out_of_order("write_policy");
  return guard_->write_policy({.cgroup_id = target.cgroup.id,
                               .netns = static_cast<std::uint32_t>(target.netns.inode),
                               .pid = target.pid},
                              plan);
}

Result<> LinuxKernel::forget(const std::string& hash, std::uint64_t cgroup_id) {
  const std::optional<SocketGuard> guard = SL_TRY(SocketGuard::find(hash));
  return guard ? guard->forget(cgroup_id) : Result<>{};
}

Result<> LinuxKernel::intend(const Intent& intent) {
  return SL_TRY(store())->begin(intent);
}

Result<> LinuxKernel::intend_no_more() {
  return SL_TRY(store())->end();
}

Result<> LinuxKernel::stage(const std::string& key) {
  if (!links_) return out_of_order("stage");
  PolicyStore* const store = SL_TRY(this->store());
  const std::string directory = SL_TRY(store->stage(key));
  auto pinned = links_->pin(directory);
  if (!pinned) (void)store->unstage(key);
  return pinned;
}

Result<> LinuxKernel::unstage(const std::string& key) {
  return SL_TRY(store())->unstage(key);
}

Result<> LinuxKernel::publish(const Saved& saved) {
  SL_CHECK(deadline_.check());
  return SL_TRY(store())->publish(saved);
}

Result<> LinuxKernel::withdraw(const std::string& key, const std::optional<Saved>& previous) {
  return SL_TRY(store())->withdraw(key, previous);
}

Result<> LinuxKernel::unpin(const std::string& key) {
  return SL_TRY(store())->unpin(key);
}

Result<> LinuxKernel::uninstall_saved_rules(const Record& record) {
  const std::optional<NetnsRef> netns = SL_TRY(find_netns(record.netns));
  if (!netns) return {};
  NetlinkSocket netlink = SL_TRY(NetlinkSocket::open_in(*netns));
  const std::string table = table_name(record.placement.slot);
  const std::optional<std::string> comment = SL_TRY(owner(netlink, table));
  const auto parsed = comment ? parse_rules_owner(*comment) : std::nullopt;
  // The inode number may be another namespace's by now, or another container's rules be in it.
  if (!parsed || parsed->cgroup_id != record.cgroup_id) return {};
  return uninstall(netlink, table);
}

Result<> LinuxKernel::erase(const std::string& key) {
  return SL_TRY(store())->erase(key);
}

Result<CgroupMount> LinuxKernel::mount() {
  if (!paths_.cgroup_mount.empty()) return CgroupMount{.root = "/", .point = paths_.cgroup_mount};
  if (!mount_) mount_ = SL_TRY(find_cgroup_mount());
  return *mount_;
}

Result<int> LinuxKernel::mount_fd() {
  if (!mount_fd_) {
    const CgroupMount where = SL_TRY(mount());
    mount_fd_.reset(::open(where.point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!mount_fd_) return fail_errno(Exit::cgroup, "open " + where.point);
  }
  return mount_fd_.get();
}

Result<PolicyStore*> LinuxKernel::store() {
  if (!store_) return out_of_order("the store was used");
  return &*store_;
}

}  // namespace socklid
