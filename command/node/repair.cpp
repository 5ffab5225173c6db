// SPDX-License-Identifier: Apache-2.0
#include "hook/repair.hpp"

#include "command/node/repair.hpp"
#include "command/output.hpp"
#include "command/running/container.hpp"
#include "hook/linux_node.hpp"

namespace socklid::command {
namespace {

int no(const std::string& why) {
  print_error(why);
  return 1;
}

}  // namespace

Result<int> repair(const std::string& id) {
  SL_CHECK(check_root("repair"));
  const Paths paths;
  LinuxNode node(paths, Deadline::after_seconds(run_seconds));
  const std::vector<Container> all = SL_TRY(containers(node));
  const auto found = find_container(all, id);
  if (!found) return no(found.error().message);
  Container container = **found;
  const std::string name = id_of(container);
  if (!container.entry.record) return no(name + ": has no record: stop and start the container");
  if (container.liveness == Liveness::gone && container.state == State::gone) {
    return no(name + ": is gone");
  }
  Observer before(paths);
  const Observed observed = before.look(container.entry);
  if (observed.damage.empty() && container.entry.pinned) {
    print(printable(name) + ": nothing is missing\n");
    return 0;
  }
  if (auto done = socklid::repair(node, container.entry, observed.rules_damaged); !done) {
    return wrap(name, done.error());
  }
  Observer after(paths);
  const Observed now = after.look(container.entry);
  if (!now.damage.empty()) return no(name + ": cannot put back: " + joined(now.damage, ", "));
  print(printable(name) + ": put back: " + printable(joined(observed.damage, ", ")) + "\n");
  return 0;
}

}  // namespace socklid::command
