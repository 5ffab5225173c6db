// SPDX-License-Identifier: Apache-2.0
#include "command/explain/subjects.hpp"

#include "annotations/parser.hpp"
#include "annotations/subject/hours.hpp"
#include "annotations/subject/paths.hpp"
#include "command/output.hpp"

namespace socklid::command {
namespace {

using annotations::Subject;

/// A subject of the policy and its plan, which have the same order.
struct Both {
  const Subject& subject;
  const SubjectPlan& plan;
};

std::vector<Both> subjects_of(const Explanation& explanation) {
  std::vector<Both> all;
  for (std::size_t i = 0; i < explanation.plan.subjects.size(); ++i) {
    all.push_back({explanation.policy.subjects.at(i), explanation.plan.subjects.at(i)});
  }
  return all;
}

/// What it takes away, by the names of members.
std::vector<std::pair<std::string, std::string>> members_of(const Subject& subject) {
  std::vector<std::pair<std::string, std::string>> members;
  for (annotations::Written& one : annotations::written(subject.policy)) {
    members.emplace_back(one.key.substr(annotations::key_prefix.size()), std::move(one.value));
  }
  return members;
}

std::string programs_text(const Subject& subject) {
  return is_everyone_else(subject) ? "* (everyone else)" : joined(subject.exec, ", ");
}

std::string inherit_text(const Subject& subject) {
  if (subject.inherit == annotations::inherit_all) return "all";
  return subject.inherit == 0 ? "none" : std::to_string(subject.inherit);
}

std::optional<annotations::Mark> mark_of(const SubjectPlan& plan) {
  const sl_policy& image = plan.image.policy;
  if ((image.flags & SL_SET_MARK) == 0) return std::nullopt;
  return annotations::Mark{image.mark, image.mark_mask};
}

std::string subject_text(const Both& both) {
  std::vector<std::vector<std::string>> lines = {{"  programs", programs_text(both.subject)}};
  for (const auto& [member, value] : members_of(both.subject)) {
    lines.push_back({"  " + member, value});
  }
  if (!is_everyone_else(both.subject)) {
    lines.push_back({"  inherit", inherit_text(both.subject)});
  }
  if (!both.subject.hours.empty()) {
    lines.push_back({"  hours", concat(to_string(both.subject.hours), " ", both.subject.zone)});
  }
  if (const auto mark = mark_of(both.plan)) {
    lines.push_back({"  mark of new sockets", annotations::to_string(*mark)});
  }
  return concat("subject ", both.subject.name, ":\n", columns(lines));
}

json::Value subject_json(const Both& both) {
  json::Object members;
  for (auto& [member, value] : members_of(both.subject)) members.emplace(member, value);
  json::Array hours;
  for (const annotations::Window& window : both.subject.hours) {
    hours.emplace_back(annotations::to_string(std::vector{window}));
  }
  const auto mark = mark_of(both.plan);
  return json::Object{
      {"name", both.subject.name},
      {"number", both.plan.index},
      {"exec", is_everyone_else(both.subject) ? json::Value("*") : json_array(both.subject.exec)},
      {"policy", std::move(members)},
      {"inherit", inherit_text(both.subject)},
      {"hours", std::move(hours)},
      {"zone", both.subject.zone},
      {"mark", mark ? json::Value(annotations::to_string(*mark)) : json::Value()}};
}

}  // namespace

std::string subjects_text(const Explanation& explanation) {
  std::string text;
  for (const Both& both : subjects_of(explanation)) text += subject_text(both);
  if (explanation.plan.readonly.empty()) return text;
  text += "files that nobody in the container changes:\n";
  for (const annotations::ProtectedPath& one : explanation.plan.readonly) {
    text += concat("  ", one.except ? "but not " : "", one.path, "\n");
  }
  return text;
}

json::Value subjects_json(const Explanation& explanation) {
  json::Array all;
  for (const Both& both : subjects_of(explanation)) all.push_back(subject_json(both));
  return all;
}

json::Value readonly_json(const Explanation& explanation) {
  json::Array all;
  for (const annotations::ProtectedPath& one : explanation.plan.readonly) {
    all.emplace_back(concat(one.except ? "!" : "", one.path));
  }
  return all;
}

}  // namespace socklid::command
