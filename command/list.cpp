// SPDX-License-Identifier: Apache-2.0
#include "command/list.hpp"

#include <algorithm>

#include "command/doctor/labels.hpp"
#include "command/output.hpp"
#include "hook/linux_node.hpp"

namespace socklid::command {
namespace {

constexpr std::size_t id_width = 12;
constexpr std::size_t policy_width = 40;
/// Keys of one subject each, of which there is room for the number only.
constexpr std::string_view subject_prefix = "io.socklid.subject.";

/// "connect=deny bind=tcp/80": the annotations of ours without the prefix they share, and whole
/// what nearly is one. A value of many lines is on one. Of subjects it is said how many:
/// `subjects`, if they are known, for a document may name some.
std::string short_policy(const annotations::Annotations& annotations, std::size_t subjects = 0) {
  const auto named = static_cast<std::size_t>(
      std::count_if(annotations.begin(), annotations.end(),
                    [](const auto& one) { return one.first.starts_with(subject_prefix); }));
  std::string text;
  if (std::max(subjects, named) != 0) text = concat("subjects ", std::max(subjects, named));
  for (const auto& [key, value] : annotations) {
    if (!annotations::concerns_us(key) || key.starts_with(subject_prefix)) continue;
    if (!text.empty()) text += ' ';
    const bool ours = key.starts_with(annotations::key_prefix);
    text += printable(ours ? key.substr(annotations::key_prefix.size()) : key) + "=" +
            printable(annotations::on_one_line(value));
  }
  return text;
}

std::string seal_cell(const ListLine& line) {
  std::string word = seal_word(line.seal);
  if (line.open_runs == 0) return word;
  return concat(word, ", ", line.open_runs, line.open_runs == 1 ? " run open" : " runs open");
}

std::vector<std::string> cells(const ListLine& line, bool no_trunc) {
  const std::optional<Record>& record = line.container.entry.record;
  const std::string id = printable(id_of(line.container));
  const std::optional<Details>& details = line.container.details;
  const std::string policy = details ? short_policy(details->annotations, line.subjects) : "-";
  return {no_trunc ? id : std::string(first_characters(id, id_width)),
          std::string(to_string(line.container.state)),
          no_trunc ? policy : shortened(policy, policy_width),
          record && record->mark ? annotations::to_string(*record->mark) : "-",
          record ? seal_cell(line) : "-",
          line.denied ? std::to_string(*line.denied) : "-",
          details ? printable(details->cgroup_path) : "-"};
}

std::vector<std::string> cells(const Unguarded& line, bool no_trunc) {
  const RunningContainer& container = line.container;
  const std::string id = printable(container.id);
  const std::string policy = short_policy(container.annotations);
  return {no_trunc ? id : std::string(first_characters(id, id_width)),
          std::string(unguarded_state),
          no_trunc ? policy : shortened(policy, policy_width),
          "-",
          "-",
          "-",
          container.cgroup.empty() ? "-" : printable(container.cgroup)};
}

json::Object json_object(const annotations::Annotations& annotations) {
  json::Object object;
  for (const auto& [key, value] : annotations) object.emplace(key, value);
  return object;
}

json::Object json_object(const Unguarded& line) {
  const RunningContainer& container = line.container;
  annotations::Annotations ours = container.annotations;
  std::erase_if(ours, [](const auto& one) { return !annotations::concerns_us(one.first); });
  return {{"id", container.id},
          {"state", unguarded_state},
          {"cause", line.cause},
          {"source", container.source},
          {"pid", std::int64_t{container.pid}},
          {"denied", json::Value()},
          {"annotations", json_object(ours)},
          {"cgroup", container.cgroup}};
}

}  // namespace

std::string list_text(const Listing& listing, bool no_trunc) {
  std::vector<std::vector<std::string>> table = {
      {"ID", "STATE", "POLICY", "MARK", "SEAL", "DENIED", "CGROUP"}};
  for (const Unguarded& line : listing.unguarded) table.push_back(cells(line, no_trunc));
  for (const ListLine& line : listing.lines) table.push_back(cells(line, no_trunc));
  return columns(table);
}

json::Value list_json(const Listing& listing) {
  json::Array array;
  for (const Unguarded& line : listing.unguarded) array.emplace_back(json_object(line));
  for (const ListLine& line : listing.lines) {
    const std::optional<Record>& record = line.container.entry.record;
    json::Object object{{"id", id_of(line.container)},
                        {"state", to_string(line.container.state)},
                        {"cgroup_id", line.container.entry.parts.cgroup_id},
                        {"seal", seal_json(line.seal)},
                        {"subjects", std::uint64_t{line.subjects}},
                        {"open_runs", line.open_runs},
                        {"damage", json_array(line.damage)},
                        {"denied", line.denied ? json::Value(*line.denied) : json::Value()}};
    if (const auto& details = line.container.details) {
      object.emplace("annotations", json_object(details->annotations));
      object.emplace("cgroup", details->cgroup_path);
    }
    if (record) {
      object.emplace("mark", record->mark ? json::Value(annotations::to_string(*record->mark))
                                          : json::Value());
    }
    array.emplace_back(std::move(object));
  }
  return array;
}

Result<int> list(const ListOptions& options) {
  SL_CHECK(check_root("list"));
  const Survey survey = running_containers("");
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  std::vector<Container> all = SL_TRY(containers(node));
  Listing listing{.unguarded = unguarded(survey.containers, all), .lines = {}};
  Observer observer{Paths{}};
  const Moment now = moment();
  bool damaged = false;
  for (Container& container : all) {
    Observed observed = look_at(node, observer, container);
    damaged = damaged || container.state == State::damaged;
    const bool counted = observed.denials.has_value();
    std::uint64_t open = 0;
    for (const ObservedSubject& subject : observed.subjects) open += open_runs(subject);
    listing.lines.push_back({std::move(container),
                             counted ? std::optional(refused_by(observed)) : std::nullopt,
                             status_of(observed.seal, now), std::move(observed.damage),
                             observed.subjects.size(), open});
  }
  for (const ListLine& line : listing.lines) {
    if (line.damage.empty()) continue;
    const std::string id = printable(short_id(id_of(line.container)));
    print_error(id + " is damaged: " + joined(line.damage, ", ") + "; socklid repair " +
                id_of(line.container));
  }
  for (const std::string& why : survey.unread) {
    print_error("a container is not in this list: " + why);
  }
  const LabelSurvey labels = mislaid_labels("");
  for (const MislaidLabels& one : labels.found) {
    print_error("labels, which nobody reads; make them annotations: " + to_string(one));
  }
  for (const std::string& why : labels.unread) print_error("labels cannot be read: " + why);
  if (options.json) {
    print_json(list_json(listing));
  } else {
    print(list_text(listing, options.no_trunc));
  }
  return damaged ? 1 : 0;
}

}  // namespace socklid::command
