// SPDX-License-Identifier: Apache-2.0
#include "hook/linux_node.hpp"

#include <fcntl.h>
#include <time.h>

#include <array>
#include <map>
#include <utility>

#include "guard/find_netns.hpp"
#include "guard/tasks.hpp"
#include "nft/nft.hpp"
#include "node/guest_kernel.hpp"
#include "node/inhabitants.hpp"
#include "node/occupants.hpp"
#include "node/split_keys.hpp"
#include "system/child.hpp"
#include "system/log.hpp"
#include "system/privileges.hpp"

namespace socklid {
namespace {

/// How many containers on record a start looks at.
constexpr std::size_t looked_at = 16;
/// How long a run waits for nf_tables of a namespace with which it has nothing to do.
constexpr std::int64_t abandoned_milliseconds = 500;

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

/// The inode number may be another namespace's by now, or another container's rules be in it.
Result<> uninstall_rules_in(const NetnsRef& netns, std::uint8_t slot, std::uint64_t cgroup_id) {
  NetlinkSocket netlink = SL_TRY(NetlinkSocket::open_in(netns));
  return uninstall_if(netlink, table_name(slot), [&](const std::string& comment) {
    const auto owner = parse_rules_owner(comment);
    return owner && owner->cgroup_id == cgroup_id;
  });
}

Failure out_of_order(std::string_view what) {
  return fail(Exit::internal, what, " before identify(), begin() or attach()");
}

}  // namespace

LinuxNode::LinuxNode(Paths paths, Deadline deadline)
    : paths_(std::move(paths)), deadline_(deadline) {}

void LinuxNode::warn(std::string_view message) {
  log_warning(message);
}
void LinuxNode::note(std::string_view message) {
  log_notice(message);
}
std::int64_t LinuxNode::now() const {
  return ::time(nullptr);
}

Result<std::vector<StoreEntry>> LinuxNode::entries() {
  return PolicyStore::list(paths_);
}

Result<std::vector<StoreEntry>> LinuxNode::entries_of(const std::string& id) {
  return PolicyStore::find(paths_, IndexBy::id, encode_id(id));
}

Result<std::vector<StoreEntry>> LinuxNode::related(const ContainerTarget& target) {
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

Result<std::vector<StoreEntry>> LinuxNode::some_gone() {
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

bool LinuxNode::has_collected_enough() const {
  return collects_until_ && collects_until_->milliseconds_left() == 0;
}

Result<Details> LinuxNode::details(const std::string& key) {
  return PolicyStore::details(paths_, key);
}

Liveness LinuxNode::liveness(std::uint64_t cgroup_id) {
  const auto mount = mount_fd();
  if (!mount) return Liveness::populated;
  return cgroup_liveness(*mount, cgroup_id).value_or(Liveness::populated);
}

bool LinuxNode::has_process_in(std::uint64_t cgroup_id, std::uint64_t netns) {
  const auto mount = mount_fd();
  if (!mount) return true;
  auto fd = open_cgroup_by_id(*mount, cgroup_id);
  if (!fd) return true;
  if (!*fd) return false;
  const auto found =
      open_netns_of(CgroupRef{.path = {}, .fd = std::move(*fd), .id = cgroup_id}, netns);
  return !found || found->has_value();
}

bool LinuxNode::has_ended(const Record& record) {
  return process_is_dead(static_cast<pid_t>(record.pid), record.start_time).value_or(false);
}

std::string LinuxNode::programs() const {
  return std::string(object_hash());
}

Result<std::vector<std::uint64_t>> LinuxNode::known_cgroups() {
  const std::optional<SocketGuard> guard = SL_TRY(SocketGuard::find(programs()));
  return guard ? guard->known_cgroups() : std::vector<std::uint64_t>{};
}

Result<Identity> LinuxNode::identify(const ContainerState& container) {
  // Before the process: without the rights, or from another view, its numbers and paths are
  // riddles.
  SL_CHECK(check_privileges());
  SL_CHECK(check_view());
  SL_CHECK(check_no_split_key(container));
  // What runs in a container that is restored may be called anything.
  if (container.status != "stopped") {
    SL_CHECK(check_own_kernel(container.pid, container.annotations));
  }
  process_ = SL_TRY(ContainerProcess::open(container.pid));
  return identify_container(*process_, container);
}

Result<ContainerTarget> LinuxNode::open_target(const ContainerState& container,
                                               const Identity& identity) {
  if (!process_) return out_of_order("open_target");
  const CgroupMount where = SL_TRY(mount());
  ContainerTarget target{.id = container.id,
                         .pid = container.pid,
                         .cgroup = SL_TRY(open_container_cgroup(where, *process_, container)),
                         .netns = SL_TRY(open_netns(*process_)),
                         .netns_kind = NetnsKind::own,
                         .start_time = process_->start_time(),
                         .restored = container.status == "stopped",
                         .rules_owners = {}};
  const bool in_pod =
      identity.sandbox || (identity.hint && is_shared_with(where, target.cgroup.path,
                                                           *identity.hint, target.netns.inode));
  target.netns_kind = classify(target.netns.inode, SL_TRY(host_netns()), in_pod);
  return target;
}

Result<> LinuxNode::look_for_rules(ContainerTarget& target) {
  target.rules_owners = SL_TRY(rules_owners_in(target.netns));
  return {};
}

Result<> LinuxNode::look_around(ContainerTarget& target) {
  if (target.netns_kind != NetnsKind::own) return {};
  const CgroupMount where = SL_TRY(mount());
  if (!SocketGuard::is_loaded()) SL_CHECK(SocketGuard::open({}, where.point));
  // Processes that fork and end faster than they are looked at count as a container's.
  constexpr int rounds = 3;
  for (int round = 0; round < rounds; ++round) {
    const auto others = SL_TRY(processes_outside(target.netns.inode, target.cgroup.id));
    if (others.empty()) return {};
    const auto any = has_a_container(where, SL_TRY(known_cgroups()), others);
    if (any && !*any) return {};
    if (any) break;
  }
  target.netns_kind = NetnsKind::shared;
  return {};
}

Result<> LinuxNode::check_unchanged(const ContainerTarget& target) {
  if (!process_) return out_of_order("check_unchanged");
  SL_CHECK(process_->check_same());
  SL_CHECK(check_inside(target.cgroup, *process_));
  if (SL_TRY(open_netns(*process_)).inode == target.netns.inode) return {};
  return fail(Exit::process,
              "the container's process has changed its network namespace while it "
              "was set up");
}

Result<> LinuxNode::install_rules(const ContainerTarget& target, const NftRuleset& rules) {
  NetlinkSocket netlink = SL_TRY(NetlinkSocket::open_in(target.netns));
  return install(netlink, rules);
}

Result<> LinuxNode::uninstall_rules(const ContainerTarget& target, const std::string& table) {
  NetlinkSocket netlink = SL_TRY(NetlinkSocket::open_in(target.netns));
  return uninstall(netlink, table);
}

Result<> LinuxNode::attach(const ContainerTarget& target, const Hooks& hooks) {
  const CgroupMount where = SL_TRY(mount());
  guard_ = SL_TRY(SocketGuard::open(hooks, where.point));
  links_.emplace(SL_TRY(guard_->attach(target.cgroup.fd.get(), hooks)));
  return {};
}

Result<> LinuxNode::detach(const ContainerTarget& /*target*/) {
  links_.reset();
  return {};
}

Result<> LinuxNode::forget(const std::string& hash, std::uint64_t cgroup_id) {
  const std::optional<SocketGuard> guard = SL_TRY(SocketGuard::find(hash));
  return guard ? guard->forget(cgroup_id) : Result<>{};
}

Result<> LinuxNode::intend(const Record& wanted) {
  PolicyStore* const store = SL_TRY(this->store());
  UniqueFd file = SL_TRY(store->begin(wanted));
  begun_ = {.key = key_of(wanted.id, wanted.cgroup_id), .file = std::move(file)};
  return {};
}

Result<> LinuxNode::intend_no_more() {
  if (!begun_) return {};
  const PolicyStore* const store = SL_TRY(this->store());
  SL_CHECK(store->end(begun_->key));
  begun_.reset();
  return {};
}

Result<> LinuxNode::stage(const std::string& key) {
  if (!links_) return out_of_order("stage");
  PolicyStore* const store = SL_TRY(this->store());
  const std::string directory = SL_TRY(store->stage(key));
  auto pinned = links_->pin(directory);
  if (!pinned) (void)store->unstage(key);
  return pinned;
}

Result<> LinuxNode::unstage(const std::string& key) {
  return SL_TRY(store())->unstage(key);
}

Result<> LinuxNode::publish(const Saved& saved) {
  SL_CHECK(deadline_.check());
  return SL_TRY(store())->publish(saved);
}

Result<> LinuxNode::withdraw(const std::string& key, const std::optional<Saved>& previous) {
  return SL_TRY(store())->withdraw(key, previous);
}

Result<> LinuxNode::unpin(const std::string& key) {
  return SL_TRY(store())->unpin(key);
}

Result<> LinuxNode::uninstall_rules_of(const ContainerTarget& target, const RulesOwner& owner) {
  return uninstall_rules_in(target.netns, owner.slot, owner.cgroup_id);
}

Result<> LinuxNode::uninstall_saved_rules(const Record& record) {
  const std::optional<NetnsRef> netns = SL_TRY(find_netns(record.netns));
  if (!netns) return {};
  return uninstall_rules_in(*netns, record.placement.slot, record.cgroup_id);
}

Result<> LinuxNode::uninstall_abandoned_rules(const Record& record) {
  PolicyStore* const store = SL_TRY(this->store());
  const std::optional<NetnsRef> netns = SL_TRY(find_netns(record.netns));
  if (!netns) return store->set_slow(record.netns, false);
  if (store->is_slow(record.netns)) {
    return fail(Exit::busy, "nf_tables of its network namespace has kept an earlier run waiting");
  }
  auto done = in_child(
      [&] {
        // Held by the child too: it may have to be left where nothing can end it.
        lock_.reset();
        begun_.reset();
        return uninstall_rules_in(*netns, record.placement.slot, record.cgroup_id);
      },
      Deadline::after_milliseconds(abandoned_milliseconds));
  if (!done && done.error().exit == Exit::busy) SL_CHECK(store->set_slow(record.netns, true));
  return done;
}

Result<> LinuxNode::erase(const std::string& key) {
  return SL_TRY(store())->erase(key);
}

Result<CgroupMount> LinuxNode::mount() {
  if (!paths_.cgroup_mount.empty()) return CgroupMount{.root = "/", .point = paths_.cgroup_mount};
  if (!mount_) mount_ = SL_TRY(find_cgroup_mount());
  return *mount_;
}

Result<int> LinuxNode::mount_fd() {
  if (!mount_fd_) {
    const CgroupMount where = SL_TRY(mount());
    mount_fd_.reset(::open(where.point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!mount_fd_) return fail_errno(Exit::cgroup, "open " + where.point);
  }
  return mount_fd_.get();
}

Result<PolicyStore*> LinuxNode::store() {
  if (!store_) return out_of_order("the store was used");
  return &*store_;
}

}  // namespace socklid
