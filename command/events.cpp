// SPDX-License-Identifier: Apache-2.0
#include "command/events.hpp"

#include <cstdio>
#include <cstring>

#include "annotations/parser.hpp"
#include "command/output.hpp"
#include "command/running/builds.hpp"
#include "command/running/container.hpp"
#include "guard/guard.hpp"
#include "guard/object/events.hpp"
#include "hook/linux_node.hpp"
#include "plan/seal.hpp"
#include "plan/subjects.hpp"

namespace socklid::command {
namespace {

/// Of a build that numbers them as this one does.
std::string subject_of(const Container& container, std::uint32_t index) {
  std::string number = std::to_string(index);
  const auto& record = container.entry.record;
  if (!record || record->object_hash != object_hash() || !container.details) return number;
  const auto policy =
      annotations::parse(container.details->annotations, container.details->container);
  if (!policy) return number;
  for (const SubjectPlan& subject : compile_subjects(*policy, 0)) {
    if (subject.index == index) return subject.name;
  }
  return number;
}

/// Asked anew for each event: containers come and go while we follow.
Sealed sealed_by(const sl_event& event) {
  Sealed sealed{.container = "cgroup " + std::to_string(event.cgroup_id), .subject = {}};
  if (event.subject != 0) sealed.subject = std::to_string(event.subject - 1);
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  const auto all = containers(node);
  if (!all) return sealed;
  for (const Container& one : *all) {
    if (one.entry.parts.cgroup_id != event.cgroup_id) continue;
    sealed.container = id_of(one);
    if (event.subject != 0) sealed.subject = subject_of(one, event.subject - 1);
    break;
  }
  return sealed;
}

/// The kernel ends it by NUL, but what a process calls itself may be any bytes.
std::string command_of(const sl_event& event) {
  return {event.command, ::strnlen(event.command, sizeof event.command)};
}

std::string_view cause_of(const sl_event& event) {
  return name_of(static_cast<sl_seal_cause>(event.cause));
}

}  // namespace

std::string event_text(const sl_event& event, const Sealed& sealed, const Moment& now) {
  const std::string who = sealed.subject.empty() ? "" : " subject " + printable(sealed.subject);
  return utc_time(utc_at(event.time, now)) + " " + printable(sealed.container) + who +
         " sealed by " + std::string(cause_of(event)) + " (" + printable(command_of(event)) +
         ", process " + std::to_string(event.pid) + ")\n";
}

json::Value event_json(const sl_event& event, const Sealed& sealed, const Moment& now) {
  json::Object object{{"time", utc_time(utc_at(event.time, now))},
                      {"container", sealed.container},
                      {"event", "sealed"},
                      {"by", cause_of(event)},
                      {"command", command_of(event)},
                      {"pid", std::int64_t{event.pid}}};
  if (!sealed.subject.empty()) object.emplace("subject", sealed.subject);
  return object;
}

Result<int> events(const EventsOptions& options) {
  SL_CHECK(check_root("events"));
  const std::vector<std::string> builds = SL_TRY(loaded_builds(Paths{}));
  SL_CHECK(read_events(builds, options.follow, [&](const sl_event& event) {
    const Sealed sealed = sealed_by(event);
    if (options.json) {
      print(json::to_string(event_json(event, sealed, moment())) + "\n");
    } else {
      print(event_text(event, sealed, moment()));
    }
    std::fflush(stdout);
  }));
  return 0;
}

}  // namespace socklid::command
