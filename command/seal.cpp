// SPDX-License-Identifier: Apache-2.0
#include "command/seal.hpp"

#include "command/output.hpp"
#include "command/running/container.hpp"
#include "command/running/seal_status.hpp"
#include "guard/guard.hpp"
#include "hook/linux_node.hpp"

namespace socklid::command {

Result<int> seal(const std::string& id) {
  SL_CHECK(check_root("seal"));
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  const std::vector<Container> all = SL_TRY(containers(node));
  const auto found = find_container(all, id);
  if (!found) {
    print_error(found.error().message);
    return 1;
  }
  const Container& container = **found;
  const std::string name = printable(id_of(container));
  if (!runs(container)) {
    print_error(name + ": is " + std::string(to_string(container.state)) + ", not running");
    return 1;
  }
  const auto before = seal_of(container);
  if (before && !before->sealed) {
    SL_CHECK(SocketGuard::seal_by_hand(programs_of(container), container.entry.parts.cgroup_id));
  }
  print(name + ": " + seal_text(seal_of(container)) + "\n");
  return 0;
}

}  // namespace socklid::command
