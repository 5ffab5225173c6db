// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>

#include "command/doctor/check.hpp"
#include "command/output.hpp"
#include "command/running/builds.hpp"
#include "command/running/container.hpp"
#include "guard/guard.hpp"
#include "hook/linux_node.hpp"
#include "node/container_state.hpp"

namespace socklid::command {
namespace {

constexpr const char* running_name = "running containers";

Result<std::vector<Container>> all_containers(const Paths& paths) {
  LinuxNode node(paths, Deadline::after_seconds(run_seconds));
  return containers(node);
}

}  // namespace

Check check_builds(const Paths& paths) {
  const char* const name = "builds";
  const auto loaded = loaded_builds(paths);
  if (!loaded) return failed(name, loaded.error().message);
  const auto all = all_containers(paths);
  if (!all) return failed(name, all.error().message);
  std::vector<std::string> others;
  for (const std::string& hash : *loaded) {
    if (hash == object_hash()) continue;
    const auto users = std::count_if(all->begin(), all->end(), [&](const Container& one) {
      return one.entry.record && one.entry.record->object_hash == hash;
    });
    others.push_back(printable(hash) + " (" + std::to_string(users) + " containers)");
  }
  if (others.empty()) return passed(name, "no programs of another version are loaded");
  return passed(name, "programs of other versions are loaded: " + joined(others, ", ") +
                          "; socklid load removes those that no container uses");
}

Check check_containers(const Paths& paths) {
  const char* const name = "containers";
  LinuxNode node(paths, Deadline::after_seconds(run_seconds));
  auto all = containers(node);
  if (!all) return failed(name, all.error().message);
  Observer observer(paths);
  std::vector<Damaged> damaged;
  for (Container& one : *all) {
    Observed observed = look_at(node, observer, one);
    if (one.state != State::damaged) continue;
    damaged.push_back({id_of(one), std::move(observed.damage)});
  }
  return judge_containers(*all, damaged);
}

Check judge_containers(const std::vector<Container>& all, const std::vector<Damaged>& damaged) {
  const char* const name = "containers";
  const auto count = [&](State state) {
    return std::count_if(all.begin(), all.end(),
                         [&](const Container& one) { return one.state == state; });
  };
  std::vector<std::string> incomplete;
  for (const Container& one : all) {
    if (one.state == State::incomplete) incomplete.push_back(printable(short_id(id_of(one))));
  }
  std::string detail = std::to_string(count(State::active)) + " under policy, " +
                       std::to_string(count(State::gone)) + " gone, not cleaned yet";
  if (incomplete.empty() && damaged.empty()) return passed(name, detail);
  std::string remedy;
  std::vector<std::string> ids;
  for (const Damaged& one : damaged) {
    const std::string id = printable(short_id(one.id));
    detail += "; damaged: " + id + " (" + printable(joined(one.damage, ", ")) + ")";
    ids.push_back("socklid repair " + printable(one.id));
  }
  remedy = joined(ids, ", ");
  if (!incomplete.empty()) {
    detail += "; incomplete: " + joined(incomplete, ", ");
    remedy += std::string(remedy.empty() ? "" : "; ") +
              "stop and start the incomplete ones: their policy may not be in force";
  }
  return failed(name, detail, remedy);
}

Check check_unguarded(const Paths& paths) {
  const Survey survey = running_containers("");
  const auto all = all_containers(paths);
  if (!all) return failed(running_name, all.error().message);
  return judge_running(survey, unguarded(survey.containers, *all));
}

Check check_labels(const Paths& /*paths*/) {
  return judge_labels(mislaid_labels(""));
}

Check judge_labels(const LabelSurvey& survey) {
  const char* const name = "labels";
  std::vector<std::string> lines;
  for (const MislaidLabels& one : survey.found) lines.push_back(to_string(one));
  if (!lines.empty()) {
    return risky(name, "labels that look like annotations of socklid's: " + joined(lines, "; "),
                 "nobody reads labels: make them annotations, and start these containers anew");
  }
  if (!survey.unread.empty()) {
    return risky(name, "not known of every container: " + printable(joined(survey.unread, ", ")),
                 "look for labels that should be annotations");
  }
  return passed(name, "none that should be annotations");
}

Check judge_running(const Survey& survey, const std::vector<Unguarded>& unguarded) {
  std::vector<std::string> lines;
  for (const Unguarded& one : unguarded) {
    lines.push_back(printable(short_id(one.container.id)) + " (pid " +
                    std::to_string(one.container.pid) + ", " + printable(one.container.source) +
                    ": " + printable(one.cause) + ")");
  }
  const std::string unread = printable(joined(survey.unread, ", "));
  if (!lines.empty()) {
    return failed(running_name,
                  "running without the policy that their annotations ask for: " +
                      joined(lines, ", ") + (unread.empty() ? "" : "; unreadable: " + unread),
                  "stop and start them, do not restore them with crun, which runs no hooks then; "
                  "if they come back like this, their engine does not call the hook: see hooks.d");
  }
  if (!unread.empty()) {
    return failed(running_name, "not known of every container: unreadable: " + unread,
                  "repair or remove these files of the container runtime");
  }
  return passed(running_name, "every container that asks for a policy is under one");
}

}  // namespace socklid::command
