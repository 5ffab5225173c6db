// SPDX-License-Identifier: Apache-2.0
#include "hook/linux_kernel.hpp"

#include <fcntl.h>
#include <time.h>

#include <utility>

#include "hook/files.hpp"
#include "hook/log.hpp"
#include "hook/nft.hpp"
#include "hook/occupants.hpp"
#include "hook/privileges.hpp"

namespace socklid {
namespace {

/// The socket stays in the namespace it was made in; we are there for one call.
Result<NetlinkSocket> open_netlink_in(const NetnsRef& netns) {
  const NetnsGuard inside = SL_TRY(NetnsGuard::enter(netns));
  return NetlinkSocket::open();
}

/// Whose rules are in the namespace. A table of our name without our comment is somebody else's,
/// and not ours to replace (I6).
Result<std::vector<RulesOwner>> rules_owners_in(const NetnsRef& netns) {
  NetlinkSocket netlink = SL_TRY(open_netlink_in(netns));
  std::vector<RulesOwner> owners;
  for (const Table& table : SL_TRY(tables(netlink))) {
    auto parsed = parse_rules_owner(table.owner);
    if (!parsed) {
      return fail(Exit::netns, "table inet " + table_name(table.slot) +
                                   " in the container's network namespace was not made by "
                                   "socklid: delete it there");
    }
    parsed->slot = table.slot;
    owners.push_back(std::move(*parsed));
  }
  return owners;
}

tl::unexpected<Error> out_of_order(std::string_view what) {
  return fail(Exit::internal, std::string(what) + " before begin() or attach()");
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

Result<> LinuxKernel::begin() {
  SL_CHECK(check_privileges());
  SL_CHECK(check_bpffs(paths_));
  lock_ = SL_TRY(NodeLock::acquire(paths_, deadline_));
  store_ = SL_TRY(PolicyStore::open(paths_));
  return store_->sweep();
}

Liveness LinuxKernel::liveness(const StoreEntry& entry) {
  // The record is written before the pins are published and erased after they are removed: one
  // alone is what a killed run, or the loss of bpffs, has left.
  if (entry.recorded && !entry.pinned) return Liveness::gone;
  if (!entry.record) {
    return links_are_dead(entry.key) ? Liveness::gone : Liveness::populated;
  }
  const auto where = mount();
  if (!where) return Liveness::populated;
  return cgroup_liveness(*where, entry.record->cgroup_path, entry.record->cgroup_id)
      .value_or(Liveness::populated);
}

std::string LinuxKernel::programs() const {
  return std::string(object_hash());
}

Result<std::vector<std::uint64_t>> LinuxKernel::known_cgroups() {
  const std::optional<SocketGuard> guard = SL_TRY(SocketGuard::find(programs()));
  return guard ? guard->known_cgroups() : std::vector<std::uint64_t>{};
}

Result<Identity> LinuxKernel::identify(const ContainerState& container) {
  return identify_container(container);
}

Result<ContainerTarget> LinuxKernel::open_target(const ContainerState& container, bool with_rules) {
  process_ = SL_TRY(ContainerProcess::open(container.pid));
  const Identity identity = SL_TRY(identify(container));
  const CgroupMount where = SL_TRY(mount());
  ContainerTarget target{.id = container.id,
                         .pid = container.pid,
                         .cgroup = SL_TRY(open_container_cgroup(where, *process_, container)),
                         .netns = SL_TRY(open_netns(*process_)),
                         .netns_kind = NetnsKind::own,
                         .rules_owners = {}};
  const bool in_pod =
      identity.sandbox || (identity.hint && is_shared_with(where, target.cgroup.path,
                                                           *identity.hint, target.netns.inode));
  target.netns_kind = classify(target.netns.inode, SL_TRY(host_netns()), in_pod);
  if (with_rules && target.netns_kind == NetnsKind::own &&
      SL_TRY(has_another_container(target.netns.inode, target.cgroup.path))) {
    target.netns_kind = NetnsKind::shared;
  }
  if (with_rules && target.netns_kind != NetnsKind::host) {
    target.rules_owners = SL_TRY(rules_owners_in(target.netns));
  }
  return target;
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
  NetlinkSocket netlink = SL_TRY(open_netlink_in(target.netns));
  return install(netlink, rules);
}

Result<> LinuxKernel::uninstall_rules(const ContainerTarget& target, const std::string& table) {
  NetlinkSocket netlink = SL_TRY(open_netlink_in(target.netns));
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

Result<> LinuxKernel::publish(const Record& record) {
  SL_CHECK(deadline_.check());
  return SL_TRY(store())->publish(record);
}

Result<> LinuxKernel::withdraw(const std::string& key, const std::optional<Record>& previous) {
  return SL_TRY(store())->withdraw(key, previous);
}

Result<> LinuxKernel::unpin(const std::string& key) {
  return SL_TRY(store())->unpin(key);
}

Result<> LinuxKernel::uninstall_saved_rules(const Record& record) {
  const std::optional<NetnsRef> netns = SL_TRY(find_netns(record.netns));
  if (!netns) return {};
  NetlinkSocket netlink = SL_TRY(open_netlink_in(*netns));
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

Result<PolicyStore*> LinuxKernel::store() {
  if (!store_) return out_of_order("the store was used");
  return &*store_;
}

bool LinuxKernel::links_are_dead(const std::string& key) const {
  const std::string path = paths_.bpffs + "/containers/" + key;
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return errno == ENOENT;
  const auto names = list_directory(directory.get());
  if (!names) return false;
  for (const std::string& name : *names) {
    // A link whose cgroup was removed has detached itself and says 0 (D8).
    const auto link = inspect_link(path + "/" + name);
    if (link && link->cgroup_id == 0) return true;
  }
  return false;
}

}  // namespace socklid
