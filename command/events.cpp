// SPDX-License-Identifier: Apache-2.0
#include "command/events.hpp"

#include <cstdio>
#include <cstring>

#include "command/output.hpp"
#include "command/running/builds.hpp"
#include "command/running/container.hpp"
#include "guard/object/events.hpp"
#include "hook/linux_node.hpp"
#include "plan/seal.hpp"

namespace socklid::command {
namespace {

/// Asked anew for each event: containers come and go while we follow.
std::string container_with(std::uint64_t cgroup_id) {
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  if (const auto all = containers(node)) {
    for (const Container& one : *all) {
      if (one.entry.parts.cgroup_id == cgroup_id) return id_of(one);
    }
  }
  return "cgroup " + std::to_string(cgroup_id);
}

/// The kernel ends it by NUL, but what a process calls itself may be any bytes.
std::string command_of(const sl_event& event) {
  return {event.command, ::strnlen(event.command, sizeof event.command)};
}

std::string_view cause_of(const sl_event& event) {
  return name_of(static_cast<sl_seal_cause>(event.cause));
}

}  // namespace

std::string event_text(const sl_event& event, const std::string& container, const Moment& now) {
  return utc_time(utc_at(event.time, now)) + " " + printable(container) + " sealed by " +
         std::string(cause_of(event)) + " (" + printable(command_of(event)) + ", process " +
         std::to_string(event.pid) + ")\n";
}

json::Value event_json(const sl_event& event, const std::string& container, const Moment& now) {
  return json::Object{{"time", utc_time(utc_at(event.time, now))},
                      {"container", container},
                      {"event", "sealed"},
                      {"by", cause_of(event)},
                      {"command", command_of(event)},
                      {"pid", std::int64_t{event.pid}}};
}

Result<int> events(const EventsOptions& options) {
  SL_CHECK(check_root("events"));
  const std::vector<std::string> builds = SL_TRY(loaded_builds(Paths{}));
  SL_CHECK(read_events(builds, options.follow, [&](const sl_event& event) {
    const std::string container = container_with(event.cgroup_id);
    if (options.json) {
      print(json::to_string(event_json(event, container, moment())) + "\n");
    } else {
      print(event_text(event, container, moment()));
    }
    std::fflush(stdout);
  }));
  return 0;
}

}  // namespace socklid::command
