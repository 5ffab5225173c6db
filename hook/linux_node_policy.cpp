// SPDX-License-Identifier: Apache-2.0
//
// What LinuxNode writes into the kernel's maps of one container, and looks up for it (D20a).
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>

#include "hook/linux_node.hpp"
#include "node/cgroup.hpp"
#include "node/files/resolve.hpp"
#include "node/zone.hpp"

namespace socklid {
namespace {

/// Its inode.
Result<std::uint32_t> mount_namespace(const ContainerProcess& process) {
  struct stat status {};
  if (::fstatat(process.directory(), "ns/mnt", &status, 0) != 0) {
    return fail_errno(Exit::process, "look at the process's mount namespace");
  }
  return static_cast<std::uint32_t>(status.st_ino);
}

Result<> add_clocks(const Plan& plan, LookedUp& all) {
  const auto has_hours = [](const SubjectPlan& subject) {
    return subject.image.hours.windows != 0;
  };
  if (std::none_of(plan.subjects.begin(), plan.subjects.end(), has_hours)) return {};
  all.tai_offset = SL_TRY(tai_offset());
  const std::int64_t now = ::time(nullptr);
  for (const SubjectPlan& subject : plan.subjects) {
    if (!has_hours(subject)) continue;
    auto changes = zone_changes(subject.zone, now);
    if (!changes) return wrap("subject " + subject.name, changes.error());
    if (!changes->empty()) {
      all.zones.push_back({.subject = subject.index, .changes = std::move(*changes)});
    }
  }
  return {};
}

}  // namespace

Result<LookedUp> LinuxNode::look_up(const ContainerState& container, const Plan& plan) {
  if (!process_) return fail(Exit::internal, "look_up before identify()");
  if (container.status == "stopped") {
    return fail(Exit::unsupported,
                "io.socklid.subject and io.socklid.readonly do not hold in a container that is "
                "restored: nobody knows what programs its processes come from; start it anew");
  }
  const ContainerTree tree = SL_TRY(ContainerTree::open(*process_, container.bundle));
  LookedUp all = SL_TRY(resolve(tree, plan.subjects, plan.readonly));
  all.mntns = SL_TRY(mount_namespace(*process_));
  SL_CHECK(add_clocks(plan, all));
  return all;
}

/// Of two containers, one within the other, the programs ask the inner one's subjects only.
Result<> LinuxNode::check_not_nested(const ContainerTarget& target) const {
  constexpr int path_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  UniqueFd above(::openat(target.cgroup.fd.get(), ".", path_flags));
  const auto depth = std::count(target.cgroup.path.begin(), target.cgroup.path.end(), '/');
  for (auto i = depth; above && i > 0; i--) {
    above.reset(::openat(above.get(), "..", path_flags));
    if (!above) break;
    const auto id = cgroup_id(above.get());
    if (!id) break;  // above the mount of cgroup2
    const auto policy = SL_TRY(guard_->read_node_wide_policy(*id));
    if (!policy || (policy->more_flags & (SL_HAS_SUBJECTS | SL_HAS_FILES)) == 0) continue;
    return fail(Exit::unsupported,
                "io.socklid.subject and io.socklid.readonly do not hold in a container that runs "
                "within another that has one of them: give them to the outer one only");
  }
  return {};
}

Result<> LinuxNode::write_policy(const ContainerTarget& target, const Plan& plan,
                                 const LookedUp& looked_up) {
  if (!guard_) return fail(Exit::internal, "write_policy before attach()");
  if (has_entries(plan)) SL_CHECK(check_not_nested(target));
  return guard_->write_policy({.cgroup_id = target.cgroup.id,
                               .netns = static_cast<std::uint32_t>(target.netns.inode),
                               .pid = target.pid,
                               .first_start = target.restored ? 0 : target.start_time,
                               .looked_up = looked_up},
                              plan);
}

}  // namespace socklid
