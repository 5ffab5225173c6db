// SPDX-License-Identifier: Apache-2.0
#include "command/node/load.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "command/node/rehearsal.hpp"
#include "command/output.hpp"
#include "command/running/builds.hpp"
#include "command/running/container.hpp"
#include "guard/guard.hpp"
#include "hook/hook.hpp"
#include "hook/linux_node.hpp"
#include "node/cgroup.hpp"

namespace socklid::command {
namespace {

/// Nine of the ten slots, and nothing that only seals and rare verbs need (D2). A mark is written
/// by other programs where `egress` judges the packets: both kinds are common.
Hooks common_hooks() {
  annotations::Policy policy;
  policy.connect.emplace();
  policy.bind.emplace();
  policy.mark = annotations::Mark{.value = 1, .mask = annotations::default_mark_mask};
  const Hooks labels = needed_hooks(policy, NetnsKind::own);
  policy.egress.emplace(1);  // an endpoint, so that multicast groups are counted
  const Hooks packets = needed_hooks(policy, NetnsKind::own);
  Hooks both;
  std::set_union(labels.begin(), labels.end(), packets.begin(), packets.end(),
                 std::back_inserter(both));
  return both;
}

Failure no_such_hook(std::string_view wanted) {
  std::vector<std::string_view> names;
  for (const Hook hook : every_hook()) names.push_back(name(hook));
  return fail(Exit::usage, "load: no hook is called ", printable(wanted),
              "; choose common, all, none, or from ", joined(names, ","));
}

}  // namespace

std::optional<Hook> hook_named(std::string_view wanted) {
  for (const Hook hook : every_hook()) {
    if (name(hook) == wanted) return hook;
  }
  return std::nullopt;
}

Result<Hooks> hooks_named(std::string_view list) {
  if (list == "common") return common_hooks();
  if (list == "all") return every_hook();
  Hooks hooks;
  if (list == "none") return hooks;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view wanted = list.substr(0, comma);
    const auto hook = hook_named(wanted);
    if (!hook) return no_such_hook(wanted);
    if (std::find(hooks.begin(), hooks.end(), *hook) == hooks.end()) hooks.push_back(*hook);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  std::sort(hooks.begin(), hooks.end());
  return hooks;
}

Result<int> load(const LoadOptions& options) {
  const Hooks hooks = SL_TRY(hooks_named(options.hooks));
  SL_CHECK(check_root("load"));
  const Paths paths;
  LinuxNode node(paths, Deadline::after_seconds(run_seconds));
  SL_CHECK(node.begin_and_take_view());  // holds the lock until we are done
  for (const Error& error : collect_garbage(node).errors) node.warn(error.message);
  const std::string mount = SL_TRY(find_cgroup_mount()).point;
  SL_CHECK(SocketGuard::open(hooks, mount));
  print("loaded " + node.programs() + ", attached to " + std::to_string(hooks.size()) + " hooks\n");
  // An administrator may forbid the kernel to load modules later.
  if (const auto tried = rehearse_rules(); !tried) {
    print_error("containers with io.socklid.egress will be refused: " + tried.error().message);
  }
  const std::vector<Container> all = SL_TRY(containers(node));
  for (const std::string& hash : unused_builds(SL_TRY(loaded_builds(paths)), all)) {
    SL_CHECK(SocketGuard::unload(hash, mount));
    print("unloaded " + printable(hash) + " of another version\n");
  }
  return 0;
}

}  // namespace socklid::command
