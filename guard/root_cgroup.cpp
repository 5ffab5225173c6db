// SPDX-License-Identifier: Apache-2.0
#include "guard/root_cgroup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/unique_fd.hpp"
#include "system/child.hpp"
#include "system/log.hpp"

namespace socklid {
namespace {

Result<> move_to(const std::string& cgroup) {
  const std::string path = cgroup + "/cgroup.procs";
  const UniqueFd procs(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs) return fail_errno(Exit::cgroup, "open " + path);
  if (::write(procs.get(), "0", 1) != 1) return fail_errno(Exit::cgroup, "write to " + path);
  return {};
}

}  // namespace

Result<> in_root_cgroup(const std::string& cgroup_mount, const std::function<Result<>()>& work) {
  return in_child([&] {
    if (const auto moved = move_to(cgroup_mount); !moved) {
      log_warning("the maps of all containers count against this cgroup's memory: " +
                  moved.error().message);
    }
    return work();
  });
}

}  // namespace socklid
