// SPDX-License-Identifier: Apache-2.0
//
// What inspect looks at; how it prints is in inspect_text.cpp.
#include "command/inspect.hpp"

#include <fcntl.h>

#include <algorithm>

#include "annotations/parser.hpp"
#include "command/load.hpp"
#include "command/output.hpp"
#include "hook/files.hpp"
#include "hook/linux_kernel.hpp"
#include "hook/netns.hpp"
#include "hook/socket_guard_pins.hpp"

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

/// The socket stays in the namespace it was made in; we are there for one call.
Result<NetlinkSocket> open_netlink_in(const NetnsRef& netns) {
  const NetnsGuard inside = SL_TRY(NetnsGuard::enter(netns));
  return NetlinkSocket::open();
}

/// The namespace is found by its inode number, which may mean another one by now: the table's
/// comment says whose rules these are.
Result<std::vector<RuleCounter>> read_counters(const Record& record) {
  const auto netns = SL_TRY(find_netns(record.netns));
  if (!netns) return fail(Exit::netns, "the network namespace is gone");
  NetlinkSocket netlink = SL_TRY(open_netlink_in(*netns));
  const std::string table = table_name(record.placement.slot);
  const auto whose = SL_TRY(owner(netlink, table));
  if (!whose || *whose != table_comment(record.id, record.cgroup_id)) {
    return fail(Exit::nft, "the network namespace has no rules of this container");
  }
  return counters(netlink, table);
}

void add_counters(Inspection& inspection) {
  const std::optional<Record>& record = inspection.container.entry.record;
  if (!record || !record->rules) {
    inspection.counters_missing = record && record->placement.netns == NetnsKind::host
                                      ? "no rules: the network namespace is the host's"
                                      : "no rules: io.socklid.egress is not given";
    return;
  }
  auto counted = read_counters(*record);
  if (counted) {
    inspection.counters = std::move(*counted);
  } else {
    inspection.counters_missing = counted.error().message;
  }
}

Inspection gather(const Paths& paths, const Container& container) {
  Inspection inspection{.container = container,
                        .policy = std::nullopt,
                        .hooks = hooks_in_force(paths, container),
                        .denials = denials_of(container),
                        .seal = seal_of(container),
                        .counters = {},
                        .counters_missing = {},
                        .this_build = false};
  if (const auto& record = container.entry.record) {
    inspection.this_build = record->object_hash == object_hash();
  }
  if (const auto& details = container.details) {
    if (auto policy = annotations::parse(details->annotations, details->container)) {
      inspection.policy = *policy;
    }
  }
  add_counters(inspection);
  return inspection;
}

}  // namespace

Result<int> inspect(const InspectOptions& options) {
  SL_CHECK(check_root("inspect"));
  const Paths paths;
  LinuxKernel kernel(paths, Deadline::after_seconds(run_seconds));
  const std::vector<Container> all = SL_TRY(containers(kernel));
  const auto found = find_container(all, options.id);
  if (!found) {
    print_error(found.error().message);
    return 1;
  }
  const Inspection inspection = gather(paths, **found);
  if (options.json) {
    print_json(inspect_json(inspection));
  } else {
    print(inspect_text(inspection));
  }
  return 0;
}

}  // namespace socklid::command
