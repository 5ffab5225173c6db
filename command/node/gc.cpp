// SPDX-License-Identifier: Apache-2.0
#include "command/node/gc.hpp"

#include <utility>

#include "command/output.hpp"
#include "command/running/container.hpp"
#include "hook/hook.hpp"
#include "hook/linux_node.hpp"

namespace socklid::command {
namespace {

Result<Collection> collect_share() {
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  SL_CHECK(node.begin());
  return collect_garbage(node);
}

/// Share by share, the lock given back in between, until nothing more goes. What hinders one
/// container's removal hinders no other's.
Result<Collection> collect_all() {
  Collection all;
  while (true) {
    Collection share = SL_TRY(collect_share());
    share.removed += all.removed;
    const bool goes_on = share.removed > all.removed || share.out_of_time;
    all = std::move(share);
    if (all.left == 0 || !goes_on) return all;
  }
}

Result<> try_slow_again() {
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  SL_CHECK(node.begin());
  return node.forget_slow();
}

}  // namespace

Result<int> gc() {
  SL_CHECK(check_root("gc"));
  Collection done = SL_TRY(collect_all());
  if (done.left > 0) {
    SL_CHECK(try_slow_again());
    const std::size_t before = done.removed;
    done = SL_TRY(collect_share());
    done.removed += before;
  }
  for (const Error& error : done.errors) print_error(error.message);
  print("removed " + std::to_string(done.removed) + ", left " + std::to_string(done.left) + "\n");
  return done.left == 0 && done.errors.empty() ? 0 : 1;
}

}  // namespace socklid::command
