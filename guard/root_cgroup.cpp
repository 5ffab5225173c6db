// SPDX-License-Identifier: Apache-2.0
#include "guard/root_cgroup.hpp"

#include "node/limits.hpp"
#include "system/child.hpp"
#include "system/log.hpp"

namespace socklid {

Result<> in_root_cgroup(const std::string& cgroup_mount, const std::function<Result<>()>& work) {
  return in_child([&] {
    if (const auto moved = move_to_root(cgroup_mount); !moved) {
      log_warning("the maps of all containers count against this cgroup's memory: " +
                  moved.error().message);
    }
    return work();
  });
}

}  // namespace socklid
