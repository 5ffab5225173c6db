// SPDX-License-Identifier: Apache-2.0
//
// What inspect looks at; how it prints is in inspect_text.cpp.
#include "command/inspect.hpp"

#include <fcntl.h>

#include <algorithm>

#include "annotations/parser.hpp"
#include "command/node/load.hpp"
#include "command/output.hpp"
#include "guard/pins.hpp"
#include "hook/linux_node.hpp"
#include "system/files.hpp"

namespace socklid::command {
namespace {

/// What the record names, and what is pinned besides.
std::vector<std::string> hook_names(const Container& container, const std::string& directory) {
  std::vector<std::string> names;
  if (container.details) names = container.details->hooks;
  const UniqueFd pins(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!pins) return names;
  const auto pinned = list_directory(pins.get());
  if (!pinned) return names;
  for (const std::string& file : *pinned) {
    if (std::find(names.begin(), names.end(), file) == names.end()) names.push_back(file);
  }
  return names;
}

std::vector<HookInForce> hooks_in_force(const Paths& paths, const Container& container) {
  const StoreEntry& entry = container.entry;
  const std::string directory = paths.bpffs + "/containers/" + entry.key;
  std::vector<HookInForce> hooks;
  for (const std::string& file : hook_names(container, directory)) {
    HookInForce in_force{.hook = file, .per_cgroup = true, .link = std::nullopt};
    std::string path = directory;
    path.append("/").append(file);
    const auto hook = hook_named(file);
    if (hook && !is_per_cgroup(*hook) && entry.record) {
      in_force.per_cgroup = false;
      path = pins::directory(entry.record->object_hash) + "/" + pins::anchor(*hook);
    }
    if (auto link = inspect_link(path)) in_force.link = std::move(*link);
    hooks.push_back(std::move(in_force));
  }
  return hooks;
}

Inspection gather(const Paths& paths, Node& node, Container container) {
  Observer observer(paths);
  Observed now = look_at(node, observer, container);
  Inspection inspection{.container = std::move(container),
                        .policy = std::nullopt,
                        .hooks = {},
                        .damage = std::move(now.damage),
                        .denials = now.denials,
                        .seal = status_of(now.seal, moment()),
                        .subjects = std::move(now.subjects),
                        .counters = std::move(now.counters),
                        .counters_missing = std::move(now.counters_missing),
                        .this_build = false};
  inspection.hooks = hooks_in_force(paths, inspection.container);
  if (const auto& record = inspection.container.entry.record) {
    inspection.this_build = record->object_hash == object_hash();
  }
  if (const auto& details = inspection.container.details) {
    if (auto policy = annotations::parse(details->annotations, details->container)) {
      inspection.policy = *policy;
    }
  }
  return inspection;
}

}  // namespace

Result<int> inspect(const InspectOptions& options) {
  SL_CHECK(check_root("inspect"));
  const Paths paths;
  LinuxNode node(paths, Deadline::after_seconds(run_seconds));
  const std::vector<Container> all = SL_TRY(containers(node));
  const auto found = find_container(all, options.id);
  if (!found) {
    print_error(found.error().message);
    return 1;
  }
  const Inspection inspection = gather(paths, node, **found);
  if (options.json) {
    print_json(inspect_json(inspection));
  } else {
    print(inspect_text(inspection));
  }
  return inspection.container.state == State::damaged ? 1 : 0;
}

}  // namespace socklid::command
